"""The user's own function behind an entry of a function map: where it is, and how far a call got.

AutoGen registers a tool wrapped in up to ten layers of its own. Everything here looks through them without
calling anything, and returns ``None`` for objects that raise when we read them.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autogen_otel.causes.tracebacks import steps
from autogen_otel.operations.tools.parameters import Parameters, read_parameters
from autogen_otel.reading import Memory, gives_coroutines, read, read_text
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.whose_code import HOST, package_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_LAYERS = 64
_HOST_PACKAGES = HOST | {"fast_depends"}


@dataclass(slots=True, eq=False)
class Description:
    """What we keep of an entry; never the function itself: that would keep a discarded tool alive.

    Args:
        location: where the user's function is; only its name if it has no Python source.
        parameters: what AutoGen may give the entry, by a signature with resolved annotations where possible;
            ``None`` if there is no signature.
        code: of the user's function.
        outermost: the code that runs first when the entry is called.
        qualname: the name that Python gives the user's function.
        gives_coroutines: whether calling the entry gives a coroutine.
    """

    location: Facts
    parameters: Parameters | None = None
    code: types.CodeType | None = None
    outermost: types.CodeType | None = None
    qualname: str | None = None
    gives_coroutines: bool = False


_descriptions = Memory()
_NO_LOCATION: Facts = {}


def user_function(entry: object) -> Callable[..., Any] | None:
    """The innermost callable that AutoGen did not make.

    For an entry of ``_function_map`` or a ``Tool``; AutoGen's own function where there is no other
    (handoffs), ``None`` for what cannot be called.
    """
    *_, layer = layers(entry)
    return layer if callable(layer) else None


def layers(entry: object) -> Iterator[Any]:
    """The entry and what it wraps, from the outermost to the user's function."""
    layer: Any = entry
    seen_ids = {id(layer)}
    yield layer
    for _ in range(_MAX_LAYERS):
        layer = _inner_layer(layer, seen_ids)
        if layer is None or id(layer) in seen_ids:
            return
        seen_ids.add(id(layer))
        yield layer


def describe(entry: object) -> Description:
    """What is known of an entry, read the first time."""
    description: Description | None = _descriptions.recall(entry)
    if description is None:
        description = _describe_anew(entry)
        _descriptions.remember(entry, description)
    return description


def entered_frame(error: BaseException, entry: object) -> types.FrameType | None:
    """The frame of the user's function that the error went through.

    ``None`` if the error came before the function was entered or after it returned, or if the function is
    not Python.
    """
    code = describe(entry).code
    frames = (step.frame for step in steps(error) if step.frame.f_code is code)
    return None if code is None else next(frames, None)


def was_received_unchanged(frame: types.FrameType, name: str, value: object) -> bool:
    """Whether a parameter still holds exactly the value that came in the JSON, uncoerced.

    Args:
        frame: of the user's function.
        name: of the parameter, or of a keyword that ``**kwargs`` took up.
        value: as parsed from JSON.
    """
    try:
        current = _current_value(frame, name)
        return type(current) is type(value) and bool(current is value or current == value)
    except Exception:  # noqa: BLE001 - the comparison may be the user's code
        return False


def takes(frame: types.FrameType, name: str) -> bool:
    """Whether the function that runs in the frame has a parameter of that name."""
    return name in _parameters(frame.f_code)


def was_refused_by_python(error: BaseException, entry: object) -> bool:
    """Whether Python refused the arguments: with a ``TypeError`` of the call, which names the function."""
    qualname = describe(entry).qualname
    return isinstance(error, TypeError) and qualname is not None and f"{qualname}() " in read_text(error)


def passed_user_code(error: BaseException, entry: object) -> bool:
    """Whether any code of the user's took part below the entry: a dependency, a decorator, a validator."""
    all_steps, start = [*steps(error)], describe(entry).outermost
    # Any code may call the entry. A builtin has no frame; then we skip only the caller's.
    entry_index = (
        1
        if start is None
        else next((i for i, step in enumerate(all_steps) if step.frame.f_code is start), len(all_steps))
    )
    return any(step.is_applications for step in all_steps[entry_index:])


def failed_after_return(error: BaseException) -> bool:
    """Whether the function had returned, and AutoGen failed to turn its result into text."""
    return any(
        step.function == "serialize_to_str" and step.package in _HOST_PACKAGES for step in steps(error)
    )


def failed_in_injection(error: BaseException) -> bool:
    """Whether the arguments were being validated together with the dependencies that AutoGen injects."""
    host_modules = [step.module for step in steps(error) if step.package in _HOST_PACKAGES]
    return bool(host_modules) and "fast_depends" in host_modules[-1]


# ---------------------------------------------------------------- looking through the layers
def _inner_layer(layer: Any, seen_ids: set[int]) -> Any:
    """The next layer; ``None`` at the innermost."""
    if issubclass(type(layer), type):
        return None
    try:
        attribute = _link_attribute(layer)
        if attribute is not None:
            return getattr(layer, attribute)
        if type(layer) is types.FunctionType:
            return _function_in_closure(layer, seen_ids) if is_made_by_host(layer) else None
        call = type(layer).__call__
        return call if type(call) is types.FunctionType or hasattr(call, "__wrapped__") else None
    except Exception:  # noqa: BLE001 - properties and metaclasses are the user's code
        return None


