from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from autogen_otel.delivery.exporting import exporters
from autogen_otel.delivery.exporting.exporters import (
    ExporterError,
    configured_endpoints,
    endpoint,
    exporter_names,
)
from autogen_otel.delivery.exporting.outcome import Outcome
from autogen_otel.delivery.journal.writing import line_of
from autogen_otel.delivery.otlp_json import spans_of
from autogen_otel.delivery.signals import SPANS
from tests.delivery.receivers import closed_port, finished


class Plugin(SpanExporter):
    """An exporter as another package would register it."""


class Translating(Plugin):
    """As the exporter over gRPC: it makes messages of batches, and exports these."""

    exported: ClassVar[list[Any]] = []

    def _translate_data(self, batch: Any) -> Any:
        return encode_spans(batch)

    def export(self, spans: Any) -> SpanExportResult:
        self.exported.append(self._translate_data(spans))
        return SpanExportResult.SUCCESS


class Picky(SpanExporter):
    def __init__(self) -> None:
        raise ValueError("PICKY_URL is not set")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Entry points of exporters by name, as if packages had registered them."""
    registered: dict[str, str] = {}

    def entry_points(group: str, name: str) -> list[EntryPoint]:
        return [EntryPoint(name, registered[name], group)] if name in registered else []

    monkeypatch.setattr(exporters, "entry_points", entry_points)
    return registered


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": ""}, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "console"}, ["console"]),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_TRACES_EXPORTER": " otlp , console,zipkin"}, ["otlp_proto_http", "console", "zipkin"]),
        ({"OTEL_TRACES_EXPORTER": "otlp,otlp_proto_http"}, ["otlp_proto_http"]),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["otlp_proto_grpc"]),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ["otlp_proto_http"]),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
            ["otlp_proto_grpc"],
        ),
    ],
)
def test_the_environment_names_the_exporters(environment: dict[str, str], names: list[str]) -> None:
    assert exporter_names(environment, SPANS) == names


def test_an_unknown_protocol_is_named_with_its_variable() -> None:
    with pytest.raises(ExporterError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'carrier/pigeon'"):
        exporter_names({"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier/pigeon"}, SPANS)


@pytest.mark.parametrize(
    ("environment", "label"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://host"}, "https://host/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:1/base/"}, "http://host:1/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:1"}, "http://[::1]:1/v1/traces"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://host",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other/here",
            },
            "http://other/here",
        ),
    ],
)
def test_the_endpoint_is_the_one_the_exporter_would_use(environment: dict[str, str], label: str) -> None:
    made = endpoint("otlp_proto_http", environment, SPANS)
    assert made.exporter is None
    assert made.label == made.get_exporter().url == label


@pytest.mark.parametrize(
    "url", ["localhost:4318", "http:///x", "http://host:port", "ftp://host", "http://[::1"]
)
def test_an_endpoint_that_is_none_is_one_sentence(url: str) -> None:
    with pytest.raises(ExporterError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT "):
        endpoint("otlp_proto_http", {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, SPANS)


def test_grpc_that_is_not_installed_names_its_package(installed: dict[str, str]) -> None:
    with pytest.raises(ExporterError, match="opentelemetry-exporter-otlp-proto-grpc"):
        endpoint("otlp_proto_grpc", {}, SPANS)


def test_an_exporter_nobody_registered_is_named(installed: dict[str, str]) -> None:
    with pytest.raises(ExporterError, match="'pigeon'"):
        endpoint("pigeon", {}, SPANS)


def test_an_installed_exporter_is_used(installed: dict[str, str]) -> None:
    installed["plugin"] = f"{__name__}:Plugin"
    made = endpoint("plugin", {}, SPANS)
    assert isinstance(made.get_exporter(), Plugin)
    assert made.probe is None


@pytest.mark.parametrize(
    ("environment", "target"),
    [
        ({}, ("localhost", 4317)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host"}, ("host", 4317)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "host:1"}, None),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://host:1"}, ("host", 1)),
    ],
)
def test_an_installed_grpc_exporter_is_probed(
    installed: dict[str, str], environment: dict[str, str], target: Any
) -> None:
    installed["otlp_proto_grpc"] = f"{__name__}:Plugin"
    made = endpoint("otlp_proto_grpc", environment, SPANS)
    assert (made.probe._target if made.probe else None) == target


def test_spans_of_the_journal_go_over_grpc_as_new_ones_do(installed: dict[str, str]) -> None:
    installed["otlp_proto_grpc"] = f"{__name__}:Translating"
    made, spans = endpoint("otlp_proto_grpc", {}, SPANS), finished("a", "b")
    made.probe = None
    for batch in (spans, spans_of(line_of(spans)), []):
        assert made.export(batch).outcome is Outcome.EXPORTED
    made.shutdown()
    assert Translating.exported == [encode_spans(spans), encode_spans(spans), encode_spans([])]


@pytest.mark.parametrize("reference", [f"{__name__}:Picky", "no_such_module:Exporter"])
def test_an_exporter_that_cannot_be_made_is_one_sentence(installed: dict[str, str], reference: str) -> None:
    installed["picky"] = reference
    with pytest.raises(ExporterError, match=r"^The exporter picky cannot be made: \w"):
        endpoint("picky", {}, SPANS)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf needs none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL=pigeon", "it may be http/protobuf or grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT=pigeon", "and name a host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT=http://host:65536", "Port out of range 0-65535"),
        ("OTEL_TRACES_EXPORTER=pigeon", "no installed package has an exporter of that name"),
        ("OTEL_TRACES_EXPORTER=picky", "cannot be made: ValueError: PICKY_URL is not set"),
    ],
)
def test_why_an_exporter_is_missing_and_what_follows_are_two_sentences(
    installed: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    setting: str,
    reason: str,
) -> None:
    installed["picky"] = f"{__name__}:Picky"
    monkeypatch.setenv(*setting.split("="))
    assert configured_endpoints(SPANS, "Spans are dropped.") == (False, [None])
    (message,) = caplog.messages
    assert message.endswith(f"{reason}. Spans are dropped.")


def test_the_exporter_posts_where_its_label_says() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    made = endpoint("otlp_proto_http", {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, SPANS)
    exporter = made.get_exporter()
    made.shutdown()
    assert exporter.url == f"{url}/v1/traces"
