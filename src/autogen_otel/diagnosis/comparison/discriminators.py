"""Properties that failing calls have and working calls of the same kind do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autogen_otel.diagnosis.comparison.calls import WorkingCalls, bits_of, count_by_property
from autogen_otel.diagnosis.comparison.candidates import properties
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.statistics import (
    Table,
    count_testable,
    design_effect,
    effective_table,
    fisher,
    fisher_of_best_cut,
    holm,
    smallest,
)
from autogen_otel.diagnosis.evidence.features import (
    AGENT_PAIR,
    CONVERSATION_NUMBER,
    HOUR,
    MINUTE,
    TIME,
    TURN,
    Features,
)
from autogen_otel.vocabulary import attributes as names

SIGNIFICANT: Final = 0.01
"""The probability of a result by chance, for one finding and all comparisons for it."""
_MOST_COMBINED: Final = 40
"""Of so many candidates those that are independent of each other are looked for."""
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
    # More than a window of time: within one hour they are the same.
    MINUTE: 0.08,
}
"""If two attributes separate about as well, the one with the smaller penalty explains better."""
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
_THRESHOLDS: Final = frozenset({Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.WITHIN})
_CUTS: Final = _THRESHOLDS - {Comparison.WITHIN}
_THRESHOLD_SHARE: Final = 0.2
_OTHER_PENALTY: Final = 0.01
_DERIVED_SUFFIXES: Final = (".length", "arguments.depth", "arguments.chars")


@dataclass(frozen=True, slots=True)
class Discriminator:
    """A property that failing calls have more often.

    Args:
        property: the property.
        table: how many calls have it.
        probability: of such a difference by chance, corrected for all comparisons.
    """

    property: Property
    table: Table
    probability: float


class _Family:
    """Comparisons that are corrected together, with their share of the level of significance."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._smallest_probabilities: list[float] = []
        self._candidates: dict[Property, tuple[Table, int, float]] = {}

    def take(self, candidate: Property, table: Table, comparisons: int) -> None:
        """Add a candidate that was the best of so many comparisons; compute only what may be significant."""
        # Some cut of a number may separate perfectly.
        is_best_cut = comparisons > 1 and candidate.comparison in _THRESHOLDS
        self._smallest_probabilities.append(0.0 if is_best_cut else min(1.0, smallest(table) * comparisons))
        if table.effect >= _SMALLEST_EFFECT and table.failing_share >= _SMALLEST_SHARE:
            self._candidates[candidate] = table, comparisons, _by_chance(candidate, table, comparisons)

    def weigh(self, effects: Mapping[Property, float]) -> None:
        """Count only independent calls of the candidates with a design effect; drop all others."""
        self._candidates = {
            candidate: (
                table,
                comparisons,
                _by_chance(candidate, effective_table(effects[candidate], table), comparisons),
            )
            for candidate, (table, comparisons, _) in self._candidates.items()
            if candidate in effects
        }

    def discriminators(self) -> Iterator[Discriminator]:
        """The candidates, with their probability corrected for all comparisons of both families."""
        testable = count_testable(self._smallest_probabilities, SIGNIFICANT * self._share)
        probabilities = holm([probability for _, _, probability in self._candidates.values()], testable)
        for (candidate, (table, _, _)), probability in zip(
            self._candidates.items(), probabilities, strict=True
        ):
            yield Discriminator(candidate, table, min(1.0, probability / self._share))


def _by_chance(prop: Property, table: Table, comparisons: int) -> float:
    """The probability of such a difference by chance, of the best of so many properties of an attribute."""
    if comparisons > 1 and prop.comparison in _CUTS:
        return fisher_of_best_cut(table, comparisons)
    return min(1.0, fisher(table) * comparisons)


