"""Reads objects of the host and of the user, any access to which may raise."""

from __future__ import annotations

import inspect
import json
import re
import weakref
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from types import MemberDescriptorType, TracebackType
from typing import Any, Final

from autogen_otel.redaction.introspection import instance_dict, unprintable


def read(holder: object, name: str) -> Any:
    """The value of an object's attribute; ``None`` if it has none or raises."""
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - properties and ``__getattr__`` are the user's code
        return None


def data_of(answer: object) -> Any:
    """The fields of one of the SDK's answers as a dict, not to be changed; any other object itself.

    Pydantic searches long for an attribute that a model lacks, and for one that is no field of its class.
    """
    kind = type(answer)
    if kind not in _answer_classes:
        try:
            if not kind.__module__.startswith(_ANSWER_MODULES) or not hasattr(kind, "model_fields"):
                return answer
        except Exception:  # noqa: BLE001 - metaclasses are the user's code
            return answer
        # Only classes of the SDK: this set must not keep a class of the user's alive.
        _answer_classes.add(kind)
    extra = getattr(answer, "__pydantic_extra__", None)
    return {**answer.__dict__, **extra} if extra else answer.__dict__


_ANSWER_MODULES = ("openai.types.chat.", "openai.types.completion_usage")
"""Modules of the SDK whose classes are plain data."""
_answer_classes: set[type] = set()


def read_field(holder: object, name: str) -> Any:
    """Read like ``read``, but cheaply of the SDK's answers, and only what is stored of a user's object."""
    if type(holder) in _answer_classes:
        fields = holder.__dict__
        if name in fields:
            return fields[name]
        extra = getattr(holder, "__pydantic_extra__", None)
        return extra.get(name) if extra else None
    data = data_of(holder)
    if data is not holder:
        return data.get(name)
    return read(holder, name) if _is_of_hosts(type(holder)) else read_stored(holder, name)


def read_stored(holder: object, name: str) -> Any:
    """What an object or its class stores under a name: no property and no ``__getattr__`` of theirs runs."""
    value = instance_dict(holder).get(name, _MISSING)
    if value is _MISSING:
        owners = (vars(base) for base in type(holder).__mro__)
        value = next((owner[name] for owner in owners if name in owner), None)
        if type(value) is MemberDescriptorType:
            return read_slot(value, holder)
        if hasattr(type(value), "__get__"):
            return None
    return value


def read_slot(slot: MemberDescriptorType, holder: object) -> Any:
    """The value in a slot; ``None`` if it is empty."""
    try:
        return slot.__get__(holder, type(holder))
    except AttributeError:
        return None


def _is_of_hosts(kind: type) -> bool:
    """Whether a class is the host's or the SDK's, whose properties are not the user's code."""
    return str(kind.__module__).partition(".")[0] in _HOSTS


_HOSTS = frozenset({"autogen", "openai"})
_MISSING = object()


def reader_of(holder: object) -> Callable[[str], Any]:
    """A function that reads fields of an answer, or of its part, as ``read_field``; checks the class once."""
    if type(holder) in _answer_classes:
        extra = getattr(holder, "__pydantic_extra__", None)
        return ({**holder.__dict__, **extra} if extra else holder.__dict__).get
    data = data_of(holder)
    return data.get if isinstance(data, dict) else partial(read_field, data)


def read_text(value: object) -> str:
    """The object as text, or a text that says that ``str`` raised."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - ``__str__`` is the user's code
        return unprintable(value, error, "str")


def gives_coroutines(function: object) -> bool:
    """Whether calling a function returns a coroutine; not if the function raises when it is inspected."""
    try:
        return inspect.iscoroutinefunction(function)
    except Exception:  # noqa: BLE001 - ``__class__`` is the user's code
        return False


def text_or_none(value: object) -> str | None:
    """The value as plain text if it is a string: hosts put mocks and numbers where names belong.

    A subclass of ``str`` may have any ``__hash__``.
    """
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else None


def read_key(holder: object, name: str, key: object, default: Any = None) -> Any:
    """The value under a key of one of an object's dicts, without creating what a defaultdict lacks."""
    try:
        mapping = getattr(holder, name, None)
        return mapping.get(key, default) if isinstance(mapping, dict) else default
    except Exception:  # noqa: BLE001 - hashing and comparing keys is the user's code, and so is ``__getattr__``
        return default


_DEEPEST_JSON: Final = 100
_NO_BRACKETS: Final = re.compile(r"""\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|[^\[\]{}\"]+""", re.DOTALL)
_STEPS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_json(text: str) -> Any:
    """The value of a JSON text.

    The parser calls itself for each level, and threads may have a small stack, so levels are counted before.

    Raises:
        ValueError: the text is no JSON, or nested too deeply.
    """
    if text.count("[") + text.count("{") > _DEEPEST_JSON:
        levels = accumulate(map(_STEPS.__getitem__, _NO_BRACKETS.sub("", text)))
        if max(levels, default=0) > _DEEPEST_JSON:
            raise ValueError("nested too deeply")
    return json.loads(text)


def read_link(error: BaseException, name: str) -> BaseException | None:
    """The ``__cause__`` or ``__context__`` of an exception, whatever attributes its class overrides."""
    link = BaseException.__dict__[name].__get__(error)
    return link if isinstance(link, BaseException) else None


def suppresses_context(error: BaseException) -> bool:
    """Whether an exception was raised ``from`` another, or ``from None``."""
    return bool(BaseException.__dict__["__suppress_context__"].__get__(error))


def read_traceback(error: BaseException) -> TracebackType | None:
    """The traceback of an exception, whatever attributes its class overrides."""
    traceback = BaseException.__dict__["__traceback__"].__get__(error)
    return traceback if isinstance(traceback, TracebackType) else None


_NOTHING: tuple[Callable[[], object], Any] = (lambda: None, None)


class Memory(dict[int, tuple["weakref.ref[Any]", Any]]):
    """Facts about objects, by identity: ``__eq__`` and ``__hash__`` may be the user's code.

    It refers to the objects weakly. Facts about an object without weak references are not remembered.
    """

    def recall(self, holder: object) -> Any:
        """Return the remembered fact about an object; ``None`` for none."""
        entry = self.get(id(holder), _NOTHING)
        return entry[1] if entry[0]() is holder else None

    def remember(self, holder: object, value: Any) -> None:
        """Remember a fact about an object for as long as it lives."""
        key = id(holder)
        try:
            self[key] = (weakref.ref(holder, lambda _: self.pop(key, None)), value)
        except TypeError:
            return
