"""How the values of an attribute are spread over failing and over working calls: for charts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from autogen_otel.diagnosis.comparison.candidates import Comparison, Property
from autogen_otel.diagnosis.evidence.features import TIME, TRAITS, Features

_MOST_VALUES: Final = 7
_LONGEST: Final = 60
_BINS: Final = 12
_TAIL: Final = 0.02
_STEPS: Final = (1, 2, 2.5, 5, 10)


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


def distribution(of: Property, failing: Sequence[Features], working: Sequence[Features]) -> tuple[Bar, ...]:
    """Count values, or ranges of a number.

    Args:
        of: what separates failing from working calls; of times nothing is counted, ``Timeline`` does that.
        failing: calls that failed.
        working: calls of the same kind that worked.
    """
    if of.attribute == TIME or of.comparison is Comparison.WITHIN:
        return ()
    if of.comparison in {Comparison.AT_LEAST, Comparison.AT_MOST}:
        return _of_numbers(of, failing, working)
    if of.comparison in {Comparison.PRESENT, Comparison.ABSENT}:
        return _of_presence(of, failing, working)
    name = of.attribute + TRAITS if of.comparison is Comparison.IS else of.attribute
    usual = "usual" if of.comparison is Comparison.IS else "none"
    bad, good = (_counted((one.get(name) for one in calls), usual) for calls in (failing, working))
    own = _text(of.value)
    shown = [own]
    for value, _ in (bad + good).most_common(_MOST_VALUES):
        shown += [value] if value not in shown else []
    bars = [Bar(value, bad[value], good[value], value == own) for value in shown[:_MOST_VALUES]]
    others = [value for value in bad | good if value not in shown[:_MOST_VALUES]]
    if others:
        rest = Bar(f"{len(others)} others", sum(bad[v] for v in others), sum(good[v] for v in others), False)
        bars.append(rest)
    return tuple(bars)


def _counted(values: Iterable[Any], nothing: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for value in values:
        if value is None or value == frozenset():
            counts[nothing] += 1
        elif isinstance(value, frozenset):
            counts.update(map(_text, value))
        else:
            counts[_text(value)] += 1
    return counts


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _of_presence(of: Property, failing: Sequence[Features], working: Sequence[Features]) -> tuple[Bar, ...]:
    bad, good = (sum(of.attribute in one for one in calls) for calls in (failing, working))
    wants = of.comparison is Comparison.PRESENT
    return (
        Bar("present", bad, good, wants),
        Bar("absent", len(failing) - bad, len(working) - good, not wants),
    )


def _of_numbers(of: Property, failing: Sequence[Features], working: Sequence[Features]) -> tuple[Bar, ...]:
    bad, good = _numbers(failing, of.attribute), _numbers(working, of.attribute)
    numbers = sorted([*bad, *good])
    if not numbers:
        return ()
    cut = float(of.value)
    tail = int(len(numbers) * _TAIL)
    low, high = min(numbers[tail], cut), max(numbers[-1 - tail], cut)
    step = _round_step((high - low) / _BINS)
    # The cut is an edge, so that no bar stands on both sides of it.
    edges = [
        cut + step * number
        for number in range(math.floor((low - cut) / step), math.ceil((high - cut) / step) + 1)
    ]
    at_least = of.comparison is Comparison.AT_LEAST
    bars = []
    for begin, end in zip([-math.inf, *edges], [*edges, math.inf], strict=True):
        counts = [sum(_is_between(one, begin, end, at_least) for one in calls) for calls in (bad, good)]
        if any(counts) or math.isfinite(begin + end):
            bars.append(
                Bar(_range(begin, end), counts[0], counts[1], begin >= cut if at_least else end <= cut)
            )
    return tuple(bars)


def _is_between(number: float, begin: float, end: float, at_least: bool) -> bool:
    return begin <= number < end if at_least else begin < number <= end


def _numbers(calls: Sequence[Features], name: str) -> list[float]:
    values = (one.get(name) for one in calls)
    return [value for value in values if _is_number(value)]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _round_step(width: float) -> float:
    if width <= 0:
        return 1.0
    magnitude: float = 10.0 ** math.floor(math.log10(width))
    return next(step * magnitude for step in _STEPS if step * magnitude >= width * (1 - 1e-9))


def _range(begin: float, end: float) -> str:
    if begin == -math.inf:
        return f"< {end:,.6g}"
    return f">= {begin:,.6g}" if end == math.inf else f"{begin:,.6g}"
