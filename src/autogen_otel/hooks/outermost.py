"""Observing a method only where the application itself calls it.

Agents answer one another by calling ``send`` from within ``receive`` from within ``send``: a wrapper of
``send`` would be on the stack once for each message, and a long chat would reach Python's recursion limit
sooner than without us. So the look-up of the method decides: inside an observed call it returns the host's
own function.
"""

from __future__ import annotations

import sys
import typing
from contextlib import suppress
from typing import Any, Final

from autogen_otel.hooks.drive import Runtime
from autogen_otel.hooks.guard import report
from autogen_otel.hooks.parts import Proxy
from autogen_otel.recording import current_call

_TYPING_GLOBALS: Final = vars(typing)
"""The look-up comes from here when AutoGen checks whether an object is an agent, dozens of times in a turn:
up to Python 3.11 the check looks each method up."""


def outermost(original: Any, observed_method: Any, runtime: Runtime) -> Any:
    """The class attribute that replaces a method; code that inspects it sees the original.

    Args:
        original: the host's function, or the wrapper that others have put in its place.
        observed_method: the same, observed.
        runtime: the instrumentation that is switched on, or off.
    """
    get_original, get_observed = original.__get__, observed_method.__get__

    # It uses variables of the enclosing function: a proxy's own attributes are slow to read.
    class Outermost(Proxy):
        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            # Looked up on the class, too: by a class that calls its base by name, or by a patch on top.
            if sys._getframe(1).f_globals is not _TYPING_GLOBALS:
                try:
                    if runtime.enabled and current_call() is None:
                        return get_observed(instance, owner)
                except Exception as ours:  # noqa: BLE001 - the boundary
                    with suppress(Exception):
                        report(ours)
            return get_original(instance, owner)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return original(*args, **kwargs)

    return Outermost(original)
