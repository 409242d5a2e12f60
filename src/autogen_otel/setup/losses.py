"""What was lost so far, by signal and reason: the values of ``autogen.telemetry.dropped``."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import Final


class Losses:
    """Counts items that nobody will ever see."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, signal: str, reason: str, items: int) -> None:
        """Count items of a signal; those of zero make their series known."""
        with self._lock:
            self._counts[signal, reason] += items

    def counts(self) -> dict[tuple[str, str], int]:
        """Items lost by signal and reason."""
        with self._lock:
            return dict(self._counts)

    def after_fork(self) -> None:
        """Begin anew: what the parent lost is the parent's to report, and so is a lock that it held."""
        self._lock = threading.Lock()
        with self._lock:
            self._counts = Counter(dict.fromkeys(self._counts, 0))


PROCESS: Final = Losses()
"""Of the providers that this room has made in this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.after_fork)
