"""The Collector's redaction, a second net: what a program sends with secrets in it arrives without them."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from tests.servers.collector import Collector
from tests.servers.conftest import Start
from tests.servers.jaeger import Jaeger
from tests.servers.prometheus import Prometheus
from tests.servers.test_servers_collector import SHIPPED
from tests.servers.web import eventually

# Put together here, so that nobody who scans this file for secrets has to look.
_SECRETS = {
    "openai": "sk-" + "proj-" + "Ab3dEf6hIj9lMn2p" * 3,
    "openai-old": "sk-" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6",
    "anthropic": "sk-" + "ant-api03-" + "Zx9yWv8uTs7rQp6o" * 2,
    "aws": "AK" + "IA" + "Q3EXAMPLE7KEY5AB",
    "google": "AI" + "za" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6",
    "github": "gh" + "p_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
    "slack": "xo" + "xb-" + "123456789012-abcdefABCDEF",
    "stripe": "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "hugging-face": "hf" + "_" + "AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "jwt": "ey" + "J" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "bearer": "0aK9bL8cM7dN6eO5fP4gQ3hR2iS1jT",
    "url": "hunter2Hunter",
    "assigned": "Tr0ub4dor-and-3",
    "header": "opaque-value-of-a-header",
}
_TEXT = (
    "{openai} then\\n{openai-old}, key={anthropic} ({aws}) {google}; {github} {slack} {stripe} "
    "{hugging-face} token {jwt} Authorization: Bearer {bearer} postgres://me:{url}@db/claims "
    "password='{assigned}'"
).format_map(_SECRETS)
_HARMLESS: dict[str, Any] = {
    "gen_ai.usage.input_tokens": 1234,
    "gen_ai.usage.cache_read.input_tokens": 17,
    "gen_ai.request.model": "gpt-4o",
    "autogen.config.index": 0,
    "autogen.cache.hit": False,
    "gen_ai.tool.call.arguments": '{"policy_id": "MOTOR-DE-20417", "task": "task-tracking-of-hail-2026"}',
    "autogen.tool.arguments.problems": ("amount: expected number, got string",),
    "masked": 'Authorization: Bearer [redacted], password="[redacted]", http://me:[redacted]@host?key=[redacted]',
    "url.full": "http://127.0.0.1:8080/v1/chat/completions?api-version=2026-01-01",
}


@pytest.fixture
def collector(jaeger: Jaeger, prometheus: Prometheus, start: Start, tmp_path: Path) -> Collector:
    """The shipped configuration, whose log shows what log records come out of it."""
    environ = {
        "JAEGER_OTLP_ENDPOINT": jaeger.otlp_grpc_address,
        "TEMPO_OTLP_ENDPOINT": jaeger.otlp_grpc_address,
        "PROMETHEUS_OTLP_ENDPOINT": f"{prometheus.url}/api/v1/otlp",
    }
    output = {"exporters": {"debug": {"verbosity": "detailed"}}}
    return start(Collector(tmp_path / "collector", SHIPPED, output, environ=environ))


def _assert_no_secret(text: str, where: str) -> None:
    assert not {name for name, secret in _SECRETS.items() if secret in text}, where


def test_spans_arrive_without_secrets_wherever_those_were(
    collector: Collector, jaeger: Jaeger, service_name: str
) -> None:
    resource = Resource({"service.name": service_name, "process.command_args": ["run", _TEXT]})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.otlp_url}/v1/traces")))
    with provider.get_tracer("plain").start_as_current_span(f"POST {_TEXT}") as span:
        span.set_attribute("text", _TEXT)
        span.set_attribute("texts", ["before", _TEXT])
        span.set_attribute("http.request.header.x-api-key", [_SECRETS["header"]])
        span.set_attribute("db.password", _SECRETS["header"])
        span.add_event("exception", {"exception.message": _TEXT, "exception.stacktrace": f"x\n{_TEXT}"})
        span.set_status(Status(StatusCode.ERROR, _TEXT))
    with provider.get_tracer("plain").start_as_current_span("harmless") as span:
        span.set_attributes(_HARMLESS)
        span.set_status(Status(StatusCode.ERROR, "Connection error."))
    provider.shutdown()

    leaky, harmless = (trace.spans[0] for trace in jaeger.find(service_name, spans=2))
    _assert_no_secret(jaeger.everything(service_name).decode(), "in what Jaeger has")
    assert leaky.name.startswith("POST ****")
    assert "postgres****db/claims" in leaky.message
    assert leaky.attributes["redaction.masked.count"] == 6
    assert harmless.name == "harmless"
    assert harmless.message == "Connection error."
    assert harmless.attributes == {
        name: json.dumps(value) if isinstance(value, tuple) else value for name, value in _HARMLESS.items()
    }


def test_metrics_arrive_without_secrets(
    collector: Collector, prometheus: Prometheus, service_name: str
) -> None:
    exporter = OTLPMetricExporter(f"{collector.otlp_url}/v1/metrics")
    provider = MeterProvider(
        [PeriodicExportingMetricReader(exporter)],
        Resource({"service.name": service_name}),
        shutdown_on_exit=False,
    )
    provider.get_meter("plain").create_counter("calls").add(
        1, {"model": _TEXT, "api_key": _SECRETS["header"], "gen_ai.token.type": "input"}
    )
    provider.shutdown()

    (series,) = eventually(lambda: prometheus.query(f'calls_total{{service_name="{service_name}"}}'))
    _assert_no_secret(json.dumps(series.labels), "in labels")
    assert series.labels["gen_ai_token_type"] == "input"
    assert not [label for label in series.labels if label.startswith("redaction")]


def test_log_records_are_taken_and_come_out_without_secrets(collector: Collector, service_name: str) -> None:
    report = {"stringValue": f"{service_name} said {_TEXT}"}
    record: dict[str, Any] = {
        "body": report,
        "attributes": [{"key": "exception.message", "value": report}],
        "severityNumber": 17,
    }
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{collector.otlp_url}/v1/logs", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - same
        assert response.status == 200

    written = eventually(lambda: collector.log, lambda log: log.count(service_name) >= 2)
    assert written.count(service_name) == 2
    _assert_no_secret(written, "in what the Collector wrote")
