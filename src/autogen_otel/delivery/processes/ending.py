"""What a process is at, how it ends, and what is exported then: whatever ends it, in no more than a second.

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
from typing import TYPE_CHECKING, Final

from autogen_otel.delivery.fork import are_threads_greenlets, renew_after_fork

if TYPE_CHECKING:
    from autogen_otel.delivery.exporting.export import EndpointExporter
    from autogen_otel.delivery.metrics import PeriodicReader
    from autogen_otel.delivery.processes.beside import Beside

_LOGGER: Final = logging.getLogger("autogen_otel")
SIGNAL_SECONDS: Final = 1.0
"""Time for the last exports of a process that is asked to end, whatever they are waiting for."""
_CHILD_SECONDS: Final = 30.0
"""The same of a child that ends by itself: its exporters hurry, but may have to be loaded first."""
_AFTER_THE_APPLICATIONS: Final = -100
"""Priority among the finalizers of ``multiprocessing``."""


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


# ---------------------------------------------------------------- the state of this process
class State:
    """What this process is at; a forked one is at its beginning.

    Attributes:
        export: what it ends with, and those that are forked from it: exports what there is, within so many
            seconds.
        kept: what it keeps beside the journal that it writes to; ``None`` where there is none.
        is_in_use: whether there is telemetry in it; many that are forked only start another program.
        is_near: whether its server has begun to end, so that nothing waits any more.
        has_news: whether something was recorded since then.
        is_terminated: whether it was asked to end, and has not survived that.
        has_looked: whether it has looked who handles SIGTERM.
    """

    def __init__(self) -> None:
        self.export: Callable[[float], object] | None = None
        self.kept: Beside | None = None
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Be at the beginning."""
        self.is_in_use = self.is_near = self.has_news = self.is_terminated = self.has_looked = False


STATE: Final = State()
HURRIED: Final[weakref.WeakSet[EndpointExporter]] = weakref.WeakSet()
"""The exporters of this process."""
RESUMED: Final[weakref.WeakSet[PeriodicReader]] = weakref.WeakSet()
"""Those whose threads a fork takes away."""


def begin() -> None:
    """Resume what a fork has ended, and see to the end of this process; once in each."""
    if STATE.is_in_use:
        return
    STATE.is_in_use = True
    for one in list(RESUMED):
        one.resume()
    catch_sigterm()
    for package in ("multiprocessing", "billiard"):
        process, util = (sys.modules.get(f"{package}.{module}") for module in ("process", "util"))
        # It ends with `os._exit`, and has forgotten the finalizers of its parent.
        if process and util and type(process.current_process()).__name__ != "_MainProcess":
            util.Finalize(None, end, exitpriority=_AFTER_THE_APPLICATIONS)
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        # The children of its workers say so before they end.
        signals.worker_process_shutdown.connect(lambda **_details: end(), weak=False)


def end(seconds: float = _CHILD_SECONDS) -> None:
    """Export for the last time, without patience for endpoints that do not answer."""
    for exporter in list(HURRIED):
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
        STATE.has_looked = True
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)


def leave_sigterm() -> None:
    """Undo ``catch_sigterm``."""
    is_ours = signal.getsignal(signal.SIGTERM) is _terminated
    if is_ours and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    if STATE.is_terminated:
        # Whoever asks twice does not want to wait.
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
        for exporter in list(HURRIED):
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
