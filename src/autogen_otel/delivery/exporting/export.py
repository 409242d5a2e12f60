"""The fate of a batch: it is exported, or journaled, or dropped and counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from autogen_otel.delivery.counts import EXPORTED, JOURNALED, ProcessCounts
from autogen_otel.delivery.exporting.exporters import PAUSE_SECONDS, UNWANTED, ExportResult, Outcome, halves
from autogen_otel.delivery.fork import HalfImportedError
from autogen_otel.delivery.journal import DIR_VARIABLE, Kind
from autogen_otel.delivery.processes import ending
from autogen_otel.vocabulary.metrics import NOT_DELIVERED, NOT_ENCODED, REFUSED

if TYPE_CHECKING:
    from autogen_otel.delivery.exporting.exporters import Endpoint
    from autogen_otel.delivery.forwarder import Forwarder
    from autogen_otel.delivery.journal import Journal
    from autogen_otel.delivery.signals import Signal

    Item = TypeVar("Item")

_LOGGER = logging.getLogger("autogen_otel")
_PAUSES: Final = {
    Outcome.FAILED: PAUSE_SECONDS,
    Outcome.UNREACHABLE: PAUSE_SECONDS,
    # It will hardly support the signal later, but it may be replaced.
    Outcome.UNSUPPORTED: 300.0,
}
_WARN_AGAIN_SECONDS: Final = 60.0
MAX_BYTES: Final = 3 * 1024 * 1024
"""Receivers refuse a whole batch above 4 MiB (gRPC) or 20 MiB (HTTP)."""
_LEAST_BYTES: Final = 64 * 1024
"""A receiver that does not take so much takes nothing now: a proxy refuses everything, or a span is huge."""
_LEARNED_SECONDS: Final = 600.0
"""How long the smaller limit of an endpoint is remembered; somebody may raise it."""
_NOT_SENT: Final = ExportResult(Outcome.PAUSED)
_VALUE_BYTES: Final = 24
_INT64_END: Final = 2**63


class EndpointExporter:
    """Exports one signal to one endpoint, each batch as it is.

    Nothing is sent to an endpoint for a while after it failed. One message says so, and one that it is over.

    Args:
        signal: what is exported.
        endpoint: where to; ``None`` to export nothing.
        counts: where to count the outcomes.
        consequence: what happens to items that are not exported, as a sentence of the message.
        by_default: whether nobody asked for the signal. Then an endpoint that is not there or does not know
            it is not worth a warning: nobody needs metrics to read a script's traces in Jaeger.
    """

    def __init__(
        self,
        signal: Signal,
        endpoint: Endpoint | None,
        counts: ProcessCounts,
        consequence: str,
        *,
        by_default: bool = False,
    ) -> None:
        self._signal, self._endpoint, self._counts = signal, endpoint, counts
        self._consequence, self._by_default = consequence, by_default
        self._senders: list[Endpoint | Forwarder] = [] if endpoint is None else [endpoint]
        self._is_shut_down = False
        self._failure_logged = False
        self._logged_at = dict.fromkeys(("failure", "dropped", "rejected"), -_WARN_AGAIN_SECONDS)
        self._dropped_items = 0
        ending.EXPORTERS.add(self)

    def send(self, batch: Any) -> bool:
        """Export a batch as it is, without a journal behind the endpoint, and say whether that worked."""
        result = self._attempt(batch)
        self._react(result)
        return result.outcome is Outcome.EXPORTED

    def hurry(self) -> None:
        """Do not wait much longer for the endpoint, because the program ends."""
        for sender in self._senders:
            sender.hurry()

    def relax(self) -> None:
        """Wait as before, because the program goes on."""
        for sender in self._senders if not self._is_shut_down else ():
            sender.relax()

    def prepare(self) -> None:
        """Load what the first batch needs before it: a process may end soon after its first conversation."""
        if self._endpoint is not None:
            self._endpoint.prepare()

    def force_flush(self, timeout_millis: float = 30_000) -> bool:
        """Have the exporter send what it buffers; nothing is buffered here."""
        return self._endpoint is None or self._endpoint.force_flush(int(timeout_millis))

    def shutdown(self) -> None:
        """Shut the exporter down; later batches are not exported any more."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        for sender in self._senders:
            sender.shutdown()

    def _attempt(self, batch: Any) -> ExportResult:
        """Export a batch, if anything is sent to the endpoint now."""
        endpoint = self._endpoint
        if endpoint is None or self._is_shut_down or time.monotonic() < endpoint.pause.until:
            return _NOT_SENT
        return endpoint.export(batch)

    def _drop(self, items: int, reason: str, explanation: str | None = None) -> None:
        """Count items as dropped, and say why unless somebody else does."""
        self._counts.drop(self._signal.items, reason, items)
        self._dropped_items += items
        self._log_dropped(explanation)

    def _log_dropped(self, explanation: str | None) -> None:
        if explanation and self._may_log("dropped"):
            _LOGGER.warning("%s", self._dropped_message(explanation))

    def _dropped_message(self, explanation: str) -> str:
        name = self._signal.items.capitalize()
        return f"{name} were dropped: {explanation} ({self._dropped_items} so far)."

    def _react(self, result: ExportResult, why_dropped: str | None = None) -> None:
        """Pause after a failure; log the first failure and the first success after it.

        Args:
            result: of the export.
            why_dropped: why a batch that was not exported was dropped although there is a journal.
        """
        if result is _NOT_SENT or self._endpoint is None:
            self._log_dropped(why_dropped)
            return
        label, items = self._endpoint.label, self._signal.items
        if result.outcome is Outcome.EXPORTED:
            if self._failure_logged:
                _LOGGER.info("%s takes %s again.", label, items)
            self._failure_logged = False
            self._count_rejected(label, result)
            return
        if result.outcome in _PAUSES:
            seconds = _PAUSES[result.outcome] if result.retry_after is None else result.retry_after
            self._endpoint.pause.until = time.monotonic() + seconds
        if self._failure_logged or not self._may_log("failure"):
            self._log_dropped(why_dropped)
            return
        self._failure_logged = True
        consequence = self._consequence
        if why_dropped:
            self._logged_at["dropped"] = time.monotonic()
            consequence = self._dropped_message(why_dropped)
        is_expected = self._by_default and result.outcome in (Outcome.UNREACHABLE, Outcome.UNSUPPORTED)
        _LOGGER.log(
            logging.INFO if is_expected else logging.WARNING,
            "%s does not take %s (%s). %s",
            label,
            items,
            result.reason,
            consequence,
        )

    def _count_rejected(self, label: str, result: ExportResult) -> None:
        rejected_items, items = result.rejected_items, self._signal.items
        if rejected_items:
            self._counts.drop(items, REFUSED, rejected_items)
        if result.reason and self._may_log("rejected"):
            verb = f"did not take {rejected_items} {items} of a batch" if rejected_items else "warns"
            _LOGGER.warning("%s %s: %s", label, verb, result.reason)

    def _may_log(self, subject: str) -> bool:
        now = time.monotonic()
        if now - self._logged_at[subject] < _WARN_AGAIN_SECONDS:
            return False
        self._logged_at[subject] = now
        return True


