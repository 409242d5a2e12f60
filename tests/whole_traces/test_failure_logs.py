"""Failures as log records of real conversations: each exception once, and one ERROR for what killed it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from autogen_otel.testing import entry, error, text, tool_call
from tests.support.agents import Serve, assistant, chat, pair, user
from tests.support.telemetry import LogRecords, Telemetry, instrumented
from tests.support.tools import lookup


@pytest.fixture
def logged(our_errors: list[BaseException]) -> Iterator[tuple[Telemetry, LogRecords]]:
    """AutoGen instrumented with a logger provider that keeps its records."""
    logs = LogRecords()
    with instrumented(logger_provider=logs.provider) as telemetry:
        yield telemetry, logs


def summaries(kept: LogRecords, spans: Telemetry) -> list[tuple[str, str, str, bool]]:
    """Span, severity, origin and whether there is a stack trace, of each record."""
    named = {span.context.span_id: span.name for span in spans.spans if span.context}
    return [
        (
            named[record.span_id],
            record.severity_text,
            record.attributes["autogen.error.origin"],
            "exception.stacktrace" in record.attributes,
        )
        for record in kept.records
    ]


def test_a_conversation_that_dies_says_so_once_and_what_led_to_it(logged: Any, serve: Serve) -> None:
    spans, kept = logged
    down = error(500, "Down", retry_after=0.01)
    server = serve([tool_call("lookup", {"policy_id": "null"}), down, down, down])
    with pytest.raises(Exception, match="Down"):
        chat(*pair(server, lookup))
    assert summaries(kept, spans) == [
        ("execute_tool lookup", "WARN", "tool_exception", True),
        ("POST", "WARN", "backend", True),
        ("POST", "WARN", "backend", True),
        ("chat gpt-4o", "ERROR", "backend", True),
    ]


def test_what_recovered_is_a_warning(logged: Any, serve: Serve) -> None:
    spans, kept = logged
    gone = error(404, "No model gpt-9", code="model_not_found")
    helper = assistant([entry(serve([gone]), "gpt-9"), entry(serve([text("TERMINATE")]), "gpt-4o-mini")])
    chat(user(), helper)
    assert summaries(kept, spans) == [
        ("config_entry 0 gpt-9", "WARN", "config_entry", True),
    ]
