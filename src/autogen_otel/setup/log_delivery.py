"""Delivery of log records: once each, and what is not taken is counted, for only spans are journaled."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import export as sdk

from autogen_otel.setup.encoding import MAX_BYTES, clean, cut, encoded_size
from autogen_otel.setup.losses import Losses
from autogen_otel.vocabulary.metrics import LOGS, NOT_DELIVERED, NOT_ENCODED

if TYPE_CHECKING:
    from autogen_otel.setup.sending import Sending

_RECORD_BYTES: Final = 160
"""Ids, times, flags, severity, counts and the lengths around them."""
_RESULT: Final[Any] = vars(sdk).get("LogRecordExportResult") or vars(sdk)["LogExportResult"]


class LogDelivery:
    """Hands log records to an endpoint and counts those that it does not take.

    What a record is in the SDK changed its name and shape, and so did the base class of exporters, which is
    therefore left out.

    Args:
        sending: the way to the endpoint.
        losses: where to count.
    """

    def __init__(self, sending: Sending, losses: Losses) -> None:
        self._sending, self._losses = sending, losses
        losses.add(LOGS, NOT_DELIVERED, 0)

    def export(self, batch: Sequence[Any]) -> Any:
        """Deliver a batch; never raises."""
        batches, unfit = cut(batch, _sound, MAX_BYTES)
        if unfit:
            self._losses.add(LOGS, NOT_ENCODED, unfit)
        refused = sum(len(records) for records in batches if not self._sending.send(records))
        if refused:
            self._losses.add(LOGS, NOT_DELIVERED, refused)
        return _RESULT.FAILURE if unfit or refused else _RESULT.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the exporter behind send what it holds."""
        return self._sending.flush(timeout_millis)

    def shutdown(self) -> None:
        """Close the endpoint."""
        self._sending.close()


def _sound(data: Any) -> tuple[Any, int]:
    try:
        return data, _measured(data)
    except (UnicodeEncodeError, OverflowError):
        cleaned = _cleaned(data)
        return cleaned, _measured(cleaned)


def _measured(data: Any) -> int:
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


def _cleaned(data: Any) -> Any:
    record = copy.copy(data.log_record)
    record.body = clean(record.body)
    record.attributes = BoundedAttributes(attributes=clean(record.attributes), immutable=False)
    if is_dataclass(data) and not isinstance(data, type):
        return replace(data, log_record=record)
    return type(data)(record, data.instrumentation_scope)
