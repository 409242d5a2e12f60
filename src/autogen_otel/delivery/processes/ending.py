"""The state of a process, how it ends, and what it exports then: in at most a second, whatever ends it.

The interpreter's own end needs nothing from here: the providers export what they have at its exit.
"""

from __future__ import annotations

import _thread
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Final, Protocol

from autogen_otel.delivery.fork import are_threads_greenlets, renew_after_fork

if TYPE_CHECKING:
    from autogen_otel.delivery.journal import Journal
    from autogen_otel.delivery.processes.in_flight import InFlight

_LOGGER: Final = logging.getLogger("autogen_otel")
SIGNAL_SECONDS: Final = 1.0
"""Time for the last exports of a process that is asked to end, whatever they are waiting for."""
_CHILD_SECONDS: Final = 30.0
"""Time for a child that ends by itself: its exporters hurry, but may have to be loaded first."""
_AFTER_THE_APPLICATIONS: Final = -100
"""Priority among the finalizers of ``multiprocessing``."""


def within(seconds: float, *functions: Callable[[], object]) -> bool:
    """Run functions side by side on threads of their own, and wait for them.

    Args:
        seconds: how long to wait; the threads go on after that.
        functions: what to run.

    Returns:
        Whether all of them returned in time and raised nothing.
    """
    results: list[bool] = []
    locks = [_run_in_thread(work, results) for work in functions]
    deadline = time.monotonic() + seconds
    # Not a thread of `threading`: a signal may have struck where that holds its own lock.
    in_time = [lock.acquire(timeout=max(0.0, deadline - time.monotonic())) for lock in locks]
    return all(in_time) and all(results)


def _run_in_thread(function: Callable[[], object], results: list[bool]) -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()

    def run() -> None:
        try:
            results.append(function() is not False)
        except Exception as error:  # noqa: BLE001 - an exporter of another package
            results.append(False)
            _LOGGER.debug("Something could not be exported: %s", type(error).__name__)
        finally:
            lock.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:
        # An interpreter that ends starts no more threads.
        run()
    return lock


# ---------------------------------------------------------------- the state of this process
class HurriedExporter(Protocol):
    """An exporter that can do without patience."""

    def hurry(self) -> None:
        """Wait for no endpoint that does not answer."""

    def relax(self) -> None:
        """Be patient again."""


class ResumableReader(Protocol):
    """A metric reader with a thread of its own."""

    def resume(self) -> None:
        """Begin anew in a forked process."""


class BesideJournal(Protocol):
    """What a process writes beside its journal; see ``ProcessFiles``."""

    journal: Journal
    in_flight: InFlight

    def note(self) -> None:
        """Update the notes."""

    def count(self, *, is_last: bool = False) -> None:
        """Add the new counts."""

    def prune(self) -> None:
        """Remove what is too old or too much."""


class State:
    """The state of this process; a forked process begins anew.

    Attributes:
        export: called at the end of this process and of its forks: exports everything within so many seconds.
        process_files: its files beside the journal that it writes to; ``None`` where there is none.
        is_in_use: whether there is telemetry in it; many that are forked only start another program.
        is_near_end: whether its server has begun to end, so that nothing waits any more.
        has_news: whether something was recorded since then.
        is_terminated: whether it was asked to end, and has not survived that.
        has_checked_sigterm: whether it has looked who handles SIGTERM.
    """

    def __init__(self) -> None:
        self.export: Callable[[float], object] | None = None
        self.process_files: BesideJournal | None = None
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin anew."""
        self.is_in_use = self.is_near_end = self.has_news = self.is_terminated = self.has_checked_sigterm = (
            False
        )


STATE: Final = State()
EXPORTERS: Final[weakref.WeakSet[HurriedExporter]] = weakref.WeakSet()
"""The exporters of this process."""
READERS: Final[weakref.WeakSet[ResumableReader]] = weakref.WeakSet()
"""The metric readers of this process, whose threads do not survive a fork."""


def begin() -> None:
    """Resume the readers after a fork, and prepare for the end of this process; once in each process."""
    if STATE.is_in_use:
        return
    STATE.is_in_use = True
    for reader in list(READERS):
        reader.resume()
    catch_sigterm()
    for package in ("multiprocessing", "billiard"):
        process, util = (sys.modules.get(f"{package}.{module}") for module in ("process", "util"))
        # A child ends with `os._exit`, and has forgotten the finalizers of its parent.
        if process and util and type(process.current_process()).__name__ != "_MainProcess":
            util.Finalize(None, end, exitpriority=_AFTER_THE_APPLICATIONS)
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        # The children of its workers say so before they end.
        signals.worker_process_shutdown.connect(lambda **_details: end(), weak=False)


def end(seconds: float = _CHILD_SECONDS) -> None:
    """Export for the last time, without patience for endpoints that do not answer."""
    for exporter in list(EXPORTERS):
        exporter.hurry()
    if STATE.export is not None:
        STATE.export(seconds)


# ---------------------------------------------------------------- SIGTERM
def catch_sigterm() -> None:
    """Export before the process is ended by SIGTERM, where nothing else handles the signal.

    An application that sets a handler later has it in place of this one.
    """
    if threading.current_thread() is threading.main_thread():
        _catch()


def _catch() -> None:
    # A subinterpreter has no signals.
    with suppress(ValueError):
        STATE.has_checked_sigterm = True
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _on_sigterm)


def leave_sigterm() -> None:
    """Undo ``catch_sigterm``."""
    is_ours = signal.getsignal(signal.SIGTERM) is _on_sigterm
    if is_ours and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    if STATE.is_terminated:
        # A second SIGTERM means that the sender does not want to wait.
        _die()
    STATE.is_terminated = True
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
        # The kernel spares the first process of a container, and a signal may be blocked.
        for exporter in list(EXPORTERS):
            exporter.relax()
        STATE.is_terminated = False
        _catch()


def _die() -> None:
    """End as without a handler."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def is_server_ending() -> bool | None:
    """Whether a server that handles SIGTERM, and then ends by it, has begun to; ``None`` if there is none.

    uvicorn restores the handlers of before and raises the signal again once it has answered all requests. As
    it loads the application after it has set its own, that is the end of the process.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    should_exit = getattr(server, "should_exit", None)
    return should_exit if isinstance(should_exit, bool) else None
