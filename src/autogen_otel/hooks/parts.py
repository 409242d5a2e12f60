"""Calls whose code runs in parts: what is awaited, asynchronous generators, asynchronous context managers.

What the host's function has returned is handed on in a proxy, which passes for it. The call begins with the
first part, so that calling the function starts nothing. Each part runs in the context of the call; between
them, where the code of whoever consumes runs, nothing of ours is. The call ends with the last part, or when
nobody can ask for another one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any

import wrapt

from autogen_otel.hooks.guard import report, without_caller
from autogen_otel.operations.operation import Operation
from autogen_otel.recording.current import Scope, capture, enter, leave

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy  # not subscriptable before wrapt 2

Begin = Callable[[], "Operation | None"]


class Parts:
    """One call, and the context in which its parts run.

    Args:
        begin: begins it; ``None`` if it is not to be observed.

    Attributes:
        failure: what has left the work of the call; its block may end without it.
    """

    __slots__ = ("_begin", "_call", "_has_begun", "_inside", "_is_done", "_last", "failure")

    def __init__(self, begin: Begin) -> None:
        self._begin, self._has_begun = begin, False
        self._call: Operation | None = None
        self._inside: Any = None
        self._last: Any = None
        self._is_done = False
        self.failure: BaseException | None = None

    def scope(self) -> Scope | None:
        """The scope of the next part; ``None`` if it is not observed."""
        if not self._has_begun:
            self._has_begun = True
            self._call = self._begin()
            self._inside = None if self._call is None else self._call.context
        return None if self._call is None else (self._inside, capture())

    def pause(self, scope: Scope) -> None:
        """End a part; what it has set in the context is there again in the next one."""
        self._inside = capture()
        leave(scope)

    def passes(self, item: Any) -> None:
        """Take note of an item on its way to whoever consumes it."""
        if self._call is not None:
            self._last, self._is_done = item, self._call.passed(item) or self._is_done

    def working(self, value: Any) -> Any:
        """A coroutine function that does the work of the call, in its context; any other value as it is."""
        if self._call is None or type(value) is not FunctionType or not inspect.iscoroutinefunction(value):
            return value

        @functools.wraps(value)
        async def work(*args: Any, **kwargs: Any) -> Any:
            try:
                return await _run(self, value(*args, **kwargs), self.passes, self.fails)
            except BaseException as error:
                with suppress(Exception):
                    without_caller(error)
                raise

        return work

    def fails(self, error: BaseException) -> None:
        """An exception has left the work of the call."""
        self.failure = error

    def returned(self, value: Any) -> None:
        """The call has returned."""
        call, self._call, self.failure = self._call, None, None
        if call is not None:
            call.end_with_value(value)

    def raised(self, error: BaseException) -> None:
        """An exception has left the call."""
        call, self._call, self.failure = self._call, None, None
        if call is not None:
            call.end_with_error(error)

    def exhausted(self, error: BaseException) -> None:
        """An exception has left a generator: that of its end, or another."""
        if type(error) is StopAsyncIteration:
            self.returned(self._last)
        else:
            self.raised(error)

    def left(self, *_: object) -> None:
        """Nobody asks for another part: the program has ended the call, if that has not done its work."""
        if self._is_done:
            self.returned(self._last)
        else:
            self.raised(GeneratorExit())


async def _run(
    parts: Parts,
    part: Awaitable[Any],
    returned: Callable[[Any], object],
    raised: Callable[[BaseException], object],
    hand_on: Callable[[Any], Any] | None = None,
    _holder: object = None,
) -> Any:
    """Run a part.

    Args:
        parts: the call.
        part: what is to be awaited.
        returned: is told what it has returned.
        raised: is told which exception has left it.
        hand_on: makes of that what whoever awaits it gets, if that is not the same.
        _holder: lives as long as this runs: when it is collected, it ends the call.
    """
    scope = None
    try:
        try:
            try:
                scope = parts.scope()
                if scope is not None:
                    enter(scope[0])
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            value = await part
        except BaseException as error:
            try:
                raised(error)
                without_caller(error)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            raise
        else:
            try:
                returned(value)
                if hand_on is not None:
                    value = hand_on(value)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
        finally:
            try:
                if scope is not None:
                    parts.pause(scope)
                    scope = None
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
    finally:
        # Where an interrupt has struck before or in the lines above.
        if scope is not None:
            with suppress(Exception):
                leave(scope)
    return value


class Awaited(Proxy):
    """What is awaited, at once or in parts; the call is observed meanwhile.

    Args:
        awaitable: what the host's function returned.
        observed: makes the coroutine that awaits it and observes that.
    """

    def __init__(self, awaitable: Any, observed: Callable[[], Any]) -> None:
        super().__init__(awaitable)
        self._self_observed = observed

    def __await__(self) -> Any:
        """Await it."""
        return self._self_observed().__await__()


class AwaitedCoroutine(Awaited):
    """The same for a coroutine, which event loops drive without ``await``; arguments as of ``Awaited``."""

    _self_running: Any = None

    def __await__(self) -> Any:
        """Await it; a coroutine runs once."""
        if self._self_running is None:
            self._self_running = self._self_observed()
        return self._self_running.__await__()

    def send(self, value: Any) -> Any:
        """Run it to its next step."""
        if self._self_running is None:
            self._self_running = self._self_observed()
        return self._self_running.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception where it waits."""
        return (self.__wrapped__ if self._self_running is None else self._self_running).throw(*error)

    def close(self) -> Any:
        """End it, whether it has begun or not."""
        return (self.__wrapped__ if self._self_running is None else self._self_running).close()


