"""Fisher's exact test, with corrections for calls that are alike and for many comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from autogen_otel.diagnosis.comparison.calls import Spread

NEARLY_ALL: Final = 0.9
"""From which share on failures have something in common: a few always have another reason."""
_NEGLIGIBLE: Final = 1e-18
_ROUNDING: Final = 1 + 1e-9
_MOST_ORDERS: Final = 20_000


class Table(NamedTuple):
    """How many of the failing and of the working calls have a property.

    Args:
        failing: failing calls that have it.
        all_failing: all failing calls.
        working: working calls that have it.
        all_working: all working calls.
    """

    failing: int
    all_failing: int
    working: int
    all_working: int

    @property
    def failing_share(self) -> float:
        """Part of the failing calls that has it."""
        return self.failing / self.all_failing if self.all_failing else 0.0

    @property
    def working_share(self) -> float:
        """Part of the working calls that has it."""
        return self.working / self.all_working if self.all_working else 0.0

    @property
    def effect(self) -> float:
        """The difference of the two shares, from -1 to 1: how well the property separates calls."""
        return self.failing_share - self.working_share


def fisher(table: Table) -> float:
    """The probability that so many or more of the failing calls have a property by chance."""
    holders = table.failing + table.working
    total = table.all_failing + table.all_working
    highest = min(holders, table.all_failing)
    if table.failing > highest or not holders or not table.all_failing:
        return 1.0
    ways = _log_ways(total, table.all_failing)
    tail = 0.0
    for count in range(table.failing, highest + 1):
        others = table.all_failing - count
        if others > total - holders:
            continue
        term = math.exp(_log_ways(holders, count) + _log_ways(total - holders, others) - ways)
        tail += term
        if term < tail * _NEGLIGIBLE:
            break
    return min(1.0, tail)


def fisher_of_best_cut(table: Table, cuts: int) -> float:
    """The probability that the best cut between numbers separates so well by chance.

    Cuts that are close to each other separate alike. So we assume that chance orders the numbers of failing
    and working calls, and compute how often some cut is as good as this one. For very many calls we only
    correct for the number of cuts, which gives a larger probability.

    Args:
        table: how many calls have a number beyond the cut.
        cuts: how many cuts were tried.
    """
    probability = fisher(table)
    bound = min(1.0, probability * cuts)
    total = table.all_failing + table.all_working
    if cuts == 1 or total * table.all_failing > _MOST_ORDERS:
        return bound
    fewest_failing = 0
    # The index is the number of failing calls so far: how probable that is, without a cut as good.
    chances = [1.0] + [0.0] * table.all_failing
    reached_chance = 0.0
    for position in range(total):
        remaining = total - position
        next_chances = [0.0] * len(chances)
        for failing, chance in enumerate(chances):
            if chance:
                fails = (table.all_failing - failing) / remaining
                next_chances[failing] += chance * (1 - fails)
                if fails:
                    next_chances[failing + 1] += chance * fails
        beyond = position + 1
        while fewest_failing <= min(beyond, table.all_failing) and (
            fisher(table._replace(failing=fewest_failing, working=beyond - fewest_failing))
            > probability * _ROUNDING
        ):
            fewest_failing += 1
        reached_chance += sum(next_chances[fewest_failing:])
        chances = next_chances[:fewest_failing] + [0.0] * (len(chances) - fewest_failing)
    return min(bound, reached_chance)


def design_effect(spread: Spread) -> float:
    """How many calls count as one, because the calls of one conversation are alike.

    It is 1 if they are not alike, and the number of calls of a conversation if they are the same: the
    variance between conversations, divided by the variance of independent calls. J. N. K. Rao and A. J.
    Scott, "A simple method for the analysis of clustered binary data", Biometrics 48 (1992).
    """
    if not spread.calls:
        return 1.0
    most = max(1.0, spread.calls_squared / spread.calls)
    share = spread.holders / spread.calls
    # If all calls have it, or none, there is no variance.
    if not 0 < share < 1 or spread.conversations < 2:  # noqa: PLR2004 - one does not vary
        return most
    squares = spread.holders_squared - 2 * share * spread.both + share**2 * spread.calls_squared
    correction = spread.conversations / (spread.conversations - 1)
    return min(most, max(1.0, correction * squares / (spread.calls * share * (1 - share))))


def effective_table(effect: float, table: Table) -> Table:
    """The table with the effective number of independent working calls, rounded against the property."""
    return table._replace(
        working=math.ceil(table.working / effect), all_working=math.ceil(table.all_working / effect)
    )


def smallest(table: Table) -> float:
    """The smallest probability of Fisher's test for so many calls with and without a property."""
    holders = table.failing + table.working
    highest = min(holders, table.all_failing)
    return fisher(table._replace(failing=highest, working=holders - highest))


def count_testable(comparisons: Iterable[float], level: float) -> int:
    """How many comparisons to correct for: Tarone's correction.

    A property of one call in a thousand can never be significant. So it does not weaken those that can.

    Args:
        comparisons: the smallest possible probability of each.
        level: the level of significance.
    """
    count = 0
    for probability in sorted(comparisons):
        if probability > level / max(1, count):
            break
        count += 1
    return count


def holm(probabilities: Sequence[float], comparisons: int) -> list[float]:
    """The probabilities corrected for the number of comparisons, in the same order.

    Args:
        probabilities: of the comparisons that may be significant.
        comparisons: how many comparisons there were in all.
    """
    corrected = [1.0] * len(probabilities)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        largest = max(largest, min(1.0, probabilities[index] * max(1, comparisons - rank)))
        corrected[index] = largest
    return corrected


@lru_cache(maxsize=65536)
def _log_ways(total: int, size: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(size + 1) - math.lgamma(total - size + 1)
