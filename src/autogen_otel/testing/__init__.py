"""For tests of programs with agents: a model that plays failures, and a view of those that AutoGen hides.

As a plugin of pytest it has the fixtures ``scripted_model``, ``autogen_spans`` and
``assert_no_hidden_failures``. All that a test imports is imported from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autogen_otel.testing.placeholders import placeholder
from autogen_otel.testing.recorded_entry import RecordedEntry, filler_messages, filler_tools
from autogen_otel.testing.replies import (
    Reply,
    drop,
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
from autogen_otel.testing.server import ScriptedServer, ScriptError, entry
from autogen_otel.testing.wire import ChatRequest

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

_LOADED_ON_USE = {
    "RecordedTool": "recorded_tool",
    "AutoGenSpans": "spans",
    "NoHiddenFailures": "plugin",
    "ScriptedModel": "plugin",
}
"""Names whose modules import more than pytest should wait for in every run, or pytest itself."""


def __getattr__(name: str) -> Any:
    """Load on first use what few tests need."""
    if name not in _LOADED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LOADED_ON_USE[name]}"), name)
