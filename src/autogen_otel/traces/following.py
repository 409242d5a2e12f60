"""Conversations as they end, while programs run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, runtime_checkable

from autogen_otel.traces.conversations import Summary, is_conversation, is_selected, summarize
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.trace import Span, Trace

_MOST_OPEN: Final = 1000
"""Conversations of which more spans may come; beyond it the oldest is forgotten."""
_MOST_REPORTED: Final = 100_000
"""Conversations that are not reported again, whatever spans come late; beyond it the oldest is forgotten."""

Arrivals = Callable[[], list[Span]]
"""Gives, each time it is called, the spans that have arrived since; some may come again."""


@runtime_checkable
class FollowedSource(Protocol):
    """A source that says what arrives in it."""

    @property
    def pause_seconds(self) -> float:
        """How long to wait before it is asked again."""

    def arrivals(self, selection: Selection) -> Arrivals:
        """The spans that arrive from now on; some sources give only those that are wanted."""


class Following:
    """Collects spans until their conversation has ended, and reports each selected conversation once.

    Attributes:
        has_spans: whether any span has arrived.
    """

    def __init__(self, arrivals: Arrivals, selection: Selection) -> None:
        self.has_spans = False
        self._arrivals = arrivals
        self._selection = selection
        self._open_traces: dict[str, dict[str, Span]] = {}
        self._reported_ids: dict[str, None] = {}
        self._last_arrived_ids: dict[str, None] = {}
        """The conversations of which spans came in the last poll, in that order."""

    def ended_conversations(self) -> list[Summary]:
        """The conversations that have ended since the last poll, and of which no spans came in this one."""
        arrived_ids: dict[str, None] = {}
        for span in self._arrivals():
            self.has_spans = True
            if span.trace_id in self._reported_ids:
                continue
            spans = self._open_traces.setdefault(span.trace_id, {})
            if span.span_id not in spans:
                spans[span.span_id] = span
                arrived_ids[span.trace_id] = None
        # The other open traces are known already to have not ended.
        settled_ids = [
            trace_id
            for trace_id in self._last_arrived_ids
            if trace_id in self._open_traces and trace_id not in arrived_ids
        ]
        self._last_arrived_ids = arrived_ids
        summaries = [summary for trace_id in settled_ids for summary in self._end(trace_id)]
        _forget_oldest(self._open_traces, _MOST_OPEN)
        _forget_oldest(self._reported_ids, _MOST_REPORTED)
        return sorted(summaries, key=lambda summary: summary.start_ns + summary.duration_ns)

    def _end(self, trace_id: str) -> list[Summary]:
        spans = list(self._open_traces[trace_id].values())
        summary = summarize(Trace.of(spans))
        if summary.outcome == "unfinished":
            return []
        del self._open_traces[trace_id]
        self._reported_ids[trace_id] = None
        return [summary] if is_conversation(spans) and is_selected(self._selection, spans) else []


def _forget_oldest(memory: dict[str, Any], most: int) -> None:
    while len(memory) > most:
        del memory[next(iter(memory))]
