"""What is done at the exit of the interpreter, also if it is asked for only during the exit.

A function that ``atexit`` has called may hold the first conversation of the process, with which providers are
built. ``atexit`` calls no function that is registered by then, so one function of ours is registered early,
by ``instrument()``. What the application registered before that runs after it, and is not exported.
"""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from typing import Final

from autogen_otel.delivery import fork

_LOGGER: Final = logging.getLogger("autogen_otel")


class ExitFunctions:
    """Functions to call at the exit, the last first."""

    def __init__(self) -> None:
        self._functions: list[Callable[[], object]] = []
        # Not an event, whose lock a thread may hold while the process forks.
        self._is_prepared = False

    def prepare(self) -> None:
        """Have ``atexit`` call them, after what the application registers later."""
        if not self._is_prepared:
            self._is_prepared = True
            atexit.register(self._call)

    def register(self, function: Callable[[], object]) -> None:
        """Add a function."""
        self.prepare()
        self._functions.append(function)

    def unregister(self, function: Callable[[], object]) -> None:
        """Remove a function, if it is there."""
        if function in self._functions:
            self._functions.remove(function)

    def _call(self) -> None:
        # Else they would export what waits in the parent, and wait for its locks and threads.
        fork.notice()
        while self._functions:
            function = self._functions.pop()
            try:
                function()
            except Exception as error:  # noqa: BLE001 - the others have to be called, too
                _LOGGER.warning("Something could not be done at the exit: %s", type(error).__name__)
            except BaseException:
                # Ctrl-C ends this function, as ``atexit`` would have it, and not the others.
                self._call()
                raise


AT_EXIT: Final = ExitFunctions()
"""Those of this process."""
