from __future__ import annotations

import os
import random
import threading
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.trace import TracerProvider

from autogen_otel.delivery import metrics
from autogen_otel.delivery.exporting import exporters
from autogen_otel.vocabulary.metrics import ALL, TELEMETRY_DROPPED, TOOL_DURATION
from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

SETUP = """
import logging
from opentelemetry import metrics, trace
from autogen_otel.settings import Settings
from autogen_otel.delivery import meter_provider, observe_delivery, tracer_provider
from autogen_otel.vocabulary.metrics import ALL, TOOL_DURATION
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
tracers = tracer_provider(Settings.from_environ())
meters = meter_provider(tracers)
meter = meters.get_meter("autogen_otel")
"""
ONE_OF_EACH = f"""{SETUP}
observe_delivery(meter, lambda: 7)
labels = {{"gen_ai.tool.name": "lookup", "error.type": "KeyError", "user.id": "4711"}}
with tracers.get_tracer("test").start_as_current_span("ours"):
    for metric in ALL:
        if metric.kind == "histogram":
            meter.create_histogram(metric.name, metric.unit, metric.description).record(0.5, labels)
        elif metric.kind == "counter":
            meter.create_counter(metric.name, metric.unit, metric.description).add(1, labels)
"""
SILENT = {"OTEL_TRACES_EXPORTER": "none", "AUTOGEN_OTEL_JOURNAL": "off"}


