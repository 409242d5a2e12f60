"""Where a parsed JSON value does not fit a JSON schema, as far as tools' ``parameters`` use the language.

It accepts what it cannot read: an unknown keyword, a broken ``$ref`` or a malformed part. It does not raise,
and its work is bounded however large the value or however the schema refers to itself.
``pattern`` and ``format`` are left out: a pattern can take exponential time, a format is advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from autogen_otel.recording import ArgumentProblem

MAX_PROBLEMS = 20
_MAX_DEPTH = 20
_MAX_ELEMENTS = 1000
_MAX_STEPS = 10_000
_MAX_CHOICES = 10
_MAX_CHOICE_LENGTH = 40

# bool before int: Python's bool is an int, JSON's is not.
_NAMES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    dict: "object",
}
_TYPES = frozenset(_NAMES.values())
_PLAIN = frozenset({"type", "title", "description", "default", "nullable"})
_FLAT = frozenset({"type", "properties", "required", "title", "description", "additionalProperties"})
_STR = frozenset({str})
_COMBINERS = ("anyOf", "oneOf", "allOf")


def json_type(value: object) -> str:
    """The JSON type of a parsed value; what JSON has no word for counts as ``object``."""
    exact = _NAMES.get(type(value))
    return exact or next((name for kind, name in _NAMES.items() if isinstance(value, kind)), "object")


def mismatches(value: object, schema: Mapping[str, Any], path: str = "") -> Iterator[ArgumentProblem]:
    """Yield where a value does not fit, at most ``MAX_PROBLEMS`` times.

    Args:
        value: parsed JSON.
        schema: the schema; an unreadable part of it makes no claim.
        path: name of the value, put before nested names. Without one the value is a tool's arguments as a
            whole, where a name the schema does not list is a problem unless it allows additional properties.
    """
    check = _Check()
    yield from islice(check.value(value, schema, _Place(path, top=not path)), MAX_PROBLEMS)


class _Place(NamedTuple):
    """Where in value and schema a check stands; ``scopes`` are the schemas around it, the outermost first."""

    path: str
    top: bool = False
    depth: int = 0
    scopes: tuple[Mapping[str, Any], ...] = ()

    def inside(self, schema: Mapping[str, Any], suffix: str = "", *, top: bool = False) -> _Place:
        # AutoGen nests each parameter's own "$defs", while its "$ref"s still speak of the root.
        defines = "$defs" in schema or "definitions" in schema
        scopes = (*self.scopes, schema) if defines else self.scopes
        path = self.path + suffix if self.path else suffix.removeprefix(".")
        return _Place(path, top, self.depth + 1, scopes)

    def problem(self, kind: str, expected: str | None, value: object) -> ArgumentProblem:
        return ArgumentProblem(self.path or "arguments", kind, expected, json_type(value), value)

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The definition that ``$ref`` names, from the nearest schema that has it."""
        reference = schema.get("$ref")
        parts = reference.split("/") if isinstance(reference, str) else []
        if len(parts) != 3 or parts[0] != "#" or parts[1] not in {"$defs", "definitions"}:  # noqa: PLR2004 - "#", group, name
            return None
        name = parts[2].replace("~1", "/").replace("~0", "~")
        for scope in reversed((*self.scopes, schema)):
            definition = _mapping(scope.get(parts[1])).get(name)
            if isinstance(definition, Mapping):
                return definition
        return None