class BatchExporter(EndpointExporter):
    """Exports spans or log records in batches that receivers take.

    Items that are not exported are journaled, or dropped and counted.

    Args:
        signal: what is exported.
        endpoint: where to; ``None`` to keep everything in the journal.
        counts: where to count the outcomes.
        consequence: what happens to items that are not exported, as a sentence of the message.
        encodable: returns an item, or a copy that can be encoded, and an upper bound of its size in bytes;
            raises for one beyond repair.
        journal: where to keep items that are not exported; ``None`` to drop them.
        forwarder: sends the journal's batches once the endpoint takes them.
        kind: why it is in the journal, where the endpoint has not refused it.
    """

    def __init__(
        self,
        signal: Signal,
        endpoint: Endpoint | None,
        counts: ProcessCounts,
        consequence: str,
        encodable: Callable[[Any], tuple[Any, int]],
        *,
        journal: Journal | None = None,
        forwarder: Forwarder | None = None,
        kind: Kind = Kind.UNDELIVERED,
    ) -> None:
        super().__init__(signal, endpoint, counts, consequence)
        self._encodable, self._journal, self._forwarder, self._kind = encodable, journal, forwarder, kind
        if forwarder is not None:
            # First, since it sends through the endpoint.
            self._senders.insert(0, forwarder)
        self._most_bytes, self._learned_at = MAX_BYTES, 0.0

    def deliver(self, items: Sequence[Any]) -> bool:
        """Export or journal items in batches that receivers take, and say whether none is lost."""
        if time.monotonic() - self._learned_at > _LEARNED_SECONDS:
            self._most_bytes = MAX_BYTES
        batches, broken_items = split(items, self._encodable, self._most_bytes)
        if broken_items:
            self._drop(broken_items, NOT_ENCODED, "they cannot be encoded")
        is_delivered = self._deliver_all(batches)
        if self._forwarder is not None and not self._is_shut_down:
            self._forwarder.wake()
        return is_delivered and not broken_items

    def prepare(self) -> None:
        """Load what the first batch needs before it: a process may end soon after its first conversation."""
        is_exported = self._endpoint is not None and self._endpoint.prepare()
        if not is_exported and self._journal is not None:
            self._journal.prepare()

    def _deliver_all(self, batches: Sequence[Sequence[Any]]) -> bool:
        # Deliver each batch, also after one that was lost.
        are_delivered = [self._deliver(batch) for batch in batches]
        return all(are_delivered)

    def _deliver(self, batch: Sequence[Any]) -> bool:
        try:
            result = self._attempt(batch)
            if result.outcome is Outcome.TOO_LARGE and len(batch) > 1:
                half = sum(self._encodable(item)[1] for item in batch) // 2
                self._most_bytes, self._learned_at = max(half, _LEAST_BYTES), time.monotonic()
                return self._deliver_all(halves(batch))
            is_exported = result.outcome is Outcome.EXPORTED
            why_dropped = None if is_exported else self._keep(batch, result)
        except _NotEncodedError:
            # The exporter encodes as the journal does, so it has sent nothing of this batch.
            if len(batch) > 1:
                return self._deliver_all(halves(batch))
            self._drop(1, NOT_ENCODED, "they cannot be encoded")
            return False
        except Exception as error:  # noqa: BLE001 - the other batches still have to be delivered
            self._drop(len(batch), NOT_DELIVERED, f"{type(error).__name__} while they were delivered")
            return False
        self._react(result, why_dropped)
        if is_exported:
            self._counts.add(EXPORTED, self._signal.items, len(batch) - result.rejected_items)
        return why_dropped is None

    def _keep(self, batch: Sequence[Any], result: ExportResult) -> str | None:
        """Journal a batch that was not exported, or count it as dropped.

        Returns:
            Why it was dropped, empty where the consequence says so; ``None`` if the journal has it.

        Raises:
            _NotEncodedError: something in it cannot be encoded.
        """
        if self._journal is None:
            self._drop(len(batch), NOT_DELIVERED)
            return ""
        is_refused = result.outcome in UNWANTED
        try:
            self._journal.append(batch, Kind.REFUSED if is_refused else self._kind)
        except OSError as error:
            folder, reason = self._journal.folder, error.strerror or type(error).__name__
            self._drop(len(batch), NOT_DELIVERED)
            remedy = f"{DIR_VARIABLE} may name another folder"
            return f"the journal in {folder} cannot be written ({reason}); {remedy}"
        except HalfImportedError as error:
            # Nothing is wrong with the batch.
            self._drop(len(batch), NOT_DELIVERED)
            return str(error)
        except Exception as error:
            # Protobuf raises many types of exceptions for odd values.
            raise _NotEncodedError from error
        if self._kind is Kind.UNDELIVERED:
            self._counts.add(JOURNALED, self._signal.items, len(batch))
        if is_refused:
            # It will not be sent again by itself, so somebody should know.
            self._counts.drop(self._signal.items, REFUSED, len(batch))
        return None