def _labels(point: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_a_script_that_ends_at_once_delivers_its_metrics(program: Program, receiver: Receiver) -> None:
    said = program.script(ONE_OF_EACH, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert said == ""
    assert receiver.span_names == ["ours"]
    result = receiver.metrics
    assert set(result) == {metric.name for metric in ALL}
    dropped = result[TELEMETRY_DROPPED.name].sum.data_points
    assert {tuple(_labels(point).values()): point.as_int for point in dropped} == {
        ("spans", "internal_error"): 7,
        ("spans", "queue_full"): 0,
        ("spans", "not_delivered"): 0,
        ("metrics", "not_delivered"): 0,
    }
    for metric in ALL:
        if metric.kind == "histogram":
            (point,) = result[metric.name].histogram.data_points
            assert tuple(point.explicit_bounds) == metric.buckets
            assert result[metric.name].unit == metric.unit


def test_points_have_listed_labels_only_and_lead_to_the_trace_of_the_same_instance(
    program: Program, receiver: Receiver
) -> None:
    program.script(ONE_OF_EACH, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    (point,) = receiver.metrics[TOOL_DURATION.name].histogram.data_points
    assert _labels(point) == {"gen_ai.tool.name": "lookup", "error.type": "KeyError"}
    (exemplar,) = point.exemplars
    assert exemplar.as_double == 0.5
    assert exemplar.trace_id == receiver.spans[0].trace_id
    instances = receiver.instances()
    assert instances["/v1/metrics"] == instances["/v1/traces"]
    assert len(instances["/v1/metrics"]) == 1


def test_with_nothing_listening_one_warning_is_enough(program: Program) -> None:
    said = program.script(ONE_OF_EACH).splitlines()
    assert [line.partition(" ")[0] for line in sorted(said)] == ["INFO", "WARNING"]
    (metrics,) = [line for line in said if line.startswith("INFO")]
    assert "/v1/metrics does not take metrics (nothing answers there)" in metrics
    assert program.span_names() == ["ours"]


def test_jaeger_alone_takes_no_metrics_and_is_asked_once(program: Program, receiver: Receiver) -> None:
    receiver.statuses["/v1/metrics"] = 404
    code = f"{ONE_OF_EACH}\nmeters.force_flush()\nmeters.force_flush()\n"
    said = program.script(code, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert receiver.span_names == ["ours"]
    assert len(receiver.bodies("/v1/metrics")) == 1
    assert said.count("\n") == 1
    assert said.startswith("INFO autogen_otel: ")
    assert "(HTTP 404 Not Found)" in said
    assert "set OTEL_METRICS_EXPORTER=none to not send them" in said


def test_an_endpoint_that_was_asked_for_and_takes_nothing_is_warned_of(
    program: Program, receiver: Receiver
) -> None:
    receiver.status = 404
    said = program.script(ONE_OF_EACH, **SILENT, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{receiver.url}/here")
    assert [path for path, _ in receiver.taken] == ["/here"]
    assert said.startswith(f"WARNING autogen_otel: {receiver.url}/here does not take metrics")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "environment",
    [{"OTEL_METRICS_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}],
    ids=["none", "disabled"],
)
def test_metrics_may_be_switched_off(
    program: Program, receiver: Receiver, environment: dict[str, str]
) -> None:
    said = program.script(ONE_OF_EACH, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **environment)
    assert (receiver.bodies("/v1/metrics"), said) == ([], "")


def test_a_provider_that_is_set_is_used_and_left_alone(program: Program) -> None:
    program.script(f"""
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry import metrics
mine = MeterProvider()
metrics.set_meter_provider(mine)
{SETUP}
assert meters is mine
""")


def test_the_provider_is_built_once_and_becomes_the_global_one(program: Program) -> None:
    program.script(
        f"{SETUP}\nassert meter_provider(tracers) is meters is metrics.get_meter_provider()", **SILENT
    )


def test_building_a_provider_loads_no_exporter(program: Program) -> None:
    program.anew.script(
        f"""{SETUP}
import sys
assert not [name for name in sys.modules if name.startswith(("google.protobuf", "requests"))]
""",
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_METRICS_EXEMPLAR_FILTER", "pigeon"),
        ("OTEL_METRICS_EXPORTER", "pigeon"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "pigeon"),
    ],
)
def test_an_environment_that_cannot_be_used_is_one_warning(
    program: Program, receiver: Receiver, variable: str, value: str
) -> None:
    said = program.script(ONE_OF_EACH, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **{variable: value})
    assert receiver.span_names == ["ours"]
    assert said.count("\n") == 1
    assert said.startswith("WARNING autogen_otel: ")
    assert "pigeon" in said


@pytest.mark.parametrize(("preference", "temporality"), [("delta", 1), ("LowMemory", 1), ("", 2)])
def test_the_environment_chooses_the_temporality(
    program: Program, receiver: Receiver, preference: str, temporality: int
) -> None:
    program.script(
        ONE_OF_EACH,
        **SILENT,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=preference or "cumulative",
    )
    assert receiver.metrics[TOOL_DURATION.name].histogram.aggregation_temporality == temporality


def test_the_environment_may_ask_for_exponential_histograms(program: Program, receiver: Receiver) -> None:
    program.script(
        ONE_OF_EACH,
        **SILENT,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
    )
    (point,) = receiver.metrics[TOOL_DURATION.name].exponential_histogram.data_points
    assert _labels(point) == {"gen_ai.tool.name": "lookup", "error.type": "KeyError"}


def test_the_console_may_be_the_only_exporter(program: Program, receiver: Receiver) -> None:
    program.script(
        ONE_OF_EACH, **SILENT, OTEL_METRICS_EXPORTER="console", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url
    )
    assert TOOL_DURATION.name in program.stdout
    assert receiver.taken == []


@pytest.mark.needs(hasattr(os, "fork"), "needs fork")
def test_a_forked_process_is_an_instance_of_its_own(program: Program, receiver: Receiver) -> None:
    said = program.anew.script(
        f"""{ONE_OF_EACH}
import os
tracers.force_flush()
meters.force_flush()
child = os.fork()
if child == 0:
    with tracers.get_tracer("test").start_as_current_span("the child's"):
        meter.create_counter("of.the.child").add(1)
    tracers.shutdown()
    meters.shutdown()
    os._exit(0)
os.waitpid(child, 0)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        PYTHONWARNINGS="ignore::DeprecationWarning",
    )
    assert said == ""
    assert sorted(receiver.span_names) == ["ours", "the child's"]
    assert "of.the.child" in receiver.metrics
    instances = receiver.instances()
    assert instances["/v1/metrics"] == instances["/v1/traces"]
    assert len(instances["/v1/metrics"]) == 2


class Reader(InMemoryMetricReader):
    """A reader as another package would register it: it is asked for metrics."""


class Plugin(MetricExporter):
    """An exporter as another package would register it."""

    exported: list[MetricsData]

    def __init__(self) -> None:
        super().__init__(preferred_temporality={Counter: AggregationTemporality.DELTA})
        Plugin.exported = []

    def export(self, metrics_data: MetricsData, *_more: Any, **_options: Any) -> MetricExportResult:
        Plugin.exported.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_more: Any) -> None:
        pass


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[MeterProvider]:
    """A provider with the exporter that the test names, as if a package had registered it."""
    reference = f"{__name__}:{request.param}"
    monkeypatch.setattr(exporters, "entry_points", lambda group, name: [EntryPoint(name, reference, group)])
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "plugin")
    provider = metrics.build(trace.NoOpTracerProvider())
    assert provider is not None
    yield provider
    provider.shutdown()


@pytest.mark.parametrize("built", ["Reader"], indirect=True)
def test_a_registered_reader_is_used(built: MeterProvider) -> None:
    (reader,) = built._measurement_consumer._reader_storages
    assert isinstance(reader, Reader)
    built.get_meter("test").create_counter("count").add(1)
    assert reader.get_metrics_data() is not None


@pytest.mark.parametrize("built", ["Plugin"], indirect=True)
def test_a_registered_exporter_is_used_as_it_wants_to_be(built: MeterProvider) -> None:
    built.get_meter("test").create_counter("count").add(1)
    built.force_flush()
    (data,) = Plugin.exported
    metric: Any = data.resource_metrics[0].scope_metrics[0].metrics[0]
    assert metric.data.aggregation_temporality is AggregationTemporality.DELTA


@pytest.mark.parametrize("built", ["Plugin"], indirect=True)
def test_no_instrument_of_a_provider_of_ours_draws_from_the_global_random(built: MeterProvider) -> None:
    """Without us the instruments of others would have no provider, and draw nothing."""
    count = built.get_meter("app").create_counter("count")
    with TracerProvider(shutdown_on_exit=False).get_tracer("app").start_as_current_span("measured"):
        drawn = random.getstate()
        for _ in range(25):
            count.add(1)
    assert random.getstate() == drawn


def test_a_fork_during_an_export_leaves_no_lock_behind() -> None:
    reader = metrics.PeriodicReader(Plugin(), export_interval_millis=3_600_000)
    reader._export_lock.acquire()
    reader.after_fork()
    assert reader._export_lock.acquire(blocking=False)
    reader._export_lock.release()
    reader.shutdown()


def test_a_forked_process_without_threads_exports_its_metrics_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = metrics.PeriodicReader(Plugin(), export_interval_millis=3_600_000)
    provider = MeterProvider([reader])
    reader.after_fork()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse)
        reader.resume()
    provider.get_meter("test").create_counter("count").add(1)
    provider.shutdown()
    assert len(Plugin.exported) == 1


def _refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
