"""Delivery: each span reaches the endpoint or the journal, once, or is counted as lost and said."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from autogen_otel.setup.batches import split
from autogen_otel.setup.losses import Losses
from autogen_otel.vocabulary.metrics import NOT_DELIVERED, NOT_ENCODED, SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from autogen_otel.setup.journal import Journal
    from autogen_otel.setup.outlet import Outlet, Refusal

_LOGGER = logging.getLogger("autogen_otel")
_PAUSE_SECONDS: Final = 5.0
"""How long an endpoint that failed is left alone: the batches queued at the end of a script then pay once."""
_WARN_AGAIN_SECONDS: Final = 60.0


class Delivery(SpanExporter):
    """Hands batches to an outlet, and what it does not take to the journal.

    ``dropped`` counts the spans that neither took.

    Args:
        outlet: the way to the endpoint; ``None`` to keep everything in the journal.
        journal: where to keep what is not taken; ``None`` to drop it.
        losses: where to count what is dropped, by reason; a count of its own by default.
    """

    def __init__(self, outlet: Outlet | None, journal: Journal | None, losses: Losses | None = None) -> None:
        self.dropped = 0
        self._losses = losses or Losses()
        self._outlet = outlet
        self._journal = journal
        self._closed = False
        self._paused_until = 0.0
        self._warned_at = {"refused": -_WARN_AGAIN_SECONDS, "dropped": -_WARN_AGAIN_SECONDS}
        self._refused = False
        self._told_refused = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver a batch; never raises.

        Returns:
            ``SUCCESS`` if the endpoint or the journal has every span.
        """
        before = self.dropped
        batches, lost = split(spans)
        if lost:
            self._drop(lost, "they cannot be encoded", NOT_ENCODED)
        for batch in batches:
            self._deliver(batch)
        return SpanExportResult.SUCCESS if self.dropped == before else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have the outlet send what it holds; this class holds nothing."""
        try:
            return self._outlet is None or self._outlet.flush(timeout_millis)
        except Exception:  # noqa: BLE001 - flushing is a service, not a reason to fail
            return False

    def shutdown(self) -> None:
        """Close the outlet; what still comes goes to the journal."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._outlet is not None:
                self._outlet.close()
        except Exception as error:  # noqa: BLE001 - the application is about to end and cannot do anything about it
            _LOGGER.debug("The exporter did not shut down: %s", type(error).__name__)

    def _deliver(self, batch: Sequence[ReadableSpan]) -> None:
        try:
            self._place(batch)
        except Exception as error:  # noqa: BLE001 - the other batches still have to be delivered
            self._drop(len(batch), f"{type(error).__name__} while they were delivered")

    def _place(self, batch: Sequence[ReadableSpan]) -> None:
        if self._outlet is None or self._closed or time.monotonic() < self._paused_until:
            self._keep(batch)
            return
        refusal = self._outlet.offer(batch)
        if refusal is None:
            self._say_taken(self._outlet)
        elif self._keep(batch):
            self._say_refused(self._outlet, refusal)
            if refusal.lasting:
                self._paused_until = time.monotonic() + _PAUSE_SECONDS

    def _keep(self, batch: Sequence[ReadableSpan]) -> bool:
        """Journal a batch; return whether the refusal is the endpoint's doing and not the batch's own."""
        if self._journal is None:
            self._drop(len(batch), "no endpoint took them and no journal is kept")
            return True
        try:
            self._journal.append(batch)
        except OSError as error:
            folder, why = self._journal.folder, error.strerror or type(error).__name__
            self._drop(len(batch), f"the journal in {folder} cannot be written ({why})")
        except Exception:  # noqa: BLE001 - protobuf raises whatever fits the odd value
            self._part(batch)
            return False
        return True

    def _part(self, batch: Sequence[ReadableSpan]) -> None:
        # The exporter encodes in the same way as the journal: it cannot have sent any of these.
        if len(batch) == 1:
            self._drop(1, "they cannot be encoded", NOT_ENCODED)
            return
        middle = len(batch) // 2
        self._place(batch[:middle])
        self._place(batch[middle:])

    def _drop(self, spans: int, reason: str, kind: str = NOT_DELIVERED) -> None:
        self.dropped += spans
        self._losses.add(SPANS, kind, spans)
        if self._may_warn("dropped"):
            _LOGGER.warning("Spans were dropped: %s (%d so far).", reason, self.dropped)

    def _say_refused(self, outlet: Outlet, refusal: Refusal) -> None:
        if self._refused:
            return
        self._refused = True
        self._told_refused = self._may_warn("refused")
        if self._told_refused:
            _LOGGER.warning(
                "%s does not take spans (%s). They are %s.",
                outlet.label,
                refusal.reason,
                "dropped, because no journal is kept"
                if self._journal is None
                else f"kept in {self._journal.folder}; `autogen-otel show` lists them",
            )

    def _say_taken(self, outlet: Outlet) -> None:
        if self._refused and self._told_refused:
            _LOGGER.info("%s takes spans again.", outlet.label)
        self._refused = False

    def _may_warn(self, subject: str) -> bool:
        now = time.monotonic()
        if now - self._warned_at[subject] < _WARN_AGAIN_SECONDS:
            return False
        self._warned_at[subject] = now
        return True
