"""The tree of a conversation beside the time that each of its spans took."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities
from autogen_otel.cli.page.html import Node, element, hint
from autogen_otel.cli.page.spans import Drawing, in_a_line, label, operation_class, span_details
from autogen_otel.traces.failures import FailedSpan, propagating_span_ids, stack_of, what_was_raised
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary.spans import EXCEPTION_EVENT

MOST_ROWS: Final = 5000
_WIDTH: Final = 1000
_HEIGHT: Final = 10
_NARROWEST: Final = 5
_DEEPEST: Final = 24
"""Deeper levels are not indented further, so that their names still have room."""
_TICKS: Final = 4
_IN_A_ROW: Final = 90


def row_ids(trace: Trace, prefix: str) -> dict[str, str]:
    """The ids of the rows by span; of too many spans only those that failed or lead to one have a row."""
    # Not the spans' own ids, which the author of the file chose.
    visible_trace = trace if len(trace.spans) <= MOST_ROWS else trace.failing()
    return {
        span.span_id: f"{prefix}-{number}"
        for number, (span, _) in enumerate(islice(visible_trace.walk(), MOST_ROWS))
    }


def waterfall(drawing: Drawing) -> Iterator[Node]:
    """The rows, each with the details of its span behind it."""
    trace, rows = drawing.trace, drawing.rows
    if len(rows) < len(trace.spans):
        count_note = f"{len(rows):,} of {len(trace.spans):,} spans are shown"
        yield hint(f"{count_note}: what failed, and what led there.")
    builder = _Rows(drawing)
    items = (builder.row(span, depth) for span, depth in trace.walk() if span.span_id in rows)
    yield element("div", _axis(builder.total), element("ol", items, class_="rows"), class_="waterfall")


class _Rows:
    """The rows of one conversation, all on the same scale."""

    def __init__(self, drawing: Drawing) -> None:
        trace, self._texts, self._rows = drawing.trace, drawing.texts, drawing.rows
        self._start_ns = min(span.start_ns for span in trace.spans)
        self.total = max(1, max(span.end_ns for span in trace.spans) - self._start_ns)
        self._propagating_ids = propagating_span_ids(
            FailedSpan.of(span) for span in trace.spans if span.failed
        )
        self._stack_rows = _stack_rows(drawing)

    def row(self, span: Span, depth: int) -> Element:
        """The row of one span."""
        row = self._rows[span.span_id]
        passes_on = span.span_id in self._propagating_ids
        reason = in_a_line(what_was_raised(span))[:_IN_A_ROW] if span.failed and not passes_on else ""
        parts: list[Node] = [label(span)]
        if span.failed:
            parts.insert(0, element("span", "✗ ", class_="cross", role="img", aria_label="failed"))
        if reason:
            parts += [" ", element("span", reason, class_="why")]
        summary = element(
            "summary",
            element("span", parts, class_=f"label d{min(depth, _DEEPEST)}"),
            element("span", quantities.duration(span.duration_ns) if span.end_ns else "…", class_="took"),
            self._bar(span),
        )
        body = element(
            "div", span_details(span, self._start_ns, self._texts, self._stack_rows, row), class_="body"
        )
        state = ("failed passing" if passes_on else "failed") if span.failed else None
        return element("li", element("details", summary, body), id=row, class_=state, aria_level=depth + 1)

    def _bar(self, span: Span) -> Element:
        x = min(_WIDTH - _NARROWEST, _WIDTH * (span.start_ns - self._start_ns) / self.total)
        width = min(max(_NARROWEST, _WIDTH * span.duration_ns / self.total), _WIDTH - x)
        rect = element(
            "rect", x=round(x, 1), width=round(width, 1), height=_HEIGHT, class_=operation_class(span)
        )
        box = f"0 0 {_WIDTH} {_HEIGHT}"
        return element("svg", rect, class_="bar", viewBox=box, preserveAspectRatio="none", aria_hidden="true")


def _stack_rows(drawing: Drawing) -> dict[str, str]:
    """The row that shows each stack trace: the innermost of those that passed the exception on."""
    innermost_rows: dict[str, tuple[int, str]] = {}
    for span, depth in drawing.trace.walk():
        for event in span.events:
            if event.name == EXCEPTION_EVENT and span.span_id in drawing.rows:
                stacktrace = stack_of(event)
                if stacktrace not in innermost_rows or innermost_rows[stacktrace][0] < depth:
                    innermost_rows[stacktrace] = (depth, drawing.rows[span.span_id])
    return {stacktrace: row for stacktrace, (_, row) in innermost_rows.items()}


def _axis(total: int) -> Element:
    ticks = (
        element("span", quantities.duration(total * tick // _TICKS) if tick else "0")
        for tick in range(_TICKS)
    )
    last = element("span", quantities.duration(total))
    return element(
        "div",
        element("span"),
        element("span", ticks, last, class_="ticks"),
        class_="axis",
        aria_hidden="true",
    )
