"""Describes values that are no data: functions, iterators, exceptions, objects that print themselves."""

from __future__ import annotations

import types
from functools import partial
from typing import Final

from autogen_otel.redaction.introspection import qualified_name, type_name

_WITHOUT_CONTENT: Final[dict[type, str]] = {
    types.GeneratorType: "<generator>",
    types.AsyncGeneratorType: "<async generator>",
    types.CoroutineType: "<coroutine>",
    memoryview: "<memoryview>",
    partial: "<partial>",
}
_PRINT_ADDRESS: Final[tuple[object, object]] = (object.__repr__, object.__str__)
_LABELS: Final[dict[type, str]] = {
    types.FunctionType: "function",
    types.BuiltinFunctionType: "function",
    types.MethodType: "method",
    types.ModuleType: "module",
}


def describe(value: object) -> str:
    """Describe an object in words or by its own ``str()``; raises what that raises.

    Besides that, nothing is iterated, awaited or called.
    """
    cls = type(value)
    without_content = _without_content(cls)
    if without_content:
        return without_content
    if cls in _LABELS:
        return f"<{_LABELS[cls]} {getattr(value, '__qualname__', None) or getattr(value, '__name__', '')}>"
    if isinstance(value, type):
        return f"<class {qualified_name(value)}>"
    if isinstance(value, BaseException):
        return f"{type_name(cls)}: {value}"
    return str(value)


def _without_content(cls: type) -> str | None:
    if cls in _WITHOUT_CONTENT:
        return _WITHOUT_CONTENT[cls]
    if hasattr(cls, "__next__") or hasattr(cls, "__anext__"):
        return f"<iterator {type_name(cls)}>"
    if hasattr(cls, "__await__"):
        return f"<awaitable {type_name(cls)}>"
    print_methods: tuple[object, object] = (cls.__repr__, cls.__str__)
    if print_methods == _PRINT_ADDRESS:
        # The default text is an address: different each time and of no use.
        return f"<{type_name(cls)} object>"
    return None
