"""This process: what begins with its first observed call, what goes on beside it, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.processes import ending
from autogen_otel.delivery.processes.ending import STATE
from autogen_otel.delivery.threads import started

if TYPE_CHECKING:
    from autogen_otel.delivery.processes.beside import Beside

_LOGGER: Final = logging.getLogger("autogen_otel")
_LOOK_SECONDS: Final = 0.4
"""A conversation is found if it began a second before its process was killed."""
_SERVER_LOOK_SECONDS: Final = 0.05
"""Nothing tells that a server has begun to end; to look costs as much as a function call."""
_NOTE_SECONDS: Final = 0.3
"""For a few hundred bytes beside the journal, at the end of a process."""
_PRUNE_SECONDS: Final = 3600.0
"""A program whose endpoint takes everything begins no file of the journal, which would prune it too."""


class Process:
    """What an ``instrument()`` has each process do, also one that is forked from this one.

    Attributes:
        providers: what has to be exported at the end, whoever has made them.
        began: to be called with each span that begins; ``None`` where nobody needs to know.
    """

    def __init__(self, providers: Sequence[Any] = ()) -> None:
        self.providers = providers
        self._stopped = threading.Event()
        self._flushes = 0
        self.began: Callable[[Any], object] | None = self._first
        renew_after_fork(self)
        # Only the last one counts.
        STATE.export = self.end
        ending.catch_sigterm()

    def flush(self, seconds: float) -> bool:
        """Export what there is by now.

        Args:
            seconds: how long to wait.

        Returns:
            Whether everything was exported in that time.
        """
        flushes = [
            flush for one in self.providers if (flush := getattr(one, "force_flush", None)) is not None
        ]
        return ending.within(seconds, *flushes)

    def end(self, seconds: float) -> None:
        """Export for the last time; what is under way then is left in its file."""
        kept = STATE.kept
        if kept is None:
            self.flush(seconds)
            return
        # Not here: a signal may have struck where this thread counts, or sets a span's attribute, and holds a
        # lock for it.
        ending.within(_NOTE_SECONDS, kept.note)
        self.flush(seconds)
        ending.within(_NOTE_SECONDS, kept.note, partial(kept.count, is_last=True))

    def again(self) -> None:
        """See to the end of this process too, where ``instrument()`` is called once more after a fork.

        Servers give their workers the signals' defaults back.
        """
        if not self._stopped.is_set() and not STATE.has_looked:
            ending.catch_sigterm()

    def stop(self) -> None:
        """Do nothing any more beside the application, and leave its signals alone."""
        self._stopped.set()
        self.began = None
        ending.leave_sigterm()

    def after_fork(self) -> None:
        """Begin anew with the first observed call of this process."""
        if self.began is not None:
            self.began = self._first
            self._stopped = threading.Event()

    def _first(self, span: Any) -> None:
        kept = STATE.kept
        self.began = None if kept is None else kept.in_flight.begun.append
        if self.began is not None:
            self.began(span)
        ending.begin()
        is_accompanied = kept is not None or ending.is_server_ending() is not None
        if is_accompanied and started("process", self._accompany, self._stopped, kept) is None:
            self.began = None
            _LOGGER.info("Conversations in flight are not noted: no thread can be started.")

    def _accompany(self, stopped: threading.Event, kept: Beside | None) -> None:
        pruned_at, noted_at = -_PRUNE_SECONDS, time.monotonic()
        while not stopped.wait(_LOOK_SECONDS if ending.is_server_ending() is None else _SERVER_LOOK_SECONDS):
            self._look_at_server()
            now = time.monotonic()
            if kept is not None and now - noted_at >= _LOOK_SECONDS:
                noted_at = now
                kept.note()
                # Another journal may be written to by now.
                (STATE.kept or kept).count()
            if kept is not None and now - pruned_at > _PRUNE_SECONDS:
                pruned_at = now
                kept.prune()

    def _look_at_server(self) -> None:
        """Export what is recorded while a server ends, which does not say when it is done."""
        is_ending = bool(ending.is_server_ending())
        has_begun = is_ending and not STATE.is_near
        # A program may go on when its server has ended.
        STATE.is_near = is_ending
        if has_begun or STATE.has_news:
            STATE.has_news = False
            # Once more afterwards: measurements follow their span.
            self._flushes = 2
        if is_ending and self._flushes:
            self._flushes -= 1
            self.flush(ending.SIGNAL_SECONDS)
