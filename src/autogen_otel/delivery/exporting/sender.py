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
from autogen_otel.delivery.threads import started

if TYPE_CHECKING:
    Result = TypeVar("Result")
    _Call = tuple[Future[Any], Callable[[], Any]]
    """Where the result goes, and what makes it."""

_EXIT_SECONDS: Final = 0.9
"""How long the end of a program may wait for endpoints that do not answer, all of them together."""
_WORKING_SECONDS: Final = 5.0
"""How long it may wait for one that answers, with everything that is queued."""
_SAME_EXIT_SECONDS: Final = 10.0
_SHARE: Final = 3 / 4
"""Of what is left of these seconds, for a single call: the next one may be to another endpoint."""
_LEAST_SECONDS: Final = 0.02
_SLOW: Final = 2.0
"""An endpoint that has answered may take so many times as long as it did, also at the end of a program."""
_MOST_PATIENCE: Final = 10.0
_FADING: Final = 0.8


class _Exit:
    """The time that the end of the program has spent in vain."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start from zero: a forked child is another process."""
        self._spent, self._last = 0.0, 0.0

    def left(self) -> float:
        """How many seconds there are still to spend."""
        # A program that shuts down a provider and goes on ends later, once more.
        is_same = time.monotonic() < self._last + _SAME_EXIT_SECONDS
        return _EXIT_SECONDS - self._spent if is_same else _EXIT_SECONDS

    def spend(self, seconds: float) -> None:
        """Count seconds that were waited for nothing."""
        self._spent, self._last = _EXIT_SECONDS - self.left() + seconds, time.monotonic()


_EXIT: Final = _Exit()
in_child(_EXIT.forget)


class Sender:
    """Makes calls in a thread of its own, one after the other.

    Args:
        most_given_up: how many calls that nobody waits for may be under way until none is made any more.
    """

    def __init__(self, *, most_given_up: int = 1) -> None:
        self._most_given_up = most_given_up
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew: the thread and what it does are the parent's."""
        self._thread: threading.Thread | None = None
        self._given_up: list[threading.Thread] = []
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._hurried_at: float | None = None
        self._waited = 0.0
        self._usual_seconds = 0.0

    def begin(self) -> None:
        """Start the thread, if it can be started and does not run."""
        if self._thread is None:
            self._thread = started("send", _work, self._calls, self._changed)

    def is_late(self) -> bool:
        """Whether the program ends and has waited long enough."""
        if self._hurried_at is None:
            return False
        return self._waited > _WORKING_SECONDS or _EXIT.left() < _LEAST_SECONDS

    def hurry(self) -> None:
        """Wait for what is under way, and for what comes, only as long as the end of a program may take."""
        with self._changed:
            if self._hurried_at is None:
                self._hurried_at = time.monotonic()
            self._changed.notify_all()

    def relax(self) -> None:
        """Wait as before: the program did not end."""
        _EXIT.forget()
        self._hurried_at, self._waited = None, 0.0

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
        self._given_up = [thread for thread in self._given_up if thread.is_alive()]
        if len(self._given_up) >= self._most_given_up:
            return None
        if self._thread is None:
            return work()
        began = time.monotonic()
        done: Future[Result] = Future()
        with self._changed:
            # The caller's context says that the request is not to be traced.
            self._calls.put((done, partial(copy_context().run, work)))
            while not done.done():
                seconds = self._until(began, most_seconds) - time.monotonic()
                if seconds <= 0:
                    self._give_up(began)
                    return None
                self._changed.wait(seconds)
        seconds = time.monotonic() - began
        self._usual_seconds = max(seconds, _FADING * self._usual_seconds)
        if self._hurried_at is not None:
            # Not the time since then: a busy machine may need it to load modules and to encode batches.
            self._waited += seconds
        return done.result()

    def _until(self, began: float, most_seconds: float) -> float:
        latest = began + most_seconds
        if self._hurried_at is None:
            return latest
        share = max(began, self._hurried_at) + max(_SHARE * _EXIT.left(), _LEAST_SECONDS)
        patience = began + min(_SLOW * self._usual_seconds, _MOST_PATIENCE)
        return min(latest, max(share, patience))

    def _give_up(self, began: float) -> None:
        """Leave the thread to its call; the next call gets another thread."""
        if self._hurried_at is not None:
            _EXIT.spend(time.monotonic() - max(began, self._hurried_at))
        if self._thread is not None:
            self._given_up.append(self._thread)
        self.end()


def _work(calls: SimpleQueue[_Call | None], changed: threading.Condition) -> None:
    while (call := calls.get()) is not None:
        done, work = call
        result = work()
        with changed:
            done.set_result(result)
            changed.notify_all()
