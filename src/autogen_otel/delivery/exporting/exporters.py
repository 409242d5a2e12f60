"""The exporters that the ``OTEL_*`` variables ask for, as the SDK's own configuration reads them."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from autogen_otel.delivery.environment import warn_once
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.exporting.probe import Probe, probe_for
from autogen_otel.delivery.exporting.sender import Sender
from autogen_otel.delivery.fork import importing, renew_after_fork
from autogen_otel.delivery.otlp_json import NotOtlpError, StoredSpan, message_of
from autogen_otel.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autogen_otel.delivery.signals import Signal

_LOGGER = logging.getLogger("autogen_otel")
CONSOLE: Final = "console"
_MOST_SECONDS: Final = 75.0
"""The OTLP exporter over gRPC tries for a minute."""
_READ_SECONDS: Final = 10.0
"""The default of ``OTEL_EXPORTER_OTLP_TIMEOUT``."""
_MARGIN_SECONDS: Final = 5.0
"""For the connection, which has a limit of its own, and an answer that comes in small pieces."""
_MOST_ABANDONED: Final = 3
_MOST_TOO_LARGE: Final = 3
"""After so many items that are too large alone, the endpoint takes nothing: a proxy before it, mostly."""
_HTTP: Final = "otlp_proto_http"
_GRPC: Final = "otlp_proto_grpc"
_PROTOCOLS: Final = {"http/protobuf": _HTTP, "grpc": _GRPC}
_COMPRESSIONS: Final = frozenset({"gzip", "deflate", "none", ""})
_FAILURE: Final = ExportResult(Outcome.FAILED, "its exporter reports a failure")


@dataclass
class Pause:
    """The state of an endpoint, shared by the exporter of new batches and the forwarder of journaled ones.

    Args:
        until: when nothing is sent to it, on the monotonic clock.
        is_doubtful: whether it did not answer the last batch, or refused it as it may refuse all others.
        too_large: how many single items one after the other were too large for it.
    """

    until: float = 0.0
    is_doubtful: bool = False
    too_large: int = 0


class Endpoint:
    """An exporter that is made on first use, and the probe of where it sends.

    Args:
        label: its name in messages; contains nothing secret.
        make: makes the exporter; may raise anything.
        probe: ``None`` where the address is not known.
        most_seconds: how long an export may take, whatever the exporter's own limits are.
        is_otlp: whether two exporters may send there at the same time, and a batch twice if need be.
    """

    def __init__(
        self,
        label: str,
        make: Callable[[], Any],
        probe: Probe | None = None,
        *,
        most_seconds: float = _MOST_SECONDS,
        is_otlp: bool = False,
    ) -> None:
        self.label, self.probe, self.is_otlp = label, probe, is_otlp
        self.pause = Pause()
        self.exporter: Any = None
        self._make, self._most_seconds, self._is_parents = make, most_seconds, False
        self._sender = Sender(most_abandoned=_MOST_ABANDONED if is_otlp else 1)
        self.hurry, self.relax = self._sender.hurry, self._sender.relax
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Have this process make an exporter of its own: it must not share connections, nor close them."""
        self._is_parents = True

    def with_own_exporter(self) -> Endpoint:
        """The same endpoint with an exporter of its own, for another thread."""
        copy = Endpoint(
            self.label, self._make, self.probe, most_seconds=self._most_seconds, is_otlp=self.is_otlp
        )
        copy.pause = self.pause
        return copy

    def begin(self) -> None:
        """Prepare for the first export: a program that ends cannot start threads any more."""
        self._sender.begin()
        if self.probe is not None:
            self.probe.begin()

    def export(self, batch: Any) -> ExportResult:
        """Export a batch in a single attempt; never raises."""
        result = self._export(batch)
        if result.outcome is Outcome.TOO_LARGE and isinstance(batch, Sequence) and len(batch) == 1:
            self.pause.too_large += 1
            if self.pause.too_large > _MOST_TOO_LARGE:
                result = replace(result, outcome=Outcome.FAILED)
        elif batch and result.outcome is Outcome.EXPORTED:
            self.pause.too_large = 0
        if batch or result.outcome is Outcome.EXPORTED:
            self.pause.is_doubtful = result.outcome is Outcome.FAILED and not result.is_retryable
        return result

    def _export(self, batch: Any) -> ExportResult:
        if self._sender.is_late():
            return ExportResult(Outcome.FAILED, "the program ends")
        if self.probe is not None and not self.probe.is_reachable():
            return ExportResult(Outcome.UNREACHABLE, "nothing answers there")
        try:
            # Not in the sender's thread: modules may take long to load, also at the end of a program.
            exporter = self.get_exporter()
        except Exception as error:  # noqa: BLE001 - the environment can make it raise anything
            reason = f"its exporter cannot be made: {type(error).__name__}: {error}"
            return ExportResult(Outcome.FAILED, reason)
        result = self._sender.call(lambda: _export(exporter, batch), self._most_seconds)
        if result is None:
            if self.is_otlp:
                # The exporter is still busy with this batch, and none takes two at a time.
                self.exporter = None
            return ExportResult(Outcome.FAILED, "no answer in time")
        return result

    def get_exporter(self) -> Any:
        """Return the exporter, which is made if there is none."""
        if self.exporter is None or self._is_parents:
            self.exporter, self._is_parents = self._make(), False
        return self.exporter

    def prepare(self) -> bool:
        """Make the exporter, if it is going to be used, and say whether it is; never raises."""
        # An error shows with the first batch.
        with suppress(Exception):
            if self.probe is None or self.probe.is_reachable():
                self.get_exporter()
                return True
        return False

    def force_flush(self, timeout_millis: int) -> bool:
        """Have the exporter send what it buffers itself; never raises."""
        # In older SDKs exporters of log records have no such method, and that of others may return nothing.
        flush: Callable[[int], bool] | None = getattr(self._own_exporter(), "force_flush", None)
        try:
            return flush is None or flush(timeout_millis) is not False
        except Exception:  # noqa: BLE001 - the application cannot do anything about it
            return False

    def shutdown(self) -> None:
        """Shut the exporter down if one was made; never raises."""
        self._sender.hurry()
        exporter = self._own_exporter()
        if exporter is not None:
            # Some wait for an export that is under way.
            self._sender.call(lambda: _shut_down(exporter), self._most_seconds)
        self._sender.end()

    def _own_exporter(self) -> Any:
        """The exporter; ``None`` in a forked process that only has its parent's."""
        return None if self._is_parents else self.exporter


