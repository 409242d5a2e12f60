"""OpenTelemetry for AutoGen and AG2 agents that shows the failures the host and the OpenAI SDK hide.

import autogen_otel

autogen_otel.instrument()
"""

from __future__ import annotations

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from autogen_otel.hooks.report import AttachReport
from autogen_otel.instrumentor import AutoGenInstrumentor
from autogen_otel.settings import Settings

__all__ = ["AttachReport", "AutoGenInstrumentor", "Settings", "instrument", "uninstrument"]


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    settings: Settings | None = None,
) -> AttachReport:
    """Make every AutoGen agent of this process traceable, those created before included.

    Calling it again changes nothing and returns the same report.

    Args:
        tracer_provider: where spans go; by default the provider set globally, else one made from the
            ``OTEL_*`` environment variables that sends OTLP/HTTP to ``http://localhost:4318``.
        meter_provider: where measurements go.
        logger_provider: where log records go.
        settings: what is recorded; by default from the ``AUTOGEN_OTEL_*`` environment variables.

    Returns:
        What was attached to the host, and what was not and why.
    """
    instrumentor = AutoGenInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument(
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            logger_provider=logger_provider,
            settings=settings,
        )
    return instrumentor.report


def uninstrument() -> None:
    """Undo ``instrument()``: every attribute of the host is the original object again."""
    instrumentor = AutoGenInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
