"""A fair sample of bounded size from a stream of unknown length, or from several parts of one."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from heapq import heappush, heapreplace
from typing import Final, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

LARGEST: Final = 3000
_DIGEST_BYTES: Final = 8


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
        digest = blake2b(identity.encode(), digest_size=_DIGEST_BYTES).digest()
        self._drawn = -int.from_bytes(digest, "big")
        return len(self._heap) < self._largest or self._drawn > self._heap[0][0]

    def keep(self, one: T) -> None:
        """Keep the one that was wanted last, in the place of another if there are enough."""
        self._push((self._drawn, self.offered, one))

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


class Samples(dict[K, Sample[T]]):
    """Samples by key.

    Args:
        sizes: up to how many samples each keeps how many, in ascending order; of more keys none is kept.
    """

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self._sizes = sizes

    def offer(self, key: K, identity: str, make: Callable[[], T], each: float) -> None:
        """Offer one to the sample of a key, by its id; it is made only if it is kept."""
        sample = self.get(key)
        if sample is None:
            size = next((size for most, size in self._sizes if len(self) < most), 0)
            if not size:
                return
            sample = self[key] = Sample(size, each)
        if sample.wants(identity):
            sample.keep(make())

    def merge(self, other: Samples[K, T]) -> None:
        """Add the samples of another part of the stream."""
        for key, sample in other.items():
            if key in self:
                self[key].merge(sample)
            else:
                self[key] = sample
