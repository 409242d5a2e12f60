"""Sync and async conversations leave the same trace."""

from __future__ import annotations

import re
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from tests.support.conversations import CONVERSATIONS, Conversation, play
from tests.support.telemetry import Telemetry, instrumented

_VARYING = {
    "server.port",
    "url.full",
    "gen_ai.response.id",
    "gen_ai.response.time_to_first_chunk",
    "autogen.http.request_id",
}


def comparable(telemetry: Telemetry) -> list[Any]:
    """Spans without ids, times, ports and stack traces, in an order that concurrency does not change."""
    return sorted((_comparable(span) for span in telemetry.spans), key=repr)


def _comparable(span: ReadableSpan) -> Any:
    attributes = {key: value for key, value in (span.attributes or {}).items() if key not in _VARYING}
    events = [
        (event.name, {k: v for k, v in (event.attributes or {}).items() if k != "exception.stacktrace"})
        for event in span.events
    ]
    text = repr((span.name, span.kind, span.status.status_code, span.status.description, attributes, events))
    return re.sub(r"127\.0\.0\.1:\d+|0x[0-9a-f]+", "…", text)


COMPARABLE = [conversation for conversation in CONVERSATIONS if conversation.name != "exit in a tool"]
"""An exit inside a task ends the event loop, which cancels the tasks around it: no sync chat does that."""


@pytest.mark.parametrize("conversation", COMPARABLE, ids=lambda conversation: conversation.name)
def test_sync_and_async_leave_the_same_trace(
    conversation: Conversation, our_errors: list[BaseException]
) -> None:
    traces, outcomes = [], []
    for shape in ("sync", "async"):
        with instrumented() as telemetry:
            outcomes.append(play(conversation, shape))
        traces.append(comparable(telemetry))
    if outcomes[0].error == outcomes[1].error:
        assert traces[0] == traces[1]
    else:
        # The host itself behaves differently: then at least each trace says how its own conversation ended.
        assert all(
            outcome.error is None or outcome.error[0] in "".join(trace)
            for outcome, trace in zip(outcomes, traces, strict=True)
        )
