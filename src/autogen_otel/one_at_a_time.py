"""Doing one thing at a time without a lock: a signal handler or a finalizer must never wait for one."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class OneAtATime(Generic[Item]):
    """Takes items, and handles one at a time in the order in which they come.

    Whoever comes while another is handling one leaves the item to that one: another thread, or the very code
    that a signal handler or a finalizer has interrupted. So nobody ever waits.

    Args:
        handle: handles one item; what it raises goes to whoever is handling.
        is_slow: whether threads do not leave items to one another, which would keep one of them for long.
    """

    __slots__ = ("_at_work", "_handle", "_is_slow", "_waiting")

    def __init__(self, handle: Callable[[Item], object], *, is_slow: bool = False) -> None:
        self._handle, self._is_slow = handle, is_slow
        self._waiting: deque[Item] = deque()
        # By process, since one that is forked has none of the threads that may have been at work. Its methods
        # are atomic, as those of the queue are.
        self._at_work: dict[tuple[int, int], object] = {}

    def __call__(self, item: Item) -> None:
        """Handle an item, and those that come meanwhile, unless another is at work: then that one does."""
        waiting, mark = self._waiting, object()
        worker = os.getpid(), threading.get_ident() if self._is_slow else 0
        waiting.append(item)
        try:
            try:
                while waiting and self._at_work.setdefault(worker, mark) is mark:
                    while waiting:
                        try:
                            next_item = waiting.popleft()
                        except IndexError:
                            break
                        self._handle(next_item)
                    # Before it is asked once more whether one waits: who comes now handles its own.
                    self._at_work.pop(worker, None)
            finally:
                if self._at_work.get(worker) is mark:
                    self._at_work.pop(worker, None)
        finally:
            # Where an interrupt has struck in the lines above.
            if self._at_work.get(worker) is mark:
                self._at_work.pop(worker, None)
