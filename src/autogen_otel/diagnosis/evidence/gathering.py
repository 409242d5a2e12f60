"""The spans of each trace together, with only the traces in memory that may still be incomplete."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from autogen_otel.traces.trace import Span

_PATIENCE_SPANS: Final = 10_000
"""How many spans of others may come between the root of a trace and the last of its spans."""
_MOST_OPEN_SPANS: Final = 200_000
"""More are not kept waiting: then the oldest trace counts as it is."""


def gather(
    spans: Iterable[Span], *, patience: int = _PATIENCE_SPANS, most_open: int = _MOST_OPEN_SPANS
) -> Iterator[list[Span]]:
    """Group spans, which may come in any order, by trace.

    A trace that took longer than ``patience`` to arrive comes in several pieces.

    Args:
        spans: of many traces.
        patience: see above.
        most_open: how many spans wait for the rest of their trace.
    """
    waiting: dict[str, list[Span]] = {}
    due: deque[tuple[int, str]] = deque()
    number = kept = 0
    for number, span in enumerate(spans, start=1):
        trace_id = span.trace_id
        gathered = waiting.get(trace_id)
        if gathered is None:
            gathered = waiting[trace_id] = []
        gathered.append(span)
        kept += 1
        if span.parent_id is None:
            due.append((number + patience, trace_id))
        while due and due[0][0] <= number:
            finished = waiting.pop(due.popleft()[1], None)
            if finished is not None:
                kept -= len(finished)
                yield finished
        while kept > most_open:
            finished = waiting.pop(next(iter(waiting)))
            kept -= len(finished)
            yield finished
    yield from waiting.values()
