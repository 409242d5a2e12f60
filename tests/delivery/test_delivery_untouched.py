"""What is the application's stays as it is: modules, loggers and providers that we did not make."""

from __future__ import annotations

import logging
import random
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

import autogen_otel
from autogen_otel.delivery.exporting.exporters import endpoint
from autogen_otel.delivery.exporting.outcome import Outcome
from autogen_otel.delivery.signals import SPANS
from autogen_otel.testing import text
from tests.delivery.receivers import Receiver, finished
from tests.support.agents import Serve, chat, pair

if TYPE_CHECKING:
    from autogen_otel.delivery.exporting.exporters import Endpoint


def _state() -> dict[str, Any]:
    """What OpenTelemetry's modules hold, and the filters and levels of all loggers."""
    modules = {
        f"{name}.{key}": value
        for name, module in list(sys.modules.items())
        if name.startswith(("opentelemetry.exporter", "opentelemetry.sdk"))
        for key, value in vars(module).items()
        if callable(value) or value is random
    }
    loggers = {
        name: (list(logger.filters), list(logger.handlers), logger.level, logger.disabled)
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    return {**modules, "loggers": loggers}


def _http(url: str) -> Endpoint:
    return endpoint("otlp_proto_http", {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, SPANS)


def test_an_export_changes_no_module_and_no_logger(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_module(trace_exporter.__name__)
    target = _http(receiver.url)
    target.get_exporter()
    before = _state()
    during: list[bool] = []
    take = receiver.take

    def look(path: str, body: bytes) -> int:
        during.append(_state()["loggers"] == before["loggers"])
        return take(path, body)

    monkeypatch.setattr(receiver, "take", look)
    for receiver.status in (200, 503, 400):
        assert (target.export(finished("a")).outcome is Outcome.EXPORTED) is (receiver.status == 200)
    target.shutdown()
    assert during == [True] * 3
    assert {key: value for key, value in _state().items() if before.get(key) is not value} == {
        "loggers": before["loggers"]
    }


def test_uninstrument_leaves_the_applications_providers_as_they_were(
    serve: Serve, our_errors: list[BaseException]
) -> None:
    tracers, reader = TracerProvider(), InMemoryMetricReader()
    meters = MeterProvider([reader])

    def state() -> Any:
        consumer: Any = meters._measurement_consumer
        return (
            tracers._active_span_processor._span_processors,
            tracers.id_generator,
            {kind: id(aggregation) for kind, aggregation in reader._instrument_class_aggregation.items()},
            list(consumer._reader_storages),
            meters._sdk_config.views,
        )

    before, modules = state(), _state()
    autogen_otel.instrument(tracer_provider=tracers, meter_provider=meters)
    try:
        chat(*pair(serve([text("TERMINATE")])))
    finally:
        autogen_otel.uninstrument()
    assert state() == before
    after = _state()
    assert {key for key in modules if key != "loggers" and after.get(key) is not modules[key]} == set()
