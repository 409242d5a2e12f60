"""The leaves of a tool's arguments as expressions of SQL: what ``evidence.arguments`` says in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from autogen_otel.diagnosis.evidence.arguments import (
    DEPTH,
    HIGHEST,
    LONGEST_VALUE,
    LOWEST,
    NULL,
    PREFIX,
    SIZE,
)

_LENGTH: Final = ".length"
_ELEMENTS: Final = "[]"
_SCALAR: Final = "one NOT IN ('null', '[]', '{}')"
_STRING: Final = "startsWith(one, '\"')"
_TEXT: Final = "JSONExtractString(one)"
_NUMBER: Final = "toFloat64OrNull(one)"
_IS_NUMBER: Final = f"isNotNull({_NUMBER})"
_MEASURES: Final = {
    _LENGTH: (_STRING, "arrayMax", f"lengthUTF8({_TEXT})"),
    HIGHEST: (_IS_NUMBER, "arrayMax", f"assumeNotNull({_NUMBER})"),
    LOWEST: (_IS_NUMBER, "arrayMin", f"assumeNotNull({_NUMBER})"),
}
"""What values are measured, which of several counts, and how."""
_TRAITS: Final = {
    NULL: "one = 'null'",
    "a boolean": "one IN ('true', 'false')",
    "a number": _IS_NUMBER,
    "text": _STRING,
    "a list": "one = '[]'",
    "an object": "one = '{}'",
    "empty": "one IN ('\"\"', '[]', '{}')",
    "not ASCII": f"{_STRING} AND NOT match({_TEXT}, '^[\\\\x00-\\\\x7F]*$')",
    "blank": f"{_STRING} AND match({_TEXT}, '^\\\\s+$')",
    "text for nothing": (
        f"{_STRING} AND lower(trimBoth({_TEXT})) IN ('null', 'none', 'nan', 'undefined', 'n/a')"
    ),
    "negative": f"ifNull({_NUMBER} < 0, 0)",
    "zero": f"ifNull({_NUMBER} = 0, 0)",
}
_DEEPEST: Final = 5
"""Levels of arguments whose names are looked for; what failing calls have is found at any level."""


def is_leaf(name: str) -> bool:
    """Whether a feature is what stands in a tool's arguments."""
    return name.startswith(PREFIX) and name not in {SIZE, DEPTH}


class Leaves:
    """The values under one path of the arguments.

    Args:
        json: the expression of the arguments.
        name: of the feature: ``autogen.tool.argument.items[].price``, or that with ``.length``, ``.highest``.
        value: makes what stands for a value in an expression.
    """

    def __init__(self, json: str, name: str, value: Callable[[Any, str], str]) -> None:
        path = name.removeprefix(PREFIX)
        self._value = value
        self._raw = self._under(json, path)
        # Only the numbers of a list come to something.
        measures = _MEASURES if _ELEMENTS in path else (_LENGTH,)
        self._suffix = next((one for one in measures if path.endswith(one)), "")
        self._measured = self._under(json, path.removesuffix(self._suffix)) if self._suffix else None

    @property
    def present(self) -> str:
        """Whether there is one that is no null and holds nothing."""
        present = f"arrayExists(one -> {_SCALAR}, {self._raw})"
        if self._measured is None:
            return present
        return f"({present} OR arrayExists(one -> {_MEASURES[self._suffix][0]}, {self._measured}))"

    @property
    def number(self) -> str:
        """The number that it is, or the length that it has."""
        numbers = f"arrayFilter(one -> isNotNull({_NUMBER}), {self._raw})"
        own = f"if(notEmpty({numbers}), toFloat64OrNull({numbers}[1]), NULL)"
        if self._measured is None:
            return own
        has_measure, most, measure = _MEASURES[self._suffix]
        measured = f"arrayFilter(one -> {has_measure}, {self._measured})"
        length = f"toFloat64({most}(arrayMap(one -> {measure}, {measured})))"
        return f"if(notEmpty({measured}), {length}, {own})"

    def has(self, value: Any) -> str:
        """Whether one of them is a value."""
        if isinstance(value, bool):
            return f"has({self._raw}, '{str(value).lower()}')"
        if isinstance(value, (int, float)):
            wanted = self._value(float(value), "Float64")
            if self._measured is not None:
                return f"ifNull({self.number} = {wanted}, 0)"
            return f"arrayExists(one -> ifNull({_NUMBER} = {wanted}, 0), {self._raw})"
        wanted = self._value(value, "String")
        test = f"{_STRING} AND substringUTF8({_TEXT}, 1, {LONGEST_VALUE}) = {wanted}"
        return f"arrayExists(one -> {test}, {self._raw})"

    def trait(self, trait: str) -> str:
        """Whether one of them is odd in this way."""
        return f"arrayExists(one -> {_TRAITS[trait]}, {self._raw})"

    def _under(self, json: str, path: str) -> str:
        """The values at a path, as JSON; those that hold others are no leaves."""
        found = f"[{json}]"
        for segment in path.split("."):
            key = segment
            lists = 0
            while key.endswith(_ELEMENTS):
                key, lists = key.removesuffix(_ELEMENTS), lists + 1
            if key:
                found = f"arrayMap(one -> JSONExtractRaw(one, {self._value(key, 'String')}), {found})"
            for _ in range(lists):
                found = f"arrayFlatten(arrayMap(one -> JSONExtractArrayRaw(one), {found}))"
        if "." in path:
            # A key may have dots in it.
            whole = f"JSONExtractRaw({json}, {self._value(path, 'String')})"
            found = f"if({whole} != '', [{whole}], {found})"
        is_value = "one != '' AND (one IN ('[]', '{}') OR NOT match(one, '^[\\\\[{]'))"
        return f"arrayFilter(one -> {is_value}, {found})"


def leaf_names(json: str) -> str:
    """The paths at which something stands in arguments, as an array, however few levels are looked at."""
    return f"arrayDistinct({_paths(json, _DEEPEST)})"


def _paths(json: str, levels: int) -> str:
    inner = f"one{levels}"
    # The length of a text is a feature of its own.
    ends = f"if(startsWith({json}, '\"'), ['', '{_LENGTH}'], [''])"
    if not levels:
        return ends
    below = _paths(inner, levels - 1)
    joined = "if(rest = '' OR match(rest, '^[.\\\\[]'), '', '.'), rest"
    return (
        f"multiIf({json} IN ('[]', '{{}}', 'null', ''), CAST([], 'Array(String)'),"
        f" startsWith({json}, '{{'), arrayFlatten(arrayMap((key{levels}, {inner}) ->"
        f" arrayMap(rest -> concat(key{levels}, {joined}), {below}),"
        f" arrayMap(pair -> pair.1, JSONExtractKeysAndValuesRaw({json})),"
        f" arrayMap(pair -> pair.2, JSONExtractKeysAndValuesRaw({json})))),"
        f" startsWith({json}, '['), arrayFlatten(arrayMap({inner} ->"
        f" arrayMap(rest -> concat('[]', {joined}), {below}),"
        f" JSONExtractArrayRaw({json}))),"
        f" {ends})"
    )
