"""The calls that failing ones are compared with, and what is counted of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain, pairwise
from typing import Final, NamedTuple, TypeGuard

from autogen_otel.diagnosis.comparison.properties import Property
from autogen_otel.diagnosis.evidence.arguments import is_of_list
from autogen_otel.diagnosis.evidence.features import PREVIOUS_TOOL, TRACE, TRAITS, Features
from autogen_otel.diagnosis.evidence.population import Population

_NO_NAMES: Final = (TRACE, TRAITS)
_LARGEST: Final = 1e300
"""Python's integers can be larger than any float, and the arithmetic here needs floats."""


class Run(NamedTuple):
    """Calls whose number is one of the cuts, or lies between two of them, with their extremes."""

    lowest: float
    highest: float
    calls: int


class Spread(NamedTuple):
    """How calls that have a property are spread over conversations.

    Args:
        calls: how many calls there are.
        holders: how many of them have it.
        conversations: how many conversations there are.
        calls_squared: the sum over the conversations of the square of their calls.
        holders_squared: the same for the calls that have it.
        both: the sum over the conversations of calls times holders.
    """

    calls: int
    holders: int
    conversations: int
    calls_squared: int
    holders_squared: int
    both: int


class WorkingCalls:
    """Calls of one kind that worked, or a sample of them.

    Args:
        calls: their features.
        weight: how many calls each of them stands for.
    """

    def __init__(self, calls: Sequence[Features], weight: float = 1.0) -> None:
        self.weight = weight
        self._calls = calls

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._calls)

    @cached_property
    def present(self) -> Mapping[str, int]:
        """How many calls have each attribute."""
        return Counter(
            name
            for call in self._calls
            for name, value in call.items()
            if not name.endswith(_NO_NAMES) and not is_of_list(name, value)
        )

    def runs(self, name: str, cuts: Sequence[float], *, tool: str | None = None) -> list[Run]:
        """How the numbers of an attribute are distributed, in ascending order.

        Args:
            name: of the attribute.
            cuts: numbers in ascending order.
            tool: if set, only calls after a call of this tool count.
        """
        calls = (
            self._calls if tool is None else [one for one in self._calls if one.get(PREVIOUS_TOOL) == tool]
        )
        return runs_of((call.get(name) for call in calls), cuts)

    def counts(self, properties: Iterable[Property]) -> list[int]:
        """How many calls have each property."""
        return count_by_property(self._calls, properties)

    def combinations(self, properties: Sequence[Property]) -> Mapping[int, int]:
        """How many calls have each combination of properties, by its bits in their order."""
        return Counter(bits_of(self._calls, properties))

    def spread(self, prop: Property, failing: Sequence[Features]) -> Spread:
        """How alike the calls of one conversation are in having a property, or not.

        Args:
            prop: the property.
            failing: calls that failed, to count as well; if no working call has a property, only they show
                whether it belongs to conversations or to calls.
        """
        holds = prop.tester()
        calls: Counter[object] = Counter()
        holders: Counter[object] = Counter()
        for number, call in enumerate(chain(self._calls, failing)):
            trace = call.get(TRACE, number)
            calls[trace] += 1
            holders[trace] += holds(call)
        return Spread(
            calls.total(),
            holders.total(),
            len(calls),
            sum(count**2 for count in calls.values()),
            sum(count**2 for count in holders.values()),
            sum(count * holders[trace] for trace, count in calls.items()),
        )


CallsOf = Callable[[str], WorkingCalls]
"""Returns the working calls of a kind."""


def working_calls_of(population: Population) -> CallsOf:
    """The working calls of a population that has been read to the end."""
    population.number()

    @cache
    def calls_of(kind: str) -> WorkingCalls:
        sample = population.working.get(kind)
        return WorkingCalls([]) if sample is None else WorkingCalls(sample.members, sample.weight)

    return calls_of


def bits_of(calls: Iterable[Features], properties: Iterable[Property]) -> Iterator[int]:
    """Which of the properties each call has, as bits in their order."""
    testers = [one.tester() for one in properties]
    return (sum(holds(call) << bit for bit, holds in enumerate(testers)) for call in calls)


def count_by_property(calls: Sequence[Features], properties: Iterable[Property]) -> list[int]:
    """How many calls have each property; each value is tested only once."""
    by_name: dict[str, list[tuple[Features, int]]] = {}
    counts = []
    for prop in properties:
        name = prop.name
        if name not in by_name:
            by_name[name] = _by_value(calls, name)
        holds = prop.tester()
        counts.append(sum(count for features, count in by_name[name] if holds(features)))
    return counts


def _by_value(calls: Sequence[Features], name: str) -> list[tuple[Features, int]]:
    """Each value of a feature, and how many calls have it."""
    values = [call[name] for call in calls if name in call]
    # Only a dict has no hash, and properties only test whether it is present.
    hashable = (None if isinstance(value, dict) else value for value in values)
    # True == 1, but they are different values.
    counts = Counter((type(value), value) for value in hashable)
    by_value: list[tuple[Features, int]] = [({name: value}, count) for (_, value), count in counts.items()]
    return [*by_value, ({}, len(calls) - len(values))]


def runs_of(values: Iterable[object], cuts: Sequence[float]) -> list[Run]:
    """How many values are at the cuts and between them."""
    numbers: list[float] = sorted(filter(is_number, values)) if cuts else []
    ends = [end for cut in cuts for end in (bisect_left(numbers, cut), bisect_right(numbers, cut))]
    return [
        Run(numbers[begin], numbers[end - 1], end - begin)
        for begin, end in pairwise([0, *ends, len(numbers)])
        if begin < end
    ]


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value can have a threshold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
