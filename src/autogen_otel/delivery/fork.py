"""Forks: what a child must not inherit, and modules that it must not find half imported."""

from __future__ import annotations

import _thread
import logging  # noqa: F401 - see below
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType
from typing import Final

_MAX_WAIT_SECONDS: Final = 5.0
"""Then the fork goes ahead: the application must never wait forever for us."""


_lock = threading.RLock()
"""Taken by forks and by the import of modules."""
_forking: Final = threading.local()


@contextmanager
def importing() -> Iterator[None]:
    """Delay forks while the block imports something.

    A process forked in the middle would have half-imported modules and no thread to finish them, and would
    hang or fail where the application itself imports them.
    """
    with _lock:
        yield


def in_child(reset: Callable[[], None]) -> None:
    """Call a function of a module, which is never forgotten, in each process that is forked from this one."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reset)


def are_threads_greenlets() -> bool:
    """Whether gevent or eventlet has put greenlets in the place of threads."""
    return not isinstance(_thread.start_new_thread, BuiltinFunctionType)


def _before_fork() -> None:
    _forking.has_lock = _lock.acquire(timeout=_MAX_WAIT_SECONDS)


def _after_in_parent() -> None:
    if _forking.has_lock:
        _lock.release()


def _after_in_child() -> None:
    global _lock  # noqa: PLW0603 - the thread that held the old one does not exist in this process
    _lock = threading.RLock()


# `logging` takes its lock for a fork, too. What is registered last is called first, so it has to be loaded by
# now: else the fork would hold that lock while it waits for an import, which may need it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
