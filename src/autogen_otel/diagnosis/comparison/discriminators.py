"""What failing calls have that working calls of the same kind do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autogen_otel.diagnosis.comparison.candidates import cuts_of, properties
from autogen_otel.diagnosis.comparison.listed import bits_of, held_by
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.questions import (
    MOST_TOGETHER,
    Answer,
    Asking,
    Holding,
    Outline,
    Resembling,
    Together,
)
from autogen_otel.diagnosis.comparison.statistics import (
    Table,
    design_effect,
    fisher,
    fisher_of_best_cut,
    holm,
    smallest,
    testable,
    thinned_by,
)
from autogen_otel.diagnosis.evidence.features import (
    AGENT_PAIR,
    CONVERSATION_NUMBER,
    HOUR,
    TIME,
    TURN,
    Features,
)
from autogen_otel.vocabulary import attributes as names

SIGNIFICANT: Final = 0.01
"""How often what is reported may be chance, for one finding and all that was tried for it."""
_SMALLEST_EFFECT: Final = 0.15
_SMALLEST_SHARE: Final = 0.3
_MOST: Final = 5
_PENALTIES: Final = {
    names.PROMPT_CHARS: 0.0,
    names.PROMPT_CARRIED_MESSAGES: 0.0,
    names.TOOL_FAILED_BEFORE: 0.0,
    names.CONFIG_INDEX: 0.001,
    names.SERVER_ADDRESS: 0.002,
    names.GEN_AI_REQUEST_MODEL: 0.003,
    names.GEN_AI_AGENT_NAME: 0.004,
    AGENT_PAIR: 0.012,
    names.GEN_AI_PROVIDER_NAME: 0.02,
    names.SERVER_PORT: 0.02,
    names.PROMPT_MESSAGES: 0.02,
    names.PROMPT_NEW_CHARS: 0.015,
    names.PROMPT_LARGEST_CHARS: 0.015,
    names.PROMPT_LARGEST_FROM: 0.015,
    TURN: 0.01,
    HOUR: 0.02,
    TIME: 0.04,
    CONVERSATION_NUMBER: 0.05,
    "process.pid": 0.05,
    "service.instance.id": 0.05,
}
"""Which of two attributes that separate about as well is the better explanation: the one with less."""
_COMPARISON_PENALTIES: Final = {
    Comparison.EQUALS: 0.0,
    Comparison.IS: 0.005,
    Comparison.INCLUDES: 0.005,
    Comparison.BEGINS: 0.005,
    Comparison.ENDS: 0.005,
    Comparison.PRESENT: 0.005,
    Comparison.ABSENT: 0.01,
    Comparison.AT_LEAST: 0.01,
    Comparison.AT_MOST: 0.015,
    Comparison.WITHIN: 0.03,
}
_SCANNED: Final = frozenset({Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.WITHIN})
_CUTS: Final = _SCANNED - {Comparison.WITHIN}
_SCANNED_SHARE: Final = 0.2
_OTHER_PENALTY: Final = 0.01
_DERIVED: Final = (".length", "arguments.depth", "arguments.chars")


@dataclass(frozen=True, slots=True)
class Discriminator:
    """A property that failing calls have more often.

    Args:
        property: what they have.
        table: how many calls have it.
        probability: of so much by chance, corrected for all that was tried.
    """

    property: Property
    table: Table
    probability: float


class _Family:
    """Comparisons that are corrected for together, with their share of all chance that is allowed."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._tried: list[float] = []
        self._candidates: dict[Property, tuple[Table, int, float]] = {}

    def take(self, candidate: Property, table: Table, comparisons: int) -> None:
        """Take one that was chosen from so many; only what could matter is calculated."""
        # Of the cuts of a number, any may separate perfectly.
        self._tried.append(smallest(table) if comparisons == 1 else 0.0)
        if table.effect >= _SMALLEST_EFFECT and table.failing_share >= _SMALLEST_SHARE:
            self._candidates[candidate] = table, comparisons, _by_chance(candidate, table, comparisons)

    def weigh(self, effects: Mapping[Property, float]) -> None:
        """Count only independent calls of those whose design effect is known; forget all others."""
        self._candidates = {
            one: (table, comparisons, _by_chance(one, thinned_by(effects[one], table), comparisons))
            for one, (table, comparisons, _) in self._candidates.items()
            if one in effects
        }

    def corrected(self) -> Iterator[Discriminator]:
        """What was taken, with the probability corrected for all comparisons of both families."""
        tried = testable(self._tried, SIGNIFICANT * self._share)
        corrected = holm([probability for _, _, probability in self._candidates.values()], tried)
        for (candidate, (table, _, _)), probability in zip(self._candidates.items(), corrected, strict=True):
            yield Discriminator(candidate, table, min(1.0, probability / self._share))


