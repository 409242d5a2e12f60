"""Conversations as JSON: ``docs/show-json.md`` says what each field means."""

from __future__ import annotations

import base64
import math
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Final

from autogen_otel.traces.conversations import Summary, summarize
from autogen_otel.traces.trace import KINDS, NS, STATUSES, Span, Trace

_STATUSES: Final = dict(enumerate(STATUSES))
_KINDS: Final = dict(enumerate(KINDS))


def utc_time(nanoseconds: int) -> str:
    """``2026-11-22T12:46:48.123456Z``."""
    # Dividing would lose microseconds to rounding.
    seconds, rest = divmod(nanoseconds, NS)
    moment = datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest // 1000)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def trace_document(trace: Trace, *, failing: bool = False) -> dict[str, Any]:
    """One trace for programs, its spans nested; if ``failing``, only spans that lead to a failure."""
    branch: list[dict[str, Any]] = [{"children": []}]
    for span, depth in (trace.failing() if failing else trace).walk():
        del branch[depth + 1 :]
        branch.append(_json_value(_span_document(span)))
        branch[-2]["children"].append(branch[-1])
    return {
        "trace_id": trace.trace_id,
        "conversation": summary_document(summarize(trace)),
        "spans": branch[0]["children"],
    }


def summary_document(summary: Summary) -> dict[str, Any]:
    """One conversation for programs, without its spans."""
    document = {
        "trace_id": summary.trace_id,
        "name": summary.name,
        "service": summary.service,
        "start": utc_time(summary.start_ns),
        "duration_seconds": summary.duration_ns / NS,
        "agents": list(summary.agents),
        "turns": summary.turns,
        "outcome": summary.outcome,
        "failures": {
            "count": sum(summary.failures.values()),
            "causes": dict(summary.failures),
            "entries": list(map(asdict, summary.failed_entries)),
        },
        "tokens": {"input": summary.input_tokens, "output": summary.output_tokens},
        "cost_usd": summary.cost_usd,
        "ended_by": summary.ended_by or None,
        "under_way": None
        if summary.under_way is None
        else {"operation": summary.under_way, "since": utc_time(summary.under_way_since_ns)},
    }
    return {name: _json_value(value) for name, value in document.items()}


def _span_document(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": _KINDS.get(span.kind, str(span.kind)),
        "start": utc_time(span.start_ns),
        "duration_seconds": span.duration_ns / NS,
        "state": span.state,
        "status": _STATUSES.get(span.status_code, str(span.status_code)),
        "status_message": span.status_message,
        "attributes": span.attributes,
        "events": [
            {"name": event.name, "time": utc_time(event.time_ns), "attributes": event.attributes}
            for event in span.events
        ],
        "links": list(map(asdict, span.links)),
        "scope": span.scope,
        "service": span.service,
        "children": [],
    }


def _json_value(value: Any) -> Any:
    """Turn what JSON has no word for into text: bytes into base64, NaN and infinities into their names."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    return value
