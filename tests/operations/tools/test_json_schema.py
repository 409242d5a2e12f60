"""The subset validator: what it reports, in which words, and that nothing upsets it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.operations.tools.json_schema import (
    MAX_PROBLEMS,
    describe,
    flat_schema,
    json_type,
    mismatches,
)
from autogen_otel.recording import ArgumentProblem

Schema = dict[str, Any]


def said(value: object, schema: Schema, path: str = "a") -> list[str]:
    """The problems as ``argument kind: expected``."""
    return [f"{one.argument} {one.kind}: {one.expected}" for one in mismatches(value, schema, path)]


def parameters(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (7, "integer"),
        (7.0, "number"),
        ("7", "string"),
        ([], "array"),
        ({}, "object"),
        (object(), "object"),
    ],
)
def test_every_parsed_value_has_its_json_type(value: object, name: str) -> None:
    assert json_type(value) == name


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (7, {"type": "integer"}),
        (7.0, {"type": "integer"}),
        (7, {"type": "number"}),
        (None, {"type": ["string", "null"]}),
        (None, {"type": "string", "nullable": True}),
        ("a", {"enum": ["a", "b"]}),
        (1.0, {"const": 1}),
        (10, {"maximum": 10}),
        ([1, "x"], {"prefixItems": [{"type": "integer"}, {"type": "string"}]}),
        ([1, "x"], {"items": [{"type": "integer"}], "type": "array"}),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("x", {"type": "string", "pattern": "^(a+)+$", "format": "date"}),
        ({"x": 1}, {"type": "object", "properties": {}}),
        ({"x": 1}, {"additionalProperties": {"type": "integer"}}),
    ],
)
def test_a_value_that_fits_gives_no_problem(value: object, schema: Schema) -> None:
    assert said(value, schema) == []


_TYPES: list[object] = ["string", "integer", "number", "boolean", "null", "array", "object", "odd", 7, None]
_OWN = st.fixed_dictionaries(
    {"type": st.sampled_from([*_TYPES, ["string", "null"]])},
    optional={"nullable": st.booleans(), "enum": st.just(["x"]), "minimum": st.just(1)},
)
_SCHEMAS = st.fixed_dictionaries(
    {"properties": st.dictionaries(st.sampled_from("abc"), _OWN)},
    optional={
        "type": st.sampled_from(["object", "string"]),
        "required": st.lists(st.sampled_from(["a", "b", 7]), max_size=2),
        "additionalProperties": st.booleans(),
        "allOf": st.just([]),
    },
)
_ITEMS: st.SearchStrategy[object] = st.sampled_from([None, True, 0, 7, 7.0, 1.5, "", "x", [], {}])


@given(_SCHEMAS, st.dictionaries(st.sampled_from("abcd"), _ITEMS))
def test_what_fits_at_a_glance_has_no_problem(schema: Schema, value: dict[str, Any]) -> None:
    flat = flat_schema(schema)
    if flat is not None and flat.fits(value):
        assert said(value, schema, "") == []


def test_nearly_every_schema_of_a_tool_is_seen_at_a_glance() -> None:
    flat = flat_schema(parameters(amount={"type": "number", "title": "Amount"}, holder={"type": "string"}))
    assert flat is not None
    assert flat.fits({"amount": 1.5, "holder": "Ann"})
    assert not flat.fits({"amount": "1.5", "holder": "Ann"})
    assert not flat.fits({"amount": 1.5})


def test_nothing_is_remembered_of_a_schema() -> None:
    class Default:
        """Something of the host's that a schema may hold."""

    default = Default()
    held = weakref.ref(default)
    schema = parameters(amount={"type": "number", "default": default})
    assert said({"amount": 1.5}, schema, "") == []
    schema["properties"]["amount"]["type"] = "string"
    assert said({"amount": 1.5}, schema, "") == ["amount mistyped: string"]
    schema["required"].append("currency")
    assert said({"amount": "1"}, schema, "") == ["currency missing: None"]
    del schema, default
    gc.collect()
    assert held() is None


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ("ten", {"type": "number"}, "number"),
        (True, {"type": "integer"}, "integer"),
        (True, {"type": "number"}, "number"),
        (7.5, {"type": "integer"}, "integer"),
        (float("inf"), {"type": "integer"}, "integer"),
        (7, {"type": ["string", "null"]}, "string or null"),
        (7, {"type": "string", "nullable": True}, "string or null"),
        ("c", {"enum": ["a", "b"]}, "one of 'a', 'b'"),
        (1, {"enum": [True, None]}, "one of true, null"),
        ("z", {"enum": list(range(12))}, "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"),
        ("z", {"const": "k" * 50}, "'" + "k" * 40 + "…'"),
        (11, {"type": "integer", "maximum": 10}, "at most 10"),
        (1, {"minimum": 2}, "at least 2"),
        (2, {"exclusiveMinimum": 2}, "more than 2"),
        (2.5, {"exclusiveMaximum": 2.5}, "less than 2.5"),
        ("", {"minLength": 1}, "at least 1 characters"),
        ("abc", {"maxLength": 2}, "at most 2 characters"),
        ([], {"minItems": 1}, "at least 1 items"),
        ("x", {"type": "array", "items": {"type": "string"}}, "array of string"),
        (True, {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "integer or string"),
        (1, {"oneOf": [{"enum": ["a"]}, {"type": "null"}]}, "one of 'a' or null"),
        (1, {"allOf": [{"type": "string"}]}, "string"),
    ],
)
def test_the_expectation_is_said_in_short_words(value: object, schema: Schema, expected: str) -> None:
    assert list(mismatches(value, schema, "a")) == [
        ArgumentProblem("a", "mistyped", expected, json_type(value), value)
    ]


