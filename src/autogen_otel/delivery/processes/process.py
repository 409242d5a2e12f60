"""This process: what begins with its first observed call, what goes on beside it, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.delivery.counts import shared
from autogen_otel.delivery.fork import in_child
from autogen_otel.delivery.processes import ending, in_flight, in_use

if TYPE_CHECKING:
    from autogen_otel.delivery.processes.in_flight import InFlight

_LOGGER: Final = logging.getLogger("autogen_otel")
_LOOK_SECONDS: Final = 0.4
"""A conversation is found if it began a second before its process was killed."""
_SERVER_LOOK_SECONDS: Final = 0.05
"""Nothing tells that a server has begun to end; to look costs as much as a function call."""
_COUNT_SECONDS: Final = 0.3
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
        self._in_flight: InFlight | None = None
        self._stopped = threading.Event()
        self._flushes = 0
        self.began: Callable[[Any], object] | None = self._first
        _LIVE.add(self)
        ending.at_end(self.end)
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
        self._note()
        self.flush(seconds)
        self._note()
        counts = shared.kept()
        if counts is not None:
            # Not here: a signal may have struck where this thread counts, and holds the lock for it.
            ending.within(_COUNT_SECONDS, partial(counts.write, is_last=True))

    def again(self) -> None:
        """See to the end of this process too, where ``instrument()`` is called once more after a fork."""
        if not self._stopped.is_set():
            ending.catch_sigterm_in_child()

    def stop(self) -> None:
        """Do nothing any more beside the application, and leave its signals alone."""
        self._stopped.set()
        self.began = None
        ending.leave_sigterm()

    def after_fork(self) -> None:
        """Begin anew with the first observed call of this process; a fork may only start another program."""
        if self.began is not None:
            self.began = self._first
            self._stopped = threading.Event()

    def _first(self, span: Any) -> None:
        self._in_flight = in_flight.kept()
        self.began = None if self._in_flight is None else self._in_flight.begun.append
        if self.began is not None:
            self.began(span)
        in_use.begin()
        if self._in_flight is not None or shared.kept() is not None or ending.is_server_ending() is not None:
            accompany = threading.Thread(
                target=self._accompany, args=(self._stopped,), name="autogen-otel-process", daemon=True
            )
            try:
                accompany.start()
            except RuntimeError as error:
                # The system has no more threads, or the interpreter ends.
                self.began = None
                _LOGGER.info("Conversations in flight are not noted: %s.", error)

    def _accompany(self, stopped: threading.Event) -> None:
        pruned_at, noted_at = -_PRUNE_SECONDS, time.monotonic()
        while not stopped.wait(_LOOK_SECONDS if ending.is_server_ending() is None else _SERVER_LOOK_SECONDS):
            self._look()
            now = time.monotonic()
            if now - noted_at >= _LOOK_SECONDS:
                noted_at = now
                self._note()
                self._count()
            if now - pruned_at > _PRUNE_SECONDS:
                pruned_at = now
                self._prune()

    def _prune(self) -> None:
        try:
            if self._in_flight is not None:
                self._in_flight.prune()
        except Exception as error:  # noqa: BLE001 - the next hour
            _LOGGER.debug("The journal could not be pruned: %s", type(error).__name__)

    def _look(self) -> None:
        """Export what is recorded while a server ends, which does not say when it is done."""
        is_ending = bool(ending.is_server_ending())
        has_begun = is_ending and not ending.NEAR.is_set
        # A program may go on when its server has ended.
        ending.NEAR.is_set = is_ending
        if has_begun or ending.NEAR.has_news:
            ending.NEAR.has_news = False
            # Once more afterwards: measurements follow their span.
            self._flushes = 2
        if is_ending and self._flushes:
            self._flushes -= 1
            self.flush(ending.SIGNAL_SECONDS)

    def _count(self) -> None:
        counts = shared.kept()
        if counts is not None:
            counts.write()

    def _note(self) -> None:
        try:
            if self._in_flight is not None:
                self._in_flight.write()
        except Exception as error:  # noqa: BLE001 - the next look may succeed, and the last must not end the export
            _LOGGER.debug("What is in flight could not be noted: %s", type(error).__name__)


_LIVE: Final[weakref.WeakSet[Process]] = weakref.WeakSet()


def _after_fork() -> None:
    for process in list(_LIVE):
        process.after_fork()


in_child(_after_fork)