def discriminate(
    failing: Sequence[Features],
    working: WorkingCalls,
    cuts: Mapping[str, Sequence[float]],
    is_redundant: Callable[[str], bool] = lambda _: False,
) -> list[Discriminator]:
    """Find what separates failing from working calls, the strongest first.

    Properties that only follow from a stronger one are left out, and so are those that may be chance.

    Args:
        failing: one failing call of each conversation.
        working: calls of the same kind that worked.
        cuts: of ``cuts_of``.
        is_redundant: whether an attribute only repeats what failed.
    """
    if len(failing) < 2 or not working.total:  # noqa: PLR2004 - one call has everything that it has
        return []
    candidates = [pair for pair in properties(failing, working, cuts) if not is_redundant(pair[0].attribute)]
    candidate_properties = [candidate for candidate, _ in candidates]
    counts = zip(
        count_by_property(failing, candidate_properties), working.counts(candidate_properties), strict=True
    )
    # Two families, so that hundreds of thresholds do not outweigh the few plain values.
    plain, thresholds = _Family(1 - _THRESHOLD_SHARE), _Family(_THRESHOLD_SHARE)
    for (candidate, comparisons), (bad, good) in zip(candidates, counts, strict=True):
        family = thresholds if candidate.comparison in _THRESHOLDS else plain
        family.take(candidate, Table(bad, len(failing), good, working.total), comparisons)
    likely = [one.property for one in _significant(plain, thresholds)[:_MOST_COMBINED]]
    # Several calls of one conversation may count as one.
    effects = {prop: design_effect(working.spread(prop, failing)) for prop in likely}
    plain.weigh(effects)
    thresholds.weigh(effects)
    ranked = _significant(plain, thresholds)
    if len(ranked) < 2:  # noqa: PLR2004 - nothing to be independent of
        return ranked
    combinations = working.combinations([one.property for one in ranked])
    return _keep_independent(ranked, failing, combinations, effects)


def _significant(*families: _Family) -> list[Discriminator]:
    """The significant discriminators, the strongest first."""
    significant = [
        one for family in families for one in family.discriminators() if one.probability <= SIGNIFICANT
    ]
    return sorted(significant, key=lambda one: (-_score(one), one.probability, one.property.attribute))


def _score(discriminator: Discriminator) -> float:
    attribute = discriminator.property.attribute
    penalty = _PENALTIES.get(attribute, _OTHER_PENALTY)
    if attribute.endswith(_DERIVED_SUFFIXES):
        penalty += 0.02
    return discriminator.table.effect - penalty - _COMPARISON_PENALTIES[discriminator.property.comparison]


def _keep_independent(
    ranked: list[Discriminator],
    failing: Sequence[Features],
    working: Mapping[int, int],
    effects: Mapping[Property, float],
) -> list[Discriminator]:
    bad = Counter(bits_of(failing, [one.property for one in ranked]))
    independent: list[int] = []
    for index in range(len(ranked)):
        if all(
            ranked[index].property.attribute != ranked[stronger].property.attribute
            and _adds_to(index, stronger, bad, working, effects[ranked[index].property])
            for stronger in independent
        ):
            independent.append(index)
            if len(independent) == _MOST:
                break
    return [ranked[index] for index in independent]


def _adds_to(
    index: int, stronger: int, failing: Mapping[int, int], working: Mapping[int, int], effect: float
) -> bool:
    """Whether a property still separates the calls that have a stronger one, or those that do not."""
    for has in (0, 1):
        table = Table(*_counts(index, stronger, has, failing), *_counts(index, stronger, has, working))
        if table.effect >= _SMALLEST_EFFECT and fisher(effective_table(effect, table)) <= SIGNIFICANT:
            return True
    return False


def _counts(index: int, stronger: int, has: int, calls: Mapping[int, int]) -> tuple[int, int]:
    """Of calls with the stronger property, or without: how many have the other, and how many there are."""
    group = [(bits, count) for bits, count in calls.items() if bits >> stronger & 1 == has]
    return sum(count for bits, count in group if bits >> index & 1), sum(count for _, count in group)
