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


def outermost(original: Any, observed: Any, runtime: Runtime) -> Any:
    """The class attribute in the place of a method; to all who ask what stands there it is the original.

    Args:
        original: the host's function, or what others have put in its place.
        observed: the same, observed.
        runtime: the instrumentation that is switched on, or off.
    """
    bound, bound_and_observed = original.__get__, observed.__get__

    # Its variables are those of the function around it: a proxy takes long to give its own.
    class Outermost(Proxy):
        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is not None and sys._getframe(1).f_globals is not _CHECKS:
                try:
                    if runtime.enabled and current.current_call() is None:
                        return bound_and_observed(instance, owner)
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
            return bound(instance, owner)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return original(*args, **kwargs)

    return Outermost(original)