def _by_chance(one: Property, table: Table, comparisons: int) -> float:
    """The probability of so much by chance, of a property that was chosen from so many of its attribute."""
    if comparisons > 1 and one.comparison in _CUTS:
        return fisher_of_best_cut(table, comparisons)
    return min(1.0, fisher(table) * comparisons)


def discriminate(
    failing: Sequence[Features], is_told: Callable[[str], bool] = lambda _: False
) -> Asking[tuple[list[Discriminator], Answer]]:
    """Find what separates failing from working calls, the strongest first.

    What only follows from a stronger one is left out, and so is what may be chance.

    Args:
        failing: one call of each conversation in which it failed. The questions are about calls of the same
            kind that worked.
        is_told: whether an attribute says no more than what failed.

    Returns:
        What separates them, and the outline of the working calls that it was found by.
    """
    is_one = len(failing) < 2  # noqa: PLR2004 - one call has everything that it has
    outline = yield Outline({} if is_one else cuts_of(failing), names=not is_one)
    if is_one or not outline.total:
        return [], outline
    proposed = [one for one in properties(failing, outline) if not is_told(one[0].attribute)]
    candidates = [candidate for candidate, _ in proposed]
    answer = yield Holding(candidates)
    held = zip(held_by(failing, candidates), answer.holding, strict=True)
    # Two families, so that the hundreds of cuts of numbers do not outweigh the few plain values.
    plain, scanned = _Family(1 - _SCANNED_SHARE), _Family(_SCANNED_SHARE)
    for (candidate, comparisons), (failing_count, working) in zip(proposed, held, strict=True):
        family = scanned if candidate.comparison in _SCANNED else plain
        family.take(candidate, Table(failing_count, len(failing), working, outline.total), comparisons)
    likely = [one.property for one in _significant(plain, scanned)[:MOST_TOGETHER]]
    if not likely:
        return [], outline
    # Several calls of one conversation may be no more than one.
    answer = yield Resembling(likely, failing)
    effects = dict(zip(likely, map(design_effect, answer.spreads), strict=True))
    plain.weigh(effects)
    scanned.weigh(effects)
    ranked = _significant(plain, scanned)
    if len(ranked) < 2:  # noqa: PLR2004 - nothing to be independent of
        return ranked, outline
    answer = yield Together([one.property for one in ranked])
    return _independent(ranked, failing, answer.together, effects), outline


def _significant(*families: _Family) -> list[Discriminator]:
    """What may not be chance, the strongest first."""
    found = [one for family in families for one in family.corrected() if one.probability <= SIGNIFICANT]
    return sorted(found, key=lambda one: (-_score(one), one.probability, one.property.attribute))


def _score(one: Discriminator) -> float:
    attribute = one.property.attribute
    penalty = _PENALTIES.get(attribute, _OTHER_PENALTY)
    if attribute.endswith(_DERIVED):
        penalty += 0.02
    return one.table.effect - penalty - _COMPARISON_PENALTIES[one.property.comparison]


def _independent(
    ranked: list[Discriminator],
    failing: Sequence[Features],
    working: Mapping[int, int],
    effects: Mapping[Property, float],
) -> list[Discriminator]:
    bad = Counter(bits_of(failing, [one.property for one in ranked]))
    kept: list[int] = []
    for index in range(len(ranked)):
        if all(
            ranked[index].property.attribute != ranked[stronger].property.attribute
            and _adds_to(index, stronger, bad, working, effects[ranked[index].property])
            for stronger in kept
        ):
            kept.append(index)
            if len(kept) == _MOST:
                break
    return [ranked[index] for index in kept]


def _adds_to(
    one: int, stronger: int, failing: Mapping[int, int], working: Mapping[int, int], effect: float
) -> bool:
    """Whether a property still separates among the calls that have a stronger one, or that do not."""
    for has in (0, 1):
        table = Table(*_counts(one, stronger, has, failing), *_counts(one, stronger, has, working))
        if table.effect >= _SMALLEST_EFFECT and fisher(thinned_by(effect, table)) <= SIGNIFICANT:
            return True
    return False


def _counts(one: int, stronger: int, has: int, calls: Mapping[int, int]) -> tuple[int, int]:
    """Of calls that have the stronger property or not: how many have the other, how many there are."""
    among = [(bits, count) for bits, count in calls.items() if bits >> stronger & 1 == has]
    return sum(count for bits, count in among if bits >> one & 1), sum(count for _, count in among)
