"""Counting in Python, over calls that are in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from autogen_otel.diagnosis.comparison.candidates import is_number
from autogen_otel.diagnosis.comparison.questions import (
    Answer,
    Holding,
    Outline,
    Question,
    Run,
    Spread,
    Together,
)
from autogen_otel.diagnosis.evidence.arguments import is_extreme
from autogen_otel.diagnosis.evidence.features import PREVIOUS_TOOL, TRACE, TRAITS, Features
from autogen_otel.diagnosis.evidence.population import Population

_NO_NAMES: Final = (TRACE, TRAITS)


class Listed:
    """Calls that worked, or a sample of them.

    Args:
        calls: what is known of each.
        weight: how many each of them stands for.
    """

    def __init__(self, calls: Sequence[Features], weight: float = 1.0) -> None:
        self._calls = calls
        self._weight = weight

    @classmethod
    def of(cls, population: Population, kind: str) -> Listed:
        """The sample of a kind that a population keeps."""
        sample = population.working.get(kind)
        return cls([]) if sample is None else cls(sample.kept, sample.weight)

    @property
    def weight(self) -> float:
        """How many calls each one that is counted stands for."""
        return self._weight

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer one question after the other."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        total = len(self._calls)
        if isinstance(question, Outline):
            named = self._calls if question.names else ()
            present = Counter(
                name
                for call in named
                for name, value in call.items()
                if not name.endswith(_NO_NAMES) and not is_extreme(name, value)
            )
            chosen = [call for call in self._calls if question.tool in {None, call.get(PREVIOUS_TOOL)}]
            runs = {
                name: runs_of((call.get(name) for call in chosen), cuts)
                for name, cuts in question.cuts.items()
            }
            return Answer(total, present=present, runs=runs)
        testers = [one.tester() for one in question.properties]
        if isinstance(question, Holding):
            return Answer(total, holding=[sum(map(holds, self._calls)) for holds in testers])
        if not isinstance(question, Together):
            return Answer(total, spreads=[self._spread(holds, question.failing) for holds in testers])
        together = Counter(
            sum(holds(call) << index for index, holds in enumerate(testers)) for call in self._calls
        )
        return Answer(total, together=together)

    def _spread(self, holds: Callable[[Features], bool], failing: Sequence[Features]) -> Spread:
        calls: Counter[object] = Counter()
        having: Counter[object] = Counter()
        for number, call in enumerate(chain(self._calls, failing)):
            trace = call.get(TRACE, number)
            calls[trace] += 1
            having[trace] += holds(call)
        return Spread(
            calls.total(),
            having.total(),
            len(calls),
            sum(count**2 for count in calls.values()),
            sum(count**2 for count in having.values()),
            sum(count * having[trace] for trace, count in calls.items()),
        )


def runs_of(values: Iterable[object], cuts: Sequence[float]) -> list[Run]:
    """How many values are at the cuts and between them."""
    runs: dict[int, Run] = {}
    if not cuts:
        return []
    for value in values:
        if not isinstance(value, (int, float)) or not is_number(value):
            continue
        index = bisect_left(cuts, value)
        # Even numbers are gaps, odd ones cuts.
        key = 2 * index + (index < len(cuts) and cuts[index] == value)
        lowest, highest, calls = runs.get(key, (value, value, 0))
        runs[key] = Run(min(lowest, value), max(highest, value), calls + 1)
    return [runs[key] for key in sorted(runs)]
