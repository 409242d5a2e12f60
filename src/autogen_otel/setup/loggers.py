"""Makes the SDK's logger provider from the environment. Loads the SDK: import it only to build one."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as sdk

from autogen_otel.setup.exporters import CONSOLE, Unavailable, outlet, requested
from autogen_otel.setup.log_delivery import LogDelivery
from autogen_otel.setup.losses import PROCESS
from autogen_otel.setup.overflow import LogOverflow
from autogen_otel.setup.sending import Sending
from autogen_otel.setup.signals import LOGS

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_LOGGER = logging.getLogger("autogen_otel")
_DELAY_VARIABLE: Final = "OTEL_BLRP_SCHEDULE_DELAY"
_DELAY_MILLIS: Final = 1000.0
"""That of newer SDKs: a process that is killed loses what it had not exported yet."""


def build(resource: Resource) -> LoggerProvider | None:
    """Return a provider whose log records go where the environment says; ``None`` where that is nowhere.

    Args:
        resource: who the records are from.

    Raises:
        ValueError: a variable of the SDK holds what it does not take.
    """
    exporters = _exporters()
    if not exporters:
        return None
    provider = LoggerProvider(resource=resource)
    for exporter in exporters:
        delay = None if os.environ.get(_DELAY_VARIABLE) else _DELAY_MILLIS
        processor = sdk.BatchLogRecordProcessor(exporter, schedule_delay_millis=delay)
        watch: Any = LogOverflow(processor, PROCESS)
        provider.add_log_record_processor(watch)
        provider.add_log_record_processor(processor)
    return provider


def _exporters() -> list[Any]:
    try:
        names = requested(os.environ, LOGS)
    except Unavailable as problem:
        _say(problem)
        return []
    return [exporter for exporter in map(_exporter, names) if exporter is not None]


def _exporter(name: str) -> Any:
    if name == CONSOLE:
        return _console()
    try:
        way = outlet(name, os.environ, LOGS)
    except Unavailable as problem:
        _say(problem)
        return None
    if way.probe is not None:
        way.probe.begin()
    lost = "They are lost, because only spans are kept in the journal"
    return LogDelivery(Sending(way, LOGS, asked_for=True, consequence=lost), PROCESS)


def _console() -> Any:
    known = vars(sdk)
    return (known.get("ConsoleLogRecordExporter") or known["ConsoleLogExporter"])()


def _say(problem: Unavailable) -> None:
    _LOGGER.warning("%s Log records are not sent.", problem)