@dataclass(slots=True)
class _Check:
    """One run over a value, with its budget of steps: a branching schema may visit the same value often."""

    steps: int = field(default=_MAX_STEPS)

    def value(self, value: object, schema: object, place: _Place) -> Iterator[ArgumentProblem]:
        self.steps -= 1
        if not isinstance(schema, Mapping) or self.steps < 0 or place.depth > _MAX_DEPTH:
            return
        if value is None and schema.get("nullable") is True:
            return
        parts = [self._own_keywords] if "$ref" not in schema else [self._reference, self._own_keywords]
        parts += [self._all_of] if "allOf" in schema else []
        parts += [self._any_of] if "anyOf" in schema or "oneOf" in schema else []
        has_failed = False
        for part in parts:
            for problem in part(value, schema, place):
                has_failed = True
                yield problem
            if has_failed:
                return

    def _reference(
        self, value: object, schema: Mapping[str, Any], place: _Place
    ) -> Iterator[ArgumentProblem]:
        target = place.resolve(schema)
        if target is not None:
            yield from self.value(value, target, place.inside(schema, top=place.top))

    def _own_keywords(
        self, value: object, schema: Mapping[str, Any], place: _Place
    ) -> Iterator[ArgumentProblem]:
        if not _fits_type(value, schema) or not _fits_choice(value, schema):
            yield place.problem("mistyped", describe(schema, place), value)
            return
        limit = next((words for words in _limits(value, schema)), None)
        if limit is not None:
            yield place.problem("mistyped", limit, value)
        if isinstance(value, Mapping):
            yield from self._object(value, schema, place)
        elif isinstance(value, (list, tuple)):
            yield from self._array(value, schema, place)

    def _object(
        self, value: Mapping[Any, object], schema: Mapping[str, Any], place: _Place
    ) -> Iterator[ArgumentProblem]:
        properties = _mapping(schema.get("properties"))
        for name in _list(schema.get("required")):
            if isinstance(name, str) and name not in value:
                inner = place.inside(schema, f".{name}")
                yield ArgumentProblem(inner.path, "missing", describe(properties.get(name), inner))
        additional_schema = _additional_schema(schema, place)
        for name, item in islice(value.items(), _MAX_ELEMENTS):
            if _plainly_fits(item, properties.get(name, additional_schema)):
                continue
            inner = place.inside(schema, f".{name}")
            if name in properties:
                yield from self.value(item, properties[name], inner)
            elif additional_schema is False:
                yield inner.problem("unknown", None, item)
            else:
                yield from self.value(item, additional_schema, inner)

    def _array(
        self, value: list[object] | tuple[object, ...], schema: Mapping[str, Any], place: _Place
    ) -> Iterator[ArgumentProblem]:
        items = schema.get("items")
        first = _list(items) or _list(schema.get("prefixItems"))
        for index, item in enumerate(islice(value, _MAX_ELEMENTS)):
            item_schema = first[index] if index < len(first) else items
            if not _plainly_fits(item, item_schema):
                yield from self.value(item, item_schema, place.inside(schema, f"[{index}]"))

    def _all_of(self, value: object, schema: Mapping[str, Any], place: _Place) -> Iterator[ArgumentProblem]:
        for branch in _list(schema.get("allOf")):
            yield from self.value(value, branch, place.inside(schema))

    def _any_of(self, value: object, schema: Mapping[str, Any], place: _Place) -> Iterator[ArgumentProblem]:
        for keyword in ("anyOf", "oneOf"):
            branches = _list(schema.get(keyword))
            inner = place.inside(schema)
            attempts: list[list[ArgumentProblem]] = []
            for branch in branches:
                attempts.append(list(islice(self.value(value, branch, inner), MAX_PROBLEMS)))
                if not attempts[-1]:
                    break
            if not attempts or not attempts[-1]:
                continue
            # A problem deeper than the value itself: the branch is of the value's own type.
            nested = [
                branch_problems
                for branch_problems in attempts
                if all(problem.value is not value for problem in branch_problems)
            ]
            if nested and isinstance(value, (Mapping, list, tuple)):
                yield from min(nested, key=_distance)
            else:
                yield place.problem("mistyped", _alternatives(branches, inner), value)


def describe(schema: object, place: _Place | None = None) -> str | None:
    """What a schema expects, in short (``array of string``); ``None`` if it expects nothing special."""
    here = place or _Place("")
    if not isinstance(schema, Mapping) or here.depth > _MAX_DEPTH:
        return None
    inner = here.inside(schema)
    words = _own_words(schema, inner)
    target = here.resolve(schema)
    if words is None and target is not None:
        words = describe(target, inner)
    for keyword in _COMBINERS:
        if words is None:
            branches = _list(schema.get(keyword))
            words = _alternatives(branches, inner) if keyword != "allOf" else _first_words(branches, inner)
    if words is not None and schema.get("nullable") is True and "null" not in words.split():
        return f"{words} or null"
    return words


def _own_words(schema: Mapping[str, Any], inner: _Place) -> str | None:
    if "const" in schema:
        return _quote(schema["const"])
    choices = _list(schema.get("enum"))
    if choices:
        quotes = [_quote(choice) for choice in choices[:_MAX_CHOICES]]
        return "one of " + ", ".join([*quotes, "…"] if len(choices) > _MAX_CHOICES else quotes)
    types = _types(schema)
    item = describe(schema.get("items"), inner) if "array" in types else None
    return " or ".join(f"array of {item}" if name == "array" and item else name for name in types) or None


def _alternatives(branches: list[Any], inner: _Place) -> str | None:
    words = [describe(branch, inner) for branch in branches[:_MAX_CHOICES]]
    return " or ".join(dict.fromkeys(word for word in words if word)) or None


def _first_words(branches: list[Any], inner: _Place) -> str | None:
    return next((words for branch in branches[:_MAX_CHOICES] if (words := describe(branch, inner))), None)


def _quote(value: object) -> str:
    if isinstance(value, str):
        text = value if len(value) <= _MAX_CHOICE_LENGTH else value[:_MAX_CHOICE_LENGTH] + "…"
        return f"'{text}'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, (int, float)) else json_type(value)


