"""Reading objects of the host and of the user, which may raise whatever they are asked."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from autogen_otel.redaction.introspection import unprintable


def read(holder: object, name: str) -> Any:
    """The value of an object's attribute; ``None`` if it has none or will not say."""
    try:
        return getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - properties and ``__getattr__`` are the user's code
        return None


def data_of(answer: object) -> Any:
    """The fields of one of the SDK's answers as a dict, not to be changed; all else as it is.

    Pydantic searches long for an attribute that a model lacks, and for one that is no field of its class.
    """
    kind = type(answer)
    if kind not in _answers:
        try:
            if not kind.__module__.startswith(_ANSWERS) or not hasattr(kind, "model_fields"):
                return answer
        except Exception:  # noqa: BLE001 - metaclasses are the user's code
            return answer
        # Only classes of the SDK: one of the user's must not live on here.
        _answers.add(kind)
    extra = getattr(answer, "__pydantic_extra__", None)
    return {**answer.__dict__, **extra} if extra else answer.__dict__


_ANSWERS = ("openai.types.chat.", "openai.types.completion_usage")
"""Modules of the SDK whose classes are nothing but data."""
_answers: set[type] = set()


def read_field(holder: object, name: str) -> Any:
    """As ``read``, but cheap where it is one of the SDK's answers that is asked."""
    if type(holder) in _answers:
        fields = holder.__dict__
        if name in fields:
            return fields[name]
        extra = getattr(holder, "__pydantic_extra__", None)
        return extra.get(name) if extra else None
    data = data_of(holder)
    return read(holder, name) if data is holder else data.get(name)


def reader_of(holder: object) -> Callable[[str], Any]:
    """What gives the fields of an answer or a part of it: as ``read_field``, with one look at its class."""
    if type(holder) in _answers:
        extra = getattr(holder, "__pydantic_extra__", None)
        return ({**holder.__dict__, **extra} if extra else holder.__dict__).get
    data = data_of(holder)
    return data.get if isinstance(data, dict) else partial(read_field, data)


def read_text(value: object) -> str:
    """The object as text, or that it would not say."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - ``__str__`` is the user's code
        return unprintable(value, error, "str")


def gives_coroutines(function: object) -> bool:
    """Whether calling a function gives a coroutine; not if it will not say."""
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


def read_link(error: BaseException, name: str) -> BaseException | None:
    """The ``__cause__`` or ``__context__`` of an exception, whatever its class makes of attributes."""
    link = BaseException.__dict__[name].__get__(error)
    return link if isinstance(link, BaseException) else None


def suppresses_context(error: BaseException) -> bool:
    """Whether an exception was raised ``from`` another, or from none."""
    return bool(BaseException.__dict__["__suppress_context__"].__get__(error))


def read_traceback(error: BaseException) -> TracebackType | None:
    """Where an exception was raised, whatever its class makes of attributes."""
    traceback = BaseException.__dict__["__traceback__"].__get__(error)
    return traceback if isinstance(traceback, TracebackType) else None


_NOTHING: tuple[Callable[[], object], Any] = (lambda: None, None)


class Memory(dict[int, tuple["weakref.ref[Any]", Any]]):
    """What is remembered of objects, by identity: ``__eq__`` and ``__hash__`` may be the user's code.

    It holds the objects weakly. An object that cannot be referred to weakly is not remembered.
    """

    def recall(self, holder: object) -> Any:
        """What is remembered of an object; ``None`` for nothing."""
        entry = self.get(id(holder), _NOTHING)
        return entry[1] if entry[0]() is holder else None

    def remember(self, holder: object, value: Any) -> None:
        """Remember something of an object for as long as it lives."""
        key = id(holder)
        try:
            self[key] = (weakref.ref(holder, lambda _: self.pop(key, None)), value)
        except TypeError:
            return
