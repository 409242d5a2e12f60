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

from autogen_otel.hooks.drive import Proxy, Runtime
from autogen_otel.hooks.guard import report
from autogen_otel.recording import current

_CHECKS: Final = vars(typing)
"""Where the look-up comes from when AutoGen checks whether something is an agent, dozens of times in a turn:
up to Python 3.11 that looks each method up."""


class Outermost(Proxy):
    """The class attribute in the place of a method; whoever asks what stands there finds the host's function.

    Args:
        original: the host's function, or what others have put in its place.
        observed: the same, observed.
        runtime: the instrumentation that is switched on, or off.
    """

    def __init__(self, original: Any, observed: Any, runtime: Runtime) -> None:
        super().__init__(original)
        self._self_observed, self._self_runtime = observed, runtime

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The method, bound as ever; of the class itself the original."""
        function = self.__wrapped__
        try:
            if (
                instance is not None
                and sys._getframe(1).f_globals is not _CHECKS
                and self._self_runtime.enabled
                and current.current_call() is None
            ):
                function = self._self_observed
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return function.__get__(instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As of the function, for who takes it out of the class's dict."""
        return self.__wrapped__(*args, **kwargs)