def _export(exporter: Any, batch: Any) -> ExportResult:
    try:
        result = exporter.export(batch)
    except NotOtlpError:
        return ExportResult(Outcome.REFUSED, "it holds no OTLP", is_final=True)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the batch was not exported
        return ExportResult(Outcome.FAILED, type(error).__name__)
    if isinstance(result, ExportResult):
        return result
    # Each signal has an enumeration of its own for this, some of them under changing names.
    is_exported = getattr(result, "name", "") == "SUCCESS"
    return ExportResult(Outcome.EXPORTED) if is_exported else _FAILURE


def _shut_down(exporter: Any) -> bool:
    try:
        exporter.shutdown()
    except Exception as error:  # noqa: BLE001 - the application is about to end and cannot do anything about it
        _LOGGER.debug("The exporter did not shut down: %s", type(error).__name__)
    return True


# ---------------------------------------------------------------- the environment
class ExporterError(Exception):
    """An exporter cannot be made; the message is a sentence, without its period, that says which and why."""


def configured_endpoints(signal: Signal, consequence: str) -> tuple[bool, list[Endpoint | None]]:
    """Return whether the environment names the console, and the endpoints that it names.

    ``None`` stands for an endpoint that cannot be made; a warning says so and ends with the consequence.
    """
    try:
        names = exporter_names(os.environ, signal)
    except ExporterError as error:
        _LOGGER.warning("%s. %s", error, consequence)
        return False, [None]
    endpoints: list[Endpoint | None] = []
    for name in names:
        if name != CONSOLE:
            try:
                endpoints.append(endpoint(name, os.environ, signal))
            except ExporterError as error:
                _LOGGER.warning("%s. %s", error, consequence)
                endpoints.append(None)
    for target in filter(None, endpoints):
        target.begin()
    return CONSOLE in names, endpoints


def exporter_names(environ: Mapping[str, str], signal: Signal) -> list[str]:
    """Return the names in the signal's variable, with ``otlp`` resolved; empty for ``none``.

    Raises:
        ExporterError: no exporter has this protocol.
    """
    names = [name.strip() for name in environ.get(signal.exporter_variable, "").split(",") if name.strip()]
    resolved_names = [_otlp(environ, signal) if name == "otlp" else name for name in names or ["otlp"]]
    return [name for name in dict.fromkeys(resolved_names) if name != "none"]


def _otlp(environ: Mapping[str, str], signal: Signal) -> str:
    variable, protocol = signal.otlp("PROTOCOL", environ)
    if protocol and protocol not in _PROTOCOLS:
        raise ExporterError(f"{variable} is {protocol!r}; it may be {' or '.join(_PROTOCOLS)}")
    return _PROTOCOLS.get(protocol, _HTTP)


def is_otlp(name: str) -> bool:
    """Whether an exporter sends OTLP."""
    return name in _PROTOCOLS.values()


