"""Exports that the caller can stop waiting for, whatever an exporter or its endpoint does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from autogen_otel.delivery.fork import in_child, renew_after_fork
from autogen_otel.delivery.threads import start_thread

if TYPE_CHECKING:
    Result = TypeVar("Result")
    _Call = tuple[Future[Any], Callable[[], Any]]
    """The future of the result, and the function that returns it."""

_EXIT_SECONDS: Final = 0.9
"""How long the end of a program may wait for endpoints that do not answer, all of them together."""
_WORKING_SECONDS: Final = 5.0
"""How long it may wait for one that answers, with everything that is queued."""
_SAME_EXIT_SECONDS: Final = 10.0
_SHARE: Final = 3 / 4
"""The share of the remaining seconds that a single call may take: the next may be to another endpoint."""
_LEAST_SECONDS: Final = 0.02
_SLOW: Final = 2.0
"""An endpoint that has answered may take so many times as long as it did, also at the end of a program."""
_MOST_PATIENCE: Final = 10.0
_FADING: Final = 0.8


class _Exit:
    """The time that the end of the program has waited in vain."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start from zero: a forked child is another process."""
        self._wasted_seconds, self._last_at = 0.0, 0.0

    def remaining(self) -> float:
        """How many seconds the end of the program may still wait."""
        # A program that shuts down a provider and goes on ends later, once more.
        is_same = time.monotonic() < self._last_at + _SAME_EXIT_SECONDS
        return _EXIT_SECONDS - self._wasted_seconds if is_same else _EXIT_SECONDS

    def waste(self, seconds: float) -> None:
        """Count seconds that were waited in vain."""
        self._wasted_seconds, self._last_at = _EXIT_SECONDS - self.remaining() + seconds, time.monotonic()


_EXIT: Final = _Exit()
in_child(_EXIT.forget)


class Sender:
    """Makes calls in a thread of its own, one after the other.

    Args:
        most_abandoned: how many abandoned calls may be under way; with more, no further call is made.
    """

    def __init__(self, *, most_abandoned: int = 1) -> None:
        self._most_abandoned = most_abandoned
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew: the thread and its call are the parent's."""
        self._thread: threading.Thread | None = None
        self._abandoned_threads: list[threading.Thread] = []
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._condition = threading.Condition()
        self._hurried_at: float | None = None
        self._waited_seconds = 0.0
        self._usual_seconds = 0.0

    def begin(self) -> None:
        """Start the thread, if it can be started and does not run."""
        if self._thread is None:
            self._thread = start_thread("send", _work, self._calls, self._condition)

    def is_late(self) -> bool:
        """Whether the program ends and has waited long enough."""
        if self._hurried_at is None:
            return False
        return self._waited_seconds > _WORKING_SECONDS or _EXIT.remaining() < _LEAST_SECONDS

    def hurry(self) -> None:
        """Wait for this call and later ones only as long as the end of a program may take."""
        with self._condition:
            if self._hurried_at is None:
                self._hurried_at = time.monotonic()
            self._condition.notify_all()

    def relax(self) -> None:
        """Wait as before: the program did not end."""
        _EXIT.forget()
        self._hurried_at, self._waited_seconds = None, 0.0

    def end(self) -> None:
        """End the thread once it has nothing to do."""
        self._calls.put(None)
        self._thread, self._calls = None, SimpleQueue()

    def call(self, work: Callable[[], Result], most_seconds: float) -> Result | None:
        """Return what the work returns; ``None`` if it takes too long.

        Args:
            work: never raises.
            most_seconds: how long to wait, unless the program ends.
        """
        self.begin()
        self._abandoned_threads = [thread for thread in self._abandoned_threads if thread.is_alive()]
        if len(self._abandoned_threads) >= self._most_abandoned:
            return None
        if self._thread is None:
            return work()
        started_at = time.monotonic()
        future: Future[Result] = Future()
        with self._condition:
            # The caller's context says that the request is not to be traced.
            self._calls.put((future, partial(copy_context().run, work)))
            while not future.done():
                seconds = self._until(started_at, most_seconds) - time.monotonic()
                if seconds <= 0:
                    self._give_up(started_at)
                    return None
                self._condition.wait(seconds)
        seconds = time.monotonic() - started_at
        self._usual_seconds = max(seconds, _FADING * self._usual_seconds)
        if self._hurried_at is not None:
            # Not the time since then: a busy machine may need it to load modules and to encode batches.
            self._waited_seconds += seconds
        return future.result()

    def _until(self, started_at: float, most_seconds: float) -> float:
        latest = started_at + most_seconds
        if self._hurried_at is None:
            return latest
        share = max(started_at, self._hurried_at) + max(_SHARE * _EXIT.remaining(), _LEAST_SECONDS)
        patience = started_at + min(_SLOW * self._usual_seconds, _MOST_PATIENCE)
        return min(latest, max(share, patience))

    def _give_up(self, started_at: float) -> None:
        """Leave the thread to its call; the next call gets another thread."""
        if self._hurried_at is not None:
            _EXIT.waste(time.monotonic() - max(started_at, self._hurried_at))
        if self._thread is not None:
            self._abandoned_threads.append(self._thread)
        self.end()


def _work(calls: SimpleQueue[_Call | None], condition: threading.Condition) -> None:
    while (call := calls.get()) is not None:
        future, work = call
        result = work()
        with condition:
            future.set_result(result)
            condition.notify_all()
