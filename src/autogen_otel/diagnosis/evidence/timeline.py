"""How many conversations began when, of a stream whose length nobody knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_NS: Final = 1_000_000_000
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WIDTHS: Final = (
    1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 28 * _DAY,
    364 * _DAY,
)  # fmt: skip
"""Seconds; each a multiple of the one before, so that counts can be merged."""
_MOST: Final = 60


class Timeline:
    """Counts by intervals of time, which grow so that there are never too many of them.

    Attributes:
        seconds: how long an interval is.
    """

    def __init__(self) -> None:
        self._widths = iter(_WIDTHS)
        self.seconds = next(self._widths)
        self._counts: Counter[int] = Counter()

    def add(self, time_ns: int) -> None:
        """Count one more."""
        self._counts[time_ns // _NS // self.seconds] += 1
        while len(self._counts) > _MOST or self._length > 2 * _MOST:
            wider = next(self._widths, None)
            if wider is None:
                return
            merged: Counter[int] = Counter()
            for number, count in self._counts.items():
                merged[number * self.seconds // wider] += count
            self._counts, self.seconds = merged, wider

    @property
    def counts(self) -> dict[int, int]:
        """How many by the beginning of each interval, in seconds since 1970, in order."""
        return {number * self.seconds: self._counts[number] for number in sorted(self._counts)}

    def count(self, weights: Iterable[tuple[int, float]]) -> Mapping[int, int]:
        """Count others by the same intervals: times in nanoseconds, each with how many it stands for."""
        found: dict[int, float] = {}
        for time_ns, weight in weights:
            begin = time_ns // _NS // self.seconds * self.seconds
            found[begin] = found.get(begin, 0.0) + weight
        return {begin: round(found[begin]) for begin in sorted(found)}

    @property
    def _length(self) -> int:
        return max(self._counts) - min(self._counts) + 1
