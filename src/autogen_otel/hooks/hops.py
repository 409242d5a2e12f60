"""Views of ``asyncio`` and ``threading`` for AutoGen's own modules, which carry the context to other threads.

AutoGen runs every model call of an async chat in an executor thread, and background runs and some async
tools in threads of their own; the current span stays behind. The views replace module globals of AutoGen's
modules only: ``threading`` and the event loop themselves are not touched. A background run belongs to the
trace that it was started in, even if the span around the start has ended meanwhile.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from autogen_otel.hooks.drive import Runtime, carry_context
from autogen_otel.hooks.guard import report
from autogen_otel.hooks.parts import Proxy


class _Loop(Proxy):
    """An event loop whose executor threads run in the context of the caller."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Run it as the loop does, but in the context of the caller."""
        func_in_context = func
        try:
            func_in_context = carry_context(func)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return self.__wrapped__.run_in_executor(executor, func_in_context, *args)


class _LoopFunction(Proxy):
    """A function that returns an event loop, with the context."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it as it is."""
        loop = self.__wrapped__(*args, **kwargs)
        try:
            return _Loop(loop)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return loop


class _ThreadClass(Proxy):
    """What makes threads, be it the class or what others have put in its place."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make a thread that runs in the context of the code that makes it, and starts it at once."""
        thread = self.__wrapped__(*args, **kwargs)
        try:
            thread.run = carry_context(thread.run)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return thread


class _ModuleView(Proxy):
    """A module some of whose attributes come with the context; what is set or deleted is the module's own.

    Args:
        module: the present module global.
        runtime: the instrumentation that is switched on, or off.
    """

    _self_kinds: ClassVar[dict[str, type[Proxy]]]
    """The view of each such attribute."""

    def __init__(self, module: Any, runtime: Runtime) -> None:
        super().__init__(module)
        self._self_runtime = runtime

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.__wrapped__, name)
        try:
            kind = self._self_kinds.get(name) if self._self_runtime.enabled else None
            if kind is not None:
                return kind(value)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Who replaces an attribute for a while puts back what was here: ours must not get into the module.
        kind = type(self)._self_kinds.get(name)
        super().__setattr__(name, value.__wrapped__ if kind is not None and type(value) is kind else value)


class AsyncioView(_ModuleView):
    """The ``asyncio`` module with loops that carry the context."""

    _self_kinds: ClassVar = {"get_event_loop": _LoopFunction, "get_running_loop": _LoopFunction}


class ThreadingView(_ModuleView):
    """The ``threading`` module with threads that carry the context."""

    _self_kinds: ClassVar = {"Thread": _ThreadClass}
