"""Loading modules in a thread, which a fork must not interrupt."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_PATIENCE: Final = 5.0
"""In the end a fork goes before: the application must never wait forever for us."""


class _State:
    """The lock that a fork and the loading of modules take from each other."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forking = threading.local()


_state: Final = _State()


@contextmanager
def loading() -> Iterator[None]:
    """Hold forks back while the block imports something.

    A process forked in the middle would find the modules half loaded, with nobody to finish them, and hang or
    fail where the application itself imports them.
    """
    with _state.lock:
        yield


def _before_fork() -> None:
    _state.forking.has_lock = _state.lock.acquire(timeout=_PATIENCE)


def _after_in_parent() -> None:
    if _state.forking.has_lock:
        _state.lock.release()


def _after_in_child() -> None:
    # Whoever held the old lock is not in this process.
    _state.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
