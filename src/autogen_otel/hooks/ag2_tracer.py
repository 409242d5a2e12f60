"""AG2 0.14's own tracer, if it has wrapped a function before us: its span would tell the call again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from autogen_otel.observations import Recorder

WHO: Final = "AG2's own tracer (autogen.opentelemetry)"
WHY: Final = (
    "its chat spans would repeat ours, so they are not made while we are attached; of agents that "
    "instrument_agent() was called on before, it alone reports turns and tools: "
    "call autogen_otel.instrument() first"
)
_MARK: Final = "__otel_wrapped__"
_HOME: Final = "autogen.opentelemetry."


def below_tracer(function: Any, recorder: Recorder) -> Callable[..., Any] | None:
    """The host's function below the wrapper of AG2's tracer.

    Args:
        function: what stands on the host.
        recorder: ours.

    Returns:
        ``None`` if it is no such wrapper, or if its spans go elsewhere and so are nothing twice.
    """
    if not getattr(function, _MARK, False) or not inspect.isfunction(function):
        return None
    if not function.__module__.startswith(_HOME):
        return None
    held = inspect.getclosurevars(function).nonlocals
    inner = held.get("original_create")
    return inner if inspect.isfunction(inner) and recorder.goes_with(held.get("tracer")) else None
