"""What was measured, and the ratio that it comes to."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.variants import BY_HAND, NOBODY, OURS


@dataclass(frozen=True)
class Measured:
    """A turn of one workload in one unit.

    Args:
        plain: what the turn costs if nobody observes it.
        by_hand: what hand-written spans add to that.
        ours: what autogen-otel adds to it.
    """

    plain: float
    by_hand: float
    ours: float

    @property
    def ratio(self) -> float:
        """What we add, as a multiple of what as many hand-written spans add."""
        return self.ours / self.by_hand

    @classmethod
    def of(cls, costs: Mapping[str, Sequence[Sequence[float]]]) -> Measured:
        """Put conversations together.

        What is added to a turn is the difference from the same turn of the conversation beside it that nobody
        observes. Each turn counts with its median, and the result is the mean of all turns.

        Args:
            costs: for each variant its conversations, each as the costs of its turns.
        """
        plain = costs[NOBODY]
        return cls(
            _typical(plain), _typical(_added(costs[BY_HAND], plain)), _typical(_added(costs[OURS], plain))
        )


def _added(costs: Sequence[Sequence[float]], plain: Sequence[Sequence[float]]) -> list[list[float]]:
    return [
        [cost - base for cost, base in zip(turns, bases, strict=True)]
        for turns, bases in zip(costs, plain, strict=True)
    ]


def _typical(conversations: Sequence[Sequence[float]]) -> float:
    medians: list[float] = [statistics.median(turns) for turns in zip(*conversations, strict=True)]
    return sum(medians) / len(medians)