def _link_attribute(layer: object) -> str | None:
    """The attribute under which a layer keeps what it wraps."""
    kind = type(layer)  # not isinstance: a proxy lies about its class
    if issubclass(kind, functools.partial) or _is_tool(kind):
        return "func"
    if kind in {types.MethodType, staticmethod, classmethod}:
        return "__func__"
    # Statically, since an object may answer to any name it is asked for.
    return "__wrapped__" if inspect.getattr_static(layer, "__wrapped__", None) is not None else None


def _function_in_closure(function: types.FunctionType, seen_ids: set[int]) -> Any:
    """The user's function in the closure of a wrapper of AutoGen's that has no link to it."""
    seen_ids = set(seen_ids)
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if id(content) in seen_ids or isinstance(content, type) or not callable(content):
            continue
        seen_ids.add(id(content))
        layer = content
        while (
            (inner := _inner_layer(layer, seen_ids)) is not None
            and id(inner) not in seen_ids
            and len(seen_ids) < _MAX_LAYERS
        ):
            seen_ids.add(id(inner))
            layer = inner
        if not is_made_by_host(layer):
            return layer
    return None


def is_made_by_host(layer: Any) -> bool:
    """Whether a layer is AutoGen's own wrapper."""
    # Not by __module__, which functools.wraps copies from the wrapped function.
    scope = layer.__globals__ if type(layer) is types.FunctionType else vars(type(layer))
    module = scope.get("__name__") or scope.get("__module__")
    return isinstance(module, str) and package_of(module) in _HOST_PACKAGES


def _is_tool(kind: type) -> bool:
    return any(base.__name__ == "Tool" and base.__module__.startswith("autogen.") for base in kind.__mro__)


# ---------------------------------------------------------------- describing
def _describe_anew(entry: object) -> Description:
    function = user_function(entry)
    is_coroutine = gives_coroutines(entry)
    if function is None:
        return Description(_NO_LOCATION, gives_coroutines=is_coroutine)
    callee = inspect.getattr_static(function, "__init__") if issubclass(type(function), type) else function
    code = _code(callee)
    qualname = _name(function, "__qualname__") or _name(type(function), "__qualname__")
    module = _name(function, "__module__") or _name(read(function, "__self__"), "__module__")
    location = {
        names.CODE_FUNCTION_NAME: f"{module}.{qualname}" if module else str(qualname),
        names.CODE_FILE_PATH: code.co_filename if code is not None else None,
        names.CODE_LINE_NUMBER: code.co_firstlineno if code is not None else None,
    }
    callee_name = _name(callee, "__qualname__")
    outermost = _outermost(entry) or code
    return Description(location, _parameters_of(entry, function), code, outermost, callee_name, is_coroutine)


def _code(function: Any) -> types.CodeType | None:
    code = read(function, "__code__")
    return code if isinstance(code, types.CodeType) else None


def _outermost(entry: object) -> types.CodeType | None:
    """The code that runs first when the entry is called, as far as it is Python."""
    layer, seen_ids = entry, {id(entry)}
    while layer is not None and type(layer) is not types.FunctionType:
        layer = _inner_layer(layer, seen_ids)
        if id(layer) in seen_ids or len(seen_ids) > _MAX_LAYERS:
            return None
        seen_ids.add(id(layer))
    return _code(layer)


def _parameters_of(entry: Any, function: Any) -> Parameters | None:
    try:
        signature = inspect.signature(getattr(entry, "func", entry) if _is_tool(type(entry)) else entry)
        parameters = [_with_annotation(parameter, function) for parameter in signature.parameters.values()]
        return read_parameters(parameters)
    except Exception:  # noqa: BLE001 - builtins have none, and __signature__ may be anything
        return None


def _with_annotation(parameter: inspect.Parameter, function: Any) -> inspect.Parameter:
    """The parameter with its annotation evaluated, if that is text and its names exist."""
    if not isinstance(parameter.annotation, str):
        return parameter
    holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        scope = read(function, "__globals__") or vars(sys.modules[function.__module__])
        hints = typing.get_type_hints(holder, globalns=scope, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation is an expression of the user's
        return parameter
    return parameter.replace(annotation=hints[parameter.name])


def _name(holder: object, name: str) -> str | None:
    value = read(holder, name)
    return value if isinstance(value, str) else None


# ---------------------------------------------------------------- frames
def _parameters(code: types.CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _current_value(frame: types.FrameType, name: str) -> object:
    """What a parameter holds; without such a parameter or keyword, an object that equals nothing."""
    code = frame.f_code
    missing = object()
    if name in _parameters(code):
        return frame.f_locals.get(name, missing)
    if not code.co_flags & inspect.CO_VARKEYWORDS:
        return missing
    index = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
    others = frame.f_locals.get(code.co_varnames[index])
    return others.get(name, missing) if isinstance(others, dict) else missing
