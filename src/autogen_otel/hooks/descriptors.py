"""Observing methods that are no functions: static and class methods, ``partialmethod``, callable objects.

Only calls through an instance are observed: they alone say whose method it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from autogen_otel.hooks.guard import report
from autogen_otel.hooks.parts import Proxy

_METHODS = (staticmethod, classmethod, functools.partialmethod)


def is_method(attribute: object) -> bool:
    """Whether a class attribute that is no function can be called as a method."""
    # By its type: an object may answer to any question itself.
    return issubclass(type(attribute), _METHODS) or callable(attribute)


class ObservedDescriptor(Proxy):
    """The class attribute that replaces such a method; otherwise it is as it was.

    Args:
        original: the user's class attribute.
        observe: makes an observed function of one that is bound to an instance.
    """

    def __init__(self, original: Any, observe: Callable[..., Callable[..., Any]]) -> None:
        super().__init__(original)
        self._self_observe, self._self_get = observe, getattr(type(original), "__get__", None)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """What the original gives, looked up once; for an instance, with its calls observed."""
        get, method = self._self_get, self.__wrapped__
        if get is not None:
            method = get(method, instance, owner)
        try:
            if instance is not None:
                return _ObservedMethod(method, self._self_observe(method, bound_to=instance))
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return method


class _ObservedMethod(Proxy):
    """A method as it was looked up on an instance, whose calls are observed."""

    def __init__(self, method: Any, observed: Callable[..., Any]) -> None:
        super().__init__(method)
        self._self_observed = observed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it past us."""
        return self._self_observed(*args, **kwargs)
