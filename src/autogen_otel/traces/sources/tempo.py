"""Tempo: its search by TraceQL, and its traces by id."""

from __future__ import annotations

from typing import Any

from autogen_otel.traces.formats import otlp
from autogen_otel.traces.formats.parsing import checked_id, decoded
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.store import FoundTrace, Page, Window, sound_spans
from autogen_otel.traces.trace import NS, TRACE_ID_DIGITS, Span
from autogen_otel.vocabulary import attributes as names


class Tempo:
    """The traces in a Tempo."""

    most = 100
    finest_ns = NS
    longest_ns = 24 * 3600 * NS
    """Tempo refuses searches over more than 168 h, if it is not told otherwise."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.name = client.name
        self.has_damaged_spans = False

    def query(self, selection: Selection, window: Window) -> str:  # noqa: ARG002 - each search has its own
        """The TraceQL that finds the conversations of a selection: each pair of braces is some span of it."""
        program = "" if selection.service is None else f"resource.service.name = {_quote(selection.service)}"
        spans = [" && ".join(filter(None, (program, f"span.{names.GEN_AI_OPERATION_NAME} != nil")))]
        spans += [f"span.{key} = {_quote(value)}" for key, value in selection.span_attributes.items()]
        if selection.failing:
            spans.append("status = error")
        return " && ".join(f"{{ {condition} }}" for condition in spans)

    def search(self, query: str, window: Window, most: int) -> Page:
        """See ``Store.search``: a trace is found at its beginning."""
        traces = self._client.get(
            "/api/search",
            {
                "q": query,
                "start": window.start_ns // NS,
                "end": -(-window.end_ns // NS),
                "limit": most,
                "spss": 1,
            },
            missing={},
            read=_raw_traces,
        )
        found_traces = [decoded(_found_trace, raw) for raw in traces]
        self.has_damaged_spans |= any(isinstance(trace, Exception) for trace in found_traces)
        return Page([trace for trace in found_traces if isinstance(trace, FoundTrace)], len(traces) >= most)

    def trace(self, trace_id: str) -> list[Span]:
        """See ``Store.trace``."""
        # Tempo before 2.7 knows the second only.
        for path in (f"/api/v2/traces/{trace_id}", f"/api/traces/{trace_id}"):
            spans = self._client.get(path, missing={}, read=self._spans_of)
            if spans is not None:
                return spans
        return []

    def _spans_of(self, answer: Any) -> list[Span] | None:
        return list(sound_spans(self, otlp.spans_of(answer))) if answer else None

    def link(self, trace_id: str, span_id: str) -> None:
        """Grafana shows its traces, at an address that Tempo does not know."""


def _raw_traces(answer: Any) -> list[Any]:
    # Where nothing is found, some versions leave the list out, but not their metrics.
    return list(answer["traces"] if "traces" in answer else answer["metrics"] and ())


def _found_trace(raw: Any) -> FoundTrace:
    # Tempo leaves leading zeros out.
    trace_id = checked_id(raw["traceID"].rjust(TRACE_ID_DIGITS, "0"), TRACE_ID_DIGITS)
    return FoundTrace(trace_id, int(raw.get("startTimeUnixNano") or 0))


def _quote(text: str) -> str:
    escaped_text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped_text}"'
