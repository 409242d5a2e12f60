"""The current call, stored in the OpenTelemetry context: whatever carries the context carries it too."""

from __future__ import annotations

from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context

CALL_KEY = otel_context.create_key("autogen_otel.call")
HELD_KEY = otel_context.create_key("autogen_otel.held_call")
SUPPRESS_KEY = "suppress_instrumentation"
"""The key of ``opentelemetry.instrumentation.utils.suppress_instrumentation``."""


Scope = tuple[Context, Context]
"""A context for some code to run in, and the one around."""

capture = otel_context.get_current
"""Return the current context: that of a call that begins, or to be carried to another thread."""


def holding(call: object) -> Scope:
    """The scope of code that, with what it starts, finds a call that has not begun."""
    outer = capture()
    return Context({**outer, HELD_KEY: call}), outer


enter = otel_context.attach
"""Make a context current. The token that it returns is of no use: see ``leave``."""


def leave(scope: Scope) -> None:
    """Undo ``enter``, wherever this runs, and however often: what a scope has not changed here, stays.

    OpenTelemetry's ``detach`` logs an error in another context than that of its token, where coroutines and
    generators are closed and collected, and it takes back what the code inside has set for good.

    Args:
        scope: the context that was entered, and the one before.
    """
    inner, outer = scope
    current = capture()
    if current is inner:
        enter(outer)
    elif current is not outer:
        mine = [key for key, value in inner.items() if outer.get(key) is not value]
        if any(current.get(key) is inner[key] for key in mine):
            values = {key: value for key, value in current.items() if value is not inner.get(key, _NOTHING)}
            enter(Context({**{key: outer[key] for key in outer if key not in values}, **values}))


_NOTHING: Final = object()
