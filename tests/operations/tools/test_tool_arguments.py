"""Whether arguments fit a tool, and whether a tool call that raised failed because they did not."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import enum
import functools
import gc
import importlib
import inspect
import json
import math
import operator
import weakref
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, Union

import autogen
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.operations.tools import user_function
from autogen_otel.operations.tools.tool_arguments import cause, decode, problems, unknown_tool
from autogen_otel.recording import ArgumentProblem
from autogen_otel.vocabulary.causes import TOOL_ARGUMENTS, TOOL_EXCEPTION
from tests.support.lineage import IS_02

pydantic: Any = importlib.import_module("pydantic")
format_json = autogen.ConversableAgent._format_json_str


# ---------------------------------------------------------------- decoding
def test_text_is_decoded_with_the_line_breaks_mended_as_autogen_does() -> None:
    decoded = decode('{\n"text": "two\nlines"}', format_json)
    assert decoded.value == {"text": "two\nlines"}
    assert decoded.error is None
    assert decoded.problem is None


def test_what_is_not_json_is_a_problem_that_says_where() -> None:
    decoded = decode('{"a": 1,}', format_json)
    assert isinstance(decoded.error, json.JSONDecodeError)
    assert decoded.value is None
    assert decoded.problem == ArgumentProblem(
        "arguments", "not_json", str(decoded.error), "string", '{"a": 1,}'
    )
    assert "column" in str(decoded.error)


@pytest.mark.parametrize(
    ("text", "got"), [(None, "null"), (5, "integer"), ({"a": 1}, "object"), ([{}], "array")]
)
def test_arguments_that_are_no_text_cannot_be_decoded(text: object, got: str) -> None:
    decoded = decode(text, format_json)
    assert decoded.error is not None
    assert decoded.problem is not None
    assert (decoded.problem.kind, decoded.problem.actual, decoded.problem.value) == ("not_json", got, text)


def test_a_number_too_long_for_python_cannot_be_decoded() -> None:
    deep = decode("[" * 100_000, format_json)
    assert isinstance(deep.error, RecursionError)
    assert deep.problem is not None
    assert deep.problem.expected == "JSON text (RecursionError)"


def test_an_unknown_tool_is_a_problem_of_its_own_kind() -> None:
    assert unknown_tool("fly") == ArgumentProblem("fly", "unknown_tool")


# ---------------------------------------------------------------- problems
def said(
    arguments: object, tool: Callable[..., Any] | None, schema: Mapping[str, Any] | None = None
) -> list[str]:
    description = user_function.describe(tool) if tool is not None else None
    outcome = problems(arguments, schema=schema, description=description)
    return [f"{one.argument} {one.kind}: {one.expected}" for one in outcome]


@pytest.mark.parametrize(
    ("arguments", "got"), [(None, "null"), ([1], "array"), ("x", "string"), (0, "integer")]
)
def test_arguments_must_be_an_object(arguments: object, got: str) -> None:
    assert problems(arguments, schema={"properties": {"a": {}}}, description=None) == (
        ArgumentProblem("arguments", "not_object", "object", got, arguments),
    )


def pay(amount: float, currency: str = "EUR") -> str:
    return f"{amount:.2f} {currency}"


def test_without_schema_and_signature_nothing_is_claimed() -> None:
    assert said({"zz": 1}, None) == []


def test_a_signature_tells_missing_unknown_and_mistyped_arguments() -> None:
    assert said({"amount": 1}, pay) == []
    assert said({"zz": 1, "currency": 5}, pay) == [
        "amount missing: number",
        "zz unknown: None",
        "currency mistyped: string",
    ]


def test_schema_and_signature_do_not_report_the_same_twice_and_the_schema_words_it() -> None:
    schema = {
        "type": "object",
        "properties": {"amount": {"type": "number"}, "currency": {"enum": ["EUR", "USD"]}},
        "required": ["amount", "currency"],
    }
    assert said({"currency": 5, "zz": 1}, pay, schema) == [
        "amount missing: number",
        "currency mistyped: one of 'EUR', 'USD'",
        "zz unknown: None",
    ]


def test_the_signature_does_not_repeat_in_part_what_the_schema_says_of_the_whole() -> None:
    def tool(items: list[int]) -> None: ...

    schema = {"type": "object", "properties": {"items": {"type": "string"}}}
    assert said({"items": ["x"]}, tool, schema) == ["items mistyped: string"]
    assert said({"items": ["x"]}, tool, {"type": "object", "properties": {"items": {}}}) == [
        "items[0] mistyped: integer"
    ]


def test_the_signature_adds_what_the_schema_does_not_know() -> None:
    schema = {"type": "object", "properties": {"extra": {"type": "string"}}, "required": []}
    assert said({"extra": "x"}, pay, schema) == ["amount missing: number", "extra unknown: None"]


def test_keyword_arguments_of_any_name_leave_nothing_unknown() -> None:
    def tool(**others: int) -> None: ...

    def own(a: int, *rest: int, **others: Any) -> None: ...

    assert said({"zz": "x"}, tool) == []
    assert said({"zz": "x"}, own) == ["a missing: integer"]


def test_positional_only_parameters_cannot_be_given_by_name() -> None:
    def strict(a: int, b: int = 1, /) -> None: ...

    def open_ended(a: int, /, **others: int) -> None: ...

    assert said({"a": 1}, strict) == ["a unknown: positional only"]
    assert said({}, strict) == ["a missing: positional only"]
    assert said({"b": 1}, strict) == ["a missing: positional only", "b unknown: positional only"]
    assert said({"a": 1}, open_ended) == ["a missing: positional only"]
    assert said({"x": 1.0}, math.sqrt) == ["x unknown: positional only"]


def test_arguments_bound_before_are_not_asked_for() -> None:
    assert said({}, functools.partial(pay, amount=1.0)) == []
    assert said({}, functools.partial(pay, 1.0)) == []


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntFlag):
    SMALL = 1
    LARGE = 2


class Odd(enum.Enum):
    ONE = object()


@dataclasses.dataclass
class Point:
    x: int


class Box(TypedDict):
    x: int


UserId = NewType("UserId", int)


class Plain: ...


@pytest.mark.parametrize(
    ("annotation", "wrong", "expected"),
    [
        (int, "7", "integer"),
        (int, 7.5, "integer"),
        (float, "x", "number"),
        (float, True, "number"),
        (str, 1, "string"),
        (bool, 1, "boolean"),
        (None, 1, "null"),
        (type(None), 1, "null"),
        (list, {}, "array"),
        (dict, [], "object"),
        (set[int], 1, "array of integer"),
        (tuple[int, ...], 1, "array of integer"),
        (Mapping[str, int], 1, "object"),
        (Optional[int], "x", "integer or null"),  # noqa: UP045
        (int | None, "x", "integer or null"),
        (Union[int, list[str]], "x", "integer or array of string"),  # noqa: UP007
        (Literal["a", "b"], "c", "one of 'a', 'b'"),
        (Colour, "green", "one of 'red', 'blue'"),
        (Annotated[int, "how many"], "x", "integer"),
        (Annotated[Optional[int], object()], "x", "integer or null"),  # noqa: UP045
        (Point, "x", "object"),
        (Box, 1, "object"),
        (pydantic.BaseModel, "x", "object"),
        (pydantic.create_model("Model", x=(int, ...)), 5, "object"),
    ],
)
def test_an_annotation_says_what_does_not_fit(annotation: Any, wrong: object, expected: str) -> None:
    def tool(a: Any) -> None: ...

    tool.__annotations__["a"] = annotation
    assert said({"a": wrong}, tool) == [f"a mistyped: {expected}"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 7),
        (int, 7.0),
        (float, 7),
        (Optional[int], None),  # noqa: UP045
        (Colour, "red"),
        (dict[str, int], {"x": 1}),
        (tuple[int, str], [1, "x"]),
        (Point, {}),
        (Any, "x"),
        (object, "x"),
        (inspect.Parameter.empty, "x"),
        (UserId, "x"),
        (dt.date, 5),
        (Size, "x"),
        (Odd, "x"),
        (Plain, "x"),
        (pydantic.RootModel[list[int]], [1]),
        (Callable, "x"),
        (Literal[Colour.RED], "x"),
        (Union[int, dt.date], "x"),  # noqa: UP007
        ("Nowhere", "x"),
        (["not", "a", "type"], "x"),
        (list["Nowhere"], [1]),  # type: ignore[name-defined] # noqa: F821
    ],
)
def test_an_annotation_that_fits_or_is_not_understood_makes_no_claim(annotation: Any, value: object) -> None:
    def tool(a: Any) -> None: ...

    tool.__annotations__["a"] = annotation
    assert said({"a": value}, tool) == []


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (list[int], [1, "x"], "a[1] mistyped: integer"),
        (dict[str, float], {"k": "x"}, "a.k mistyped: number"),
        (tuple[int, str], [1, 2], "a[1] mistyped: string"),
        (list[dict[str, list[bool]]], [{"k": [1]}], "a[0].k[0] mistyped: boolean"),
    ],
)
def test_what_containers_hold_is_looked_at_too(annotation: Any, value: object, problem: str) -> None:
    def tool(a: Any) -> None: ...

    tool.__annotations__["a"] = annotation
    assert said({"a": value}, tool) == [problem]


def test_null_fits_where_it_is_the_default() -> None:
    def tool(a: int = None, b: int = 1) -> None: ...  # type: ignore[assignment] # noqa: RUF013

    assert said({"a": None, "b": None}, tool) == ["b mistyped: integer"]


def test_the_number_of_problems_is_bounded_over_both_sources() -> None:
    arguments = {f"z{number}": 1 for number in range(50)}
    assert len(said(arguments, pay, {"properties": {}})) == 20


@given(
    arguments=st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.lists(st.text(max_size=2)))
)
def test_no_arguments_upset_it_and_each_is_reported_once_of_a_kind(arguments: dict[str, Any]) -> None:
    schema = {"properties": {"amount": {"type": "string"}}, "required": ["amount", "x"]}
    outcome = problems(arguments, schema=schema, description=user_function.describe(pay))
    keys = [(one.argument, one.kind) for one in outcome]
    assert len(keys) == len(set(keys))
    assert ("x", "missing") in keys or "x" in arguments or len(keys) == 20


# ---------------------------------------------------------------- whose fault
def known(value: Any) -> Any:
    if value == 404:
        raise LookupError(value)
    return value


Claim = pydantic.create_model(
    "Claim", id=(int, ...), __validators__={"known": pydantic.field_validator("id", mode="before")(known)}
)


def double(amount: float) -> float:
    return amount * 2.0


def offline(amount: float) -> float:
    raise ConnectionError(amount)


async def double_later(amount: float) -> float:
    await asyncio.sleep(0)
    return amount * 2.0


def read_claim(claim: Any) -> Any:
    return claim.id // 0


read_claim.__annotations__ = {"claim": Claim, "return": int}


def to_object(amount: float) -> object:
    return {amount: {object()}}


def leave(amount: float) -> None:
    raise SystemExit(amount)


def registered(tool: Callable[..., Any]) -> Any:
    executor = autogen.ConversableAgent("executor", llm_config=False, human_input_mode="NEVER")
    executor.register_for_execution(name="tool")(tool)
    return executor._function_map["tool"]


def mapped(tool: Callable[..., Any]) -> Any:
    return tool


def verdict(entry: Any, arguments: Any, schema: Mapping[str, Any] | None = None) -> str:
    """Call the entry as AutoGen does, and ask."""
    outcome = problems(arguments, schema=schema, description=user_function.describe(entry))
    try:
        result = entry(**arguments)
        if inspect.isawaitable(result):
            asyncio.run(_awaited(result))
    except BaseException as error:
        return cause(error, outcome, entry, json.loads(json.dumps(arguments)))
    raise AssertionError("it did not raise")


async def _awaited(result: Any) -> Any:
    return await result


@pytest.mark.parametrize("tool", [double, double_later])
@pytest.mark.parametrize("made", [registered, mapped])
@pytest.mark.parametrize("arguments", [{}, {"amount": "ten thousand"}, {"amount": None}])
def test_arguments_that_do_not_fit_are_the_cause_in_every_lineage(
    made: Any, tool: Any, arguments: Any
) -> None:
    assert verdict(made(tool), arguments) == TOOL_ARGUMENTS


@pytest.mark.parametrize("made", [registered, mapped])
def test_an_error_of_the_tools_own_is_the_tools_although_it_has_an_argument(made: Any) -> None:
    assert verdict(made(offline), {"amount": 1.0}) == TOOL_EXCEPTION


def test_unknown_arguments_are_the_cause_only_where_they_are_not_dropped() -> None:
    assert verdict(double, {"amount": 1, "zz": 1}) == TOOL_ARGUMENTS
    dropped = TOOL_ARGUMENTS if IS_02 else TOOL_EXCEPTION
    assert verdict(registered(offline), {"amount": 1, "zz": 1}) == dropped


def test_a_coerced_argument_is_not_the_cause_of_an_error_in_the_body() -> None:
    outcome = TOOL_ARGUMENTS if IS_02 else TOOL_EXCEPTION
    assert verdict(registered(offline), {"amount": "7"}) == outcome


@pytest.mark.parametrize("arguments", [{}, {"claim": "x"}, {"claim": {"id": "x"}}, {"claim": {}}])
def test_a_model_that_cannot_be_loaded_was_given_the_wrong_arguments(arguments: Any) -> None:
    assert verdict(registered(read_claim), arguments) == TOOL_ARGUMENTS


def test_a_model_that_was_loaded_leaves_the_error_to_the_tool() -> None:
    assert verdict(registered(read_claim), {"claim": {"id": 1}}) == TOOL_EXCEPTION


def test_a_model_with_a_default_that_autogen_insists_on_is_a_matter_of_the_arguments() -> None:
    def tool(claim: Any = None) -> None: ...

    tool.__annotations__ = {"claim": Claim, "return": None}
    assert verdict(registered(tool), {}) == TOOL_ARGUMENTS


def test_a_validator_of_the_users_that_breaks_is_the_users() -> None:
    assert verdict(registered(read_claim), {"claim": {"id": 404}}) == TOOL_EXCEPTION


@pytest.mark.needs(IS_02, "newer lineages keep such results")
def test_a_result_that_cannot_be_turned_into_text_is_the_tools_doing_even_if_arguments_were_odd() -> None:
    assert verdict(registered(to_object), {"amount": True}) == TOOL_EXCEPTION


def test_an_exit_is_never_the_arguments_doing() -> None:
    assert verdict(leave, {"amount": "x"}) == TOOL_EXCEPTION


@pytest.mark.needs(not IS_02, "0.2 injects nothing")
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("yields_wrong_type", [False, True])
def test_a_dependency_that_fails_is_not_the_models_doing(asynchronous: bool, yields_wrong_type: bool) -> None:
    from autogen.tools.dependency_injection import Depends

    def database() -> Any:
        if yields_wrong_type:
            return "not a number"
        raise TypeError("connect() missing 1 required positional argument: 'host'")

    def tool(amount, db):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        raise NotImplementedError

    async def tool_later(amount, db):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        raise NotImplementedError

    function = tool_later if asynchronous else tool
    function.__annotations__ = {"amount": float, "db": Annotated[int, Depends(database)], "return": int}
    entry = registered(function)
    assert verdict(entry, {"amount": 1.0, "zz": 1}) == TOOL_EXCEPTION
    assert verdict(entry, {"amount": 1.0}) == TOOL_EXCEPTION


@pytest.mark.needs(not IS_02, "0.2 validates nothing")
def test_keyword_arguments_that_autogen_cannot_validate_are_not_the_models_doing() -> None:
    def tool(**others: int) -> int:
        raise NotImplementedError

    assert verdict(registered(tool), {"a": 1}) == TOOL_EXCEPTION


def test_a_call_that_a_decorator_of_the_users_passes_on_is_refused_all_the_same() -> None:
    @functools.wraps(double)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        return double(*args, **kwargs)

    assert verdict(decorated, {}) == TOOL_ARGUMENTS
    assert verdict(decorated, {"amount": 1, "zz": 2}) == TOOL_ARGUMENTS


def test_a_decorator_that_fails_by_itself_is_the_users() -> None:
    @functools.wraps(double)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError

    assert verdict(decorated, {}) == TOOL_EXCEPTION


SCHEMA = {"type": "object", "properties": {"policy": {"type": "string"}}, "required": ["policy"]}


def test_an_argument_the_schema_requires_is_the_cause_if_its_default_stepped_in() -> None:
    def tool(policy: str = None) -> str:  # type: ignore[assignment] # noqa: RUF013
        return policy.upper()

    assert verdict(tool, {}, SCHEMA) == TOOL_ARGUMENTS


def test_an_argument_the_schema_requires_is_the_cause_if_the_tool_looks_it_up_in_vain() -> None:
    def tool(**fields: Any) -> Any:
        return fields["policy"]

    def unrelated(**fields: Any) -> Any:
        raise TimeoutError

    assert verdict(tool, {}, SCHEMA) == TOOL_ARGUMENTS
    assert verdict(unrelated, {}, SCHEMA) == TOOL_EXCEPTION


def test_a_keyword_argument_of_the_wrong_type_is_the_cause() -> None:
    def tool(**fields: Any) -> Any:
        return fields["policy"].upper()

    assert verdict(tool, {"policy": 5}, SCHEMA) == TOOL_ARGUMENTS


def test_an_unknown_argument_is_the_cause_if_the_tool_passes_it_on_and_is_refused() -> None:
    def look_up(policy: str) -> None: ...

    def tool(**fields: Any) -> None:
        look_up(**fields)

    def unrelated(**fields: Any) -> None:
        raise TypeError("unhashable type: 'list'")

    assert verdict(tool, {"policy": "x", "zz": 1}, SCHEMA) == TOOL_ARGUMENTS
    assert verdict(unrelated, {"policy": "x", "zz": 1}, SCHEMA) == TOOL_EXCEPTION


def test_a_nested_problem_counts_by_the_argument_it_stands_in() -> None:
    def tool(claim: dict[str, Any]) -> Any:
        return claim["items"][0]["price"]

    item = {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}
    claim = {"type": "object", "properties": {"items": {"type": "array", "items": item}}}
    schema = {"type": "object", "properties": {"claim": claim}}
    assert verdict(tool, {"claim": {"items": [{}]}}, schema) == TOOL_ARGUMENTS


def test_an_argument_of_the_right_type_is_not_blamed_for_another_that_was_replaced() -> None:
    def tool(amount: float) -> float:
        amount = 0.0
        return 1 / amount

    assert verdict(tool, {"amount": "x"}) == TOOL_EXCEPTION


def test_builtins_that_refuse_are_told_from_builtins_that_fail() -> None:
    assert verdict(math.sqrt, {"x": 1.0}) == TOOL_ARGUMENTS
    assert verdict(functools.partial(math.sqrt, -1.0), {}) == TOOL_EXCEPTION
    assert verdict(functools.partial(operator.getitem, {}, 1), {}) == TOOL_EXCEPTION


def test_without_an_error_the_problems_decide() -> None:
    problem = ArgumentProblem("arguments", "not_object", "object", "null", None)
    assert cause(None, [problem], double, None) == TOOL_ARGUMENTS
    assert cause(None, [], double, {}) == TOOL_EXCEPTION


def test_arguments_that_are_no_object_are_the_cause() -> None:
    outcome = problems([1], schema=None, description=None)
    with pytest.raises(TypeError) as caught:
        double(**[1])  # type: ignore[arg-type]
    assert cause(caught.value, outcome, double, [1]) == TOOL_ARGUMENTS


@pytest.mark.parametrize(
    ("arguments", "tool", "expected"),
    [
        ({"amount": "x"}, double, TOOL_ARGUMENTS),
        ({}, double, TOOL_ARGUMENTS),
        ({"amount": 1.0}, offline, TOOL_EXCEPTION),
    ],
)
def test_the_verdict_is_the_same_after_the_error_went_up_through_autogen(
    arguments: Any, tool: Any, expected: str
) -> None:
    """The error is asked about when ``execute_function`` has returned: its traceback has grown by then."""
    entry = registered(tool)
    kept: list[Exception] = []

    def recorder(**given: Any) -> Any:
        try:
            return entry(**given)
        except Exception as error:
            kept.append(error)
            raise

    executor = autogen.ConversableAgent(
        "executor", llm_config=False, human_input_mode="NEVER", function_map={"tool": recorder}
    )
    succeeded, _ = executor.execute_function({"name": "tool", "arguments": json.dumps(arguments)})
    outcome = problems(arguments, schema=None, description=user_function.describe(entry))
    assert not succeeded
    assert cause(kept[0], outcome, entry, arguments) == expected


def test_nothing_is_kept_of_a_tool_that_is_gone() -> None:
    def called_once() -> list[weakref.ref[Any]]:
        class Policy:
            pass

        default = Policy()

        def tool(policy: Policy, other: Any = default) -> None:
            pass

        assert said({"other": 1}, tool) == ["policy missing: None"]
        return [weakref.ref(one) for one in (Policy, default, tool)]

    kept = called_once()
    gc.collect()
    assert [one() for one in kept] == [None, None, None]


@pytest.mark.parametrize("required", [True, 5, "amount", [["amount"]], [{}], None])
def test_a_schema_with_anything_for_what_is_required_upsets_nothing(required: object) -> None:
    def tool(amount: int) -> None: ...

    schema = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": required}
    assert said({"amount": 1}, tool, schema) == []
    assert said({}, tool, schema) == ["amount missing: integer"]
