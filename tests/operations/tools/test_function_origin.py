"""Whether a tool that failed can be called again by another program, in whichever lineage is installed."""

from __future__ import annotations

import functools
import math
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.operations.tools.function_origin import origin
from autogen_otel.vocabulary import attributes as names
from tests.support.agents import user

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = """
import functools

def plain(a):
    return a

async def later(a):
    return a

@functools.lru_cache
def cached(a):
    return a

class Desk:
    @staticmethod
    def static(a):
        return a

    @classmethod
    def made(cls, a):
        return a

    def method(self, a):
        return a

    def __call__(self, a):
        return a

def outer():
    def inner(a):
        return a
    return inner

def shared(a, context_variables):
    return a

nameless = lambda a: a

def replaced(a):
    return a

first = replaced

def replaced(a):
    return -a
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's."""
    module: Any = types.ModuleType("program_of_the_users")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(SOURCE, str(tmp_path / "program.py"), "exec"), vars(module))  # noqa: S102 - no hostile text
    return module


def kind(entry: Any) -> Any:
    return origin(entry)[names.TOOL_FUNCTION_KIND]


def registered(function: Callable[..., Any]) -> Any:
    executor = user("executor")
    executor.register_for_execution(name="tool")(function)
    return executor.function_map["tool"]


@pytest.mark.parametrize("how", [registered, lambda function: function], ids=["registered", "mapped"])
@pytest.mark.parametrize("path", ["plain", "later", "Desk.static"])
def test_what_is_imported_by_its_name_is_a_function(program: Any, path: str, how: Any) -> None:
    found = origin(how(functools.reduce(getattr, path.split("."), program)))
    assert found[names.TOOL_FUNCTION_MODULE] == "program_of_the_users"
    assert found[names.TOOL_FUNCTION_KIND] == "function"
    assert found[names.TOOL_FUNCTION_CONVERTED] is (how is registered)


def test_what_needs_more_than_its_arguments_is_named(program: Any) -> None:
    desk = program.Desk()
    assert kind(program.Desk.made) == kind(program.cached) == kind(program.Desk) == "function"
    assert kind(desk.method) == "bound_method"
    assert kind(desk) == "callable_object"
    assert kind(functools.partial(program.plain, 1)) == "partial"
    assert kind(program.outer()) == "closure"
    assert kind(program.nameless) == "lambda"
    assert kind(math.sqrt) == "builtin"
    assert kind(program.shared) == "conversation_state"
    assert kind(program.first) == "unreachable"


def test_what_was_typed_at_a_prompt_is_in_no_file(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("def typed(a):\n    return a\n", "<stdin>", "exec"), scope)  # noqa: S102
    assert kind(scope["typed"]) == "interactive"


def test_a_program_that_is_run_as_a_module_is_imported_by_its_real_name(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.__spec__ = types.SimpleNamespace(name="package.program")
    program.plain.__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", program)
    found = origin(program.plain)
    assert found[names.TOOL_FUNCTION_MODULE] == "package.program"
    assert found[names.TOOL_FUNCTION_KIND] == "function"
