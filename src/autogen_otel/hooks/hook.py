"""The wrapper that stands in the place of a host's function: it can be copied and pickled like a function."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    Function = wrapt.FunctionWrapper[Any, Any]
    Bound = wrapt.BoundFunctionWrapper[Any, Any]
else:
    Function, Bound = wrapt.FunctionWrapper, wrapt.BoundFunctionWrapper  # not subscriptable before wrapt 2

_METHOD_ARGUMENTS = 2


class BoundHook(Bound):
    """A hooked function as an attribute of an instance or its class.

    wrapt's own refuses to be copied and pickled, and an application does both to methods: with agents that
    have callbacks, in partials, across processes, and through ``weakref.WeakMethod``.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """As of wrapt; and with a function and an instance, as of ``types.MethodType``."""
        if len(args) == _METHOD_ARGUMENTS and not kwargs:
            function, instance = args
            return getattr(instance, function.__name__)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) != _METHOD_ARGUMENTS or kwargs:
            super().__init__(*args, **kwargs)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        instance = getattr(self, "__self__", None)
        return self if instance is None else getattr(copy.deepcopy(instance, memo), self.__name__)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        instance = getattr(self, "__self__", None)
        return getattr, (self._self_parent._self_holder if instance is None else instance, self.__name__)


class Hook(Function):
    """A host's function, observed.

    Args:
        function: the function.
        wrapper: what is called in its place; see ``drive.observed``.
        owner: the class or module whose attribute it is.
    """

    __bound_function_wrapper__ = BoundHook

    def __init__(self, function: Any, wrapper: Any, owner: Any) -> None:
        super().__init__(function, wrapper)
        self._self_holder = owner

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Any:
        return self

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return getattr, (self._self_holder, self.__name__)
