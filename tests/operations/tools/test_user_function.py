"""Looking through AutoGen's layers, in whichever lineage is installed, and through other callables."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import inspect
import math
import types
import weakref
from typing import TYPE_CHECKING, Annotated, Any

import autogen
import pytest
import wrapt

from autogen_otel.operations.tools import user_function
from autogen_otel.operations.tools.user_function import describe, entered_frame, was_received_unchanged
from tests.support.lineage import IS_02

if TYPE_CHECKING:
    from collections.abc import Callable


Claim: Any = importlib.import_module("pydantic").create_model("Claim", id=(int, ...))


def add(a: int, b: Annotated[int, "the other"] = 2) -> int:
    return a + b


def fail(a: int) -> int:
    raise LookupError(a)


def fail_openly(a: int, **others: int) -> int:
    raise LookupError(a, others)


async def fail_later(a: int) -> int:
    await asyncio.sleep(0)
    raise LookupError(a)


def read_claim(claim: Any) -> Any:
    return claim.id // 0


# 0.2 loads a model only if its annotation is not text.
read_claim.__annotations__ = {"claim": Claim, "return": int}


class Adder:
    def __call__(self, a: int) -> int:
        return a // 0

    def method(self, a: int) -> int:
        return a // 0


def agent() -> Any:
    return autogen.ConversableAgent("executor", llm_config=False, human_input_mode="NEVER")


def registered(function: Callable[..., Any]) -> Any:
    """The entry that ``register_for_execution`` makes of a function."""
    executor = agent()
    executor.register_for_execution(name="tool")(function)
    return executor._function_map["tool"]


def mapped(function: Callable[..., Any]) -> Any:
    executor = autogen.ConversableAgent(
        "executor", llm_config=False, human_input_mode="NEVER", function_map={"tool": function}
    )
    return executor._function_map["tool"]


def raised(entry: Any, **arguments: Any) -> BaseException:
    try:
        result = entry(**arguments)
        if inspect.isawaitable(result):
            asyncio.run(_awaited(result))
    except BaseException as error:
        return error
    raise AssertionError("it did not raise")


async def _awaited(result: Any) -> Any:
    return await result


def place(function: str, file: str | None = None, line: int | None = None) -> dict[str, Any]:
    """Where a function stands, as attributes."""
    return {"code.function.name": function, "code.file.path": file, "code.line.number": line}


def here(function: Any, name: str) -> dict[str, Any]:
    return place(f"{__name__}.{name}", __file__, function.__code__.co_firstlineno)


@pytest.mark.parametrize("function", [add, fail_later, read_claim])
@pytest.mark.parametrize("made", [registered, mapped])
def test_a_registered_function_is_found_below_all_layers(made: Any, function: Any) -> None:
    entry = made(function)
    assert describe(entry).location == here(function, function.__name__)
    assert user_function.user_function(entry) is function


@pytest.mark.parametrize("made", [registered, mapped])
def test_the_signature_has_its_annotations_resolved(made: Any) -> None:
    outcome = describe(made(add)).parameters
    assert outcome is not None
    assert outcome.schema["properties"] == {"a": {"type": "integer"}, "b": {"type": "integer"}}
    assert outcome.schema["required"] == ["a"]


def test_an_annotation_is_resolved_where_the_function_was_defined() -> None:
    names: dict[str, Any] = {"__name__": "a_module_that_is_not_imported", "Amount": float}
    exec("def tool(a: 'Amount'): ...", names)  # noqa: S102
    outcome = describe(names["tool"]).parameters
    assert outcome is not None
    assert outcome.schema["properties"] == {"a": {"type": "number"}}


def test_an_annotation_that_names_nothing_claims_nothing() -> None:
    def tool(a: Nowhere, b: int) -> None:  # type: ignore[name-defined] # noqa: F821
        raise NotImplementedError

    outcome = describe(tool).parameters
    assert outcome is not None
    assert outcome.schema["properties"] == {"a": {}, "b": {"type": "integer"}}


@pytest.mark.parametrize(
    ("entry", "function", "name"),
    [
        (functools.partial(functools.partial(add, b=1)), add, "add"),
        (Adder(), Adder.__call__, "Adder.__call__"),
        (Adder().method, Adder.method, "Adder.method"),
        (functools.lru_cache(add), add, "add"),
        (staticmethod(add), add, "add"),
        (wrapt.FunctionWrapper(add, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)), add, "add"),
        (wrapt.CallableObjectProxy(functools.partial(add)), add, "add"),
    ],
)
def test_callables_of_every_make_lead_to_the_function_inside(entry: Any, function: Any, name: str) -> None:
    assert user_function.user_function(entry) is function
    assert describe(entry).location == here(function, name)
    assert describe(entry).parameters is not None


def test_a_lambda_is_its_own_function() -> None:
    entry = mapped(lambda a: a // 0)
    outcome = describe(entry).location
    assert user_function.user_function(entry) is entry
    assert outcome is not None
    assert outcome["code.function.name"].endswith("<lambda>")
    assert entered_frame(raised(entry, a=1), entry) is not None


def test_a_class_is_located_by_its_constructor() -> None:
    assert user_function.user_function(Plain) is Plain
    assert describe(Plain).location == place(
        f"{__name__}.Plain", __file__, Plain.__init__.__code__.co_firstlineno
    )
    assert entered_frame(raised(Plain, a=0), Plain) is not None


class Plain:
    def __init__(self, a: int) -> None:
        self.a = 1 // a


@pytest.mark.parametrize(
    ("entry", "name"), [(math.sqrt, "math.sqrt"), ("x".upper, "str.upper"), (print, "builtins.print")]
)
def test_a_builtin_has_a_name_and_no_place(entry: Any, name: str) -> None:
    assert describe(entry).location == place(name)


@pytest.mark.needs(not IS_02, "0.2 has no Tool")
def test_a_tool_object_leads_to_the_users_function() -> None:
    from autogen.tools import Tool

    tool = Tool(name="tool", description="adds", func_or_tool=add)
    outcome = describe(tool).parameters
    assert user_function.user_function(tool) is add
    assert outcome is not None
    assert outcome.names == {"a", "b"}


@pytest.mark.needs(not IS_02, "0.2 has no group tools")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_group_tool_with_context_variables_is_found_although_autogen_hides_it(asynchronous: bool) -> None:
    entry, function = _group_tool(asynchronous=asynchronous)
    outcome = describe(entry).parameters
    assert outcome is not None
    assert outcome.names == {"a"}
    frame = entered_frame(raised(entry, a="1"), entry)
    assert frame is not None
    assert frame.f_code.co_name == function.__name__
    assert not was_received_unchanged(frame, "a", "1")
    assert user_function.user_function(entry) is function


def _group_tool(*, asynchronous: bool) -> tuple[Any, Any]:
    from autogen.agentchat.group import ContextVariables
    from autogen.agentchat.group.group_tool_executor import GroupToolExecutor

    def tool(a, context_variables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return a // 0

    async def tool_later(a, context_variables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        return a // 0

    function = tool_later if asynchronous else tool
    # Set by hand: with postponed evaluation they would be text that AutoGen cannot resolve here.
    function.__annotations__ = {"a": int, "context_variables": ContextVariables, "return": int}
    llm_config = {"config_list": [{"model": "m", "api_key": "k"}]}
    owner = autogen.ConversableAgent("owner", llm_config=llm_config, functions=[function])
    executor = GroupToolExecutor()
    executor.register_agents_functions([owner], ContextVariables(data={}))
    return executor._function_map[function.__name__], function


def _as_host(source: str, **names: Any) -> Any:
    """A function that looks as if AutoGen had defined it."""
    names["__name__"] = "autogen.agentchat.somewhere"
    exec(source, names)  # noqa: S102
    return names["made"]


def test_a_closure_of_the_hosts_is_searched_for_the_first_callable_that_is_not_the_hosts() -> None:
    source = (
        "def own(): pass\n"
        "def make(config, host, f):\n"
        "    def wrapper(*args, **kwargs): return config, host, f(*args, **kwargs)\n"
        "    return wrapper\n"
        "made = make({}, own, tool)"
    )
    assert user_function.user_function(_as_host(source, tool=functools.partial(add))) is add


def test_a_function_of_the_hosts_without_a_users_function_is_what_is_found() -> None:
    source = (
        "def make(target):\n    def transfer(): return target\n    return transfer\n"
        "class Target: pass\nmade = make(Target)"
    )
    made = _as_host(source)
    assert user_function.user_function(made) is made
    assert describe(made).location is not None


def test_layers_that_go_in_circles_or_never_end_come_to_an_end() -> None:
    def first() -> None: ...
    def second() -> None: ...

    first.__wrapped__, second.__wrapped__ = second, first  # type: ignore[attr-defined]
    assert user_function.user_function(first) is second

    class Endless:
        @property
        def __wrapped__(self) -> Any:
            return Endless()

        def __call__(self) -> None: ...

    assert isinstance(user_function.user_function(Endless()), Endless)
    assert describe(Endless()).location is not None


def test_an_object_that_answers_to_every_name_is_not_taken_for_a_wrapper() -> None:
    class Remote:
        def __getattr__(self, name: str) -> Any:
            return Remote()

        def __call__(self, a: int) -> None: ...

    assert user_function.user_function(Remote()) is Remote.__call__


def test_an_object_that_does_not_like_to_be_looked_at_upsets_nothing() -> None:
    class Prickly:
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

        @property
        def __wrapped__(self) -> Any:
            raise RuntimeError

    entry = Prickly()
    assert user_function.user_function(entry) is None
    assert describe(entry).location == {}
    assert describe(entry).parameters is None
    assert entered_frame(ValueError(), entry) is None


def test_a_callable_that_does_not_say_what_it_is_bound_to_is_described() -> None:
    class Bound:
        __call__ = staticmethod(print)

        @property
        def __self__(self) -> Any:
            raise RuntimeError

    Bound.__module__ = 7  # type: ignore[assignment]
    assert describe(Bound()).location["code.function.name"].endswith("Bound")


@pytest.mark.parametrize("entry", [None, 5, "tool", {}])
def test_what_cannot_be_called_is_no_function(entry: object) -> None:
    assert user_function.user_function(entry) is None
    assert describe(entry).location == {}


def test_a_signature_that_is_none_at_all_is_not_claimed() -> None:
    def tool() -> None: ...

    tool.__signature__ = "nonsense"  # type: ignore[attr-defined]
    assert describe(tool).parameters is None


def test_an_entry_is_described_once_and_not_kept_alive() -> None:
    def tool(a: int) -> None: ...

    first = describe(tool).location
    assert describe(tool).location is first
    gone = weakref.ref(tool)
    del tool
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("function", [fail, fail_later])
@pytest.mark.parametrize("made", [registered, mapped])
def test_the_frame_of_a_function_that_was_entered_is_found(made: Any, function: Any) -> None:
    entry = made(function)
    frame = entered_frame(raised(entry, a=1), entry)
    assert isinstance(frame, types.FrameType)
    assert frame.f_code is function.__code__
    assert was_received_unchanged(frame, "a", 1)


def test_a_model_is_not_what_came_in_the_json() -> None:
    entry = registered(read_claim)
    frame = entered_frame(raised(entry, claim={"id": 1}), entry)
    assert frame is not None
    assert not was_received_unchanged(frame, "claim", {"id": 1})


@pytest.mark.parametrize("made", [registered, mapped])
def test_a_function_whose_arguments_are_refused_was_not_entered(made: Any) -> None:
    entry = made(add)
    assert entered_frame(raised(entry, b=1), entry) is None


def test_a_coerced_argument_is_told_from_one_that_reached_the_function_as_it_came() -> None:
    entry = registered(fail)
    frame = entered_frame(raised(entry, a="7"), entry)
    assert frame is not None
    assert was_received_unchanged(frame, "a", "7") is IS_02


def test_equal_values_of_another_type_were_coerced() -> None:
    frame = entered_frame(raised(fail_openly, a=1, zz="x"), fail_openly)
    assert frame is not None
    assert was_received_unchanged(frame, "a", 1)
    assert not was_received_unchanged(frame, "a", True)
    assert not was_received_unchanged(frame, "a", 1.0)
    assert was_received_unchanged(frame, "zz", "x")
    assert not was_received_unchanged(frame, "others", {"zz": "x"})
    assert not was_received_unchanged(frame, "nowhere", None)


def test_a_value_that_cannot_be_compared_counts_as_changed() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    frame = entered_frame(raised(fail, a=Odd()), fail)
    assert frame is not None
    assert not was_received_unchanged(frame, "a", Odd())


def test_a_name_with_text_that_cannot_be_said_does_not_count_as_turned_away() -> None:
    class MuteError(TypeError):
        def __str__(self) -> str:
            raise RuntimeError

    assert not user_function.was_refused_by_python(MuteError(), add)