def test_missing_and_unknown_arguments_are_told_with_what_is_known_of_them() -> None:
    schema = parameters(amount={"type": "number"}, note={})
    assert list(mismatches({"zz": [1]}, schema)) == [
        ArgumentProblem("amount", "missing", "number"),
        ArgumentProblem("note", "missing", None),
        ArgumentProblem("zz", "unknown", None, "array", [1]),
    ]


def test_unknown_names_are_a_problem_at_the_top_but_only_where_forbidden_further_down() -> None:
    loose = parameters(claim={"type": "object", "properties": {"id": {}}})
    strict = parameters(claim={"type": "object", "properties": {"id": {}}, "additionalProperties": False})
    value = {"claim": {"id": 1, "zz": 2}}
    assert said(value, loose, "") == []
    assert said(value, strict, "") == ["claim.zz unknown: None"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "patternProperties": {"^z": {}}},
        {"properties": {"a": {}}, "allOf": [{"properties": {"zz": {}}}]},
        {"type": "object"},
    ],
)
def test_unknown_names_at_the_top_pass_where_the_schema_leaves_room_for_them(schema: Schema) -> None:
    assert said({"zz": 1}, schema, "") == []


def test_nested_values_are_named_by_their_path() -> None:
    item = parameters(price={"type": "number"})
    schema = parameters(claim=parameters(items={"type": "array", "items": item}))
    value = {"claim": {"items": [{"price": 1}, {"price": 2}, {"price": "3"}, {}]}}
    assert said(value, schema, "") == [
        "claim.items[2].price mistyped: number",
        "claim.items[3].price missing: number",
    ]


def test_references_are_followed_from_the_root_and_from_a_parameter_that_carries_its_own_definitions() -> (
    None
):
    definition = {"Price": {"type": "number"}}
    at_root = {**parameters(p={"$ref": "#/$defs/Price"}), "$defs": definition}
    in_parameter = parameters(
        p={"properties": {"q": {"$ref": "#/definitions/Price"}}, "definitions": definition}
    )
    assert said({"p": "x"}, at_root, "") == ["p mistyped: number"]
    assert said({}, at_root, "") == ["p missing: number"]
    assert said({"p": {"q": "x"}}, in_parameter, "") == ["p.q mistyped: number"]


def test_a_reference_at_the_top_keeps_unknown_names_a_problem() -> None:
    schema = {"$ref": "#/$defs/Args", "$defs": {"Args": parameters(a={})}}
    assert said({"a": 1, "zz": 2}, schema, "") == ["zz unknown: None"]


