"""A fair sample of bounded size from a stream of unknown length."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LARGEST: Final = 3000
_SEED: Final = 14


class Sample(Generic[T]):
    """Keeps each of what it is offered with the same probability; the same stream gives the same sample.

    Args:
        largest: how many to keep.

    Attributes:
        kept: what is kept.
        offered: how many there were.
    """

    __slots__ = ("_largest", "_random", "kept", "offered")

    def __init__(self, largest: int = LARGEST) -> None:
        self.kept: list[T] = []
        self.offered = 0
        self._largest = largest
        self._random = random.Random(_SEED)  # noqa: S311 - a sample, no secret

    def offer(self, make: Callable[[], T]) -> None:
        """Take one more, which is made only if it is kept."""
        self.offered += 1
        if len(self.kept) < self._largest:
            self.kept.append(make())
            return
        place = int(self._random.random() * self.offered)
        if place < self._largest:
            self.kept[place] = make()

    @property
    def weight(self) -> float:
        """How many of the stream each one that is kept stands for."""
        return self.offered / len(self.kept) if self.kept else 1.0
