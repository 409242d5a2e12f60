"""Observing the user's function inside ``execute_function``, which turns its exception into text.

``execute_function`` looks its callable up in ``self._function_map``. While an observed tool call runs, the
first such look-up gets the callable inside a transparent wrapper. The agent's own dict is never touched:
a descriptor on the class returns a view of it for that one look-up, and undo removes the descriptor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any

import wrapt

from autogen_otel.hooks.drive import Runtime
from autogen_otel.hooks.guard import report
from autogen_otel.hooks.parts import Proxy
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.recording import current_call

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""Wrapt calls it instead of a wrapped function: function, instance, positional and keyword arguments."""


class FunctionMap:
    """The class attribute ``ConversableAgent._function_map``; instances keep their own dict in ``__dict__``.

    Args:
        name: the attribute.
        runtime: the instrumentation that is switched on.
        awaits_results: whether the host awaits the value that a plain function returns (AG2 0.14).
    """

    def __init__(self, name: str, runtime: Runtime, *, awaits_results: bool) -> None:
        self._name, self._runtime, self._awaits_results = name, runtime, awaits_results

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The instance's own dict, or a view of it for the look-up of an observed tool call."""
        if instance is None or self._name not in instance.__dict__:
            raise AttributeError(f"{owner!r} has no attribute {self._name!r}", name=self._name, obj=instance)
        function_map = instance.__dict__[self._name]
        if not self._runtime.enabled:
            return function_map
        try:
            call = current_call()
            if isinstance(call, ToolCall) and not call.was_looked_up and isinstance(function_map, dict):
                view = _View(function_map)
                view._self_lookup = call, self._awaits_results
                return view
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return function_map

    def __set__(self, instance: Any, value: Any) -> None:
        """Set it in the dict where it would be without us."""
        instance.__dict__[self._name] = value

    def __delete__(self, instance: Any) -> None:
        """Delete it from the dict where it would be without us."""
        del instance.__dict__[self._name]


class _View(Proxy):
    """A function map that observes one look-up and is otherwise as it is."""

    _self_lookup: tuple[ToolCall, bool]
    """The running tool call, and whether the host awaits the value that a plain function returns."""

    def get(self, key: Any, default: Any = None) -> Any:
        """As ``dict.get``, but the callable of the running tool call is wrapped."""
        function = self.__wrapped__.get(key, default)
        try:
            return self._self_observe(key, function)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return function

    def __getitem__(self, key: Any) -> Any:
        """The same, for agent classes that look tools up by key."""
        function = self.__wrapped__[key]
        try:
            return self._self_observe(key, function)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return function

    def _self_observe(self, key: Any, function: Any) -> Any:
        call, awaits_result = self._self_lookup
        if key != call.tool or call.was_looked_up:
            return function
        call.was_looked_up = True
        if not callable(function):
            return function
        is_awaited = call.function_found(function).gives_coroutines
        wrapper = (
            _reporting_coroutine_wrapper(call)
            if is_awaited
            else _reporting_wrapper(call, awaits_result=awaits_result)
        )
        return wrapt.FunctionWrapper(function, wrapper)


def _reporting_wrapper(call: ToolCall, *, awaits_result: bool) -> Wrapper:
    """A wrapper that reports the exception of the user's function to the tool call.

    Args:
        call: the tool call.
        awaits_result: whether the host then awaits the value that the function returns.
    """

    def reporting(wrapped: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
        try:
            value = wrapped(*args, **kwargs)
        except BaseException as error:
            try:
                call.function_raised(error)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            raise
        try:
            if awaits_result and issubclass(type(value), Awaitable):
                return _Awaitable(value, call)
            call.function_returned(value)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return value

    return reporting


def _reporting_coroutine_wrapper(call: ToolCall) -> Wrapper:
    """The same for a function that is awaited."""

    async def reporting(wrapped: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
        try:
            value = await wrapped(*args, **kwargs)
        except BaseException as error:
            try:
                call.function_raised(error)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            raise
        try:
            call.function_returned(value)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return value

    return reporting


class _Awaitable:
    """An awaitable that a plain function returned; the host only ever awaits it."""

    def __init__(self, awaitable: Awaitable[Any], call: ToolCall) -> None:
        self._awaitable, self._call = awaitable, call

    def __await__(self) -> Generator[Any, Any, Any]:
        """Await it past us."""
        try:
            value = yield from self._awaitable.__await__()
        except BaseException as error:
            try:
                self._call.function_raised(error)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            raise
        try:
            self._call.function_returned(value)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return value
