"""Holds the claims desk's conversations and one that fails late; prints how many spans each had, as JSON.

Its argument is how long, in seconds, the late one waits between its first spans and its failure.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode, format_trace_id

import autogen_otel
from autogen_otel import delivery

autogen_otel.instrument()

from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, error, tool_call  # noqa: E402 - same
from scenarios.claims import CONVERSATIONS, ClaimsModel, play  # noqa: E402 - agents come after the one line
from tests.support.agents import chat, pair  # noqa: E402 - same


class _Count(SpanProcessor):
    def __init__(self) -> None:
        self.spans: Counter[str] = Counter()
        self.failed: set[str] = set()

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        trace_id = format_trace_id(span.context.trace_id)
        self.spans[trace_id] += 1
        if span.status.status_code is StatusCode.ERROR:
            self.failed.add(trace_id)


def lookup(policy_id: str) -> str:
    """Look a policy up."""
    return f"{policy_id} is active"


def late(request: ChatRequest) -> Reply:
    """Let all be well at first, and fail after a while for good."""
    if request.ordinal == 1:
        return tool_call("lookup", {"policy_id": "P-1"})
    time.sleep(float(sys.argv[1]))
    return error(400, "No more")


def hold_late() -> None:
    """Hold the conversation that fails late."""
    with ScriptedServer(late) as server:
        try:
            chat(*pair(server, lookup), max_turns=3)
        except Exception:
            return
        raise AssertionError("it was to fail")


count = _Count()
# Which the first conversation would make.
provider: Any = delivery.tracer_provider(autogen_otel.Settings())
assert isinstance(provider, TracerProvider)
provider.add_span_processor(count)
model = ClaimsModel()
with ScriptedServer(model) as server:
    for conversation in CONVERSATIONS:
        play(conversation, server, model)
before = set(count.spans)
hold_late()
(late_id,) = set(count.spans) - before
print(  # noqa: T201 - the test reads it
    json.dumps({"spans": count.spans, "failed": sorted(count.failed), "late": late_id})
)
