"""Which AutoGen this environment has and what is in it: conditions for ``@pytest.mark.needs``."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from typing import TypeVar

import autogen
import openai

T = TypeVar("T")

NAME = f"AutoGen {autogen.__version__}"
IS_02 = autogen.__version__.startswith("0.2")
IS_09 = autogen.__version__.startswith("0.9")
IS_014 = autogen.__version__.startswith("0.14")


def _has(module: str) -> bool:
    """Whether the host has a module; its parent may be missing too."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


HAS_PATTERNS = _has("autogen.agentchat.group")
HAS_GUARDRAILS = _has("autogen.agentchat.group.guardrails")
HAS_SWARM = _has("autogen.agentchat.contrib.swarm_agent")
HAS_ASSISTANTS = _has("autogen.agentchat.contrib.gpt_assistant_agent")
HAS_TRACER = _has("autogen.opentelemetry")
HAS_PRICES = _has("genai_prices")


_HAS_OPENAI_1 = openai.VERSION.startswith("1.")
_IS_AG2 = IS_014 and any(
    distribution.metadata["name"] == "ag2" for distribution in importlib.metadata.distributions(name="ag2")
)


def _half() -> int | None:
    """Which half of dear cases this environment runs; ``None`` where it runs them all."""
    if IS_02:
        return 0 if _HAS_OPENAI_1 else 1
    if IS_014:
        return 1 if _IS_AG2 else 0
    return None


def _end() -> int | None:
    """Which end of the matrix this environment is: the oldest of everything, or the newest."""
    if IS_02 and _HAS_OPENAI_1:
        return 0
    return 1 if _IS_AG2 else None


_HALF = _half()
_END = _end()


def share(cases: Sequence[T]) -> Sequence[T]:
    """The cases that this environment runs, for tests that take long.

    Two hosts stand in two environments each: pyautogen 0.2 with the oldest and with the newest SDK, and the
    newest one under its two names. Each of the two runs one half of the cases, pyautogen 0.9 alone runs all.
    So every case runs on every host, and the oldest and the newest environment run them all between them.
    """
    return cases if _HALF is None else cases[_HALF::2]


def share_of_shapes(cases: Sequence[T]) -> Sequence[tuple[T, str]]:
    """Each case with the call shape in which this environment runs it: sync or async, or both in turn.

    Every case runs in every environment. Those that share a host take a call shape of it each, and so do the
    oldest and the newest environment; pyautogen 0.9 alone leaves the other shape of each case to them.
    """
    shapes = ("sync", "async")
    return [(case, shapes[(number + (_HALF or 0)) % 2]) for number, case in enumerate(cases)]


def share_of_plain(cases: Sequence[T]) -> Sequence[T]:
    """The cases that this environment runs, for tests that take long and are of plain Python.

    What neither AutoGen nor OpenTelemetry has a part in runs in the oldest and the newest environment only.
    Of many cases of one kind, each of the two runs one half; all others, if they are asked, run everything.
    """
    return cases if _END is None else cases[_END::2]


def examples_of_plain(count: int) -> int:
    """How many examples Hypothesis makes up here, for tests that take long and are of plain Python.

    As ``share_of_plain``: the oldest and the newest environment try so many between them.
    """
    return len(share_of_plain(range(count)))
