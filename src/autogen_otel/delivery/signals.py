"""Spans, metrics and log records: how environment variables, entry points and paths name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autogen_otel.vocabulary import metrics


class Signal:
    """A signal.

    Args:
        items: the name in messages and in ``autogen.telemetry.signal``.
        word: the part of the names of environment variables.
        encoder: module and function of the encoder of OTLP's protobuf, in the package of these.
        service: the service of OTLP, as its modules are named.
        rejected_field: the field of OTLP's responses that says how many items were rejected.
    """

    def __init__(self, items: str, word: str, encoder: str, service: str, rejected_field: str) -> None:
        self.items, self.word, self.rejected_field = items, word, rejected_field
        self.encoder = f"opentelemetry.exporter.otlp.proto.common.{encoder}"
        module = f"opentelemetry.proto.collector.{service.lower()}.v1.{service.lower()}_service_pb2"
        self.http_response = f"{module}:Export{service}ServiceResponse"
        self.path = f"/v1/{word.lower()}"
        self.entry_points = f"opentelemetry_{word.lower()}_exporter"
        self.exporter_variable = f"OTEL_{word}_EXPORTER"

    def variable(self, knob: str) -> str:
        """The variable of an OTLP exporter's knob for this signal alone."""
        return f"OTEL_EXPORTER_OTLP_{self.word}_{knob}"

    def otlp(self, knob: str, environ: Mapping[str, str]) -> tuple[str, str]:
        """The variable that sets an OTLP exporter's knob, for this signal or else for all, and its value."""
        own = self.variable(knob)
        variable = own if environ.get(own) else f"OTEL_EXPORTER_OTLP_{knob}"
        return variable, environ.get(variable, "")


SPANS: Final = Signal(metrics.SPANS, "TRACES", "trace_encoder:encode_spans", "Trace", "rejected_spans")
METRICS: Final = Signal(
    metrics.METRICS, "METRICS", "metrics_encoder:encode_metrics", "Metrics", "rejected_data_points"
)
LOGS: Final = Signal(metrics.LOGS, "LOGS", "_log_encoder:encode_logs", "Logs", "rejected_log_records")
