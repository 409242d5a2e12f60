"""Log records: the logger provider that the environment describes. Loads the SDK: import it only to build."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as sdk

from autogen_otel.delivery.counts import EXPORTED, PROCESS, ProcessCounts
from autogen_otel.delivery.environment import DefaultLimits
from autogen_otel.delivery.exporting.export import BatchExporter, encodable, encoded_size, repair_value
from autogen_otel.delivery.exporting.exporters import Endpoint, configured_endpoints
from autogen_otel.delivery.identity.resource import resource_of
from autogen_otel.delivery.processes.batches import Batches, QueueLimits
from autogen_otel.delivery.processes.provider import OwnProvider
from autogen_otel.delivery.signals import LOGS
from autogen_otel.vocabulary.metrics import NOT_DELIVERED

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

# Newer SDKs have other names for these.
_NAMES: Final = vars(sdk)
_RESULT: Final[Any] = _NAMES.get("LogRecordExportResult") or _NAMES["LogExportResult"]
_CONSOLE: Final[Any] = _NAMES.get("ConsoleLogRecordExporter") or _NAMES["ConsoleLogExporter"]
_READABLE: Final[Any] = vars(sdk_logs).get("ReadableLogRecord")
_RECORD_BYTES: Final = 160
"""Ids, times, flags, severity, counts and the lengths around them."""


def build(tracers: TracerProvider) -> LoggerProvider | None:
    """Return a provider whose log records go where the environment says; ``None`` where that is nowhere."""
    console, endpoints = configured_endpoints(LOGS, "Log records are not sent.")
    exporters: list[Any] = [_CONSOLE()] if console else []
    exporters += [LogExporter(endpoint, PROCESS) for endpoint in endpoints if endpoint]
    if not exporters:
        return None
    provider = _OwnLoggerProvider(resource=resource_of(tracers), **_limits())
    limits = QueueLimits.of_environment("OTEL_BLRP")
    for exporter in exporters:
        processor: Any = LogBatches(exporter, limits, LOGS.items)
        provider.add_log_record_processor(processor)
    return provider


def _limits() -> dict[str, Any]:
    """The limits of records, where the SDK's provider reads them; in older ones each record does."""
    sdk_limits: Any = vars(sdk_logs).get("LogRecordLimits")
    if "log_record_limits" not in inspect.signature(LoggerProvider).parameters:
        return {}
    return {"log_record_limits": type("Limits", (DefaultLimits, sdk_limits), {})()}


class _OwnLoggerProvider(OwnProvider, LoggerProvider):
    """The SDK's provider as we build it."""

    def after_fork(self) -> None:
        """Renew the locks."""
        self._logger_cache_lock, self._active_loggers_lock = Lock(), Lock()


class LogBatches(Batches):
    """Exports log records; the SDK's base class is left out, because its method was renamed."""

    def emit(self, data: Any) -> None:
        """Take a log record."""
        self.add(data if _READABLE is None else _readable(data))

    on_emit = emit


def _readable(record_data: Any) -> Any:
    """A record as newer SDKs export it, without its context, which may hold anything while it waits."""
    record = copy.copy(record_data.log_record)
    record.context = Context()
    return _READABLE(
        log_record=record,
        resource=record_data.resource,
        instrumentation_scope=record_data.instrumentation_scope,
        limits=record_data.limits,
    )


class LogExporter(BatchExporter):
    """Exports each log record once, or counts it as dropped, because only spans are journaled.

    The SDK's base class is left out: its name changed, and so did the shape of what is exported.
    """

    def __init__(self, endpoint: Endpoint, counts: ProcessCounts) -> None:
        consequence = "They are lost, because only spans are kept in the journal"
        consequence = f"{consequence}; set {LOGS.exporter_variable}=none to not send them."
        super().__init__(LOGS, endpoint, counts, consequence, _encodable)
        counts.drop(LOGS.items, NOT_DELIVERED, 0)
        counts.add(EXPORTED, LOGS.items, 0)

    def export(self, batch: Sequence[Any]) -> Any:
        """Export a batch; never raises."""
        return _RESULT.SUCCESS if self.deliver(batch) else _RESULT.FAILURE


# ---------------------------------------------------------------- encoding
def _encodable(record: Any) -> tuple[Any, int]:
    return encodable(record, _encoded_size, _repair_record)


def _encoded_size(data: Any) -> int:
    record = data.log_record
    resource = getattr(data, "resource", None) or record.resource
    return (
        _RECORD_BYTES
        + encoded_size(record.body)
        + encoded_size(record.attributes)
        + encoded_size(record.severity_text)
        + encoded_size(getattr(record, "event_name", None))
        # Counted with each record although they are sent once: cheaper than to find out which share one.
        + encoded_size(resource.attributes)
        + encoded_size(data.instrumentation_scope.name)
    )


def _repair_record(data: Any) -> Any:
    record = copy.copy(data.log_record)
    record.body = repair_value(record.body)
    record.attributes = BoundedAttributes(attributes=repair_value(record.attributes), immutable=False)
    if is_dataclass(data) and not isinstance(data, type):
        return replace(data, log_record=record)
    return type(data)(record, data.instrumentation_scope)
