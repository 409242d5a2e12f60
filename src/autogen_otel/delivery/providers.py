"""The providers to record with: the application's own, else ones that are built from the environment."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from autogen_otel.delivery.fork import importing
from autogen_otel.delivery.signals import LOGS
from autogen_otel.plain_text import one_line
from autogen_otel.settings import UNDELIVERED

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from autogen_otel.settings import Settings

    T = TypeVar("T")

_LOGGER = logging.getLogger("autogen_otel")
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

    with importing():
        if global_tracer_provider() is None:
            _build("spans", settings, trace.set_tracer_provider, "Nothing is recorded")
        return global_tracer_provider() or trace.NoOpTracerProvider()


def longest_attribute(tracer: object) -> int | None:
    """Characters that a tracer of the SDK keeps of an attribute of a span or its events; ``None`` for all."""
    limits = getattr(tracer, "_span_limits", None)
    lengths = [getattr(limits, name, None) for name in ("max_span_attribute_length", "max_attribute_length")]
    return min((length for length in lengths if length is not None), default=None)


def keep_copies(tracers: TracerProvider, settings: Settings) -> None:
    """Have a provider keep copies of conversations in the journal, where the settings ask for it.

    A provider of the application's own has no other journal; there any value that is set asks for it.

    Args:
        tracers: the provider in use.
        settings: whether, of which conversations, and where.
    """
    if not settings.keeps_journal or not hasattr(tracers, "add_span_processor"):
        return
    if settings.journal != UNDELIVERED if is_ours(tracers) else settings.journal_is_set:
        # Imported here, because it loads the SDK.
        import_module("autogen_otel.delivery.journal_processor").keep_copies(tracers, settings)


def draw_apart(tracer: Tracer) -> None:
    """Have our spans draw no id from the global ``random``, also where the provider is not ours."""
    if "opentelemetry.sdk.trace" in sys.modules:
        import_module("autogen_otel.delivery.identity.ids").draw_apart(tracer)


def is_journaled(tracers: TracerProvider) -> bool:
    """Whether the spans of a provider come into the journal, all of them or those that no endpoint takes."""
    if is_ours(tracers):
        return True
    return bool(import_module("autogen_otel.delivery.journal_processor").has_processor(tracers))


def is_ours(provider: object) -> bool:
    """Whether a provider is one that we have built; a tracer provider then has the journal behind it.

    An attribute tells, and not the class, which may be that of an earlier import.
    """
    return getattr(provider, "is_of_autogen_otel", False) is True


def meter_provider(tracers: TracerProvider) -> MeterProvider:
    """Return the global meter provider; where none is set, build one and make it the global one.

    With ``OTEL_SDK_DISABLED=true``, with ``OTEL_METRICS_EXPORTER=none``, or with an environment the SDK
    refuses, it is one that measures nothing.

    Args:
        tracers: the tracer provider in use; metrics are from the same instance of the same service.
    """
    from opentelemetry import metrics  # noqa: PLC0415 - importing this room has to stay cheap

    with importing():
        if global_meter_provider() is None:
            _build("metrics", tracers, metrics.set_meter_provider, "No metrics are recorded")
        return global_meter_provider() or metrics.NoOpMeterProvider()


def global_tracer_provider() -> TracerProvider | None:
    """Return the global tracer provider; ``None`` where none is set."""
    from opentelemetry import trace  # noqa: PLC0415 - importing this room has to stay cheap

    # ``OTEL_PYTHON_TRACER_PROVIDER`` names one that the API loads when it is asked.
    current = _loaded(trace.get_tracer_provider)
    return None if isinstance(current, trace.ProxyTracerProvider) else current


def global_meter_provider() -> MeterProvider | None:
    """Return the global meter provider; ``None`` where none is set."""
    from opentelemetry import metrics  # noqa: PLC0415 - importing this room has to stay cheap
    from opentelemetry.metrics import _internal as api  # noqa: PLC0415

    current = _loaded(metrics.get_meter_provider)
    return None if isinstance(current, api._ProxyMeterProvider) else current  # noqa: SLF001 - no public name


def global_logger_provider() -> LoggerProvider | None:
    """Return the global logger provider; ``None`` where none is set."""
    from opentelemetry import _logs  # noqa: PLC0415 - importing this room has to stay cheap
    from opentelemetry._logs import _internal as api  # noqa: PLC0415

    current = _loaded(_logs.get_logger_provider)
    return None if isinstance(current, api.ProxyLoggerProvider) else current


def _loaded(get: Callable[[], T]) -> T | None:
    """What the API returns; ``None`` where a variable names a provider that cannot be loaded: it says so."""
    try:
        return get()
    except Exception:  # noqa: BLE001 - the provider of another package can raise anything
        return None


def logger_provider(tracers: TracerProvider, *, is_wanted: bool) -> LoggerProvider | None:
    """Return the global logger provider; where none is set and log records are wanted, build it.

    They are wanted too where ``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`` asks for exceptions as log records, or
    ``OTEL_LOGS_EXPORTER`` says where to send them.

    Args:
        tracers: the tracer provider in use; log records are from the same instance of the same service.
        is_wanted: whether the settings ask for what only log records can hold.
    """
    from opentelemetry import _logs  # noqa: PLC0415 - importing this room has to stay cheap

    with importing():
        if global_logger_provider() is None and (is_wanted or logs_opted_in()):
            _build("logs", tracers, _logs.set_logger_provider, "No log records are made")
        return global_logger_provider()


def logs_opted_in() -> bool:
    """Whether ``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`` or an exporter that is named asks for log records."""
    if os.environ.get(LOGS.exporter_variable, "").strip().lower() not in {"", "none"}:
        return True
    words = os.environ.get(_OPT_IN_VARIABLE, "").split(",")
    return not _OPT_INS.isdisjoint(word.strip().lower() for word in words)


def _build(
    signal: Literal["spans", "metrics", "logs"],
    argument: Any,
    make_global: Callable[[Any], None],
    consequence: str,
) -> None:
    """Build a signal's provider and make it the global one, unless the environment wants none or is wrong."""
    if is_sdk_disabled():
        return
    try:
        # Imported here, because it loads the SDK, which an application with its own providers may do without.
        provider = import_module(f"autogen_otel.delivery.{signal}").build(argument)
    except Exception as error:  # noqa: BLE001 - a variable the SDK refuses must not end the application
        _LOGGER.warning(
            "%s, because OpenTelemetry cannot be set up from the environment: %s: %s",
            consequence,
            type(error).__name__,
            one_line(str(error)),
        )
        return
    if provider is not None:
        make_global(provider)


def is_sdk_disabled() -> bool:
    """Whether ``OTEL_SDK_DISABLED`` switches the SDK off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
