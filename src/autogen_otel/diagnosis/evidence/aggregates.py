"""Aggregates of a stream of conversations of unknown length: samples, counts over time, their numbers."""

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

SAMPLE_SIZE: Final = 3000
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
"""Beyond this we do not number conversations: each one takes eight bytes."""


class Sample(Generic[T]):
    """Keeps each item of a stream with the same probability: those whose ids have the smallest hashes.

    So neither the order of the items nor the process that reads them makes a difference.

    Args:
        size: how many items to keep.
        item_weight: how many items each item of the stream stands for.

    Attributes:
        stream_length: how many items there were.
    """

    __slots__ = ("_hash", "_heap", "_item_weight", "_size", "stream_length")

    def __init__(self, size: int = SAMPLE_SIZE, item_weight: float = 1.0) -> None:
        self.stream_length = 0
        self._item_weight = item_weight
        self._size = size
        # The largest hash comes first, as the smallest negative number; the second number settles ties.
        self._heap: list[tuple[int, int, T]] = []
        self._hash = 0

    def wants(self, identity: str) -> bool:
        """Count the item with this id; whether to keep it, by a call of ``keep``."""
        self.stream_length += 1
        self._hash = _hash_of(identity)
        return len(self._heap) < self._size or self._hash > self._heap[0][0]

    def keep(self, item: T) -> None:
        """Keep the last wanted item, instead of another one if the sample is full."""
        self._push((self._hash, self.stream_length, item))

    def hold(self, identity: str, item: T) -> None:
        """Keep an item of the stream even if the sample did not want it."""
        id_hash = _hash_of(identity)
        if all(entry[0] != id_hash for entry in self._heap):
            self._push((id_hash, self.stream_length, item))

    def merge(self, other: Sample[T]) -> None:
        """Add a sample of another part of the stream."""
        for id_hash, number, item in other._heap:
            if len(self._heap) < self._size or id_hash > self._heap[0][0]:
                self._push((id_hash, self.stream_length + number, item))
        self.stream_length += other.stream_length

    def _push(self, entry: tuple[int, int, T]) -> None:
        if len(self._heap) < self._size:
            heappush(self._heap, entry)
        else:
            heapreplace(self._heap, entry)

    @property
    def members(self) -> list[T]:
        """The items of the sample, in an order that depends on the ids alone."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: entry[0], reverse=True)]

    @property
    def weight(self) -> float:
        """How many items each item of the sample stands for."""
        return self._item_weight * (self.stream_length / len(self._heap) if self._heap else 1.0)


def _hash_of(identity: str) -> int:
    digest = blake2b(identity.encode(), digest_size=_DIGEST_BYTES).digest()
    return -int.from_bytes(digest, "big")


class Samples(dict[K, Sample[T]]):
    """Samples by key.

    Args:
        sizes: pairs of a number of samples and the size of each until there are so many, in ascending order;
            further keys get no sample.
    """

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self._sizes = sizes

    def sample_for(self, key: K, identity: str, item_weight: float) -> Sample[T] | None:
        """The sample of a key if it wants the item with this id, for a call of ``keep``."""
        sample = self.get(key)
        if sample is None:
            size = next((size for most, size in self._sizes if len(self) < most), 0)
            if not size:
                return None
            sample = self[key] = Sample(size, item_weight)
        return sample if sample.wants(identity) else None

    def hold(self, key: K, identity: str, item: T) -> None:
        """Keep an item of a key, whatever else its sample has."""
        sample = self.get(key)
        if sample is None:
            sample = self[key] = Sample(1)
            sample.wants(identity)
        sample.hold(identity, item)

    def merge(self, other: Samples[K, T]) -> None:
        """Add the samples of another part of the stream."""
        for key, sample in other.items():
            if key in self:
                self[key].merge(sample)
            else:
                self[key] = sample


class Timeline:
    """Counts by intervals of time, which grow so that their number stays small.

    Attributes:
        seconds: the length of an interval.
    """

    def __init__(self) -> None:
        self._widths = iter(_WIDTHS)
        self.seconds = next(self._widths)
        self._counts: defaultdict[int, float] = defaultdict(float)

    def add(self, time_ns: int, weight: float = 1.0) -> None:
        """Count so many conversations at a time."""
        self._counts[time_ns // NS // self.seconds] += weight
        self._fit()

    def merge(self, other: Timeline) -> None:
        """Add the counts of another timeline."""
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
        """Make the intervals long enough for such a time, before anything is counted."""
        while last_ns // NS // self.seconds - first_ns // NS // self.seconds >= _LONGEST:
            if not self._widen():
                return

    @property
    def counts(self) -> dict[int, int]:
        """The count of each interval, by its beginning in seconds since 1970, in order."""
        return {number * self.seconds: round(self._counts[number]) for number in sorted(self._counts)}

    def count(self, weights: Iterable[tuple[int, float]]) -> Mapping[int, int]:
        """Count other times by the same intervals: times in nanoseconds, each with its weight."""
        counts: dict[int, float] = {}
        for time_ns, weight in weights:
            begin = time_ns // NS // self.seconds * self.seconds
            counts[begin] = counts.get(begin, 0.0) + weight
        return {begin: round(counts[begin]) for begin in sorted(counts)}

    def _widen(self) -> bool:
        wider = next(self._widths, None)
        if wider is None:
            return False
        merged: defaultdict[int, float] = defaultdict(float)
        for number, count in self._counts.items():
            merged[number * self.seconds // wider] += count
        self._counts, self.seconds = merged, wider
        return True


class ConversationStart(NamedTuple):
    """In which process a conversation began, and when; its number follows from that later."""

    process: str
    start_ns: int


class Numbering:
    """Numbers the conversations of each process by when they began, in whatever order they are read."""

    def __init__(self) -> None:
        self._starts: dict[str, array[int]] = {}
        self._count = 0
        self._is_sorted = self._is_full = False

    def note(self, start: ConversationStart) -> None:
        """Count a conversation."""
        self._add(start.process, array("q", (start.start_ns,)))

    def merge(self, other: Numbering) -> None:
        """Add the conversations of another numbering."""
        for process, starts in other._starts.items():
            self._add(process, starts)
        if other._is_full:
            self._give_up()

    def replace(self, features: MutableMapping[str, Any]) -> None:
        """Replace the start of a conversation in its features by its number."""
        start = features.get(CONVERSATION_NUMBER)
        if isinstance(start, ConversationStart):
            number = self._number(start)
            if number:
                features[CONVERSATION_NUMBER] = number
            else:
                del features[CONVERSATION_NUMBER]

    def _add(self, process: str, starts: array[int]) -> None:
        if self._is_full:
            return
        own_starts = self._starts.get(process)
        if own_starts is None:
            self._starts[process] = array("q", starts)
        else:
            own_starts.extend(starts)
        self._count += len(starts)
        self._is_sorted = False
        if self._count > _MOST_CONVERSATIONS or len(self._starts) > _MOST_PROCESSES:
            self._give_up()

    def _give_up(self) -> None:
        self._is_full = True
        self._starts.clear()

    def _number(self, start: ConversationStart) -> int:
        """The number of a conversation, from 1; 0 if there were too many."""
        if not self._is_sorted:
            self._starts = {process: array("q", sorted(starts)) for process, starts in self._starts.items()}
            self._is_sorted = True
        starts = self._starts.get(start.process)
        return 0 if starts is None else bisect_left(starts, start.start_ns) + 1
