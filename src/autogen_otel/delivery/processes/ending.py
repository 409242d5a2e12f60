"""How a process ends, and what is exported then: whatever ends it, no more than a second is spent.

The interpreter's own end needs nothing from here: the providers export what they have at its exit.
"""

from __future__ import annotations

import _thread
import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final, Protocol

from autogen_otel.delivery.fork import are_threads_greenlets, in_child

_LOGGER: Final = logging.getLogger("autogen_otel")
SIGNAL_SECONDS: Final = 1.0
"""Time for the last exports of a process that is asked to end, whatever they are waiting for."""
_CHILD_SECONDS: Final = 30.0
"""The same of a child that ends by itself: its exporters hurry, but may have to be loaded first."""

Export = Callable[[float], object]
"""Exports what a process has, within so many seconds."""


def within(seconds: float, *works: Callable[[], object]) -> bool:
    """Run functions side by side on threads of their own, and wait for them.

    Args:
        seconds: how long to wait; the threads go on after that.
        works: what to run.

    Returns:
        Whether all of them returned in time and raised nothing.
    """
    results: list[bool] = []
    locks = [_started(work, results) for work in works]
    deadline = time.monotonic() + seconds
    # Not a thread of `threading`: a signal may have struck where that holds its own lock.
    in_time = [lock.acquire(timeout=max(0.0, deadline - time.monotonic())) for lock in locks]
    return all(in_time) and all(results)


def _started(work: Callable[[], object], results: list[bool]) -> _thread.LockType:
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            results.append(work() is not False)
        except Exception as error:  # noqa: BLE001 - an exporter of another package
            results.append(False)
            _LOGGER.debug("Something could not be exported: %s", type(error).__name__)
        finally:
            done.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:
        # An interpreter that ends starts no more threads.
        run()
    return done


# ---------------------------------------------------------------- what is exported
class _Near:
    """Whether the end of this process is near, so that nothing waits any more.

    Attributes:
        is_set: whether it is.
        has_news: whether something was recorded since it is.
    """

    is_set = has_news = False


class Hurried(Protocol):
    """An exporter that can be told not to wait much longer."""

    def hurry(self) -> None:
        """Give up soon on an endpoint that does not answer."""

    def relax(self) -> None:
        """Wait as before, because the program goes on."""


HURRIED: Final[weakref.WeakSet[Hurried]] = weakref.WeakSet()
"""The exporters of this process."""
NEAR: Final = _Near()
_export: Export | None = None


def at_end(export: Export) -> None:
    """Have this process, and those that are forked from it, end with an export; only the last one counts."""
    global _export  # noqa: PLW0603 - the process ends once
    _export = export


def end(seconds: float = _CHILD_SECONDS) -> None:
    """Export for the last time, without patience for endpoints that do not answer."""
    for exporter in list(HURRIED):
        exporter.hurry()
    if _export is not None:
        _export(seconds)


# ---------------------------------------------------------------- SIGTERM
_is_terminated = False
_caught_in = 0
"""The process that looked last whether the signal is handled."""


def catch_sigterm() -> None:
    """Export before the process is ended by SIGTERM, where nothing else handles the signal.

    An application that sets a handler later has it in place of this one.
    """
    if threading.current_thread() is threading.main_thread():
        _catch()


def catch_sigterm_in_child() -> None:
    """The same in a process that was forked since: servers give their workers the signals' defaults back."""
    if _caught_in != os.getpid():
        catch_sigterm()


def _catch() -> None:
    global _caught_in  # noqa: PLW0603 - once in each process
    # A subinterpreter has no signals.
    with suppress(ValueError):
        _caught_in = os.getpid()
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)


def leave_sigterm() -> None:
    """Undo ``catch_sigterm``."""
    is_ours = signal.getsignal(signal.SIGTERM) is _terminated
    if is_ours and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    global _is_terminated  # noqa: PLW0603 - the process ends once
    if _is_terminated:
        # Whoever asks twice does not want to wait.
        _die()
    _is_terminated = True
    if are_threads_greenlets():
        # The signal may have struck the hub, which must not wait.
        _thread.start_new_thread(_end_and_die, ())
    else:
        _end_and_die()


def _end_and_die() -> None:
    try:
        end(SIGNAL_SECONDS)
    finally:
        _die()
        _go_on()


def _go_on() -> None:
    """Be as before: the kernel spares the first process of a container, and a signal may be blocked."""
    global _is_terminated  # noqa: PLW0603 - as above
    for exporter in list(HURRIED):
        exporter.relax()
    _is_terminated = False
    _catch()


def _die() -> None:
    """End as without a handler; the kernel spares the first process of a container."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _after_fork() -> None:
    global _is_terminated  # noqa: PLW0603 - as above
    _is_terminated = NEAR.is_set = NEAR.has_news = False


in_child(_after_fork)


def is_server_ending() -> bool | None:
    """Whether a server that handles SIGTERM, and then ends by it, has begun to; ``None`` if there is none.

    uvicorn restores the handlers of before and raises the signal again once it has answered all requests. As
    it loads the application after it has set its own, that is the end of the process.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    should_exit = getattr(server, "should_exit", None)
    return should_exit if isinstance(should_exit, bool) else None