class _InParts(Proxy):
    """What runs in parts.

    Args:
        wrapped: what the host's function returned.
        parts: the call.
    """

    def __init__(self, wrapped: Any, parts: Parts) -> None:
        super().__init__(wrapped)
        self._self_parts = parts

    def _self_part(
        self,
        part: Any,
        returned: Callable[[Any], object],
        raised: Callable[[Any], object],
        hand_on: Callable[[Any], Any] | None = None,
    ) -> Any:
        try:
            return AwaitedCoroutine(
                part, lambda: _run(self._self_parts, part, returned, raised, hand_on, self)
            )
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return part

    def __del__(self) -> None:
        """Whoever consumed it has dropped it."""
        try:
            self._self_parts.left()
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)


class AsyncSteps(_InParts):
    """An asynchronous generator of the host's."""

    def __aiter__(self) -> Any:
        """The generator is its own iterator."""
        return self

    def __anext__(self) -> Any:
        """Its next item."""
        return self._self_step(self.__wrapped__.__anext__())

    def asend(self, value: Any) -> Any:
        """Send it a value, for its next item."""
        return self._self_step(self.__wrapped__.asend(value))

    def athrow(self, *error: Any) -> Any:
        """Raise an exception in it, for its next item."""
        return self._self_step(self.__wrapped__.athrow(*error))

    def aclose(self) -> Any:
        """End it."""
        parts = self._self_parts
        return self._self_part(self.__wrapped__.aclose(), parts.left, parts.raised)

    def _self_step(self, step: Any) -> Any:
        parts = self._self_parts
        return self._self_part(step, parts.passes, parts.exhausted)


class AsyncBlock(_InParts):
    """An asynchronous context manager of the host's: the code inside it is not the call's.

    What it gives may be a coroutine function that does the work, which is a part of the call then.
    """

    def __aenter__(self) -> Any:
        """Begin the block."""
        parts = self._self_parts
        return self._self_part(self.__wrapped__.__aenter__(), parts.passes, parts.raised, parts.working)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        """End the block."""
        parts = self._self_parts

        def returned(swallows: Any) -> None:
            failure = parts.failure if error is None or swallows else error
            if failure is None:
                parts.returned(None)
            else:
                parts.raised(failure)

        return self._self_part(self.__wrapped__.__aexit__(kind, error, traceback), returned, parts.raised)
