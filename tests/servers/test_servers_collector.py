"""The shipped Collector configuration, run by a real Collector with only its endpoints replaced."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.servers.collector import Collector, validate
from tests.servers.conftest import Start
from tests.servers.jaeger import Jaeger
from tests.servers.otlp import Trace
from tests.servers.programs import run
from tests.servers.prometheus import Prometheus
from tests.servers.web import eventually

_DEPLOY = Path(__file__).parents[2] / "deploy"
SHIPPED = _DEPLOY / "collector.yaml"
CLICKHOUSE = _DEPLOY / "clickhouse.yaml"
AGENT = _DEPLOY / "collector-agent.yaml"
_KEEP_ONLY_WHAT_MUST_BE = {"SAMPLING_PERCENTAGE": "0", "SAMPLING_WAIT_AFTER_ROOT": "1s"}


class Collect(Protocol):
    """Starts a Collector with a shipped configuration and these variables."""

    def __call__(self, environ: Mapping[str, str] = ..., config: Path = ...) -> Collector: ...


@dataclass(frozen=True)
class Report:
    """What the program says of the conversations that it held.

    Args:
        spans: how many each had, by trace id.
        failed: those in which anything failed.
        late: the one whose failure came late.
    """

    spans: dict[str, int]
    failed: frozenset[str]
    late: str


def _report(printed: str) -> Report:
    # AutoGen prints, too.
    said = json.loads(printed.splitlines()[-1])
    return Report(said["spans"], frozenset(said["failed"]), said["late"])


def _hold(endpoint: str, service: str, folder: Path, *, pause: float) -> Report:
    return _report(
        run(
            "sampled",
            str(pause),
            folder=folder,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_SERVICE_NAME=service,
            # Many small batches, so that a conversation's beginning is there long before its end.
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
    )


def _counts(traces: list[Trace]) -> dict[str, int]:
    return {trace.trace_id: len(trace.spans) for trace in traces}


@pytest.fixture
def tempo(start: Start, tmp_path: Path) -> Jaeger:
    """What stands in for Tempo: it takes the same traces over the same protocol."""
    return start(Jaeger(tmp_path / "tempo"))


@pytest.fixture
def collect(jaeger: Jaeger, tempo: Jaeger, prometheus: Prometheus, start: Start, tmp_path: Path) -> Collect:
    """Starts Collectors with a shipped configuration, before these stores."""
    numbers = itertools.count()

    def begin(environ: Mapping[str, str] | None = None, config: Path = SHIPPED) -> Collector:
        stores = {
            "JAEGER_OTLP_ENDPOINT": jaeger.otlp_grpc_address,
            "TEMPO_OTLP_ENDPOINT": tempo.otlp_grpc_address,
            "PROMETHEUS_OTLP_ENDPOINT": f"{prometheus.url}/api/v1/otlp",
        }
        folder = tmp_path / f"collector-{next(numbers)}"
        return start(Collector(folder, config, environ={**stores, **(environ or {})}))

    return begin


@pytest.mark.parametrize(
    "configs", [(SHIPPED,), (AGENT,), (SHIPPED, CLICKHOUSE)], ids=lambda files: files[-1].name
)
def test_the_collector_finds_nothing_wrong_with_a_shipped_configuration(configs: tuple[Path, ...]) -> None:
    validate(*configs)


def test_failing_conversations_arrive_whole_and_healthy_ones_only_by_their_share(
    collect: Collect, jaeger: Jaeger, tempo: Jaeger, service_name: str, tmp_path: Path
) -> None:
    collector = collect(_KEEP_ONLY_WHAT_MUST_BE)

    # The late one fails when its first spans are much older than the wait after a root.
    report = _hold(collector.otlp_url, service_name, tmp_path, pause=3)

    failing = {trace_id: report.spans[trace_id] for trace_id in report.failed}
    assert report.late in failing
    assert len(failing) < len(report.spans)
    for store in (jaeger, tempo):
        assert _counts(store.find(service_name, spans=sum(failing.values()))) == failing


def test_all_conversations_arrive_with_the_settings_of_a_laptop(
    collect: Collect, jaeger: Jaeger, service_name: str, tmp_path: Path
) -> None:
    collector = collect()

    report = _hold(collector.otlp_url, service_name, tmp_path, pause=0)

    assert _counts(jaeger.find(service_name, spans=sum(report.spans.values()))) == report.spans


def test_a_failure_after_the_decision_wait_still_arrives_without_what_came_before(
    collect: Collect, jaeger: Jaeger, service_name: str, tmp_path: Path
) -> None:
    collector = collect({**_KEEP_ONLY_WHAT_MUST_BE, "SAMPLING_DECISION_WAIT": "1s"})

    report = _hold(collector.otlp_url, service_name, tmp_path, pause=5)

    (late,) = eventually(
        lambda: [trace for trace in jaeger.find(service_name) if trace.trace_id == report.late],
        lambda result: bool(result and result[0].named("invoke_workflow")),
    )
    assert len(late.named("invoke_workflow")) == 1
    assert [span.status for span in late.named("chat")] == ["error"]
    assert not late.named("execute_tool")


def test_two_tiers_keep_the_spans_of_a_conversation_together(
    collect: Collect, jaeger: Jaeger, service_name: str, tmp_path: Path
) -> None:
    tier = [collect(_KEEP_ONLY_WHAT_MUST_BE) for _ in range(2)]
    addresses = ", ".join(sampler.otlp_grpc_address for sampler in tier)
    agent = collect({"SAMPLING_TIER": f"[{addresses}]"}, AGENT)
    # So many that each of the two gets some.
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{agent.otlp_url}/v1/traces")))
    for number in range(40):
        provider.get_tracer("plain").start_span(f"healthy {number}").end()
    provider.shutdown()

    report = _hold(agent.otlp_url, service_name, tmp_path, pause=3)

    failing = {trace_id: report.spans[trace_id] for trace_id in report.failed}
    assert _counts(jaeger.find(service_name, spans=sum(failing.values()))) == failing
    received = [_received_spans(sampler) for sampler in tier]
    assert sum(received) == sum(report.spans.values()) + 40
    assert all(received)


def test_metrics_arrive_with_exemplars_that_lead_to_their_traces(
    collect: Collect, prometheus: Prometheus, service_name: str, tmp_path: Path
) -> None:
    collector = collect()

    report = _hold(collector.otlp_url, service_name, tmp_path, pause=0)

    selector = f'{{service_name="{service_name}", deployment_environment_name="local"}}'
    assert eventually(lambda: prometheus.query(f"gen_ai_client_operation_duration_seconds_count{selector}"))
    exemplars = prometheus.exemplars(f"gen_ai_client_operation_duration_seconds_bucket{selector}")
    assert exemplars
    assert {exemplar.labels["trace_id"] for exemplar in exemplars} <= set(report.spans)


def _received_spans(collector: Collector) -> int:
    return sum(
        int(float(line.rsplit(" ", 1)[1]))
        for line in collector.own_metrics().splitlines()
        if line.startswith("otelcol_receiver_accepted_spans")
    )
