"""Callables of the user's, such as tools, of which only the arguments and the exception are wanted."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any, Protocol

from autogen_otel.hooks.guard import guarded

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What wrapt calls instead of a wrapped function: function, instance, positional and keyword arguments."""


class Witness(Protocol):
    """Who is told of a callable of the user's."""

    def called(self, arguments: dict[str, Any]) -> None:
        """It is called with these."""

    def raised(self, error: BaseException) -> None:
        """It raised this."""


def witnessed(function: Callable[..., Any], witness: Witness, *, awaited: bool) -> Wrapper:
    """The wrapper for a callable of the user's of which only arguments and exception are wanted.

    Args:
        function: the callable.
        witness: who is told.
        awaited: whether the host goes on to await what a plain function returns.
    """

    def sync(wrapped: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
        with suppress(Exception), guarded:
            witness.called(kwargs)
        try:
            value = wrapped(*args, **kwargs)
        except BaseException as error:
            with suppress(Exception), guarded:
                witness.raised(error)
            raise
        if awaited:
            with suppress(Exception), guarded:
                if inspect.isawaitable(value):
                    return ObservedAwaitable(value, witness)
        return value

    async def coroutine(wrapped: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
        with suppress(Exception), guarded:
            witness.called(kwargs)
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            with suppress(Exception), guarded:
                witness.raised(error)
            raise

    return coroutine if inspect.iscoroutinefunction(function) else sync


class ObservedAwaitable:
    """An awaitable that a plain function returned; the host only ever awaits it."""

    def __init__(self, awaitable: Awaitable[Any], witness: Witness) -> None:
        self._awaitable, self._witness = awaitable, witness

    def __await__(self) -> Generator[Any, Any, Any]:
        """Await it past us."""
        try:
            return (yield from self._awaitable.__await__())
        except BaseException as error:
            with suppress(Exception), guarded:
                self._witness.raised(error)
            raise
