"""Observing a method only where the application itself calls it.

Agents answer one another by calling ``send`` from within ``receive`` from within ``send``: a wrapper that
stood there would be on the stack once for each message, and a long chat would run into Python's recursion
limit sooner than without us. So the look-up of the method decides: inside an observed call it finds the
host's own function.
"""

from __future__ import annotations

import sys
import typing
from contextlib import suppress
from typing import Any, Final

from autogen_otel.hooks.drive import Runtime
from autogen_otel.hooks.guard import report
from autogen_otel.recording import current

_CHECKS: Final = vars(typing)
"""Where the look-up comes from when AutoGen checks whether something is an agent, dozens of times in a turn:
up to Python 3.11 that looks each method up. So little is done before that is known, and no proxy is asked."""


class Outermost:
    """The class attribute in the place of a method.

    Args:
        original: the host's function, or what others have put in its place.
        observed: the same, observed.
        runtime: the instrumentation that is switched on, or off.
    """

    __slots__ = ("__wrapped__", "_bound", "_observed", "_runtime")

    def __init__(self, original: Any, observed: Any, runtime: Runtime) -> None:
        self.__wrapped__, self._observed, self._runtime = original, observed, runtime
        self._bound = original.__get__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The method, bound as ever; of the class itself the original."""
        if instance is not None and sys._getframe(1).f_globals is not _CHECKS:
            try:
                if self._runtime.enabled and current.current_call() is None:
                    return self._observed.__get__(instance, owner)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
        return self._bound(instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As of the function, for who takes it out of the class's dict."""
        return self.__wrapped__(*args, **kwargs)
