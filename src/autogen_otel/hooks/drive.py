"""The only host boundary: the host's value, exception and laziness never pass through code that can fail.

Every wrapper below has the same shape. Our work before and after the host's call stands in a ``try`` that
ends every ``Exception`` of ours: ``report`` counts it, inside ``suppress``, which is not ours, so that not
even a failure to report reaches the host. Between them the host's function is called once, with the host's
arguments, and its value or exception goes out as it came. Exits and interrupts pass: they are the
application's, wherever they strike.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from itertools import repeat
from types import CodeType, FunctionType
from typing import Any, Final, Protocol

from autogen_otel.hooks.guard import report, without_caller
from autogen_otel.hooks.parts import AsyncBlock, AsyncSteps, Awaited, AwaitedCoroutine, Parts
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import Recorder, current_call
from autogen_otel.recording.current import (
    CALL_KEY,
    HELD_KEY,
    SUPPRESS_KEY,
    capture,
    enter,
    holding,
    leave,
)


class OnCall(Protocol):
    """Told of each call before it is observed: its instance, and whether no observed call is around it."""

    def __call__(self, instance: Any, /, *, is_outermost: bool) -> None:
        """Look at the instance."""


class Runtime(Protocol):
    """What the boundary needs to know of the instrumentation."""

    enabled: bool
    recorder: Recorder


class Held:
    """A call of a plain function whose value the caller awaits: it begins when that is awaited, if ever.

    Args:
        operation: the operation that will read it.
        instance: the object whose method it is.

    Attributes:
        parent: the observed call around it.
        call: the call, once it has begun.
        is_taken: whether the host's own method has begun inside the function, which is recorded instead.
        handled_id: the identity of the exception that was being handled when the function was called.
    """

    __slots__ = ("call", "handled_id", "instance", "is_taken", "operation", "parent")

    def __init__(self, operation: type[Operation], instance: Any) -> None:
        self.operation, self.instance = operation, instance
        self.parent: Any = current_call()
        self.call: Operation | None = None
        self.is_taken = False
        handled_error = sys.exc_info()[1]
        self.handled_id = None if handled_error is None else id(handled_error)

    def parent_of(self, operation: type[Operation], instance: Any) -> Any:
        """The call around one that begins while the function runs, or in a task that it has started."""
        if self.call is not None:
            return self.parent if self.call.context is None else self.call
        if instance is self.instance and issubclass(self.operation, operation):
            self.is_taken = True
        return self.parent


class Boundary:
    """Makes the function that replaces a host function, and begins the observation of each call.

    It makes plain functions, so that Python binds, copies, pickles and refers to them weakly as it does with
    the host's own; hosts look their methods up dozens of times for each call that they make.

    Args:
        function: the host's function, or the wrapper that others have put in its place.
        operation: the operation that reads its calls.
        runtime: the instrumentation that is switched on, or off.
        owner: the class or module whose attribute it is.
        on_call: called with the instance before each call, to observe classes that appear only then.
        bound_to: the instance, if the function does not take it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        operation: type[Operation],
        runtime: Runtime,
        owner: Any,
        on_call: OnCall | None = None,
        *,
        bound_to: Any = None,
    ) -> None:
        self._operation, self._runtime, self._on_call, self._bound_to = operation, runtime, on_call, bound_to
        self._is_method = inspect.isclass(owner)
        self._function = _instance_first(function) if self._is_method else function
        self._names = _positional_names(function) or operation.parameters

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation | None:
        """Start observing a call; ``None`` if it is not to be observed."""
        context = capture()
        parent: Any = context.get(CALL_KEY)
        if parent is None:
            # The application may have asked instrumentations to be silent here.
            if context.get(SUPPRESS_KEY):
                return None
        elif parent.context is None:
            # The parent has ended; work that it started goes on.
            parent = None
        instance = self._bound_to
        if self._is_method:
            if not args:
                return None
            instance, args = args[0], args[1:]
            if self._on_call is not None:
                self._on_call(instance, is_outermost=parent is None)
        held: Any = context.get(HELD_KEY)
        if held is not None and held.parent is parent:
            parent = held.parent_of(self._operation, instance)
        arguments = kwargs
        if len(args) == 1 and self._names:
            # Most calls have one such argument or none.
            arguments = {self._names[0]: args[0], **kwargs}
        elif args:
            arguments = dict(zip(self._names, args), **kwargs)  # noqa: B905 - the rest are *args of the host
        call = self._operation(self._runtime.recorder, parent, instance, arguments)
        facts = call.begin()
        if facts is None:
            return None
        call.start(facts, context)
        return call

    def sync(self) -> Callable[..., Any]:
        """Make the wrapper of a plain function."""
        function, runtime, begin = self._function, self._runtime, self.begin

        def hooked(*args: Any, **kwargs: Any) -> Any:
            if not runtime.enabled:
                return function(*args, **kwargs)
            call, scope = None, None
            try:
                try:
                    try:
                        call = begin(args, kwargs)
                        if call is not None:
                            scope = call.context, call.outer
                            enter(call.context)
                    except Exception as ours:  # noqa: BLE001 - the boundary
                        with suppress(Exception):
                            report(ours)
                    value = function(*args, **kwargs)
                except BaseException as error:
                    try:
                        if call is not None:
                            call.end_with_error(error)
                        without_caller(error)
                    except Exception as ours:  # noqa: BLE001 - the boundary
                        with suppress(Exception):
                            report(ours)
                    raise
                else:
                    try:
                        if call is not None:
                            call.end_with_value(value)
                    except Exception as ours:  # noqa: BLE001 - the boundary
                        with suppress(Exception):
                            report(ours)
                finally:
                    try:
                        if scope is not None:
                            # Nearly always; a call of a function of ours less.
                            if capture() is scope[0]:
                                enter(scope[1])
                            else:
                                leave(scope)
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

        return hooked

    def coroutine(self) -> Callable[..., Any]:
        """Make the wrapper of a coroutine function; the same as ``sync`` but for ``async`` and ``await``."""
        return _observed_coroutine(self._function, self._runtime, self.begin)

    def awaited(self) -> Callable[..., Any]:
        """Make the wrapper of a function that returns what its caller awaits, iterates or enters, if ever."""
        function, runtime, begin_held = self._function, self._runtime, self._begin_held

        def hooked(*args: Any, **kwargs: Any) -> Any:
            if not runtime.enabled:
                return function(*args, **kwargs)
            held = scope = None
            try:
                try:
                    try:
                        held = Held(self._operation, args[0] if args and self._is_method else self._bound_to)
                        scope = holding(held)
                        enter(scope[0])
                    except Exception as ours:  # noqa: BLE001 - the boundary
                        with suppress(Exception):
                            report(ours)
                    value = function(*args, **kwargs)
                except BaseException as error:
                    try:
                        self._end_held(held, error, args, kwargs)
                        without_caller(error)
                    except Exception as ours:  # noqa: BLE001 - the boundary
                        with suppress(Exception):
                            report(ours)
                    raise
                finally:
                    try:
                        if scope is not None:
                            leave(scope)
                            scope = None
                    except Exception as ours:  # noqa: BLE001 - the boundary
                        with suppress(Exception):
                            report(ours)
            finally:
                if scope is not None:
                    with suppress(Exception):
                        leave(scope)
            try:
                if held is not None:
                    return _in_parts(value, runtime, lambda *_: begin_held(held, args, kwargs))
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            return value

        return hooked

    def _begin_held(self, held: Held, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation | None:
        if not held.is_taken:
            held.call = self.begin(args, kwargs)
        return held.call

    def _end_held(
        self, held: Held | None, error: BaseException, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Observe a call whose function raised before there was anything to await."""
        call = None if held is None else self._begin_held(held, args, kwargs)
        if held is not None and call is not None:
            call._handled_id = held.handled_id
            call.end_with_error(error)


def _in_parts(value: Any, runtime: Runtime, begin: Callable[..., Operation | None]) -> Any:
    """What a function returned, observed when it is awaited, iterated or entered; any other value as it is.

    Args:
        value: what the host's function returned.
        runtime: the instrumentation that is switched on, or off.
        begin: starts the observation.
    """
    kind = type(value)
    if issubclass(kind, Awaitable):
        observed = _observed_coroutine(repeat(value).__next__, runtime, begin)
        return (AwaitedCoroutine if issubclass(kind, Coroutine) else Awaited)(value, observed)
    for abstract, proxy in ((AsyncGenerator, AsyncSteps), (AbstractAsyncContextManager, AsyncBlock)):
        if issubclass(kind, abstract):
            return proxy(value, Parts(lambda: begin() if runtime.enabled else None))
    return value


def _observed_coroutine(
    function: Callable[..., Any],
    runtime: Runtime,
    begin: Callable[[tuple[Any, ...], Mapping[str, Any]], Operation | None],
) -> Callable[..., Any]:
    """A coroutine function that awaits what another one returns, and observes that.

    Args:
        function: returns what is to be awaited.
        runtime: the instrumentation that is switched on, or off.
        begin: starts the observation.
    """

    async def hooked(*args: Any, **kwargs: Any) -> Any:
        if not runtime.enabled:
            return await function(*args, **kwargs)
        call, scope = None, None
        try:
            try:
                try:
                    call = begin(args, kwargs)
                    if call is not None:
                        scope = call.context, call.outer
                        enter(call.context)
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
                value = await function(*args, **kwargs)
            except BaseException as error:
                try:
                    if call is not None:
                        call.end_with_error(error)
                    without_caller(error)
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
                raise
            else:
                try:
                    if call is not None:
                        call.end_with_value(value)
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
            finally:
                try:
                    if scope is not None:
                        # Nearly always; a call of a function of ours less.
                        if capture() is scope[0]:
                            enter(scope[1])
                        else:
                            leave(scope)
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

    return hooked


def observe(
    function: Callable[..., Any],
    operation: type[Operation],
    runtime: Runtime,
    owner: Any,
    on_call: OnCall | None = None,
    *,
    bound_to: Any = None,
    is_awaited: bool = False,
) -> Callable[..., Any]:
    """Make the function that replaces a host function.

    Args:
        function: see ``Boundary``, also for those below.
        operation: see there.
        runtime: see there.
        owner: see there.
        on_call: see there.
        bound_to: see there.
        is_awaited: whether callers await, iterate or enter what it returns, though it is a plain function.
    """
    boundary = Boundary(function, operation, runtime, owner, on_call, bound_to=bound_to)
    if inspect.iscoroutinefunction(function):
        wrapper = boundary.coroutine()
    else:
        is_awaited = is_awaited or inspect.isasyncgenfunction(function)
        wrapper = boundary.awaited() if is_awaited else boundary.sync()
    _wrapper_codes.add(wrapper.__code__)
    functools.update_wrapper(wrapper, function)
    signature = _signature_of(function)
    if signature is not None:
        # For ``inspect.getfullargspec``, which does not look at ``__wrapped__``.
        wrapper.__signature__ = signature  # type: ignore[attr-defined]
    return wrapper


def is_observed(function: object) -> bool:
    """Whether ``observe`` has made a function."""
    return type(function) is FunctionType and function.__code__ in _wrapper_codes


def original_of(function: Any) -> Any:
    """The host function that a function made by ``observe`` replaces."""
    return function.__wrapped__


def runtimes_of(function: object) -> Iterator[Any]:
    """The instrumentations that observe a function, those of earlier imports of this module included.

    Code that purges modules from ``sys.modules`` and imports them anew leaves the old ones active.
    """
    seen_ids: set[int] = set()
    while function is not None and id(function) not in seen_ids:
        seen_ids.add(id(function))
        if type(function) is FunctionType and function.__code__.co_filename == _THIS_FILE:
            cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
            if "runtime" in cells:
                yield cells["runtime"].cell_contents
        function = getattr(function, "__wrapped__", None)


_wrapper_codes: set[CodeType] = set()
_THIS_FILE: Final = is_observed.__code__.co_filename


def _instance_first(function: Any) -> Callable[..., Any]:
    """A method as a function of its instance, even if others' wrappers need to know the instance."""
    if type(function) is FunctionType:
        return function

    def bound(*args: Any, **kwargs: Any) -> Any:
        return function.__get__(args[0], type(args[0]))(*args[1:], **kwargs) if args else function(**kwargs)

    return bound


def carry_context(function: Callable[..., Any], captured_context: Any = None) -> Callable[..., Any]:
    """A callable that runs ``function`` on another thread in the current context.

    Args:
        function: the function that the host hands to the other thread.
        captured_context: the context, if it was captured before.
    """
    context = captured_context
    try:
        context = capture() if captured_context is None else captured_context
    except Exception as ours:  # noqa: BLE001 - the boundary
        with suppress(Exception):
            report(ours)

    def run(*args: Any, **kwargs: Any) -> Any:
        scope = None
        try:
            try:
                try:
                    if context is not None:
                        scope = context, capture()
                        enter(context)
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
                value = function(*args, **kwargs)
            finally:
                try:
                    if scope is not None:
                        leave(scope)
                        scope = None
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
        finally:
            if scope is not None:
                with suppress(Exception):
                    leave(scope)
        return value

    return run


def _positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the positional parameters after ``self``; none if there is no signature to read."""
    signature = _signature_of(function)
    parameters = () if signature is None else signature.parameters.values()
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return tuple(positional[1:] if positional[:1] == ["self"] else positional)


def _signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError, NameError):
        return None
