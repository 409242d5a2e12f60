"""Where telemetry goes: an exporter, whether its endpoint answers, and why it did not take a batch."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from autogen_otel.setup.loading import loading
from autogen_otel.setup.signals import SPANS, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.setup.otlp_http import OneTrySession
    from autogen_otel.setup.probe import Probe

_TALKATIVE: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"
_ABSENT: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
"""What a server answers for a signal that it does not have: Jaeger takes spans only."""


class Exporter(Protocol):
    """What the exporters of all signals have in common."""

    def export(self, batch: Any, /) -> Any:
        """Export a batch; the result's name is ``SUCCESS`` if it was taken."""

    def shutdown(self) -> None:
        """Release what it holds."""


@dataclass(frozen=True)
class Refusal:
    """Why a batch was not taken.

    Args:
        reason: a few words without anything secret.
        lasting: whether the next batch would fare the same, so that trying it is a waste of time.
        silent: whether nothing answered at all.
        absent: whether the other side does not know the signal.
    """

    reason: str
    lasting: bool = True
    silent: bool = False
    absent: bool = False


class Outlet(ABC):
    """An exporter behind its probe.

    Args:
        label: how messages call it; holds nothing secret.
        probe: of the endpoint; ``None`` where it cannot be probed.
    """

    def __init__(self, label: str, probe: Probe | None = None) -> None:
        self.label = label
        self.probe = probe
        self._exporter: Exporter | None = None
        self._pid = os.getpid()

    def offer(self, batch: Any) -> Refusal | None:
        """Hand a batch over once; never raises.

        Returns:
            ``None`` if it was taken.
        """
        if self.probe is not None and not self.probe.answers():
            return Refusal("nothing answers there", silent=True)
        try:
            exporter = self.opened()
        except Exception as error:  # noqa: BLE001 - whatever the environment made it raise
            return Refusal(f"its exporter cannot be made: {type(error).__name__}: {error}")
        try:
            with _quiet(_TALKATIVE, type(exporter).__module__):
                # Each signal has an enumeration of its own for this, some of them under changing names.
                taken = exporter.export(batch).name == "SUCCESS"
        except Exception as error:  # noqa: BLE001 - whatever it raises, the batch was not taken
            return self._refusal() or Refusal(type(error).__name__)
        return None if taken else self._refusal() or Refusal("its exporter reports a failure")

    def opened(self) -> Exporter:
        """Return the exporter, made on first use; a fork gets its own, for it must not share connections."""
        if self._exporter is None or self._pid != os.getpid():
            self._exporter, self._pid = self._make(), os.getpid()
        return self._exporter

    def flush(self, timeout_millis: int) -> bool:
        """Have the exporter send what it holds itself."""
        # Exporters of log records have no such method in older SDKs.
        flush: Callable[[int], bool] | None = getattr(self._exporter, "force_flush", None)
        return flush is None or flush(timeout_millis)

    def close(self) -> None:
        """Shut the exporter down if one was made."""
        if self._exporter is not None:
            with _quiet(_TALKATIVE, type(self._exporter).__module__):
                self._exporter.shutdown()

    @abstractmethod
    def _make(self) -> Exporter:
        """Make the exporter; may raise anything."""

    def _refusal(self) -> Refusal | None:
        return None


class HttpOutlet(Outlet):
    """OTLP over HTTP. Its exporter is loaded with the first batch, to spare the start of the program 0.1 s.

    Args:
        url: the full URL of the signal's endpoint.
        label: the same without anything secret.
        probe: of the first hop towards it.
        signal: what goes there.
    """

    def __init__(self, url: str, label: str, probe: Probe | None, signal: Signal = SPANS) -> None:
        super().__init__(label, probe)
        self._url = url
        self._signal = signal
        self._session: OneTrySession | None = None

    def _make(self) -> Exporter:
        with loading():
            from autogen_otel.setup.otlp_http import OneTrySession  # noqa: PLC0415 - loads requests

            exporter_class = getattr(import_module(self._signal.exporter_module), self._signal.exporter_class)
        # Where a plugin brings the session with its credentials, its session has to be the one in use.
        if not any(os.environ.get(variable) for variable in self._credential_providers()):
            self._session = OneTrySession()
        exporter: Exporter = exporter_class(endpoint=self._url, session=self._session)
        return exporter

    def _credential_providers(self) -> tuple[str, str]:
        start, end = "OTEL_PYTHON_EXPORTER_OTLP_HTTP", "CREDENTIAL_PROVIDER"
        return f"{start}_{end}", f"{start}_{self._signal.word}_{end}"

    def _refusal(self) -> Refusal | None:
        if self._session is None or self._session.failure is None:
            return None
        failure = self._session.failure
        return Refusal(failure.reason, failure.lasting, absent=failure.status in _ABSENT)


class PluginOutlet(Outlet):
    """An exporter that another package registers; made at once, so that what is wrong shows at the start.

    Args:
        name: its name in the environment.
        exporter_class: what the entry point loads.
        probe: of its endpoint, where that is known.
    """

    def __init__(self, name: str, exporter_class: type[Exporter], probe: Probe | None = None) -> None:
        super().__init__(f"the exporter {name}", probe)
        self._class = exporter_class
        self.opened()

    def _make(self) -> Exporter:
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
