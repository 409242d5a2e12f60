"""Fisher's exact test, and what corrects it for calls that are alike and for having tried many things."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from autogen_otel.diagnosis.comparison.questions import Spread

_NEGLIGIBLE: Final = 1e-18
_ROUNDING: Final = 1 + 1e-9
_MOST_ORDERS: Final = 20_000


class Table(NamedTuple):
    """How many of the failing and of the working calls have a property.

    Args:
        failing: failing calls that have it.
        all_failing: all of them.
        working: working calls that have it.
        all_working: all of them.
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
        """The difference of the two, from -1 to 1: how well the property tells failing from working."""
        return self.failing_share - self.working_share


def fisher(table: Table) -> float:
    """The probability that so many or more of the failing calls have a property by chance."""
    having = table.failing + table.working
    total = table.all_failing + table.all_working
    highest = min(having, table.all_failing)
    if table.failing > highest or not having or not table.all_failing:
        return 1.0
    ways = _log_ways(total, table.all_failing)
    tail = 0.0
    for count in range(table.failing, highest + 1):
        others = table.all_failing - count
        if others > total - having:
            continue
        term = math.exp(_log_ways(having, count) + _log_ways(total - having, others) - ways)
        tail += term
        if term < tail * _NEGLIGIBLE:
            break
    return min(1.0, tail)


def fisher_of_best_cut(table: Table, tried: int) -> float:
    """The probability that the best cut between numbers separates so well by chance.

    Cuts that are close to each other separate alike. So it is counted how often, if chance decides in which
    order the numbers of failing and of working calls come, some cut is as good as this one; of very many the
    number of cuts is corrected for, which says less.

    Args:
        table: how many have a number beyond the cut.
        tried: how many cuts there were.
    """
    probability = fisher(table)
    bound = min(1.0, probability * tried)
    total = table.all_failing + table.all_working
    if tried == 1 or total * table.all_failing > _MOST_ORDERS:
        return bound
    enough = 0
    # By how many of the numbers so far are of failing calls: how probable it is, without a cut as good.
    chances = [1.0] + [0.0] * table.all_failing
    separated = 0.0
    for passed in range(total):
        left = total - passed
        next_chances = [0.0] * len(chances)
        for failing, chance in enumerate(chances):
            if chance:
                fails = (table.all_failing - failing) / left
                next_chances[failing] += chance * (1 - fails)
                if fails:
                    next_chances[failing + 1] += chance * fails
        beyond = passed + 1
        while enough <= min(beyond, table.all_failing) and (
            fisher(table._replace(failing=enough, working=beyond - enough)) > probability * _ROUNDING
        ):
            enough += 1
        separated += sum(next_chances[enough:])
        chances = next_chances[:enough] + [0.0] * (len(chances) - enough)
    return min(bound, separated)


def design_effect(spread: Spread) -> float:
    """How many calls count as one, because those of one conversation are alike.

    1 if they are not alike, and as many as a conversation has if they are the same: the variance between
    conversations, by the one that independent calls have. J. N. K. Rao and A. J. Scott, "A simple method for
    the analysis of clustered binary data", Biometrics 48 (1992).
    """
    if not spread.calls:
        return 1.0
    most = max(1.0, spread.calls_squared / spread.calls)
    share = spread.having / spread.calls
    # Where all have it, or none has, nothing tells.
    if not 0 < share < 1 or spread.conversations < 2:  # noqa: PLR2004 - one does not vary
        return most
    squares = spread.having_squared - 2 * share * spread.both + share**2 * spread.calls_squared
    correction = spread.conversations / (spread.conversations - 1)
    return min(most, max(1.0, correction * squares / (spread.calls * share * (1 - share))))


def thinned_by(effect: float, table: Table) -> Table:
    """The table with as many working calls as count as independent ones, rounded against the property."""
    return table._replace(
        working=math.ceil(table.working / effect), all_working=math.ceil(table.all_working / effect)
    )


def smallest(table: Table) -> float:
    """The smallest probability that Fisher's test can give for as many calls with and without a property."""
    having = table.failing + table.working
    highest = min(having, table.all_failing)
    return fisher(table._replace(failing=highest, working=having - highest))


def testable(comparisons: Iterable[float], level: float) -> int:
    """How many comparisons have to be corrected for: Tarone's correction.

    A property that one call in a thousand has cannot be significant, whatever is found. So it takes nothing
    from those that can.

    Args:
        comparisons: the smallest probability that each could have.
        level: of significance.
    """
    tried = 0
    for least in sorted(comparisons):
        if least > level / max(1, tried):
            break
        tried += 1
    return tried


def holm(probabilities: Sequence[float], tried: int) -> list[float]:
    """The probabilities corrected for the number of comparisons, in the same order.

    Args:
        probabilities: of those comparisons that came to something.
        tried: how many comparisons there were in all.
    """
    corrected = [1.0] * len(probabilities)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        largest = max(largest, min(1.0, probabilities[index] * max(1, tried - rank)))
        corrected[index] = largest
    return corrected


@lru_cache(maxsize=65536)
def _log_ways(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
