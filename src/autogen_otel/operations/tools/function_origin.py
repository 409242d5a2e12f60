"""Whether and how another program can call the user's function again, which ``repro`` needs to know.

We read that only of tools that failed, and once for each function.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Sequence
from typing import Any

from autogen_otel.operations.tools import user_function
from autogen_otel.reading import Memory, read
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import functions

_MAIN = "__main__"
_STATE_PARAMETER = "context_variables"
"""AutoGen fills a parameter of this name with what the group's agents share."""
_STATE_CLASSES = frozenset({"ChatContext", "ContextVariables"})
_origins = Memory()


def origin(entry: object) -> Facts:
    """Where to import an entry's function from, what may prevent that, and how AutoGen calls it."""
    facts: Facts | None = _origins.recall(entry)
    if facts is None:
        facts = _origin_of(list(user_function.layers(entry)))
        _origins.remember(entry, facts)
    return facts


def _origin_of(layers: Sequence[Any]) -> Facts:
    function = layers[-1]
    module = read(function, "__module__")
    return {
        names.TOOL_FUNCTION_MODULE: _import_name(module) if isinstance(module, str) else None,
        names.TOOL_FUNCTION_KIND: _kind(layers),
        names.TOOL_FUNCTION_CONVERTED: any(map(user_function.is_made_by_host, layers[:-1])),
    }


def _import_name(module: str) -> str:
    """The name to import a module by, also of what ``python -m package.program`` runs."""
    spec = read(sys.modules.get(_MAIN), "__spec__") if module == _MAIN else None
    name = read(spec, "name")
    return name if isinstance(name, str) else module


def _kind(layers: Sequence[Any]) -> str:
    function = layers[-1]
    is_class = issubclass(type(function), type)
    if type(function) is not types.FunctionType and not is_class:
        # ``layers`` goes through an object with a ``__call__`` written in Python, down to that function.
        return functions.BUILTIN
    return (
        _kind_by_layers(layers)
        or _kind_by_name(read(function, "__qualname__"))
        or (None if is_class else _kind_by_use(function))
        or (functions.FUNCTION if _is_reachable(function) else functions.UNREACHABLE)
    )


def _kind_by_layers(layers: Sequence[Any]) -> str | None:
    """The kind of a callable that holds values, which a call needs besides its arguments."""
    for layer in layers[:-1]:
        if isinstance(layer, functools.partial):
            return functions.PARTIAL
        if type(layer) is types.MethodType and not isinstance(layer.__self__, type):
            return functions.BOUND_METHOD
        if _is_called_as(layer, layers[-1]):
            return functions.CALLABLE_OBJECT
    return None


def _kind_by_name(qualname: object) -> str | None:
    if not isinstance(qualname, str):
        return functions.UNREACHABLE
    if "<lambda>" in qualname:
        return functions.LAMBDA
    return functions.CLOSURE if "<locals>" in qualname else None


def _kind_by_use(function: types.FunctionType) -> str | None:
    """The kind of a function that works only in a conversation, or in a session at a prompt."""
    if function.__module__ == _MAIN and _is_interactive(function.__code__.co_filename):
        return functions.INTERACTIVE
    return functions.CONVERSATION_STATE if _takes_state(function, function.__code__) else None


def _is_called_as(layer: Any, function: types.FunctionType) -> bool:
    """Whether a layer is an object of the user's whose class has the function as its ``__call__``."""
    if user_function.is_made_by_host(layer) or type(layer) in {types.FunctionType, staticmethod, classmethod}:
        return False
    return inspect.getattr_static(type(layer), "__call__", None) is function


def _is_interactive(file: str) -> bool:
    """Whether the code was typed into a notebook or a prompt: no file has it."""
    return file.startswith("<") or "ipykernel_" in file


def _takes_state(function: types.FunctionType, code: types.CodeType) -> bool:
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    annotations = function.__annotations__
    return _STATE_PARAMETER in parameters or any(_is_state(annotations.get(name)) for name in parameters)


def _is_state(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] in _STATE_CLASSES
    return isinstance(annotation, type) and any(
        base.__name__ in _STATE_CLASSES for base in annotation.__mro__
    )


def _is_reachable(function: Any) -> bool:
    """Whether the module has the function under its name, decorated, as a ``Tool``, or as it is."""
    member: Any = sys.modules.get(function.__module__)
    for name in read(function, "__qualname__").split("."):
        member = read(member, name)
    return member is not None and user_function.user_function(member) is function
