"""A program that seeds the global ``random`` makes the same choices with us as without us."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.receivers import Receiver, receiving
from tests.support import forking

_PROGRAM = """
import random
random.seed(42)
{instrument}
import asyncio
from opentelemetry import metrics, trace
from autogen_otel.testing import ScriptedServer, entry, error, text
from tests.support.agents import assistant, chat
from tests.support.groups import group

refusals = ScriptedServer(lambda _: error(400, "no"))
with ScriptedServer(lambda _: text("Hello.")) as server, refusals as broken:
    members = [assistant([entry(broken), entry(server)], name) for name in "abc"]
    asker, manager = group(members, "random", max_round=12)
    if {is_async}:
        asyncio.run(asker.a_initiate_chat(manager, message="Hi", silent=True))
    else:
        chat(asker, manager)
for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
    getattr(provider, "force_flush", int)()
speakers = [message.get("name") for message in manager.groupchat.messages]
print("drew", [speakers, [random.random() for _ in range(3)]])
"""
_OURS = "import autogen_otel; autogen_otel.instrument()"
_THEIRS = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
import autogen_otel
trace.set_tracer_provider(TracerProvider(id_generator=autogen_otel.IdGenerator()))
autogen_otel.instrument()
"""
_EXPONENTIAL = {
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"
}


def _drawn(folder: Path, instrument: str, shape: str, receiver: Receiver, **environment: str) -> Any:
    """Who spoke, and what the global ``random`` gives next."""
    given = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "AUTOGEN_OTEL_JOURNAL_DIR": str(folder / "journal"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        **environment,
    }
    code = _PROGRAM.format(instrument=instrument, is_async=shape == "async")
    done = forking.run(["-c", code], folder=folder, environment=given)
    assert done.returncode == 0, done.stderr
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("drew ")]
    speakers, numbers = drawn = ast.literal_eval(said.removeprefix("drew "))
    assert len(set(speakers)) > 2
    assert len(numbers) == 3
    return drawn


def _exemplars(receiver: Receiver) -> set[bytes]:
    """The traces that exemplars of counters lead to."""
    return {
        exemplar.trace_id
        for resource_metrics in receiver.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        for point in metric.sum.data_points
        for exemplar in point.exemplars
    }


@pytest.mark.parametrize("shape", ["sync", "async"])
def test_a_seeded_program_makes_the_same_choices_and_has_traces_of_its_own(
    tmp_path: Path, shape: str
) -> None:
    with receiving() as nobody, receiving() as first, receiving() as second:
        plain = _drawn(tmp_path, "", shape, nobody)
        assert _drawn(tmp_path, _OURS, shape, first) == plain
        assert _drawn(tmp_path, _OURS, shape, second, **_EXPONENTIAL) == plain
    (trace,), (other,) = ({span.trace_id for span in one.spans} for one in (first, second))
    assert trace != other
    assert not {span.span_id for span in first.spans} & {span.span_id for span in second.spans}
    assert "autogen.model.fallbacks" in first.metrics
    assert trace in _exemplars(first)


def test_a_provider_of_the_applications_own_draws_nothing_with_our_id_generator(tmp_path: Path) -> None:
    with receiving() as nobody:
        plain = _drawn(tmp_path, "", "sync", nobody)
        assert _drawn(tmp_path, _THEIRS, "sync", nobody, OTEL_METRICS_EXPORTER="none") == plain
