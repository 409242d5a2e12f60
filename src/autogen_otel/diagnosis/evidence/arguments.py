"""The arguments of a tool call as features: each leaf of the JSON, and what is odd about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import TRAITS, Features
from autogen_otel.traces.formats.parsing import loads

PREFIX: Final = "autogen.tool.argument."
DEPTH: Final = "autogen.tool.arguments.depth"
SIZE: Final = "autogen.tool.arguments.chars"
NULL: Final = "null"
HIGHEST: Final = ".highest"
LOWEST: Final = ".lowest"
"""Suffixes of the features for the largest and the smallest number of a list."""
ELEMENTS: Final = ".elements"
"""Suffix of the feature for the number of elements of a list, of the longest of several at one path."""
_ELEMENTS: Final = "[]"
_MOST_LEAVES: Final = 64
LONGEST_VALUE: Final = 80
_TYPES: Final = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}
_OBJECT: Final = "an object"
FORM: Final = "written as "
"""Begins the trait that says how a text is written: ``written as 9/9/9``."""
LONGEST_FORM: Final = 40
"""Characters of the longest text that has a form; a longer one is prose."""
RUNS: Final = (("[0-9]+", "9"), ("[A-Z]+", "A"), ("[a-z]+", "a"))
"""Which sign replaces which characters in a form; the order matters."""
_BLANKS: Final = " \t\n\f\r"
_FORMS: Final = tuple((re.compile(pattern), sign) for pattern, sign in RUNS)
TYPES: Final = frozenset({*_TYPES.values(), _OBJECT})
"""Traits that only name the type of a value."""


def argument_features(arguments: object) -> Features:
    """Describe the arguments that a span recorded."""
    if not isinstance(arguments, str):
        return {}
    try:
        parsed = loads(arguments)
    except (ValueError, RecursionError):
        # Not JSON, or cut because it was too long.
        return {SIZE: len(arguments)}
    features: dict[str, Any] = {SIZE: len(arguments)}
    deepest = 0
    values_by_name: dict[str, set[Any]] = {}
    count = 0
    for path, depth, leaf in _leaves(parsed):
        if type(leaf) is _Elements:
            name = _name_of_elements(path)
            features[name] = max(leaf, features.get(name, 0))
            continue
        if count == _MOST_LEAVES:
            # Lists further on are counted all the same.
            continue
        count += 1
        deepest = max(deepest, depth)
        name, name_of_traits, length = _names(path)
        traits, others = frozenset(_traits(leaf)), features.get(name_of_traits)
        features[name_of_traits] = _interned_traits(traits if others is None else traits | others)
        if isinstance(leaf, str):
            features[length] = max(len(leaf), features.get(length, 0))
        if isinstance(leaf, (list, dict)) or leaf is None:
            continue
        value = leaf[:LONGEST_VALUE] if isinstance(leaf, str) else leaf
        if _ELEMENTS in path:
            values_by_name.setdefault(name, set()).add(value)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                features[name + HIGHEST] = max(value, features.get(name + HIGHEST, value))
                features[name + LOWEST] = min(value, features.get(name + LOWEST, value))
        else:
            features[name] = value
    features.update({name: frozenset(values) for name, values in values_by_name.items()})
    features[DEPTH] = deepest
    return features


class _Elements(int):
    """The number of elements of a list."""

    __slots__ = ()


def is_of_list(name: str, value: object) -> bool:
    """Whether a feature is a number that a list comes to, and no argument of the same name."""
    return (
        name.endswith((HIGHEST, LOWEST, ELEMENTS))
        and name.startswith(PREFIX)
        and _ELEMENTS in name
        and not isinstance(value, frozenset)
    )


@lru_cache(maxsize=1024)
def _names(path: str) -> tuple[str, str, str]:
    """The names of a leaf's features; all calls share these texts, which saves memory."""
    return PREFIX + path, f"{PREFIX}{path}{TRAITS}", f"{PREFIX}{path}.length"


@lru_cache(maxsize=1024)
def _name_of_elements(path: str) -> str:
    return f"{PREFIX}{path}{ELEMENTS}"


@lru_cache(maxsize=1024)
def _interned_traits(traits: frozenset[str]) -> frozenset[str]:
    return traits


def _leaves(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, int, Any]]:
    """Values without inner values, such as empty lists and objects; elements of a list share a path.

    Before the elements of a list comes their number, at the same path.
    """
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key, depth + 1)
        return
    if isinstance(value, list):
        inner_path = f"{path}{_ELEMENTS}"
        yield inner_path, depth, _Elements(len(value))
        for inner in value:
            yield from _leaves(inner, inner_path, depth + 1)
        if value:
            return
    if path:
        yield path, depth, value


def form_of(text: str) -> str:
    """How a text is written, regardless of its content: ``03/04/1980`` as ``9/9/9``, ``P-17`` as ``A-9``."""
    for pattern, sign in _FORMS:
        text = pattern.sub(sign, text)
    return f"{FORM}{text}"


def _traits_of_text(text: str) -> Iterator[str]:
    if not text.isascii():
        yield "not ASCII"
    if text.strip().lower() in {"null", "none", "nan", "undefined", "n/a"}:
        yield "text for nothing"
    if not text.strip():
        yield "blank"
    elif text[0] in _BLANKS or text[-1] in _BLANKS:
        yield "padded with blanks"
    elif text.isascii() and len(text) <= LONGEST_FORM:
        yield form_of(text)


def _traits(leaf: Any) -> Iterator[str]:
    if leaf is None:
        yield NULL
        return
    yield _TYPES.get(type(leaf), _OBJECT)
    if leaf in ("", [], {}) and not isinstance(leaf, (bool, int, float)):
        yield "empty"
    elif isinstance(leaf, str):
        yield from _traits_of_text(leaf)
    elif isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
        if leaf < 0:
            yield "negative"
        if leaf == 0:
            yield "zero"