class _NotEncodedError(Exception):
    """Something in a batch cannot be encoded."""


# ---------------------------------------------------------------- batches that receivers take
def split(
    items: Sequence[Item], encodable: Callable[[Item], tuple[Item, int]], limit: int = MAX_BYTES
) -> tuple[list[list[Item]], int]:
    """Split a batch into small ones.

    Args:
        items: the batch.
        encodable: returns the item, or a copy that can be encoded, and its size in bytes; raises for an item
            beyond repair.
        limit: bytes of an encoded batch; a larger item is alone in its batch.

    Returns:
        The batches, and how many items are beyond repair.
    """
    batches: list[list[Item]] = []
    broken_items, room = 0, 0
    for item in items:
        try:
            encodable_item, size = encodable(item)
        except Exception:  # noqa: BLE001 - items of other libraries can hold anything
            broken_items += 1
            continue
        if not batches or size > room:
            batches.append([])
            room = limit
        batches[-1].append(encodable_item)
        room -= size
    return batches, broken_items


def encodable(item: Item, size_of: Callable[[Item], int], repair: Callable[[Item], Item]) -> tuple[Item, int]:
    """Return an item, or its repaired copy if it cannot be encoded, and an upper bound of its size."""
    try:
        return item, size_of(item)
    except (UnicodeEncodeError, OverflowError):
        copy = repair(item)
        return copy, size_of(copy)


def encoded_size(value: Any) -> int:
    """Return an upper bound of a value's size in OTLP, in bytes.

    Raises:
        UnicodeEncodeError: a string holds half a surrogate pair.
        OverflowError: an integer has more than 64 bits.
    """
    if isinstance(value, str):
        return _VALUE_BYTES + (len(value) if value.isascii() else len(value.encode()))
    if isinstance(value, bytes):
        return _VALUE_BYTES + len(value)
    if isinstance(value, int):
        if not -_INT64_END <= value < _INT64_END:
            raise OverflowError("an attribute has more than 64 bits")
        return _VALUE_BYTES
    if isinstance(value, Mapping):
        return _VALUE_BYTES + sum(
            _VALUE_BYTES + encoded_size(key) + encoded_size(item) for key, item in value.items()
        )
    if isinstance(value, Sequence):
        return _VALUE_BYTES + sum(map(encoded_size, value))
    return _VALUE_BYTES


def repair_value(value: Any) -> Any:
    """Return a value in which every string and number can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and not -_INT64_END <= value < _INT64_END:
        return str(value)
    if isinstance(value, Mapping):
        return {repair_value(key): repair_value(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [repair_value(item) for item in value]
    return value
