"""OpenTelemetry for AutoGen and AG2 agents that shows the failures the host and the OpenAI SDK hide.

``import autogen_otel`` and ``autogen_otel.instrument()`` are all that a program needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autogen_otel.settings import Settings

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from autogen_otel.checks import check_config_list
    from autogen_otel.delivery.identity.ids import IdGenerator
    from autogen_otel.delivery.journal_processor import JournalProcessor
    from autogen_otel.hooks.report import AttachReport
    from autogen_otel.instrumentor import AutoGenInstrumentor
    from autogen_otel.recording.application import using_attributes

__all__ = [
    "AttachReport",
    "AutoGenInstrumentor",
    "IdGenerator",
    "JournalProcessor",
    "Settings",
    "check_config_list",
    "flush",
    "instrument",
    "uninstrument",
    "using_attributes",
]


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    settings: Settings | None = None,
    check: str | None = None,
) -> AttachReport:
    """Make every AutoGen agent of this process traceable, those created before included.

    Calling it again changes nothing and returns the same report.

    Args:
        tracer_provider: where spans go; by default the provider set globally before the first conversation,
            else one made then from the ``OTEL_*`` environment variables that sends OTLP/HTTP to
            ``http://localhost:4318``.
        meter_provider: where measurements go; by default as above, but none is made for a program that
            passes one of the other two.
        logger_provider: where a log record of each failure goes; by default the provider set globally, if
            one is. ``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs/dup`` makes one where there is none.
        settings: what is recorded; what they do not say is read from the ``AUTOGEN_OTEL_*`` variables.
        check: ``offline`` logs what is wrong in the ``config_list`` of each agent that is first seen, ``off``
            nothing; by default as ``settings`` say.

    Returns:
        What was attached to the host, and what was not and why.
    """
    from autogen_otel import instrumentation  # noqa: PLC0415 - the command line needs none of it

    providers = instrumentation.Providers(
        tracer_provider=tracer_provider, meter_provider=meter_provider, logger_provider=logger_provider
    )
    return instrumentation.start(providers, settings, check)


def uninstrument() -> None:
    """Undo ``instrument()``: every attribute of the host is the original object again."""
    from autogen_otel import instrumentation  # noqa: PLC0415 - as above

    instrumentation.stop()


def flush(timeout: float = 10.0) -> bool:
    """Export all telemetry recorded so far, before something freezes or kills the process without asking.

    Spans that the endpoint does not take are in the journal afterwards. A process that ends does not need
    this call.

    Args:
        timeout: seconds to wait at most.

    Returns:
        Whether everything was exported, or kept in the journal, in that time.
    """
    from autogen_otel import instrumentation  # noqa: PLC0415 - as above

    return instrumentation.flush(timeout)


_LOADED_ON_USE = {
    "AttachReport": "autogen_otel.hooks.report",
    "AutoGenInstrumentor": "autogen_otel.instrumentor",
    "IdGenerator": "autogen_otel.delivery.identity.ids",
    "JournalProcessor": "autogen_otel.delivery.journal_processor",
    "check_config_list": "autogen_otel.checks",
    "using_attributes": "autogen_otel.recording.application",
}
"""Names whose modules most programs do not need: some import OpenTelemetry's SDK."""


def __getattr__(name: str) -> Any:
    """Load a name that most programs do not need on its first use."""
    if name not in _LOADED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LOADED_ON_USE[name]), name)