def test_of_alternatives_the_closest_of_the_values_own_type_speaks() -> None:
    cat = parameters(kind={"const": "cat"}, name={"type": "string"}, lives={"type": "integer"})
    dog = parameters(kind={"const": "dog"}, bark={"type": "string"})
    schema = parameters(pet={"anyOf": [dog, cat, {"type": "null"}]})
    assert said({"pet": {"kind": "cat"}}, schema, "") == [
        "pet.name missing: string",
        "pet.lives missing: integer",
    ]
    assert said({"pet": 5}, schema, "") == ["pet mistyped: object or null"]


def test_a_required_list_inside_alternatives_is_checked_below_the_value_itself() -> None:
    schema = {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}
    assert said([1, "x"], schema) == ["a[1] mistyped: integer"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "any"},
        {"type": [1, {}]},
        {"type": {"x": 1}},
        {"enum": "abc"},
        {"required": "a", "properties": [1]},
        {"minimum": "1", "maximum": True},
        {"items": 5},
        {"anyOf": "x", "allOf": [None, True]},
        {"$ref": "#/$defs/Nowhere"},
        {"$ref": "https://example.org/schema"},
        {"$ref": 5},
        {"$ref": "#/$defs/A", "$defs": {"A": 5}},
        {"$ref": "#/$defs/A", "$defs": []},
    ],
)
def test_what_cannot_be_read_in_a_schema_makes_no_claim(schema: Schema) -> None:
    for value in (1, "x", None, [1], {"q": 1}):
        assert said(value, schema) == []
        assert isinstance(describe(schema), str | None)


def test_a_schema_that_is_no_mapping_makes_no_claim() -> None:
    assert list(mismatches({"a": 1}, 5, "")) == []  # type: ignore[arg-type]


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    loop: Schema = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    fork = {"$ref": "#/$defs/B", "$defs": {"B": {"anyOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/B"}]}}}
    # Eight ways at each of ten turns: only the budget of steps ends this one.
    wide = {"$ref": "#/$defs/C", "$defs": {"C": {"allOf": [{"$ref": "#/$defs/C"}] * 8}}}
    assert said(1, loop) == []
    assert said(1, wide) == []
    assert describe(loop) is None
    assert said(1, fork) == []
    assert describe(fork) is None


def test_the_number_of_problems_is_bounded() -> None:
    assert len(said({str(i): 1 for i in range(100)}, {"properties": {}}, "")) == MAX_PROBLEMS


def test_only_the_beginning_of_a_huge_array_is_looked_at() -> None:
    class Counting(list[int]):
        seen = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Counting.seen += 1
                yield item

    huge = Counting(range(100_000))
    assert said(huge, {"type": "array", "items": {"type": "integer"}}) == []
    assert 0 < Counting.seen <= 2_000


def test_what_lies_too_deep_makes_no_claim() -> None:
    schema: Schema = {"type": "string"}
    value: Any = 1
    for _ in range(30):
        schema, value = {"type": "array", "items": schema}, [value]
    assert said(value, schema) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
KEYWORDS = """type properties required additionalProperties items prefixItems enum const anyOf oneOf allOf
$ref $defs minimum maximum minLength maxItems nullable"""
keywords = st.sampled_from(KEYWORDS.split())
leaves = json_values | st.sampled_from(["string", "integer", "object", "array", "null", "#/$defs/a"])
schemas = st.recursive(
    leaves,
    lambda inner: st.dictionaries(
        keywords | st.sampled_from("ab"), inner | st.lists(inner, max_size=3), max_size=4
    ),
    max_leaves=15,
)


@given(value=json_values, schema=schemas, path=st.sampled_from(["", "a"]))
def test_no_value_and_no_schema_upsets_it(value: Any, schema: Any, path: str) -> None:
    result = list(mismatches(value, schema, path))
    assert len(result) <= MAX_PROBLEMS
    assert {one.kind for one in result} <= {"missing", "unknown", "mistyped"}
    assert all(one.argument for one in result)
