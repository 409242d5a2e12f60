"""What a process keeps beside the journal that it writes to."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from autogen_otel.delivery.fork import in_child

if TYPE_CHECKING:
    from pathlib import Path


class Companion(Protocol):
    """Writes something into the folder of a journal."""

    folder: Path

    def after_fork(self) -> None:
        """Begin anew in a forked process."""


T = TypeVar("T", bound=Companion)


class Beside(Generic[T]):
    """The one companion that the process has, beside one journal and no other. It belongs to a module.

    Args:
        at_exit: lets a companion write for the last time.
    """

    def __init__(self, at_exit: Callable[[T], object]) -> None:
        self.kept: T | None = None
        self._at_exit = at_exit
        self._lock = threading.Lock()
        in_child(self._after_fork)

    def keep(self, folder: Path, make: Callable[[], T]) -> T:
        """Return the companion of a folder, which is made if there is none or another's."""
        with self._lock:
            if self.kept is None or self.kept.folder != folder:
                self.kept = make()
                # Of functions for the exit the last is called first: a provider that is built now exports
                # before.
                atexit.register(self._at_exit, self.kept)
            return self.kept

    def _after_fork(self) -> None:
        # The thread that held the old one does not exist in this process.
        self._lock = threading.Lock()
        if self.kept is not None:
            self.kept.after_fork()
