"""The three signals: how the standard environment variables, entry points and paths name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from autogen_otel.vocabulary import metrics


@dataclass(frozen=True)
class Signal:
    """One kind of telemetry.

    Args:
        items: what it is made of, as messages and ``autogen.telemetry.signal`` say.
        word: its part of the names of environment variables.
        exporter_module: the module of its OTLP/HTTP exporter.
        exporter_class: the exporter in it.
    """

    items: str
    word: str
    exporter_module: str
    exporter_class: str

    @property
    def path(self) -> str:
        """Where OTLP/HTTP takes it, below the endpoint's base."""
        return f"/v1/{self.word.lower()}"

    @property
    def group(self) -> str:
        """The entry point group of its exporters."""
        return f"opentelemetry_{self.word.lower()}_exporter"

    @property
    def chooser(self) -> str:
        """The variable that names its exporters."""
        return f"OTEL_{self.word}_EXPORTER"

    def variable(self, knob: str) -> str:
        """The variable of an OTLP exporter's knob for this signal alone."""
        return f"OTEL_EXPORTER_OTLP_{self.word}_{knob}"


_PACKAGE: Final = "opentelemetry.exporter.otlp.proto.http"
SPANS: Final = Signal(metrics.SPANS, "TRACES", f"{_PACKAGE}.trace_exporter", "OTLPSpanExporter")
METRICS: Final = Signal(metrics.METRICS, "METRICS", f"{_PACKAGE}.metric_exporter", "OTLPMetricExporter")
LOGS: Final = Signal(metrics.LOGS, "LOGS", f"{_PACKAGE}._log_exporter", "OTLPLogExporter")
