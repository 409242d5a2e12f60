"""Describes values that are no data: functions, iterators, exceptions, objects that print themselves."""

from __future__ import annotations

import sys
import types
from functools import partial
from typing import Any, Final

from autogen_otel.redaction.introspection import qualified_name, type_name

_WITHOUT_CONTENT: Final[dict[type, str]] = {
    types.GeneratorType: "<generator>",
    types.AsyncGeneratorType: "<async generator>",
    types.CoroutineType: "<coroutine>",
    memoryview: "<memoryview>",
    partial: "<partial>",
}
_LABELS: Final[dict[type, str]] = {
    types.FunctionType: "function",
    types.BuiltinFunctionType: "function",
    types.MethodType: "method",
    types.ModuleType: "module",
}


def describe(value: Any) -> str:
    """Describe an object in words, or by its ``str()`` if that is code of the standard library.

    Besides that, nothing is iterated, awaited or called.
    """
    cls = type(value)
    without_content = _without_content(cls)
    if without_content:
        return without_content
    if cls in _LABELS:
        return f"<{_LABELS[cls]} {getattr(value, '__qualname__', None) or getattr(value, '__name__', '')}>"
    if issubclass(type(value), type):
        return f"<class {qualified_name(value)}>"
    if issubclass(cls, BaseException):
        return f"{type_name(cls)}: {value}"
    return str(value)


def _without_content(cls: type) -> str | None:
    if cls in _WITHOUT_CONTENT:
        return _WITHOUT_CONTENT[cls]
    if hasattr(cls, "__next__") or hasattr(cls, "__anext__"):
        return f"<iterator {type_name(cls)}>"
    if hasattr(cls, "__await__"):
        return f"<awaitable {type_name(cls)}>"
    # The default text is an address, different each time; any other may be the user's code.
    printer = _printer(cls)
    return f"<{type_name(cls)} object>" if printer is object or not _is_of_the_library(printer) else None


def _printer(cls: type) -> type:
    """The class that says how an object of the class is printed."""
    for name in ("__str__", "__repr__"):
        owner = next((base for base in cls.__mro__ if name in base.__dict__), object)
        if owner is not object:
            return owner
    return object


def _is_of_the_library(cls: type) -> bool:
    return qualified_name(cls).partition(".")[0] in sys.stdlib_module_names or cls.__module__ == "builtins"
