"""For tests of programs with agents: a model that plays failures, and what AutoGen hides made visible.

As a plugin of pytest it has the fixtures ``scripted_model``, ``autogen_spans`` and
``assert_no_hidden_failures``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.testing.lacking import placeholder
from autogen_otel.testing.recorded_entry import RecordedEntry, filler_messages, filler_tools
from autogen_otel.testing.server import (
    ChatRequest,
    Reply,
    ScriptedServer,
    ScriptError,
    drop,
    entry,
    error,
    function_call,
    hang,
    html,
    malformed,
    raw,
    stream_drop,
    stream_error,
    text,
    tool_call,
    tool_calls,
)

if TYPE_CHECKING:
    from autogen_otel.testing.plugin import NoHiddenFailures, ScriptedModel
    from autogen_otel.testing.recorded_tool import RecordedTool
    from autogen_otel.testing.spans import AutoGenSpans

__all__ = [
    "AutoGenSpans",
    "ChatRequest",
    "NoHiddenFailures",
    "RecordedEntry",
    "RecordedTool",
    "Reply",
    "ScriptError",
    "ScriptedModel",
    "ScriptedServer",
    "drop",
    "entry",
    "error",
    "filler_messages",
    "filler_tools",
    "function_call",
    "hang",
    "html",
    "malformed",
    "placeholder",
    "raw",
    "stream_drop",
    "stream_error",
    "text",
    "tool_call",
    "tool_calls",
]


def __getattr__(name: str) -> Any:
    """Load on first use what needs more than pytest should wait for in every run."""
    if name == "RecordedTool":
        from autogen_otel.testing.recorded_tool import RecordedTool  # noqa: PLC0415 - brings in what observes tools

        return RecordedTool
    if name == "AutoGenSpans":
        from autogen_otel.testing.spans import AutoGenSpans  # noqa: PLC0415 - brings in OpenTelemetry

        return AutoGenSpans
    if name in {"NoHiddenFailures", "ScriptedModel"}:
        from autogen_otel.testing import plugin  # noqa: PLC0415 - needs pytest

        return getattr(plugin, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
