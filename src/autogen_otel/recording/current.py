"""The current call, stored in the OpenTelemetry context: whatever carries the context carries it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from autogen_otel.recording.call import Call

CALL_KEY = otel_context.create_key("autogen_otel.call")
HELD_KEY = otel_context.create_key("autogen_otel.held_call")
SUPPRESS_KEY = "suppress_instrumentation"
"""The key of ``opentelemetry.instrumentation.utils.suppress_instrumentation``."""


capture = otel_context.get_current
"""Return the current context: that of a call that begins, or to be carried to another thread."""


def current_call() -> Call | None:
    """The innermost observed call around the running code; a task that outlives its call is in none."""
    call: Call | None = capture().get(CALL_KEY)  # type: ignore[assignment]
    return None if call is None or call.context is None else call


def resume(context: Any) -> Any:
    """Make a captured context current on this thread; ``None`` if it is current already."""
    return None if otel_context.get_current() == context else otel_context.attach(context)


def hold(call: object) -> Any:
    """Let the code that runs from here on, and what it starts, find a call that has not begun."""
    return otel_context.attach(otel_context.set_value(HELD_KEY, call))


leave = otel_context.detach
"""Make the previous context current again, by the token of ``resume``, ``hold`` or ``attach``."""
