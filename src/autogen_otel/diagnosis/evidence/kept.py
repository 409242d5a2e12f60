"""What is kept of a stream of conversations of unknown length: samples, counts over time, their numbers."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping
from hashlib import blake2b
from heapq import heappush, heapreplace
from typing import Any, Final, Generic, NamedTuple, TypeVar

from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER
from autogen_otel.traces.trace import NS

K = TypeVar("K")
T = TypeVar("T")

LARGEST: Final = 3000
_DIGEST_BYTES: Final = 8
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WIDTHS: Final = (
    1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 28 * _DAY,
    364 * _DAY,
)  # fmt: skip
"""Seconds; each a multiple of the one before, so that counts can be merged."""
_MOST_INTERVALS: Final = 60
_LONGEST: Final = 2 * _MOST_INTERVALS
_MOST_PROCESSES: Final = 50_000
_MOST_CONVERSATIONS: Final = 5_000_000
"""Of more nobody counts: eight bytes are kept for each."""


class Sample(Generic[T]):
    """Keeps each of what it is offered with the same probability: those whose ids have the smallest hashes.

    So neither the order in which they come nor who reads which of them makes a difference.

    Args:
        largest: how many to keep.
        each: how many each one that it is offered stands for.

    Attributes:
        offered: how many there were.
    """

    __slots__ = ("_drawn", "_each", "_heap", "_largest", "offered")

    def __init__(self, largest: int = LARGEST, each: float = 1.0) -> None:
        self.offered = 0
        self._each = each
        self._largest = largest
        # The largest hash comes first, as the smallest negative number; the second number settles ties.
        self._heap: list[tuple[int, int, T]] = []
        self._drawn = 0

    def wants(self, identity: str) -> bool:
        """Count one more, told by its id; whether to keep it, by a call of ``keep``."""
        self.offered += 1
        self._drawn = _draw(identity)
        return len(self._heap) < self._largest or self._drawn > self._heap[0][0]

    def keep(self, one: T) -> None:
        """Keep the one that was wanted last, in the place of another if there are enough."""
        self._push((self._drawn, self.offered, one))

    def hold(self, identity: str, one: T) -> None:
        """Keep one that has been offered, also if it was not wanted."""
        drawn = _draw(identity)
        if all(kept[0] != drawn for kept in self._heap):
            self._push((drawn, self.offered, one))

    def merge(self, other: Sample[T]) -> None:
        """Add a sample of another part of the stream."""
        for drawn, number, one in other._heap:
            if len(self._heap) < self._largest or drawn > self._heap[0][0]:
                self._push((drawn, self.offered + number, one))
        self.offered += other.offered

    def _push(self, kept: tuple[int, int, T]) -> None:
        if len(self._heap) < self._largest:
            heappush(self._heap, kept)
        else:
            heapreplace(self._heap, kept)

    @property
    def kept(self) -> list[T]:
        """What is kept, in an order that depends on the ids alone."""
        return [one for _, _, one in sorted(self._heap, key=lambda kept: kept[0], reverse=True)]

    @property
    def weight(self) -> float:
        """How many of the stream each one that is kept stands for."""
        return self._each * (self.offered / len(self._heap) if self._heap else 1.0)


def _draw(identity: str) -> int:
    digest = blake2b(identity.encode(), digest_size=_DIGEST_BYTES).digest()
    return -int.from_bytes(digest, "big")


class Samples(dict[K, Sample[T]]):
    """Samples by key.

    Args:
        sizes: up to how many samples each keeps how many, in ascending order; of more keys none is kept.
    """

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self._sizes = sizes

    def wanting(self, key: K, identity: str, each: float) -> Sample[T] | None:
        """The sample of a key, if it wants the one with this id: by a call of ``keep``."""
        sample = self.get(key)
        if sample is None:
            size = next((size for most, size in self._sizes if len(self) < most), 0)
            if not size:
                return None
            sample = self[key] = Sample(size, each)
        return sample if sample.wants(identity) else None

    def hold(self, key: K, identity: str, one: T) -> None:
        """Keep one of a key, whatever else is kept."""
        sample = self.get(key)
        if sample is None:
            sample = self[key] = Sample(1)
            sample.wants(identity)
        sample.hold(identity, one)

    def merge(self, other: Samples[K, T]) -> None:
        """Add the samples of another part of the stream."""
        for key, sample in other.items():
            if key in self:
                self[key].merge(sample)
            else:
                self[key] = sample


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
        while len(self._counts) > _MOST_INTERVALS or (
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


class Began(NamedTuple):
    """In which process a conversation began, and when; known before its number is."""

    process: str
    start_ns: int


class Numbering:
    """Numbers the conversations of each process by when they began, in whatever order they are read."""

    def __init__(self) -> None:
        self._starts: dict[str, array[int]] = {}
        self._noted = 0
        self._is_sorted = self._is_full = False

    def note(self, began: Began) -> None:
        """Count one more conversation."""
        self._add(began.process, array("q", (began.start_ns,)))

    def merge(self, other: Numbering) -> None:
        """Count the conversations that another has counted."""
        for process, starts in other._starts.items():
            self._add(process, starts)
        if other._is_full:
            self._give_up()

    def replace(self, features: MutableMapping[str, Any]) -> None:
        """Put the number where features say when their conversation began."""
        began = features.get(CONVERSATION_NUMBER)
        if isinstance(began, Began):
            number = self._number(began)
            if number:
                features[CONVERSATION_NUMBER] = number
            else:
                del features[CONVERSATION_NUMBER]

    def _add(self, process: str, starts: array[int]) -> None:
        if self._is_full:
            return
        mine = self._starts.get(process)
        if mine is None:
            self._starts[process] = array("q", starts)
        else:
            mine.extend(starts)
        self._noted += len(starts)
        self._is_sorted = False
        if self._noted > _MOST_CONVERSATIONS or len(self._starts) > _MOST_PROCESSES:
            self._give_up()

    def _give_up(self) -> None:
        self._is_full = True
        self._starts.clear()

    def _number(self, began: Began) -> int:
        """The number, from 1; 0 if there were too many to count."""
        if not self._is_sorted:
            self._starts = {process: array("q", sorted(of)) for process, of in self._starts.items()}
            self._is_sorted = True
        starts = self._starts.get(began.process)
        return 0 if starts is None else bisect_left(starts, began.start_ns) + 1
