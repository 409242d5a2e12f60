"""The current scope, kept in the OpenTelemetry context: whatever carries that carries it too."""

from __future__ import annotations

from typing import Any, cast

from opentelemetry import context as otel_context

from autogen_otel.context.scope import Scope

_SCOPE_KEY = otel_context.create_key("autogen_otel.scope")
_SUPPRESS_KEY = "suppress_instrumentation"
"""Value of ``opentelemetry.instrumentation.utils.suppress_instrumentation``'s key."""


def scope() -> Scope | None:
    """The innermost observed call around the running code."""
    return cast("Scope | None", otel_context.get_value(_SCOPE_KEY))


def suppressed() -> bool:
    """Whether the application has asked instrumentations to be silent here."""
    return bool(otel_context.get_value(_SUPPRESS_KEY))


def enter(context: Any, entered: Scope) -> object:
    """Make ``context`` and the scope current; the token undoes it."""
    return otel_context.attach(otel_context.set_value(_SCOPE_KEY, entered, context))


def leave(token: Any) -> None:
    """Undo an ``enter`` or ``resume``."""
    otel_context.detach(token)


def capture() -> Any:
    """The context to take along to another thread."""
    return otel_context.get_current()


def resume(captured: Any) -> object | None:
    """Make a captured context current on this thread; nothing to undo if somebody else carried it already."""
    if otel_context.get_current() == captured:
        return None
    return otel_context.attach(captured)
