"""Questions of the statistics about the calls that worked, and their answers, which are counts.

Whoever has the calls counts them: Python those in memory, a database in SQL those that it stores. The
questions of several findings are answered together, so that a database reads its table once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeVar

from autogen_otel.diagnosis.comparison.properties import Property
from autogen_otel.diagnosis.evidence.features import Features

T = TypeVar("T")

MOST_COMBINED: Final = 40
"""The most properties of one ``Combinations``."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Which attributes do the calls have, and how are their numbers distributed?

    Args:
        names: whether to count the calls by attribute.
        cuts: by attribute, numbers in ascending order: how many calls have exactly them, or lie between them?
        tool: if set, ``cuts`` are only about calls after a call of this tool.
    """

    cuts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    names: bool = False
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many calls have each of these properties?"""

    properties: Sequence[Property]


@dataclass(frozen=True, slots=True)
class Combinations:
    """How many calls have each combination of these properties?"""

    properties: Sequence[Property]


@dataclass(frozen=True, slots=True)
class Clustering:
    """How alike are the calls of one conversation in having each of these properties, or not?

    Args:
        properties: as for ``Counts``.
        failing: calls that failed, to count as well; if no working call has a property, only they show
            whether it belongs to conversations or to calls.
    """

    properties: Sequence[Property]
    failing: Sequence[Features]


Question = Outline | Counts | Combinations | Clustering


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


@dataclass(frozen=True, slots=True)
class Answer:
    """The counts that a question is about.

    Args:
        total: how many calls were counted.
        present: how many calls have each attribute.
        runs: the runs of each attribute, in ascending order.
        counts: one count for each property of the question.
        combinations: how many calls have each combination, by its bits in the order of the properties.
        spreads: one for each property of the question, with the failing calls.
        weight: how many calls each counted call stands for.
    """

    total: int
    present: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    counts: Sequence[int] = ()
    combinations: Mapping[int, int] = field(default_factory=dict)
    spreads: Sequence[Spread] = ()
    weight: float = 1.0


Inquiry = Generator[Question, Answer, T]
"""Yields one question after the other, gets the answers, and returns a result."""


class Calls(Protocol):
    """The calls of one kind that worked."""

    def answer(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """Answer the questions."""


CallsOf = Callable[[str], Calls]
"""Returns the working calls of a kind."""


def answer_all(inquiries: Sequence[Inquiry[T]], calls: Calls) -> list[T]:
    """Run several inquiries about the same calls, and answer all questions of a round at once."""
    results: dict[int, T] = {}
    questions: dict[int, Question] = {}

    def proceed(index: int, answer: Answer | None) -> None:
        try:
            questions[index] = next(inquiries[index]) if answer is None else inquiries[index].send(answer)
        except StopIteration as stop:
            results[index] = stop.value

    for index in range(len(inquiries)):
        proceed(index, None)
    while questions:
        pending, questions = questions, {}
        answers = calls.answer(list(pending.values()))
        for index, answer in zip(pending, answers, strict=True):
            proceed(index, answer)
    return [results[index] for index in range(len(inquiries))]
