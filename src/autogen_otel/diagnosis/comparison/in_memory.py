"""Counts in Python of the calls in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import Final

from autogen_otel.diagnosis.comparison.candidates import is_number
from autogen_otel.diagnosis.comparison.properties import Property
from autogen_otel.diagnosis.comparison.questions import (
    Answer,
    CallsOf,
    Combinations,
    Counts,
    Outline,
    Question,
    Run,
    Spread,
)
from autogen_otel.diagnosis.evidence.arguments import is_of_list
from autogen_otel.diagnosis.evidence.features import PREVIOUS_TOOL, TRACE, TRAITS, Features
from autogen_otel.diagnosis.evidence.population import Population

_NO_NAMES: Final = (TRACE, TRAITS)


class InMemoryCalls:
    """Calls that worked, or a sample of them; each stands for ``weight`` calls."""

    def __init__(self, calls: Sequence[Features], weight: float = 1.0) -> None:
        self._calls = calls
        self._weight = weight

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer one question after the other."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        answer = partial(Answer, len(self._calls), weight=self._weight)
        if isinstance(question, Outline):
            calls_to_name = self._calls if question.names else ()
            present = Counter(
                name
                for call in calls_to_name
                for name, value in call.items()
                if not name.endswith(_NO_NAMES) and not is_of_list(name, value)
            )
            calls_after_tool = [
                call for call in self._calls if question.tool in {None, call.get(PREVIOUS_TOOL)}
            ]
            runs = {
                name: runs_of((call.get(name) for call in calls_after_tool), cuts)
                for name, cuts in question.cuts.items()
            }
            return answer(present=present, runs=runs)
        if isinstance(question, Counts):
            return answer(counts=count_by_property(self._calls, question.properties))
        if isinstance(question, Combinations):
            return answer(combinations=Counter(bits_of(self._calls, question.properties)))
        return answer(spreads=[self._spread(one.tester(), question.failing) for one in question.properties])

    def _spread(self, holds: Callable[[Features], bool], failing: Sequence[Features]) -> Spread:
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


def working_calls_of(population: Population) -> CallsOf:
    """The working calls of a population that has been read to the end."""
    population.number()

    def calls_of(kind: str) -> InMemoryCalls:
        sample = population.working.get(kind)
        return InMemoryCalls([]) if sample is None else InMemoryCalls(sample.members, sample.weight)

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