def endpoint(name: str, environ: Mapping[str, str], signal: Signal) -> Endpoint:
    """Return the endpoint of the exporter that has this name in the entry point group.

    Raises:
        ExporterError: it is not installed, or it does not accept the environment.
    """
    if name == _HTTP:
        return _http_endpoint(environ, signal)
    exporter_class = plugin(name, signal)
    if name == _GRPC:
        exporter_class = _taking_stored_spans(exporter_class)
    with _making(name):
        url = signal.otlp("ENDPOINT", environ)[1] or "http://localhost:4317"
        probe = probe_for(url, 4317) if name == _GRPC else None
        target = Endpoint(f"the exporter {name}", exporter_class, probe, is_otlp=is_otlp(name))
        # Made at once, so that an error shows at the start.
        target.get_exporter()
    return target


def plugin(name: str, signal: Signal) -> type[Any]:
    """Return the class that an installed package registers as the signal's exporter of this name.

    Raises:
        ExporterError: there is none, or it cannot be loaded.
    """
    matches = list(entry_points(group=signal.entry_points, name=name))
    if not matches:
        raise ExporterError(
            "OTLP over gRPC needs the package opentelemetry-exporter-otlp-proto-grpc, which is not installed;"
            " OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf needs none"
            if name == _GRPC
            else f"{signal.exporter_variable} names {name!r}, "
            "and no installed package has an exporter of that name"
        )
    with _making(name):
        exporter_class: type[Any] = matches[0].load()
    return exporter_class


def _taking_stored_spans(exporter_class: type[Any]) -> type[Any]:
    """A class of the gRPC exporter's that takes spans of the journal, too."""

    class GrpcExporter(exporter_class):  # type: ignore[misc] # of a package that need not be installed
        def _translate_data(self, batch: Any) -> Any:
            is_stored = bool(batch) and isinstance(batch[0], StoredSpan)
            return message_of(batch) if is_stored else super()._translate_data(batch)

    return GrpcExporter


@contextmanager
def _making(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}").removesuffix(".")
        text = f"The exporter {name} cannot be made: {reason}"
        raise ExporterError(text) from error


def _http_endpoint(environ: Mapping[str, str], signal: Signal) -> Endpoint:
    variable, url = signal.otlp("ENDPOINT", environ)
    if variable != signal.variable("ENDPOINT"):
        url = (url or "http://localhost:4318").removesuffix("/") + signal.path
    try:
        parts = urlsplit(url)
        probe = probe_for(url, {"https": 443}.get(parts.scheme, 80))
        port = parts.port
    except ValueError as error:
        raise ExporterError(f"{variable} is not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ExporterError(f"{variable} has to begin with http:// or https:// and name a host")
    # Neither the user's name and password nor a key in the query belong into a log.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    label = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"

    seconds, headers = _seconds(environ, signal), _headers(environ, signal)
    compression, tls = _compression(environ, signal), _tls(environ, signal)

    def make() -> Any:
        # Imported with the first batch, to spare the start of the program 0.1 s.
        with importing():
            from autogen_otel.delivery.exporting.otlp_http import HttpExporter  # noqa: PLC0415 - loads requests

            return HttpExporter(url, signal, seconds, headers=headers, compression=compression, tls=tls)

    return Endpoint(label, make, probe, most_seconds=seconds + _MARGIN_SECONDS, is_otlp=True)


def _seconds(environ: Mapping[str, str], signal: Signal) -> float:
    """How long an answer may take."""
    variable, text = signal.otlp("TIMEOUT", environ)
    with suppress(ValueError):
        if 0 < (seconds := float(text or _READ_SECONDS)) < math.inf:
            return seconds
    warn_once(f"{variable} is {text[:50]!r}, which is no number of seconds: {_READ_SECONDS:g} is used.")
    return _READ_SECONDS


def _compression(environ: Mapping[str, str], signal: Signal) -> str:
    variable, text = signal.otlp("COMPRESSION", environ)
    compression = text.strip().lower()
    if compression in _COMPRESSIONS:
        return compression
    warn_once(f"{variable} is {text[:50]!r}; it may be gzip, deflate or none: none is used.")
    return ""


def _headers(environ: Mapping[str, str], signal: Signal) -> dict[str, str]:
    """The headers that stand in the variable as ``name=value,name=value``, percent-encoded."""
    variable, text = signal.otlp("HEADERS", environ)
    headers = {}
    for pair in filter(str.strip, text.split(",")):
        name, equals, value = (unquote(part).strip() for part in pair.partition("="))
        if equals and name and f"{name}{value}".isprintable():
            headers[name.lower()] = value
        else:
            # What it is may be a secret.
            warn_once(f"{variable} holds something that is no name=value: it is left out.")
    return headers


def _tls(environ: Mapping[str, str], signal: Signal) -> dict[str, Any]:
    certificate, key = (signal.otlp(f"CLIENT_{knob}", environ)[1] for knob in ("CERTIFICATE", "KEY"))
    return {
        "verify": signal.otlp("CERTIFICATE", environ)[1] or True,
        "cert": (certificate, key) if certificate and key else certificate or None,
    }
