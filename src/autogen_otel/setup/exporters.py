"""Which exporters the environment asks for, as the SDK's own configuration reads it."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from autogen_otel.setup.outlet import HttpOutlet, Outlet, PluginOutlet
from autogen_otel.setup.probe import Probe, probe_for
from autogen_otel.setup.signals import SPANS, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping

CONSOLE: Final = "console"
_HTTP: Final = "otlp_proto_http"
_GRPC: Final = "otlp_proto_grpc"
_PROTOCOLS: Final = {"http/protobuf": _HTTP, "grpc": _GRPC}


class Unavailable(Exception):  # noqa: N818 - it reads as what the exporter is
    """An exporter cannot be had; the message is a sentence that says which and why."""


def requested(environ: Mapping[str, str], signal: Signal = SPANS) -> list[str]:
    """Return the exporters' names in the signal's variable, with ``otlp`` resolved; empty for ``none``.

    Raises:
        Unavailable: the protocol is not one there is an exporter for.
    """
    names = [name.strip() for name in environ.get(signal.chooser, "").split(",") if name.strip()]
    resolved = [_otlp(environ, signal) if name == "otlp" else name for name in names or ["otlp"]]
    return [name for name in dict.fromkeys(resolved) if name != "none"]


def _otlp(environ: Mapping[str, str], signal: Signal) -> str:
    variable = signal.variable("PROTOCOL")
    if not environ.get(variable):
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = environ.get(variable) or "http/protobuf"
    if protocol not in _PROTOCOLS:
        raise Unavailable(f"{variable} is {protocol!r}; it may be {' or '.join(_PROTOCOLS)}.")
    return _PROTOCOLS[protocol]


def outlet(name: str, environ: Mapping[str, str], signal: Signal = SPANS) -> Outlet:
    """Return the outlet of one exporter.

    Args:
        name: its name in the entry point group of exporters.
        environ: where its endpoint is read from.
        signal: what it is to export.

    Raises:
        Unavailable: it is not installed, or refuses the environment.
    """
    if name == _HTTP:
        return _http_outlet(environ, signal)
    loaded = plugin(name, signal)
    try:
        return PluginOutlet(name, loaded, _grpc_probe(environ, signal) if name == _GRPC else None)
    except Exception as error:
        raise _unmakeable(name, error) from error


def is_otlp(name: str) -> bool:
    """Whether an exporter sends OTLP."""
    return name in _PROTOCOLS.values()


def plugin(name: str, signal: Signal) -> type[Any]:
    """Return the class that an installed package registers as the signal's exporter of this name.

    Raises:
        Unavailable: there is none, or it cannot be loaded.
    """
    found = list(entry_points(group=signal.group, name=name))
    if not found:
        raise Unavailable(_missing(name, signal))
    try:
        loaded: type[Any] = found[0].load()
    except Exception as error:
        raise _unmakeable(name, error) from error
    return loaded


def _unmakeable(name: str, error: Exception) -> Unavailable:
    return Unavailable(f"The exporter {name} cannot be made: {type(error).__name__}: {error}.")


def _missing(name: str, signal: Signal) -> str:
    if name == _GRPC:
        return "OTLP over gRPC needs the package opentelemetry-exporter-otlp-proto-grpc; it is not installed."
    return f"{signal.chooser} names {name!r}, and no installed package has an exporter of that name."


def _http_outlet(environ: Mapping[str, str], signal: Signal) -> HttpOutlet:
    variable = signal.variable("ENDPOINT")
    url = environ.get(variable)
    if not url:
        variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
        url = (environ.get(variable) or "http://localhost:4318").removesuffix("/") + signal.path
    try:
        parts = urlsplit(url)
        probe = probe_for(url, {"https": 443}.get(parts.scheme, 80))
        port = parts.port
    except ValueError as error:
        raise Unavailable(f"{variable} is not a URL: {error}.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unavailable(f"{variable} has to begin with http:// or https:// and name a host.")
    # Neither the user's name and password nor a key in the query belong into a log.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    label = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
    return HttpOutlet(url, label, probe, signal)


def _grpc_probe(environ: Mapping[str, str], signal: Signal) -> Probe | None:
    url = environ.get(signal.variable("ENDPOINT")) or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return probe_for(url or "http://localhost:4317", 4317)
