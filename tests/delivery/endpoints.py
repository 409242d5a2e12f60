"""An endpoint that does what the test says, and the clock of the pauses and of the rate of messages."""

from __future__ import annotations

from typing import Any

from autogen_otel.delivery.exporting.exporters import Endpoint
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome

EXPORTED = ExportResult(Outcome.EXPORTED)


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class ScriptedEndpoint(Endpoint):
    """Returns these results in turn, then ``default``."""

    def __init__(self, *results: ExportResult, default: ExportResult = EXPORTED) -> None:
        super().__init__("the endpoint", dict)
        self.results, self.default = list(results), default
        self.batches: list[Any] = []
        self.shutdowns = 0

    def export(self, batch: Any) -> ExportResult:
        self.batches.append(batch)
        return self.results.pop(0) if self.results else self.default

    def force_flush(self, timeout_millis: int) -> bool:
        return self.default is EXPORTED

    def shutdown(self) -> None:
        self.shutdowns += 1
