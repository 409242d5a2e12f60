"""How many conversations began when, of a stream whose length nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from autogen_otel.traces.trace import NS

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WIDTHS: Final = (
    1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 28 * _DAY,
    364 * _DAY,
)  # fmt: skip
"""Seconds; each a multiple of the one before, so that counts can be merged."""
_MOST: Final = 60
_LONGEST: Final = 2 * _MOST


class Timeline:
    """Counts by intervals of time, which grow so that there are never too many of them.

    Attributes:
        seconds: how long an interval is.
    """

    def __init__(self) -> None:
        self._widths = iter(_WIDTHS)
        self.seconds = next(self._widths)
        self._counts: defaultdict[int, float] = defaultdict(float)

    def add(self, time_ns: int, weight: float = 1.0) -> None:
        """Count one more, or so many as it stands for."""
        self._counts[time_ns // NS // self.seconds] += weight
        self._fit()

    def merge(self, other: Timeline) -> None:
        """Count what another has counted."""
        while self.seconds != other.seconds:
            (self if self.seconds < other.seconds else other)._widen()  # noqa: SLF001 - of this class
        for number, count in other._counts.items():
            self._counts[number] += count
        self._fit()

    def _fit(self) -> None:
        while len(self._counts) > _MOST or (
            self._counts and max(self._counts) - min(self._counts) >= _LONGEST
        ):
            if not self._widen():
                return

    def cover(self, first_ns: int, last_ns: int) -> None:
        """Make the intervals as long as such a time needs, before anything is counted."""
        while last_ns // NS // self.seconds - first_ns // NS // self.seconds >= _LONGEST:
            if not self._widen():
                return

    @property
    def counts(self) -> dict[int, int]:
        """How many by the beginning of each interval, in seconds since 1970, in order."""
        return {number * self.seconds: round(self._counts[number]) for number in sorted(self._counts)}

    def count(self, weights: Iterable[tuple[int, float]]) -> Mapping[int, int]:
        """Count others by the same intervals: times in nanoseconds, each with how many it stands for."""
        found: dict[int, float] = {}
        for time_ns, weight in weights:
            begin = time_ns // NS // self.seconds * self.seconds
            found[begin] = found.get(begin, 0.0) + weight
        return {begin: round(found[begin]) for begin in sorted(found)}

    def _widen(self) -> bool:
        wider = next(self._widths, None)
        if wider is None:
            return False
        merged: defaultdict[int, float] = defaultdict(float)
        for number, count in self._counts.items():
            merged[number * self.seconds // wider] += count
        self._counts, self.seconds = merged, wider
        return True
