"""The thread of a running program that forwards its journal once the endpoint takes batches again."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from opentelemetry.context import attach, set_value

from autogen_otel.delivery.counts import FORWARDED, ProcessCounts
from autogen_otel.delivery.environment import warn_once
from autogen_otel.delivery.exporting.outcome import UNWANTED, ExportResult, Outcome
from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.journal.forwarding import Forwarding, Tally, undelivered_files
from autogen_otel.delivery.journal.position import BusyError, UnlockableError
from autogen_otel.delivery.processes.batches import SUPPRESS_KEY
from autogen_otel.delivery.threads import start_thread
from autogen_otel.vocabulary.metrics import REFUSED, SPANS

if TYPE_CHECKING:
    from autogen_otel.delivery.exporting.exporters import Endpoint
    from autogen_otel.delivery.journal import Journal

_LOGGER = logging.getLogger("autogen_otel")
_CHECK_SECONDS: Final = 5.0
"""How long an endpoint may be back before that is noticed."""
_IDLE_SECONDS: Final = 15.0
"""How often to look for batches that other processes left, while this one has none."""
_PAUSE_SECONDS: Final = 0.02
"""After each batch, for the program's own threads."""
_DOUBT_SECONDS: Final = 20.0
_MOST_DOUBT_SECONDS: Final = 300.0
"""How often a batch is sent to an endpoint that took none, nor a request without spans."""
_EXIT_SECONDS: Final = 0.5
"""How long a program that ends goes on forwarding, if the endpoint takes the batches."""


class Forwarder:
    """Sends undelivered batches in a thread of its own, over a connection of its own.

    If the endpoint did not answer the last batch, or gave an answer that any batch may get, a request without
    spans checks it first, so that no batch is sent again and again. A receiver may reject such a request, so
    that a batch is sent now and then all the same.

    Args:
        endpoint: to which the program exports.
        journal: with the batches that it could not export.
        counts: where to count the outcomes.
    """

    def __init__(self, endpoint: Endpoint, journal: Journal, counts: ProcessCounts) -> None:
        self._endpoint, self._journal, self._counts = endpoint.with_own_exporter(), journal, counts
        self._forwarding = Forwarding(journal, self._endpoint.export, self._count)
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew: the thread is the parent's."""
        self._thread: threading.Thread | None = None
        self._wake_event = threading.Event()
        self._end: float | None = None
        self._forwarded_spans = 0
        self._doubt = _DOUBT_SECONDS
        self._offer_at: float | None = None

    def has_work(self) -> bool:
        """Whether there is something to forward."""
        try:
            return bool(undelivered_files(self._journal.folder))
        except OSError:
            return False

    def wake(self) -> None:
        """Start the thread in this process, unless it runs already or the program ends."""
        if self._thread is None and self._end is None:
            # Where none starts, the next run forwards the batches.
            self._thread = start_thread("forward", self._run)

    def hurry(self) -> None:
        """Stop soon: the remaining batches stay for the next run."""
        if self._end is None:
            self._end = time.monotonic() + _EXIT_SECONDS
            self._endpoint.hurry()
            self._wake_event.set()

    def relax(self) -> None:
        """Go on after all, with a new thread and a new connection: the old ones are about to end."""
        if self._end is not None:
            self._endpoint = self._endpoint.with_own_exporter()
            self._forwarding.send = self._endpoint.export
            self.after_fork()
            if self.has_work():
                self.wake()

    def shutdown(self) -> None:
        """Stop, and wait for the current request as long as the end of a program may take."""
        self.hurry()
        if self._thread is not None and self._end is not None:
            self._thread.join(max(self._end - time.monotonic(), 0.0))

    def _run(self) -> None:
        endpoint = self._endpoint
        # Otherwise another instrumentation would make a span of each request, export it, and so on.
        attach(set_value(SUPPRESS_KEY, True))
        while True:
            is_last = self._end is not None
            self._forward()
            if is_last or (self._end is not None and not self._may_go_on()):
                break
            if self._endpoint is not endpoint:
                # Another thread has taken over.
                break
            self._wake_event.wait(_CHECK_SECONDS if self.has_work() else _IDLE_SECONDS)
        endpoint.shutdown()

    def _forward(self) -> None:
        """Forward the undelivered batches, if the endpoint takes anything."""
        is_paused = time.monotonic() < self._endpoint.pause.until
        if is_paused or not self.has_work():
            return
        result = self._refusal()
        if result is None:
            try:
                result = self._forwarding.run(self._may_go_on)
            except BusyError:
                return
            except Exception as error:  # noqa: BLE001 - the next batch, or another program, may have more luck
                # The messages of other errors may quote the content of a batch.
                reason = error if isinstance(error, (UnlockableError, OSError)) else type(error).__name__
                _LOGGER.debug("The journal in %s is not forwarded: %s", self._journal.folder, reason)
                return
            self._log_forwarded()
            for path, reason in self._forwarding.unreadable.items():
                warn_once(f"{path} cannot be read ({reason}): its spans are not sent, and stay there.")
        if result is not None and result.retry_after is not None:
            self._endpoint.pause.until = time.monotonic() + result.retry_after

    def _refusal(self) -> ExportResult | None:
        """Why no batch is sent now; ``None`` if one is."""
        if not self._endpoint.pause.is_doubtful:
            self._doubt, self._offer_at = _DOUBT_SECONDS, None
            return None
        now = time.monotonic()
        result = self._endpoint.export([])
        if result.outcome is Outcome.EXPORTED:
            return None
        if self._offer_at is None:
            # An endpoint that rejects a request because it is empty may take one that is not.
            self._offer_at = now if result.outcome in UNWANTED else self._later(now)
        if now < self._offer_at:
            return result
        self._offer_at = self._later(now)
        return None

    def _later(self, now: float) -> float:
        """When to offer the next batch, less and less often."""
        seconds, self._doubt = self._doubt, min(2 * self._doubt, _MOST_DOUBT_SECONDS)
        return now + seconds

    def _may_go_on(self) -> bool:
        return self._end is None or time.monotonic() < self._end

    def _count(self, tally: Tally) -> None:
        self._counts.add(FORWARDED, SPANS, tally.spans)
        refused_spans = tally.rejected_spans + tally.refused_spans
        if refused_spans:
            self._counts.drop(SPANS, REFUSED, refused_spans)
            _LOGGER.warning(
                "%s refused %d spans of the journal in %s for good.",
                self._endpoint.label,
                refused_spans,
                self._journal.folder,
            )
        self._forwarded_spans += tally.spans
        if self._end is None:
            time.sleep(_PAUSE_SECONDS)

    def _log_forwarded(self) -> None:
        if self._forwarded_spans:
            _LOGGER.info(
                "%d spans of the journal in %s were sent to %s.",
                self._forwarded_spans,
                self._journal.folder,
                self._endpoint.label,
            )
        self._forwarded_spans = 0
