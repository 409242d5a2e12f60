"""Writes OTLP JSON as a program would have recorded it: ids count up, the clock stands where it is put."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autogen_otel.traces.formats import otlp
from autogen_otel.traces.source import Progress
from autogen_otel.traces.trace import Span, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = 1_795_351_608
"""2026-11-22 12:46:48 UTC, in seconds."""

NS = 1_000_000_000
_REASONS = {500: "Internal Server Error: The server had an error", 401: "Unauthorized: Incorrect API key"}
ORIGIN = "autogen.error.origin"


def value(plain: Any) -> dict[str, Any]:
    """One OTLP AnyValue."""
    if isinstance(plain, str):
        return {"stringValue": plain}
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, (list, tuple)):
        return {"arrayValue": {"values": [value(item) for item in plain]}}
    return {"stringValue": plain}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """OTLP attributes."""
    return [{"key": name, "value": value(item)} for name, item in attributes.items() if item is not None]


def exception(error_type: str, message: str, stacktrace: str = "") -> dict[str, str]:
    """The attributes of an exception event."""
    return {"exception.type": error_type, "exception.message": message, "exception.stacktrace": stacktrace}


def end_fields(
    name: str, at_ns: int, error: dict[str, str] | str | None, attributes: dict[str, Any]
) -> dict[str, Any]:
    """The fields that a span of this name gets at its end; an ``error`` that is a text has no exception."""
    verb = name.partition(" ")[0]
    if verb not in {"POST", "config_entry", "handoff"}:
        attributes.setdefault("gen_ai.operation.name", verb)
    if error is None:
        return {"status": {}, "attributes": pairs(attributes)}
    if isinstance(error, str):
        return {"status": {"code": 2, "message": error}, "attributes": pairs(attributes)}
    attributes.setdefault("error.type", error["exception.type"])
    return {
        "events": [{"name": "exception", "timeUnixNano": str(at_ns), "attributes": pairs(error)}],
        "status": {"code": 2, "message": error["exception.message"]},
        "attributes": pairs(attributes),
    }


class RecordedTrace:
    """One trace, written down in the order its spans end.

    Args:
        number: makes the ids of this trace its own.
        at: seconds after ``START`` at which it begins.
        service: the program.
        resource: what else is recorded of it.
    """

    def __init__(self, number: int = 1, *, at: float = 0, service: str = "claims", **resource: Any) -> None:
        self.trace_id = f"{number:08x}" + "0" * 23 + "1"
        self.now_ns = START * NS + round(at * 1000) * NS // 1000
        self.service = service
        self.resource = resource
        self.spans: list[dict[str, Any]] = []
        self._number = number
        self._count = 0
        self._open: list[str] = []

    @contextmanager
    def span(
        self, name: str, seconds: float = 0, error: dict[str, str] | str | None = None, **attributes: Any
    ) -> Iterator[dict[str, Any]]:
        """Record a span around the block; afterwards ``seconds`` more have passed.

        Dots in attribute names are written as ``__``. An ``error`` that is a text has no exception.
        """
        self._count += 1
        span_id = f"{self._number:08x}{self._count:08x}"
        raw: dict[str, Any] = {
            "traceId": self.trace_id,
            "spanId": span_id,
            "parentSpanId": self._open[-1] if self._open else "",
            "name": name,
            "kind": 3 if name.partition(" ")[0] in {"chat", "POST"} else 1,
            "startTimeUnixNano": str(self.now_ns),
            "status": {},
        }
        self._open.append(span_id)
        yield raw
        self._open.pop()
        self.now_ns += round(seconds * 1000) * NS // 1000
        raw["endTimeUnixNano"] = str(self.now_ns)
        by_name = {key.replace("__", "."): item for key, item in attributes.items()}
        raw.update(end_fields(name, self.now_ns, error, by_name))
        self.spans.append(raw)

    def leaf(
        self, name: str, seconds: float = 0, error: dict[str, str] | str | None = None, **more: Any
    ) -> str:
        """Record a span with nothing below it and give its id."""
        with self.span(name, seconds, error, **more) as raw:
            pass
        return str(raw["spanId"])

    def post(
        self, seconds: float, status: int | None, error: dict[str, str] | str | None = None, **more: Any
    ) -> str:
        """Record one HTTP attempt."""
        more.setdefault("server__address", "api.openai.com")
        if error is None and status is not None and status >= 400:
            # The recorder notes where the program stood when the server refused.
            status_line = f"{status} {_REASONS[status]}"
            error = exception(
                str(status),
                status_line,
                f'  File "/home/eve/claims/main.py", line 9, in <module>\n{status_line}',
            )
        return self.leaf(
            "POST", seconds, error, http__request__method="POST", http__response__status_code=status, **more
        )

    @property
    def document(self) -> dict[str, Any]:
        """The trace as OTLP JSON, parsed."""
        resource = {"attributes": pairs({"service.name": self.service, **self.resource})}
        scopes = [{"scope": {"name": "autogen_otel"}, "spans": self.spans}]
        return {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}

    @property
    def line(self) -> str:
        """The trace as one line of a journal."""
        return json.dumps(self.document) + "\n"


class ProgressLog(Progress):
    """Remembers what a reader reports.

    Attributes:
        expected: how much there is to read.
        advances: what was read at a time.
        warnings: what could not be.
    """

    def __init__(self) -> None:
        self.expected: int | None = 0
        self.advances: list[int] = []
        self.warnings: list[str] = []

    def expect(self, total: int | None, unit: str) -> None:
        self.expected = total

    def advance(self, count: int) -> None:
        self.advances.append(count)

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)


def write(path: Path, *recorded: RecordedTrace) -> Path:
    """Write a journal file."""
    path.write_text("".join(conversation.line for conversation in recorded), encoding="utf-8")
    return path


def spans_of(*recorded: RecordedTrace) -> list[Span]:
    """The spans of what was recorded, read back."""
    spans = [span for conversation in recorded for span in otlp.spans_of(conversation.document)]
    return [span for span in spans if isinstance(span, Span)]


def trace_of(recorded: RecordedTrace) -> Trace:
    """The trace of what was recorded, read back."""
    return Trace.of(spans_of(recorded))
