"""Forks: what a child must not inherit, and modules that it must not find half imported."""

from __future__ import annotations

import _thread
import logging  # noqa: F401 - see below
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType
from typing import Final, Protocol
from weakref import WeakSet

_MAX_WAIT_SECONDS: Final = 5.0
"""Then the fork goes ahead: the application must never wait forever for us."""


_lock = threading.RLock()
"""Taken by forks and by the import of modules."""
_forking: Final = threading.local()
_importer = 0
"""The thread that imports something; 0 for none."""
_pid = os.getpid()
_can_import = True


class HalfImportedError(ImportError):
    """This process has modules that only its parent could have finished importing."""


@contextmanager
def delaying_forks(*, waits_forever: bool = True) -> Iterator[None]:
    """Let one thread at a time do what no child must find half done, and delay forks meanwhile.

    A process forked in the middle of an import would have half-imported modules and no thread to finish them,
    and would hang or fail where the application itself imports them.

    Args:
        waits_forever: whether to wait for the other thread however long it takes; else the block runs after
            some seconds all the same, because the other may be waiting for what this one imports.
    """
    global _importer  # noqa: PLW0603 - one thread at a time
    lock = _lock
    if not lock.acquire(timeout=-1 if waits_forever else _MAX_WAIT_SECONDS):
        yield
        return
    try:
        previous, _importer = _importer, threading.get_ident()
        try:
            yield
        finally:
            _importer = previous
    finally:
        lock.release()


@contextmanager
def importing() -> Iterator[None]:
    """Delay forks while the block imports something; another thread that does so is awaited for some seconds.

    Raises:
        HalfImportedError: this process has half-imported modules all the same.
    """
    with delaying_forks(waits_forever=False):
        problem = import_problem()
        if problem is not None:
            raise HalfImportedError(problem)
        yield


def import_problem() -> str | None:
    """Why this process can load no more modules; ``None`` if it can."""
    if _can_import:
        return None
    return (
        "this process was forked while its parent loaded modules, which took longer than "
        f"{_MAX_WAIT_SECONDS:g} s, and cannot load them any more; start it by spawn or forkserver, "
        "or call autogen_otel.flush() before the fork"
    )


class Renewable(Protocol):
    """Something that a forked process must not share with its parent: a thread, a lock, a file, a count."""

    def after_fork(self) -> None:
        """Begin anew; start no thread and wait for nothing: many only start another program."""


_RENEWABLES: Final[WeakSet[Renewable]] = WeakSet()
_RESETS: Final[list[Callable[[], object]]] = []


def renew_after_fork(renewable: Renewable) -> None:
    """Have an object begin anew in each process that is forked from this one, as long as the object lives."""
    _RENEWABLES.add(renewable)


def in_child(reset: Callable[[], object]) -> None:
    """Call a function of a module in each process that is forked from this one."""
    _RESETS.append(reset)


def are_threads_greenlets() -> bool:
    """Whether gevent or eventlet has put greenlets in the place of threads."""
    return not isinstance(_thread.start_new_thread, BuiltinFunctionType)


def _before_fork() -> None:
    _forking.has_lock = _lock.acquire(timeout=_MAX_WAIT_SECONDS)


def _after_in_parent() -> None:
    if _had_lock():
        _lock.release()


def _had_lock() -> bool:
    """Whether the fork that this thread has just made had the lock; one behind Python's back never has."""
    has_lock, _forking.has_lock = getattr(_forking, "has_lock", False), False
    return has_lock


def notice() -> None:
    """Have everything here begin anew if Python was not told of a fork: uWSGI forks like that by default."""
    if _pid != os.getpid():
        begin_anew()


def begin_anew() -> None:
    """Have everything here begin anew, because this process was forked."""
    global _lock, _importer, _can_import, _pid  # noqa: PLW0603 - the thread that held the old lock is the parent's
    _lock, _pid = threading.RLock(), os.getpid()
    importer, _importer = _importer, 0
    if not _had_lock() and importer:
        _can_import = _forget_half_imported(importer)
    for reset in _RESETS:
        reset()
    for renewable in list(_RENEWABLES):
        renewable.after_fork()


def _forget_half_imported(importer: int) -> bool:
    """Forget the modules that a thread of the parent was importing, so that they are imported from the start.

    Returns:
        Whether that could be done: the import system keeps to itself who imports what.
    """
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", None)
    if not isinstance(locks, dict):
        return False
    for name, reference in list(locks.items()):
        lock = reference()
        if getattr(lock, "owner", None) == importer:
            sys.modules.pop(name, None)
            locks.pop(name, None)
    return True


# `logging` takes its lock for a fork, too. What is registered last is called first, so it has to be loaded by
# now: else the fork would hold that lock while it waits for an import, which may need it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=begin_anew)
