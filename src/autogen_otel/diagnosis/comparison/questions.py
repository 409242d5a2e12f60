"""What the statistic asks of the calls that worked, and counts as the answers.

The statistic asks, and whoever has the calls counts: Python those that it has in memory, a database in SQL
those that it stores. Questions of several findings are asked together: a database reads its table once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeVar

from autogen_otel.diagnosis.comparison.properties import Property
from autogen_otel.diagnosis.evidence.features import Features

T = TypeVar("T")

MOST_TOGETHER: Final = 40
"""Properties that ``Together`` may ask about."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Which attributes do the calls have, and where do their numbers lie?

    Args:
        names: whether to count how many calls have which attribute.
        cuts: by attribute, numbers in ascending order: how many calls have exactly them, or lie between them?
        tool: only calls for which this was the tool called before count for ``cuts``.
    """

    cuts: Mapping[str, Sequence[float]] = field(default_factory=dict)
    names: bool = False
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """How many calls have each of these properties?"""

    properties: Sequence[Property]


@dataclass(frozen=True, slots=True)
class Together:
    """How many calls have which of these properties, and none of the others?"""

    properties: Sequence[Property]


@dataclass(frozen=True, slots=True)
class Resembling:
    """How alike are the calls of one conversation in having each of these properties, or not?

    Args:
        properties: as for ``Holding``.
        failing: calls that failed, to be counted as well; where no call that worked has a property, only they
            tell whether it is one of conversations or one of calls.
    """

    properties: Sequence[Property]
    failing: Sequence[Features]


Question = Outline | Holding | Together | Resembling


class Run(NamedTuple):
    """So many calls whose number is one of the cuts, or lies between two of them, with their extremes."""

    lowest: float
    highest: float
    calls: int


class Spread(NamedTuple):
    """How calls that have a property are spread over conversations.

    Args:
        calls: how many there are.
        having: those of them that have it.
        conversations: how many those are.
        calls_squared: sum of the squares of each conversation's calls.
        having_squared: the same of those that have it.
        both: sum over the conversations of the one number times the other.
    """

    calls: int
    having: int
    conversations: int
    calls_squared: int
    having_squared: int
    both: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The counts that a question is about.

    Args:
        total: calls that were counted.
        present: by attribute, how many calls have it.
        runs: by attribute, in ascending order.
        holding: one count for each property that was asked for.
        together: by the bits of the properties that the calls have, in the order they were asked for.
        spreads: one for each property that was asked for, with the failing calls.
        weight: how many calls each one that was counted stands for.
    """

    total: int
    present: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    holding: Sequence[int] = ()
    together: Mapping[int, int] = field(default_factory=dict)
    spreads: Sequence[Spread] = ()
    weight: float = 1.0


Asking = Generator[Question, Answer, T]
"""Asks one question after the other, and comes to a result."""


class Calls(Protocol):
    """The calls of one kind that worked."""

    def answer(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """Answer questions, one by one or together."""


CallsOf = Callable[[str], Calls]
"""Gives the calls of a kind."""


def together(asking: Sequence[Asking[T]], calls: Calls) -> list[T]:
    """Let several ask about the same calls until each has its result, and answer all of a round at once."""
    results: dict[int, T] = {}
    questions: dict[int, Question] = {}

    def proceed(index: int, answer: Answer | None) -> None:
        try:
            questions[index] = next(asking[index]) if answer is None else asking[index].send(answer)
        except StopIteration as ended:
            results[index] = ended.value

    for index in range(len(asking)):
        proceed(index, None)
    while questions:
        asked, questions = questions, {}
        answers = calls.answer(list(asked.values()))
        for index, answer in zip(asked, answers, strict=True):
            proceed(index, answer)
    return [results[index] for index in range(len(asking))]
