"""What observing costs, counted and not timed: calls of our own Python functions in a steady turn."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from opentelemetry.metrics import NoOpMeterProvider

import autogen_otel
from autogen_otel import Settings
from autogen_otel.testing import text, tool_call
from tests.support.agents import Serve, chat, pair
from tests.support.telemetry import Telemetry

_PACKAGE = str(Path(autogen_otel.__file__).parent)
_TURNS = (6, 10)
"""The difference between two lengths is steady turns: a reply with a model call, and a tool call each."""
_LOOKED_UP = 30 if sys.version_info < (3, 12) else 0
"""How often an older Python looks ``send`` up in a turn, to see whether something is an agent."""
_RECORD = {"policy_id": "P-1", "status": "active", "author": "Ann", "code": 7, "note": "water in the cellar"}
_LARGE = json.dumps([_RECORD] * 82)


def lookup(policy_id: str) -> str:
    """Look a policy up."""
    return f"policy {policy_id} is active"


def lookup_history(policy_id: str) -> str:
    """Look up all that ever happened to a policy, as 8 kB of JSON."""
    return _LARGE


def calls_per_turn(serve: Serve, tool: Callable[..., str]) -> float:
    """Our Python calls in a turn."""
    counts = []
    for turns in _TURNS:
        script = [tool_call(tool.__name__, {"policy_id": "P-1"})] * turns
        agents = pair(serve([*script, text("Done. TERMINATE")]), tool)
        calls: Counter[str] = Counter()

        def count(frame: FrameType, event: str, _argument: object, calls: Counter[str] = calls) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(_PACKAGE):
                calls[frame.f_code.co_name] += 1

        sys.setprofile(count)
        try:
            chat(*agents)
        finally:
            sys.setprofile(None)
        counts.append(calls.total())
    return (counts[1] - counts[0]) / (_TURNS[1] - _TURNS[0])


@pytest.mark.parametrize(("tool", "budget"), [(lookup, 300), (lookup_history, 300)], ids=["tiny", "8 kB"])
def test_a_steady_turn_stays_within_its_budget(
    serve: Serve, our_errors: list[BaseException], tool: Callable[..., str], budget: int
) -> None:
    kept = Telemetry()
    autogen_otel.instrument(
        tracer_provider=kept.provider, meter_provider=NoOpMeterProvider(), settings=Settings()
    )
    try:
        chat(*pair(serve([text("TERMINATE")])))  # what is seen first is read once
        assert 100 < calls_per_turn(serve, tool) <= budget + _LOOKED_UP
    finally:
        autogen_otel.uninstrument()
    assert len(_LARGE) > 8000
