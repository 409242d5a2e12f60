"""The same for programs: summaries and traces as JSON. Works without rich."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from typing import Any, Final

from autogen_otel.cli import quantities
from autogen_otel.diagnosis.conversations import Summary, summarize
from autogen_otel.diagnosis.trace import Span, Trace

SCHEMA: Final = 1
_NS_PER_SECOND: Final = 1_000_000_000
_STATUS: Final = ("unset", "ok", "error")
_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")


def listing_json(shown: Sequence[Summary]) -> str:
    """Conversations as one JSON object."""
    return _dump({"schema": SCHEMA, "conversations": [_summary(summary) for summary in shown]})


def trace_json(trace: Trace, *, failing: bool = False) -> str:
    """One trace as one JSON object, its spans nested.

    Args:
        trace: what to show.
        failing: leave out what neither failed nor leads to what failed.
    """
    nested: list[dict[str, Any]] = []
    open_spans: list[dict[str, Any]] = []
    for span, depth in (trace.failing() if failing else trace).walk():
        shown = _span(span)
        del open_spans[depth:]
        (open_spans[-1]["children"] if open_spans else nested).append(shown)
        open_spans.append(shown)
    summary = _summary(summarize(trace))
    return _dump({"schema": SCHEMA, "trace_id": trace.trace_id, "conversation": summary, "spans": nested})


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False)


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "trace_id": summary.trace_id,
        "name": summary.name,
        "service": summary.service,
        "start": quantities.utc_time(summary.start_ns),
        "duration_seconds": summary.duration_ns / _NS_PER_SECOND,
        "agents": list(summary.agents),
        "turns": summary.turns,
        "outcome": summary.outcome,
        "failures": {"count": sum(summary.failures.values()), "causes": dict(summary.failures)},
        "tokens": {"input": summary.input_tokens, "output": summary.output_tokens},
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": _named(span.kind, _KINDS),
        "start": quantities.utc_time(span.start_ns),
        "duration_seconds": span.duration_ns / _NS_PER_SECOND,
        "status": _named(span.status_code, _STATUS),
        "status_message": span.status_message,
        "attributes": _plain(span.attributes),
        "events": [
            {"name": e.name, "time": quantities.utc_time(e.time_ns), "attributes": _plain(e.attributes)}
            for e in span.events
        ],
        "links": [
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": _plain(link.attributes)}
            for link in span.links
        ],
        "scope": span.scope,
        "service": span.service,
        "children": [],
    }


def _named(number: int, spelled: Sequence[str]) -> str:
    return spelled[number] if 0 <= number < len(spelled) else str(number)


def _plain(value: Any) -> Any:
    """Turn what JSON has no word for into text: bytes into base64, NaN and infinities into their names."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
