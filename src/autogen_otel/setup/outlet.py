"""Where spans go: an exporter, whether its endpoint answers, and why it did not take a batch."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from autogen_otel.setup.otlp_http import OneTrySession
    from autogen_otel.setup.probe import Probe

_TALKATIVE: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)
_CREDENTIAL_PROVIDERS: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)


@dataclass(frozen=True)
class Refusal:
    """Why a batch was not taken.

    Args:
        reason: a few words without anything secret.
        lasting: whether the next batch would fare the same, so that trying it is a waste of time.
    """

    reason: str
    lasting: bool = True


class Outlet(ABC):
    """An exporter behind its probe.

    Args:
        label: how messages call it; holds nothing secret.
        probe: of the endpoint; ``None`` where it cannot be probed.
    """

    def __init__(self, label: str, probe: Probe | None = None) -> None:
        self.label = label
        self.probe = probe
        self._exporter: SpanExporter | None = None
        self._pid = os.getpid()

    def offer(self, spans: Sequence[ReadableSpan]) -> Refusal | None:
        """Hand a batch over once; never raises.

        Returns:
            ``None`` if it was taken.
        """
        if self.probe is not None and not self.probe.answers():
            return Refusal("nothing answers there")
        try:
            exporter = self.opened()
        except Exception as error:  # noqa: BLE001 - whatever the environment made it raise
            return Refusal(f"its exporter cannot be made: {type(error).__name__}: {error}")
        try:
            with _quiet(*_TALKATIVE, type(exporter).__module__):
                taken = exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 - whatever it raises, the batch was not taken
            return self._refusal() or Refusal(type(error).__name__)
        return None if taken else self._refusal() or Refusal("its exporter reports a failure")

    def opened(self) -> SpanExporter:
        """Return the exporter, made on first use; a fork gets its own, for it must not share connections."""
        if self._exporter is None or self._pid != os.getpid():
            self._exporter, self._pid = self._make(), os.getpid()
        return self._exporter

    def flush(self, timeout_millis: int) -> bool:
        """Have the exporter send what it holds itself."""
        return self._exporter is None or self._exporter.force_flush(timeout_millis)

    def close(self) -> None:
        """Shut the exporter down if one was made."""
        if self._exporter is not None:
            with _quiet(*_TALKATIVE, type(self._exporter).__module__):
                self._exporter.shutdown()

    @abstractmethod
    def _make(self) -> SpanExporter:
        """Make the exporter; may raise anything."""

    def _refusal(self) -> Refusal | None:
        return None


class HttpOutlet(Outlet):
    """OTLP over HTTP. Its exporter is loaded with the first batch, to spare the start of the program 0.1 s.

    Args:
        url: the full URL of the traces endpoint.
        label: the same without anything secret.
        probe: of the first hop towards it.
    """

    def __init__(self, url: str, label: str, probe: Probe | None) -> None:
        super().__init__(label, probe)
        self._url = url
        self._session: OneTrySession | None = None

    def _make(self) -> SpanExporter:
        from autogen_otel.setup import otlp_http  # noqa: PLC0415 - loads protobuf and requests

        # Where a plugin brings the session with its credentials, its session has to be the one in use.
        if not any(os.environ.get(variable) for variable in _CREDENTIAL_PROVIDERS):
            self._session = otlp_http.OneTrySession()
        return otlp_http.OTLPSpanExporter(endpoint=self._url, session=self._session)

    def _refusal(self) -> Refusal | None:
        if self._session is None or self._session.failure is None:
            return None
        failure = self._session.failure
        return Refusal(failure.reason, failure.lasting)


class PluginOutlet(Outlet):
    """An exporter that another package registers; made at once, so that what is wrong shows at the start.

    Args:
        name: its name in the environment.
        exporter_class: what the entry point loads.
        probe: of its endpoint, where that is known.
    """

    def __init__(self, name: str, exporter_class: type[SpanExporter], probe: Probe | None = None) -> None:
        super().__init__(f"the exporter {name}", probe)
        self._class = exporter_class
        self.opened()

    def _make(self) -> SpanExporter:
        return self._class()


@contextmanager
def _quiet(*loggers: str) -> Iterator[None]:
    """Keep these loggers' words about this thread's batch back: what they would say is said once, in full."""
    here = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    quieted = [logging.getLogger(name) for name in {*loggers}]
    for logger in quieted:
        logger.addFilter(elsewhere)
    try:
        yield
    finally:
        for logger in quieted:
            logger.removeFilter(elsewhere)
