"""Forks: what a child must not inherit, and modules that it must not find half imported."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_MAX_WAIT_SECONDS: Final = 5.0
"""Then the fork goes ahead: the application must never wait forever for us."""


class _State:
    """The lock that a fork and the import of modules take from each other."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forking = threading.local()


_state: Final = _State()


@contextmanager
def importing() -> Iterator[None]:
    """Delay forks while the block imports something.

    A process forked in the middle would have half-imported modules and no thread to finish them, and would
    hang or fail where the application itself imports them.
    """
    with _state.lock:
        yield


def in_child(reset: Callable[[], None]) -> None:
    """Call a function in each process that is forked from this one.

    Args:
        reset: a function of a module; it is never forgotten.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reset)


def _before_fork() -> None:
    _state.forking.has_lock = _state.lock.acquire(timeout=_MAX_WAIT_SECONDS)


def _after_in_parent() -> None:
    if _state.forking.has_lock:
        _state.lock.release()


def _after_in_child() -> None:
    # The thread that held the old lock does not exist in this process.
    _state.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