def _distance(problems: list[ArgumentProblem]) -> int:
    # A wrong value says more against a branch than a missing one: think of discriminators.
    return sum(2 if problem.kind == "mistyped" else 1 for problem in problems)


def _additional_schema(schema: Mapping[str, Any], place: _Place) -> object:
    """The schema of properties without a schema of their own; ``False`` if there may be none."""
    additional_schema = schema.get("additionalProperties")
    if additional_schema is not None or not place.top:
        return additional_schema
    is_open_ended = any(keyword in schema for keyword in (*_COMBINERS, "patternProperties", "$ref"))
    return is_open_ended or not isinstance(schema.get("properties"), Mapping)


def _types(schema: Mapping[str, Any]) -> list[str]:
    schema_type = schema.get("type")
    names = [schema_type] if isinstance(schema_type, str) else _list(schema_type)
    is_readable = all(isinstance(name, str) and name in _TYPES for name in names)
    return names if is_readable else []


class FlatSchema(NamedTuple):
    """What nearly every schema of a tool is: an object whose values have one type each.

    Args:
        required: names that have to be there.
        kinds: classes of the value under each name.
    """

    required: frozenset[str]
    kinds: dict[str, tuple[type, ...]]

    def fits(self, value: dict[Any, object]) -> bool:
        """Whether an object fits; if not, the schema says whether it does, and where it does not."""
        if not value.keys() >= self.required:
            return False
        kinds = self.kinds
        for name, item in value.items():  # noqa: SIM110 - a generator is dear
            if type(item) not in kinds.get(name, ()):
                return False
        return True


def flat_schema(schema: Mapping[str, Any]) -> FlatSchema | None:
    """Read a schema that has nothing else; ``None`` for every other one."""
    if type(schema) is not dict or not _FLAT.issuperset(schema) or schema.get("type") != "object":
        return None
    properties, required = schema.get("properties"), schema.get("required", [])
    if type(properties) is not dict or type(required) is not list or not _STR.issuperset(map(type, required)):
        return None
    kinds = {
        name: tuple(kind for kind, title in _NAMES.items() if title == property_schema["type"])
        for name, property_schema in properties.items()
        if type(property_schema) is dict
        and _PLAIN.issuperset(property_schema)
        and isinstance(property_schema.get("type"), str)
    }
    return FlatSchema(frozenset(required), kinds)


def _plainly_fits(value: object, schema: object) -> bool:
    """Whether a schema asks for a type only, and it fits: nearly always so, and quick to check."""
    return isinstance(schema, dict) and _PLAIN.issuperset(schema) and _fits_type(value, schema)


def _fits_type(value: object, schema: Mapping[str, Any]) -> bool:
    types = _types(schema)
    actual_type = json_type(value)
    if not types or actual_type in types:
        return True
    if actual_type == "integer":
        return "number" in types
    return isinstance(value, float) and value.is_integer() and "integer" in types


def _fits_choice(value: object, schema: Mapping[str, Any]) -> bool:
    choices = _list(schema.get("enum"))
    if "const" in schema:
        return _same(value, schema["const"])
    return not choices or any(_same(value, choice) for choice in choices)


def _same(left: object, right: object) -> bool:
    return isinstance(left, bool) is isinstance(right, bool) and left == right


_LIMITS: tuple[tuple[str, Callable[[Any, Any], bool], str, str], ...] = (
    ("minimum", lambda size, bound: size < bound, "number", "at least {}"),
    ("maximum", lambda size, bound: size > bound, "number", "at most {}"),
    ("exclusiveMinimum", lambda size, bound: size <= bound, "number", "more than {}"),
    ("exclusiveMaximum", lambda size, bound: size >= bound, "number", "less than {}"),
    ("minLength", lambda size, bound: size < bound, "string", "at least {} characters"),
    ("maxLength", lambda size, bound: size > bound, "string", "at most {} characters"),
    ("minItems", lambda size, bound: size < bound, "array", "at least {} items"),
    ("maxItems", lambda size, bound: size > bound, "array", "at most {} items"),
)


def _limits(value: object, schema: Mapping[str, Any]) -> Iterator[str]:
    """The expectation of each limit that a number, a string or an array breaks."""
    value_type = "number" if json_type(value) == "integer" else json_type(value)
    if value_type not in {"number", "string", "array"}:
        return
    size: Any = len(value) if isinstance(value, (str, list, tuple)) else value
    for keyword, breaks, limited_type, expectation in _LIMITS:
        bound = schema.get(keyword)
        # A bool is draft 4's way of saying "exclusive"; as a bound it says nothing.
        is_readable = isinstance(bound, (int, float)) and not isinstance(bound, bool)
        if limited_type == value_type and is_readable and breaks(size, bound):
            yield expectation.format(bound)


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
