"""Where spans, metrics and log records go, and whether they are taken there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from autogen_otel.delivery import exporters
from autogen_otel.delivery.exporters import CONSOLE, METRICS, ExporterError, Outcome, Signal
from autogen_otel.delivery.providers import logs_opted_in
from autogen_otel.settings import EVENT_ONLY, SPAN_AND_EVENT, Settings


@dataclass(frozen=True)
class Endpoint:
    """One way telemetry goes.

    Args:
        label: what it is; holds nothing secret.
        takes: whether it took an empty request.
        problem: why it did not.
    """

    label: str
    takes: bool
    problem: str | None = None


def endpoints(environ: Mapping[str, str], signal: Signal) -> Iterator[Endpoint]:
    """Try each way of a signal with an empty request.

    Args:
        environ: where they come from.
        signal: what is to go there.
    """
    try:
        names = exporters.exporter_names(environ, signal)
    except ExporterError as problem:
        yield Endpoint("OTLP", takes=False, problem=str(problem))
        return
    for name in names:
        if name == CONSOLE:
            yield Endpoint("the console", takes=True)
        else:
            yield _endpoint(name, environ, signal)


def logs_are_wanted(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether log records are made where the program sets no logger provider."""
    return settings.capture_message_content in (EVENT_ONLY, SPAN_AND_EVENT) or logs_opted_in(environ)


def _endpoint(name: str, environ: Mapping[str, str], signal: Signal) -> Endpoint:
    try:
        if (
            signal is METRICS
            and not exporters.is_otlp(name)
            and issubclass(exporters.plugin(name, signal), MetricReader)
        ):
            # Made here, it would open the port that it is asked at.
            return Endpoint(f"the exporter {name}", takes=True)
        endpoint = exporters.endpoint(name, environ, signal)
    except ExporterError as problem:
        return Endpoint(name, takes=False, problem=str(problem))
    nothing: Any = MetricsData(resource_metrics=[]) if signal is METRICS else []
    try:
        result = endpoint.export(nothing)
    finally:
        endpoint.shutdown()
    is_exported = result.outcome is Outcome.EXPORTED
    return Endpoint(endpoint.label, takes=is_exported, problem=None if is_exported else result.reason)
