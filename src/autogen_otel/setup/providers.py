"""The providers to record with: the application's own, else ones made from the environment."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Final

from autogen_otel.setup.signals import LOGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from autogen_otel.settings import Settings

    Built = TypeVar("Built")

_LOGGER = logging.getLogger("autogen_otel")
_BUILDING = threading.Lock()
_OPT_IN_VARIABLE: Final = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
_OPT_INS: Final = frozenset({"logs", "logs/dup"})


def tracer_provider(settings: Settings) -> TracerProvider:
    """Return the global tracer provider; where none is set, build one and make it the global one.

    Spans that an application makes inside its tools join our traces because the provider is global.
    With ``OTEL_SDK_DISABLED=true``, or with an environment the SDK refuses, it is one that records nothing.

    Args:
        settings: whether and where a journal is kept.
    """
    from opentelemetry import trace  # noqa: PLC0415 - importing this room has to stay cheap

    with _BUILDING:
        present = trace.get_tracer_provider()
        if not isinstance(present, trace.ProxyTracerProvider):
            return present
        if _is_disabled():
            return trace.NoOpTracerProvider()
        built = _attempted("Nothing is recorded", lambda: _traces(settings))
        if built is None:
            return trace.NoOpTracerProvider()
        trace.set_tracer_provider(built)
        return trace.get_tracer_provider()


def meter_provider(beside: TracerProvider) -> MeterProvider:
    """Return the global meter provider; where none is set, build one and make it the global one.

    With ``OTEL_SDK_DISABLED=true``, with ``OTEL_METRICS_EXPORTER=none``, or with an environment the SDK
    refuses, it is one that measures nothing.

    Args:
        beside: the tracer provider in use; metrics are from the same instance of the same service.
    """
    from opentelemetry import metrics  # noqa: PLC0415 - importing this room has to stay cheap
    from opentelemetry.metrics import _internal as api  # noqa: PLC0415

    with _BUILDING:
        present = metrics.get_meter_provider()
        if not isinstance(present, api._ProxyMeterProvider):  # noqa: SLF001 - it has no public name
            return present
        built = None if _is_disabled() else _attempted("No metrics are recorded", lambda: _metrics(beside))
        if built is None:
            return metrics.NoOpMeterProvider()
        metrics.set_meter_provider(built)
        return metrics.get_meter_provider()


def global_logger_provider() -> LoggerProvider | None:
    """Return the global logger provider; ``None`` where none is set."""
    from opentelemetry import _logs  # noqa: PLC0415 - importing this room has to stay cheap
    from opentelemetry._logs import _internal as api  # noqa: PLC0415

    present = _logs.get_logger_provider()
    return None if isinstance(present, api.ProxyLoggerProvider) else present


def logger_provider(beside: TracerProvider, *, wanted: bool) -> LoggerProvider | None:
    """Return the global logger provider; where none is set and log records are wanted, build it.

    They are wanted too where ``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`` asks for exceptions as log records, or
    ``OTEL_LOGS_EXPORTER`` says where to send them.

    Args:
        beside: the tracer provider in use; log records are from the same instance of the same service.
        wanted: whether the settings ask for what only log records can hold.
    """
    from opentelemetry import _logs  # noqa: PLC0415 - importing this room has to stay cheap

    with _BUILDING:
        present = global_logger_provider()
        if present is not None:
            return present
        if _is_disabled() or not (wanted or logs_opted_in(os.environ)):
            return None
        built = _attempted("No log records are made", lambda: _logs_of(beside))
        if built is None:
            return None
        _logs.set_logger_provider(built)
        return _logs.get_logger_provider()


def logs_opted_in(environ: Mapping[str, str]) -> bool:
    """Whether ``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`` or an exporter that is named asks for log records."""
    words = environ.get(_OPT_IN_VARIABLE, "").split(",")
    if environ.get(LOGS.chooser, "").strip().lower() not in {"", "none"}:
        return True
    return not _OPT_INS.isdisjoint(word.strip().lower() for word in words)


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


# Each of these loads the SDK, which others may never need.
def _traces(settings: Settings) -> TracerProvider | None:
    from autogen_otel.setup.building import build  # noqa: PLC0415

    return build(settings)


def _metrics(beside: TracerProvider) -> MeterProvider | None:
    from autogen_otel.setup.meters import build  # noqa: PLC0415
    from autogen_otel.setup.service import resource_beside  # noqa: PLC0415

    return build(resource_beside(beside))


def _logs_of(beside: TracerProvider) -> LoggerProvider | None:
    from autogen_otel.setup.loggers import build  # noqa: PLC0415
    from autogen_otel.setup.service import resource_beside  # noqa: PLC0415

    return build(resource_beside(beside))


def _attempted(without: str, build: Callable[[], Built | None]) -> Built | None:
    try:
        return build()
    except Exception as error:  # noqa: BLE001 - a variable the SDK refuses must not end the application
        _LOGGER.warning(
            "%s, because OpenTelemetry cannot be set up from the environment: %s: %s",
            without,
            type(error).__name__,
            error,
        )
        return None
