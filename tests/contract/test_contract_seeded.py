"""A program that seeds the global ``random`` makes the same choices with us as without us."""

from __future__ import annotations

import ast
import itertools
import os
import random
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider, SimpleFixedSizeExemplarReservoir
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

import autogen_otel
from autogen_otel.testing import text
from tests.delivery.receivers import Receiver, receiving
from tests.support import forking
from tests.support.agents import Serve, chat, pair

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
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider, SimpleFixedSizeExemplarReservoir
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
import autogen_otel
tracers, meters = TracerProvider(), MeterProvider([InMemoryMetricReader()])
autogen_otel.instrument(tracer_provider=tracers, meter_provider=meters)
"""
_EXPONENTIAL = {
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"
}


def _draws_for_the_first() -> bool:
    """Whether the SDK's reservoir draws although there is nothing to choose yet."""
    before = random.getstate()
    SimpleFixedSizeExemplarReservoir().offer(1, 1, {}, Context())
    return random.getstate() != before


_DRAWS_NOTHING_FOR_THE_FIRST = pytest.mark.needs(
    not _draws_for_the_first(), "an SDK that draws nothing for the first exemplar of a series"
)


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


@_DRAWS_NOTHING_FOR_THE_FIRST
def test_nor_do_providers_of_the_applications_own_draw_anything_for_us(tmp_path: Path) -> None:
    with receiving() as nobody:
        plain = _drawn(tmp_path, "", "sync", nobody)
        assert _drawn(tmp_path, _THEIRS, "sync", nobody) == plain


@_DRAWS_NOTHING_FOR_THE_FIRST
def test_spans_and_counters_of_the_applications_own_draw_what_they_draw_without_us(
    serve: Serve, our_errors: list[BaseException]
) -> None:
    def drawn(*, traced: bool) -> float:
        tracers, meters = TracerProvider(), MeterProvider([InMemoryMetricReader()])
        counter = meters.get_meter("app").create_counter("orders")
        if traced:
            autogen_otel.instrument(tracer_provider=tracers, meter_provider=meters)
        random.seed(42)
        try:
            with tracers.get_tracer("app").start_as_current_span("request"):
                for _ in range(3):
                    counter.add(1)
                chat(*pair(serve([text("TERMINATE")])))
            return random.random()  # noqa: S311 - what the application draws next
        finally:
            autogen_otel.uninstrument()

    assert drawn(traced=True) == drawn(traced=False)


def test_a_meter_provider_that_is_none_of_the_sdks_is_let_alone() -> None:
    meters = Mock()
    autogen_otel.instrument(tracer_provider=TracerProvider(), meter_provider=meters)
    autogen_otel.uninstrument()
    assert meters.get_meter.called


def test_a_generator_that_the_application_has_chosen_stays(serve: Serve) -> None:
    class Counting(RandomIdGenerator):
        ids = itertools.count(1)

        def generate_span_id(self) -> int:
            return next(self.ids)

    kept = InMemorySpanExporter()
    tracers = TracerProvider(id_generator=Counting())
    tracers.add_span_processor(SimpleSpanProcessor(kept))
    autogen_otel.instrument(tracer_provider=tracers)
    try:
        chat(*pair(serve([text("TERMINATE")])))
    finally:
        autogen_otel.uninstrument()
    ids = [span.context.span_id for span in kept.get_finished_spans() if span.context]
    assert sorted(ids) == list(range(1, len(ids) + 1))
