"""The only host boundary: the host's value, exception and laziness never pass through code that can fail.

Every wrapper below has the same shape. Our work before and after the host's call stands in
``with suppress(Exception), guarded``: ``guarded`` reports our errors, and ``suppress``, which is not ours,
catches whatever reporting itself might raise. Between them the host's function is called once, with the
host's arguments, and its value or exception goes out as it came.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import CodeType, FunctionType
from typing import Any, Protocol

from autogen_otel.capture.secrets import KnownSecrets
from autogen_otel.context import current
from autogen_otel.context.scope import Scope
from autogen_otel.hooks.guard import guarded
from autogen_otel.observations import Failure, MessagePolicy, Observation, Recorder
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.vocabulary.failures import UNKNOWN


class Runtime(Protocol):
    """What the boundary needs to know of the instrumentation that is switched on."""

    enabled: bool
    recorder: Recorder
    secrets: KnownSecrets
    messages: MessagePolicy


class Watch:
    """One observed call, from before the host's function runs until it has ended."""

    __slots__ = ("_call", "_operation", "_started", "_token")

    def __init__(self, runtime: Runtime, operation: Operation[Any], call: Call, started: Observation) -> None:
        scope = call.scope
        self._operation, self._call, self._started = operation, call, started
        around = scope.parent.recording if scope.parent is not None else None
        scope.recording = runtime.recorder.start(started, around)
        try:
            self._token = current.enter(scope.recording.context, scope)
        except BaseException:
            scope.recording.end(started)
            raise

    def returned(self, value: Any) -> None:
        """Tell the operation what the host returned."""
        ended = self._started
        try:
            ended = self._operation.returned(self._call, self._started, value)
        finally:
            self._call.scope.settle(ended, raised=False)
            self._close(ended)

    def failed(self, error: BaseException) -> None:
        """Tell the operation what the host raised."""
        # Should the operation fail too, that the call failed is said all the same.
        ended = replace(self._started, failure=Failure(origin=UNKNOWN, error=error))
        try:
            ended = self._operation.failed(self._call, self._started, error)
        finally:
            if ended.failure is None:
                self._call.scope.pass_on()
            else:
                self._call.scope.settle(ended, raised=True)
            self._close(ended)

    def leave(self) -> None:
        """Make the context of before the call current again."""
        current.leave(self._token)

    def _close(self, ended: Observation) -> None:
        scope = self._call.scope
        try:
            if scope.recording is not None:
                scope.recording.end(ended)
        finally:
            scope.end()


class Boundary:
    """Makes the function that stands in a host function's place, and begins the observation of each call.

    What it makes are plain functions, so that Python binds, copies, pickles and refers to them weakly as it
    does with the host's own; hosts look their methods up dozens of times for each call that they make.

    Args:
        function: the host's function, or what others have put in its place.
        operation: how its calls are read.
        runtime: the instrumentation that is switched on, or off.
        owner: the class or module whose attribute it is.
        on_call: told the instance before each call, to observe classes that show up only then.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        operation: Operation[Any],
        runtime: Runtime,
        owner: Any,
        on_call: Callable[[Any], None] | None = None,
    ) -> None:
        self._operation, self._runtime, self._on_call = operation, runtime, on_call
        self._is_method = inspect.isclass(owner)
        self._function = _called_bound(function) if self._is_method else function
        self._names = _positional_names(function) or operation.parameters

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Watch | None:
        """Start observing a call; ``None`` if it is not to be observed."""
        parent = current.scope()
        if (parent is None and current.suppressed()) or (self._is_method and not args):
            return None
        instance, args = (args[0], args[1:]) if self._is_method else (None, args)
        if self._on_call is not None:
            self._on_call(instance)
        arguments = {**dict(zip(self._names, args)), **kwargs}  # noqa: B905 - the rest are *args of the host
        handling = sys.exc_info()[1]
        scope = Scope(parent, None if handling is None else id(handling))
        call = Call(instance, arguments, scope, self._runtime.secrets, self._runtime.messages)
        started = self._operation.begin(call)
        return None if started is None else Watch(self._runtime, self._operation, call, started)

    def sync(self) -> Callable[..., Any]:
        """Make the function for one that is called."""
        function, runtime, begin = self._function, self._runtime, self.begin

        def hooked(*args: Any, **kwargs: Any) -> Any:
            if not runtime.enabled:
                return function(*args, **kwargs)
            watch = None
            with suppress(Exception), guarded:
                watch = begin(args, kwargs)
            if watch is None:
                return function(*args, **kwargs)
            try:
                value = function(*args, **kwargs)
            except BaseException as error:
                with suppress(Exception), guarded:
                    watch.failed(error)
                raise
            else:
                with suppress(Exception), guarded:
                    watch.returned(value)
            finally:
                with suppress(Exception), guarded:
                    watch.leave()
            return value

        return hooked

    def coroutine(self) -> Callable[..., Any]:
        """Make the function for one that is awaited; the same as ``sync`` but for one word."""
        function, runtime, begin = self._function, self._runtime, self.begin

        async def hooked(*args: Any, **kwargs: Any) -> Any:
            if not runtime.enabled:
                return await function(*args, **kwargs)
            watch = None
            with suppress(Exception), guarded:
                watch = begin(args, kwargs)
            if watch is None:
                return await function(*args, **kwargs)
            try:
                value = await function(*args, **kwargs)
            except BaseException as error:
                with suppress(Exception), guarded:
                    watch.failed(error)
                raise
            else:
                with suppress(Exception), guarded:
                    watch.returned(value)
            finally:
                with suppress(Exception), guarded:
                    watch.leave()
            return value

        return hooked


def observed(
    function: Callable[..., Any],
    operation: Operation[Any],
    runtime: Runtime,
    owner: Any,
    on_call: Callable[[Any], None] | None = None,
) -> Callable[..., Any]:
    """The function to put in a host function's place; see ``Boundary`` for the arguments."""
    boundary = Boundary(function, operation, runtime, owner, on_call)
    made = boundary.coroutine() if inspect.iscoroutinefunction(function) else boundary.sync()
    _codes.add(made.__code__)
    return functools.update_wrapper(made, function)


def is_observed(function: object) -> bool:
    """Whether a function is one that ``observed`` has made."""
    return type(function) is FunctionType and function.__code__ in _codes


_codes: set[CodeType] = set()


def _called_bound(function: Any) -> Callable[..., Any]:
    """A method to be called with its instance first, also if others' wrappers want to know the instance."""
    if type(function) is FunctionType:
        return function

    def bound(*args: Any, **kwargs: Any) -> Any:
        return function.__get__(args[0], type(args[0]))(*args[1:], **kwargs) if args else function(**kwargs)

    return bound


def carried(function: Callable[..., Any], captured: Any = None) -> Callable[..., Any]:
    """A callable that runs ``function`` on another thread in the context of here.

    Args:
        function: what the host hands to the other thread.
        captured: the context, if it was captured before.
    """
    context = captured
    with suppress(Exception), guarded:
        context = current.capture() if captured is None else captured

    def run(*args: Any, **kwargs: Any) -> Any:
        token = None
        with suppress(Exception), guarded:
            token = current.resume(context)
        try:
            return function(*args, **kwargs)
        finally:
            with suppress(Exception), guarded:
                if token is not None:
                    current.leave(token)

    return run


def _positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the positional parameters after ``self``; none where there is no signature to read."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return tuple(positional[1:] if positional[:1] == ["self"] else positional)
