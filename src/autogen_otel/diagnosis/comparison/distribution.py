"""How the values of an attribute are spread over failing and over working calls: for charts."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.diagnosis.comparison.candidates import counted, is_number
from autogen_otel.diagnosis.comparison.listed import bits_of, runs_of
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.questions import Answer, Asking, Outline, Run, Together
from autogen_otel.diagnosis.evidence.features import TIME, Features

_MOST_VALUES: Final = 7
_LONGEST: Final = 60
_BINS: Final = 12
_TAIL: Final = 0.02
_STEPS: Final = (1, 2, 2.5, 5, 10)
_NUMERIC: Final = frozenset({Comparison.AT_LEAST, Comparison.AT_MOST})
_SCANNED: Final = _NUMERIC | {Comparison.WITHIN}


@dataclass(frozen=True, slots=True)
class Bar:
    """Calls whose value is this, or in this range.

    Args:
        value: as text.
        failing: how many of the failing calls.
        working: how many of the working calls.
        has_property: whether it is what the failing ones have more often.
    """

    value: str
    failing: int
    working: int
    has_property: bool


def distributions(
    found: Sequence[Property], failing: Sequence[Features], outline: Answer
) -> Asking[tuple[tuple[Bar, ...], ...]]:
    """Count the values, or ranges of the numbers, of each of some attributes.

    Args:
        found: what separates failing from working calls; of times nothing is counted, ``Timeline`` does that.
        failing: calls that failed. The questions are about calls of the same kind that worked.
        outline: of these, with the cuts of ``cuts_of``.
    """
    numeric = [one for one in found if one.comparison in _NUMERIC and one.attribute != TIME]
    edges = {one.attribute: _edges(one, failing, outline) for one in numeric}
    named = {one: _named(one, failing) for one in found if one.comparison not in _SCANNED}
    asked = list(dict.fromkeys(one for properties in named.values() for one in properties))
    runs = (yield Outline(edges)).runs if edges else {}
    counted = _Counted(asked, failing, (yield Together(asked)).together if asked else {})
    bars: list[tuple[Bar, ...]] = []
    for one in found:
        if one in named:
            bars.append(tuple(_of_values(one, named[one], counted)))
        elif one in numeric:
            cuts = edges[one.attribute]
            own = runs_of((call.get(one.attribute) for call in failing), cuts)
            bars.append(tuple(_of_numbers(one, cuts, own, runs[one.attribute])))
        else:
            bars.append(())
    return tuple(bars)


def _named(of: Property, failing: Sequence[Features]) -> list[Property]:
    """What a bar each is drawn of: the property itself, and the values that failing calls have most often."""
    if of.comparison in {Comparison.PRESENT, Comparison.ABSENT}:
        return [Property(of.attribute, Comparison.PRESENT)]
    if of.comparison in {Comparison.BEGINS, Comparison.ENDS}:
        return [of, Property(of.attribute, Comparison.ABSENT)]
    counts = counted(call[of.name] for call in failing if call.get(of.name) is not None)
    others = [Property(of.attribute, of.comparison, value) for value, _ in counts.most_common(_MOST_VALUES)]
    named = [of, *(one for one in others if one.value != of.value)][: _MOST_VALUES - 1]
    if of.comparison is not Comparison.IS:
        named.append(Property(of.attribute, Comparison.ABSENT))
    return named


def _of_values(of: Property, named: Sequence[Property], counted: _Counted) -> Iterator[Bar]:
    is_of_presence = of.comparison in {Comparison.PRESENT, Comparison.ABSENT}
    for one in named:
        bad, good = counted.count([one], having=True)
        if is_of_presence:
            yield Bar("present", bad, good, one == of)
        elif one.comparison is not Comparison.ABSENT:
            yield Bar(_text(one.value), bad, good, one == of)
        elif bad or good:
            yield Bar("none", bad, good, False)
    bad, good = counted.count(named, having=False)
    if is_of_presence:
        yield Bar("absent", bad, good, of.comparison is Comparison.ABSENT)
    elif bad or good:
        yield Bar("usual" if of.comparison is Comparison.IS else "others", bad, good, False)


class _Counted:
    """How many failing and how many working calls have which of some properties."""

    def __init__(
        self, asked: Sequence[Property], failing: Sequence[Features], working: Mapping[int, int]
    ) -> None:
        self._bits = {one: 1 << index for index, one in enumerate(asked)}
        self._sides = (Counter(bits_of(failing, asked)), working)

    def count(self, some: Sequence[Property], *, having: bool) -> tuple[int, int]:
        """How many have one of them, or none of them."""
        mask = sum(self._bits[one] for one in some)
        bad, good = (
            sum(count for bits, count in side.items() if bool(bits & mask) is having) for side in self._sides
        )
        return bad, good


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _edges(of: Property, failing: Sequence[Features], outline: Answer) -> list[float]:
    """Where ranges begin and end; the cut is one, so that no bar stands on both sides of it."""
    bad = (call.get(of.attribute) for call in failing)
    counts = Counter(value for value in bad if is_number(value))
    for run in outline.runs.get(of.attribute, ()):
        counts[run.lowest] += run.calls - run.calls // 2
        counts[run.highest] += run.calls // 2
    cut = float(of.value)
    low, high = (
        min(_usual(counts, sorted(counts)), cut),
        max(_usual(counts, sorted(counts, reverse=True)), cut),
    )
    step = _round_step((high - low) / _BINS)
    first, last = math.floor((low - cut) / step), math.ceil((high - cut) / step)
    return [cut + step * number for number in range(first, last + 1)]


def _usual(counts: Mapping[float, int], numbers: Iterable[float]) -> float:
    """The first of the numbers that is not among the few at the end."""
    few = int(sum(counts.values()) * _TAIL)
    passed = 0
    for number in numbers:
        passed += counts[number]
        if passed > few:
            return number
    return math.nan


def _of_numbers(
    of: Property, edges: Sequence[float], failing: Sequence[Run], working: Sequence[Run]
) -> Iterator[Bar]:
    at_least = of.comparison is Comparison.AT_LEAST
    # What is exactly on an edge belongs to the range on the side of the property.
    place = bisect_right if at_least else bisect_left
    counts: list[list[int]] = [[0, 0] for _ in range(len(edges) + 1)]
    for side, runs in enumerate((failing, working)):
        for run in runs:
            counts[place(edges, run.lowest)][side] += run.calls
    for (bad, good), begin, end in zip(counts, [-math.inf, *edges], [*edges, math.inf], strict=True):
        if bad or good or math.isfinite(begin + end):
            has_property = begin >= of.value if at_least else end <= of.value
            yield Bar(_range(begin, end), bad, good, has_property)


def _round_step(width: float) -> float:
    if width <= 0:
        return 1.0
    magnitude: float = 10.0 ** math.floor(math.log10(width))
    return next(step * magnitude for step in _STEPS if step * magnitude >= width * (1 - 1e-9))


def _range(begin: float, end: float) -> str:
    if begin == -math.inf:
        return f"< {end:,.6g}"
    return f">= {begin:,.6g}" if end == math.inf else f"{begin:,.6g}"
