"""Views of ``asyncio`` and ``threading`` for AutoGen's own modules, which carry the context to other threads.

AutoGen runs every model call of an async chat in an executor thread, and background runs and some async
tools in threads of their own; the current span stays behind. The views replace module globals of AutoGen's
modules only: ``threading`` and the event loop themselves are not touched. A background run belongs to the
trace that it was started in, even if the span around the start has ended meanwhile.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from autogen_otel.hooks.drive import Proxy, Runtime, carry_context
from autogen_otel.hooks.guard import report
from autogen_otel.recording import current


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


class AsyncioView(Proxy):
    """The ``asyncio`` module with loops that carry the context.

    Args:
        module: the present module global.
        runtime: the instrumentation that is switched on, or off.
    """

    def __init__(self, module: Any, runtime: Runtime) -> None:
        super().__init__(module)
        self._self_runtime = runtime

    def get_event_loop(self) -> Any:
        """The loop that the module returns, with the context."""
        loop = self.__wrapped__.get_event_loop()
        return _Loop(loop) if self._self_runtime.enabled else loop

    def get_running_loop(self) -> Any:
        """The loop that the module returns, with the context."""
        loop = self.__wrapped__.get_running_loop()
        return _Loop(loop) if self._self_runtime.enabled else loop


class _Thread(threading.Thread):
    """A thread that runs in the context of the code that starts it."""

    def start(self) -> None:
        """Start as any thread does, but run in the current context."""
        try:
            self.run = carry_context(self.run, current.capture())  # type: ignore[method-assign]
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        super().start()


class ThreadingView(Proxy):
    """The ``threading`` module with threads that carry the context; arguments as of ``AsyncioView``."""

    def __init__(self, module: Any, runtime: Runtime) -> None:
        super().__init__(module)
        self._self_runtime = runtime

    @property
    def Thread(self) -> Any:  # noqa: N802 - the module's name for it
        """The class, or our subclass while we are switched on."""
        return _Thread if self._self_runtime.enabled else self.__wrapped__.Thread
