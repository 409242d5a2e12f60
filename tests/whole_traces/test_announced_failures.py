"""One line in the log for each conversation that fails, and nothing for others."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.trace import format_trace_id

import autogen_otel
from autogen_otel.testing import entry, error, text, tool_call
from tests.support.agents import SHAPES, Serve, assistant, converse, pair, user
from tests.support.telemetry import instrumented
from tests.support.tools import lookup

_LINK = "https://jaeger.example.com/trace/{trace_id}"


@SHAPES
def test_a_conversation_that_fails_is_one_line_with_a_link(
    serve: Serve, caplog: pytest.LogCaptureFixture, shape: str
) -> None:
    caplog.set_level(logging.WARNING, "autogen_otel")
    settings = autogen_otel.Settings(announce_failures=_LINK)
    server = serve([error(400, "This model has no such option\nat all", code="invalid_value")])
    with instrumented(settings) as telemetry:
        with pytest.raises(Exception, match="no such option"):
            converse(shape, user(), assistant([entry(server)]))
        conversation = telemetry.one("invoke_workflow")
    assert conversation.context is not None
    trace_id = format_trace_id(conversation.context.trace_id)
    (line,) = (record.getMessage() for record in caplog.records if record.name == "autogen_otel")
    assert line.startswith("invoke_workflow user -> assistant failed (")
    assert "no such option at all" in line
    assert line.endswith(f" [trace {trace_id}] {_LINK.format(trace_id=trace_id)}")


def test_what_a_conversation_survives_is_not_announced(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-9"}), error(500, "Down"), text("TERMINATE")])
    with instrumented(autogen_otel.Settings(announce_failures=True)) as telemetry:
        converse("sync", *pair(server, lookup))
        assert "ERROR[tool_exception" in telemetry.tree()
    assert [record for record in caplog.records if record.name == "autogen_otel"] == []


def test_a_template_without_the_id_is_refused() -> None:
    with pytest.raises(ValueError, match=r"announce_failures must be true, false or a URL with \{trace_id\}"):
        autogen_otel.Settings(announce_failures="http://localhost:16686")
