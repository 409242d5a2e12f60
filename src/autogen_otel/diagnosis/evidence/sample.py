"""A fair sample of bounded size from a stream of unknown length."""

from __future__ import annotations

import math
import random
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LARGEST: Final = 3000
_SEED: Final = 14


class Sample(Generic[T]):
    """Keeps each of what it is offered with the same probability; the same stream gives the same sample.

    It is Li's algorithm L: it draws how many to pass over, so that passing one over costs a comparison.

    Args:
        largest: how many to keep.
        each: how many each one that it is offered stands for.

    Attributes:
        kept: what is kept.
        offered: how many there were.
    """

    __slots__ = ("_each", "_largest", "_next", "_random", "_threshold", "kept", "offered")

    def __init__(self, largest: int = LARGEST, each: float = 1.0) -> None:
        self._each = each
        self.kept: list[T] = []
        self.offered = 0
        self._largest = largest
        self._next = 0
        self._threshold = 1.0
        self._random = random.Random(_SEED)  # noqa: S311 - a sample, no secret

    def wants(self) -> bool:
        """Count one more; whether to keep it, by a call of ``keep``."""
        self.offered += 1
        return self.offered >= self._next

    def keep(self, one: T) -> None:
        """Keep it, in the place of another if there are enough."""
        if len(self.kept) < self._largest:
            self.kept.append(one)
            if len(self.kept) < self._largest:
                return
        else:
            self.kept[self._random.randrange(self._largest)] = one
        self._threshold *= math.exp(math.log(1 - self._random.random()) / self._largest)
        passed_over = math.log(1 - self._random.random()) / math.log1p(-self._threshold)
        self._next = self.offered + 1 + math.floor(passed_over)

    @property
    def weight(self) -> float:
        """How many of the stream each one that is kept stands for."""
        return self._each * (self.offered / len(self.kept) if self.kept else 1.0)
