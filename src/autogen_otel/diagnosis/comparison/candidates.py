"""Properties worth comparing: values, presence, what is odd about a value, thresholds, windows of time."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Final

from autogen_otel.diagnosis.comparison.statistics import Table
from autogen_otel.diagnosis.evidence.features import TIME, TRAITS, Features

_MOST_VALUES: Final = 6
_MOST_CUTS: Final = 40
_FEWEST_NUMBERS: Final = 4


class Comparison(Enum):
    """How a property is told by the value of an attribute."""

    EQUALS = "equals"
    INCLUDES = "includes"
    """One of several values is this one."""
    IS = "is"
    """What is odd about the value: null, empty, negative."""
    PRESENT = "present"
    ABSENT = "absent"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    WITHIN = "within"


@dataclass(frozen=True, slots=True)
class Property:
    """What a call may have or not.

    Args:
        attribute: whose value is looked at.
        comparison: how.
        value: with what; two numbers for ``WITHIN``.
    """

    attribute: str
    comparison: Comparison
    value: Any = None

    def tester(self) -> Callable[[Features], bool]:
        """A function that says whether a call has it; it is asked of thousands."""
        return _TESTERS[self.comparison](self.attribute, self.value)

    @property
    def text(self) -> str:
        """The value, as it is reported."""
        value: Callable[[float], str] = _moment if self.attribute == TIME else _number
        if self.comparison is Comparison.WITHIN:
            return f"{value(self.value[0])} to {value(self.value[1])}"
        if self.comparison in _SIGNS:
            return f"{_SIGNS[self.comparison]} {value(self.value)}"
        if self.value is None:
            return str(self.comparison.value)
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


_SIGNS: Final = {Comparison.AT_LEAST: ">=", Comparison.AT_MOST: "<="}
_NOT_A_NUMBER: Final = math.nan
"""Compares as neither more nor less."""


def _equals(name: str, value: Any) -> Callable[[Features], bool]:
    # True == 1, and is another value all the same.
    kind = type(value)
    return lambda features: features.get(name) == value and type(features[name]) is kind


def _includes(name: str, value: Any) -> Callable[[Features], bool]:
    def includes(features: Features) -> bool:
        values = features.get(name)
        return type(values) is frozenset and value in values

    return includes


def _numeric(test: Callable[[Any, Any], bool]) -> Callable[[str, Any], Callable[[Features], bool]]:
    def make(name: str, value: Any) -> Callable[[Features], bool]:
        def tester(features: Features) -> bool:
            number = features.get(name, _NOT_A_NUMBER)
            return isinstance(number, (int, float)) and test(number, value)

        return tester

    return make


_TESTERS: Final[Mapping[Comparison, Callable[[str, Any], Callable[[Features], bool]]]] = {
    Comparison.EQUALS: _equals,
    Comparison.INCLUDES: _includes,
    Comparison.IS: lambda name, value: _includes(name + TRAITS, value),
    Comparison.PRESENT: lambda name, _: lambda features: name in features,
    Comparison.ABSENT: lambda name, _: lambda features: name not in features,
    Comparison.AT_LEAST: _numeric(operator.ge),
    Comparison.AT_MOST: _numeric(operator.le),
    Comparison.WITHIN: _numeric(lambda number, ends: bool(ends[0] <= number <= ends[1])),
}


def properties(failing: Sequence[Features], working: Sequence[Features]) -> Iterator[tuple[Property, int]]:
    """Propose what may separate failing from working calls.

    Yields:
        Each property with how many comparisons it was chosen from.
    """
    names = {name for features in failing for name in features}
    names.update(name for features in working[:200] for name in features)
    for name in sorted(names):
        bad = [features.get(name) for features in failing]
        good = [features.get(name) for features in working]
        yield from _of_attribute(name, bad, good)


def _of_attribute(name: str, bad: list[Any], good: list[Any]) -> Iterator[tuple[Property, int]]:
    if name.endswith(TRAITS):
        attribute = name.removesuffix(TRAITS)
        for value, _ in _common(bad):
            yield Property(attribute, Comparison.IS, value), 1
        return
    is_sometimes = (None in bad or None in good) and any(value is not None for value in (*bad, *good))
    if is_sometimes:
        yield Property(name, Comparison.PRESENT), 1
        yield Property(name, Comparison.ABSENT), 1
    numbers = [(value, True) for value in bad if _is_number(value)]
    numbers += [(value, False) for value in good if _is_number(value)]
    if numbers and any(isinstance(value, frozenset) for value in bad):
        numbers = []
    if name != TIME:
        kind = Comparison.INCLUDES if any(isinstance(v, frozenset) for v in bad) else Comparison.EQUALS
        for value, _ in _common(bad):
            yield Property(name, kind, value), 1
    if len({value for value, _ in numbers}) >= _FEWEST_NUMBERS:
        missing = Table(0, len(bad), 0, len(good))
        yield from _thresholds(name, sorted(numbers), missing)


def _common(values: Iterable[Any]) -> list[tuple[Any, int]]:
    """The values that are there more than once, the most frequent first."""
    counts: Counter[Any] = Counter()
    for value in values:
        if isinstance(value, frozenset):
            counts.update(value)
        elif value is not None and (isinstance(value, (str, bool, int)) or _is_number(value)):
            counts[value] += 1
    return [(value, count) for value, count in counts.most_common(_MOST_VALUES) if count > 1]


def _thresholds(
    name: str, numbers: list[tuple[float, bool]], totals: Table
) -> Iterator[tuple[Property, int]]:
    """The best cut in each direction, and for time the best window, with how many were tried."""
    steps = _steps(numbers)
    tried = len(steps)
    bad_total, good_total = totals.all_failing or 1, totals.all_working or 1
    bad_all = sum(bad for _, _, bad, _ in steps)
    good_all = sum(good for _, _, _, good in steps)
    best_high = best_low = (-1.0, 0)
    bad_below = good_below = 0
    for index, (_, _, bad, good) in enumerate(steps):
        high = (bad_all - bad_below) / bad_total - (good_all - good_below) / good_total
        best_high = max(best_high, (high, index))
        bad_below, good_below = bad_below + bad, good_below + good
        low = bad_below / bad_total - good_below / good_total
        best_low = max(best_low, (low, -index))
    index = best_high[1]
    if index:
        yield Property(name, Comparison.AT_LEAST, _between(steps[index - 1][1], steps[index][0], name)), tried
    index = -best_low[1]
    if index < len(steps) - 1:
        cut = _between(steps[index][1], steps[index + 1][0], name)
        yield Property(name, Comparison.AT_MOST, cut if cut < steps[index + 1][0] else steps[index][1]), tried
    if name == TIME:
        yield from _window(_coarse(steps), bad_total, good_total)


def _window(
    steps: list[tuple[float, float, int, int]], bad_total: int, good_total: int
) -> Iterator[tuple[Property, int]]:
    best, best_from, best_to, running, begun = 0.0, 0, 0, 0.0, 0
    for index, (_, _, bad, good) in enumerate(steps):
        if running <= 0:
            running, begun = 0.0, index
        running += bad / bad_total - good / good_total
        if running > best:
            best, best_from, best_to = running, begun, index
    tried = len(steps) * (len(steps) - 1) // 2
    if best_from > 0 and best_to < len(steps) - 1:
        value = (steps[best_from][0], steps[best_to][1])
        yield Property(TIME, Comparison.WITHIN, value), tried


def _steps(numbers: list[tuple[float, bool]]) -> list[tuple[float, float, int, int]]:
    """Runs of neighbouring values, as lowest, highest, failing and working, where cutting may help.

    A cut within a run of only failing or only working calls is never the best one.
    """
    runs: list[tuple[float, float, int, int]] = []
    by_value: dict[float, list[int]] = {}
    for value, is_bad in numbers:
        counts = by_value.setdefault(value, [0, 0])
        counts[0 if is_bad else 1] += 1
    for value, (bad, good) in by_value.items():
        if runs and ((not bad and not runs[-1][2]) or (not good and not runs[-1][3])):
            lowest, _, bad_before, good_before = runs[-1]
            runs[-1] = (lowest, value, bad_before + bad, good_before + good)
        else:
            runs.append((value, value, bad, good))
    return runs


def _coarse(runs: list[tuple[float, float, int, int]]) -> list[tuple[float, float, int, int]]:
    """Few enough runs that trying every window of them does not find one by chance: neighbours are joined."""
    while len(runs) > _MOST_CUTS:
        joined = [(a[0], b[1], a[2] + b[2], a[3] + b[3]) for a, b in zip(runs[::2], runs[1::2], strict=False)]
        runs = joined + ([runs[-1]] if len(runs) % 2 else [])
    return runs


def round_between(low: float, high: float) -> float:
    """The roundest number above ``low`` and not above ``high``."""
    if low >= high:
        return high
    middle = (low + high) / 2
    magnitude = math.floor(math.log10(abs(middle))) if middle else 0
    for digits in range(12):
        unit = 10.0 ** (magnitude - digits)
        rounded = round(round(middle / unit) * unit, 10)
        if low < rounded <= high:
            return int(rounded) if rounded == int(rounded) else rounded
    return high


def _between(low: float, high: float, name: str) -> float:
    return high if name == TIME else round_between(low, high)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1 or value != int(value) else str(int(value))


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
