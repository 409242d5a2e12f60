"""Properties that a call may have: a value, an attribute at all, a number above a cut, a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import TIME, TRAITS, Features


class Comparison(Enum):
    """How a property tests the value of an attribute."""

    EQUALS = "equals"
    INCLUDES = "includes"
    """One of several values is this one."""
    IS = "is"
    """What is odd about the value: null, empty, negative; how it is written."""
    BEGINS = "begins_with"
    ENDS = "ends_with"
    PRESENT = "present"
    ABSENT = "absent"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    WITHIN = "within"


@dataclass(frozen=True, slots=True)
class Property:
    """A property that a call may have.

    Args:
        attribute: the attribute to test.
        comparison: how to test it.
        value: the value to compare it with; two numbers for ``WITHIN``.
    """

    attribute: str
    comparison: Comparison
    value: Any = None

    @property
    def name(self) -> str:
        """The name of the feature that it tests."""
        return self.attribute + TRAITS if self.comparison is Comparison.IS else self.attribute

    def tester(self) -> Callable[[Features], bool]:
        """A function that says whether a call has it; it runs for thousands of calls."""
        return _TESTERS[self.comparison](self.attribute, self.value)

    @property
    def text(self) -> str:
        """The value, as a report shows it."""
        text_of: Callable[[float], str] = _moment if self.attribute == TIME else _number
        if self.comparison is Comparison.WITHIN:
            first, last = map(text_of, self.value)
            return first if first == last else f"{first} to {last}"
        if self.comparison in _SIGNS:
            return f"{_SIGNS[self.comparison]} {text_of(self.value)}"
        if self.value is None:
            return str(self.comparison.value)
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


_SIGNS: Final = {Comparison.AT_LEAST: ">=", Comparison.AT_MOST: "<="}
_NOT_A_NUMBER: Final = math.nan
"""Compares as neither more nor less."""


def _equals(name: str, value: Any) -> Callable[[Features], bool]:
    # True == 1, but they are different values.
    kind = type(value)
    return lambda features: features.get(name) == value and type(features[name]) is kind


def _includes(name: str, value: Any) -> Callable[[Features], bool]:
    def includes(features: Features) -> bool:
        values = features.get(name)
        return type(values) is frozenset and value in values

    return includes


def _of_text(name: str, test: Callable[[str], bool]) -> Callable[[Features], bool]:
    def tester(features: Features) -> bool:
        text = features.get(name)
        return isinstance(text, str) and test(text)

    return tester


def _numeric(test: Callable[[Any, Any], bool]) -> Callable[[str, Any], Callable[[Features], bool]]:
    def make_tester(name: str, value: Any) -> Callable[[Features], bool]:
        def tester(features: Features) -> bool:
            number = features.get(name, _NOT_A_NUMBER)
            return isinstance(number, (int, float)) and test(number, value)

        return tester

    return make_tester


_TESTERS: Final[Mapping[Comparison, Callable[[str, Any], Callable[[Features], bool]]]] = {
    Comparison.EQUALS: _equals,
    Comparison.INCLUDES: _includes,
    Comparison.IS: lambda name, value: _includes(name + TRAITS, value),
    Comparison.BEGINS: lambda name, value: _of_text(name, lambda text: text.startswith(value)),
    Comparison.ENDS: lambda name, value: _of_text(name, lambda text: text.endswith(value)),
    Comparison.PRESENT: lambda name, _: lambda features: name in features,
    Comparison.ABSENT: lambda name, _: lambda features: name not in features,
    Comparison.AT_LEAST: _numeric(operator.ge),
    Comparison.AT_MOST: _numeric(operator.le),
    Comparison.WITHIN: _numeric(lambda number, ends: bool(ends[0] <= number <= ends[1])),
}


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1 or value != int(value) else str(int(value))


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
