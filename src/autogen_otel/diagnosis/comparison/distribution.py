"""The distribution of an attribute's values over failing and working calls, for charts."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.diagnosis.comparison.calls import Run, WorkingCalls, bits_of, is_number, runs_of
from autogen_otel.diagnosis.comparison.candidates import value_counts
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.evidence.features import TIME, Features

_MOST_VALUES: Final = 7
_LONGEST: Final = 60
_BINS: Final = 12
_TAIL: Final = 0.02
_STEPS: Final = (1, 2, 2.5, 5, 10)
_NUMERIC: Final = frozenset({Comparison.AT_LEAST, Comparison.AT_MOST})
_THRESHOLDS: Final = _NUMERIC | {Comparison.WITHIN}


@dataclass(frozen=True, slots=True)
class Bar:
    """Calls whose value is this, or in this range.

    Args:
        value: the value or range as text.
        failing: how many failing calls.
        working: how many working calls.
        has_property: whether it is what failing calls have more often.
    """

    value: str
    failing: int
    working: int
    has_property: bool


def distributions(
    properties: Sequence[Property],
    failing: Sequence[Features],
    working: WorkingCalls,
    cuts: Mapping[str, Sequence[float]],
) -> tuple[tuple[Bar, ...], ...]:
    """Count the values, or ranges of the numbers, of the attributes of some properties.

    Args:
        properties: what separates failing from working calls; times get no bars, ``Timeline`` has them.
        failing: calls that failed.
        working: calls of the same kind that worked.
        cuts: of ``cuts_of``.
    """
    numeric = [prop for prop in properties if prop.comparison in _NUMERIC and prop.attribute != TIME]
    value_properties = {
        prop: _value_properties(prop, failing) for prop in properties if prop.comparison not in _THRESHOLDS
    }
    distinct = list(
        dict.fromkeys(prop for bar_properties in value_properties.values() for prop in bar_properties)
    )
    counts = _CallCounts(distinct, failing, working)
    bars: list[tuple[Bar, ...]] = []
    for prop in properties:
        if prop in value_properties:
            bars.append(tuple(_value_bars(prop, value_properties[prop], counts)))
        elif prop in numeric:
            name = prop.attribute
            edges = _edges(prop, failing, working.runs(name, cuts[name]))
            failing_runs = runs_of((call.get(name) for call in failing), edges)
            bars.append(tuple(_number_bars(prop, edges, failing_runs, working.runs(name, edges))))
        else:
            bars.append(())
    return tuple(bars)


def _value_properties(prop: Property, failing: Sequence[Features]) -> list[Property]:
    """The properties that get a bar: this one, and the values that failing calls have most often."""
    if prop.comparison in {Comparison.PRESENT, Comparison.ABSENT}:
        return [Property(prop.attribute, Comparison.PRESENT)]
    if prop.comparison in {Comparison.BEGINS, Comparison.ENDS}:
        return [prop, Property(prop.attribute, Comparison.ABSENT)]
    counts = value_counts(call[prop.name] for call in failing if call.get(prop.name) is not None)
    others = [
        Property(prop.attribute, prop.comparison, value) for value, _ in counts.most_common(_MOST_VALUES)
    ]
    bar_properties = [prop, *(other for other in others if other.value != prop.value)][: _MOST_VALUES - 1]
    if prop.comparison is not Comparison.IS:
        bar_properties.append(Property(prop.attribute, Comparison.ABSENT))
    return bar_properties


def _value_bars(prop: Property, bar_properties: Sequence[Property], counts: _CallCounts) -> Iterator[Bar]:
    is_of_presence = prop.comparison in {Comparison.PRESENT, Comparison.ABSENT}
    for bar_property in bar_properties:
        bad, good = counts.count([bar_property], has_one=True)
        if is_of_presence:
            yield Bar("present", bad, good, bar_property == prop)
        elif bar_property.comparison is not Comparison.ABSENT:
            yield Bar(_text(bar_property.value), bad, good, bar_property == prop)
        elif bad or good:
            yield Bar("none", bad, good, False)
    bad, good = counts.count(bar_properties, has_one=False)
    if is_of_presence:
        yield Bar("absent", bad, good, prop.comparison is Comparison.ABSENT)
    elif bad or good:
        yield Bar("usual" if prop.comparison is Comparison.IS else "others", bad, good, False)


class _CallCounts:
    """The numbers of failing and working calls with each combination of some properties."""

    def __init__(
        self, properties: Sequence[Property], failing: Sequence[Features], working: WorkingCalls
    ) -> None:
        self._bits = {one: 1 << index for index, one in enumerate(properties)}
        self._sides = (Counter(bits_of(failing, properties)), working.combinations(properties))

    def count(self, properties: Sequence[Property], *, has_one: bool) -> tuple[int, int]:
        """How many failing and working calls have one of the properties, or none of them."""
        mask = sum(self._bits[one] for one in properties)
        bad, good = (
            sum(count for bits, count in side.items() if bool(bits & mask) is has_one) for side in self._sides
        )
        return bad, good


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _edges(prop: Property, failing: Sequence[Features], working: Sequence[Run]) -> list[float]:
    """The edges of the ranges; the cut is one of them, so that no bar is on both sides of it."""
    failing_values = (call.get(prop.attribute) for call in failing)
    counts = Counter(value for value in failing_values if is_number(value))
    for run in working:
        counts[run.lowest] += run.calls - run.calls // 2
        counts[run.highest] += run.calls // 2
    cut = float(prop.value)
    low, high = (
        min(_usual(counts, sorted(counts)), cut),
        max(_usual(counts, sorted(counts, reverse=True)), cut),
    )
    step = _round_step((high - low) / _BINS)
    first, last = math.floor((low - cut) / step), math.ceil((high - cut) / step)
    return [cut + step * number for number in range(first, last + 1)]


def _usual(counts: Mapping[float, int], numbers: Iterable[float]) -> float:
    """The first number that is no outlier."""
    few = int(sum(counts.values()) * _TAIL)
    count = 0
    for number in numbers:
        count += counts[number]
        if count > few:
            return number
    return math.nan


def _number_bars(
    prop: Property, edges: Sequence[float], failing: Sequence[Run], working: Sequence[Run]
) -> Iterator[Bar]:
    is_at_least = prop.comparison is Comparison.AT_LEAST
    # A number exactly on an edge belongs to the range on the side of the property.
    bin_of = bisect_right if is_at_least else bisect_left
    counts: list[list[int]] = [[0, 0] for _ in range(len(edges) + 1)]
    for side, runs in enumerate((failing, working)):
        for run in runs:
            counts[bin_of(edges, run.lowest)][side] += run.calls
    for (bad, good), begin, end in zip(counts, [-math.inf, *edges], [*edges, math.inf], strict=True):
        if bad or good or math.isfinite(begin + end):
            has_property = begin >= prop.value if is_at_least else end <= prop.value
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
