"""Grouping by trace, with only the traces in memory that may still be incomplete."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from autogen_otel.traces.trace import Span

T = TypeVar("T")

_PATIENCE_SPANS: Final = 10_000
_LONGEST_SPANS: Final = 200_000


@dataclass(slots=True)
class Piece(Generic[T]):
    """Some spans of one trace, decoded or not.

    Args:
        trace_id: of the trace.
        has_root: whether the span that has no parent is among them.
        position: where they stand among all others, in bytes or in spans.
        content: the spans.
    """

    trace_id: str
    has_root: bool
    position: int
    content: T


def gather(pieces: Iterable[Piece[T]], *, patience: int, longest: int) -> Iterator[list[T]]:
    """Group pieces, which may come in any order, by trace.

    A group depends only on where the pieces of its trace stand, and not on which other traces there are:
    several readers, each with some of the traces, group as one does.

    Args:
        pieces: of many traces.
        patience: how far from the root of a trace the last of its pieces may stand.
        longest: how far from the first of its pieces; pieces that stand further off are a group of their own.
    """
    open_traces: dict[str, tuple[int, list[T]]] = {}
    due_traces: deque[tuple[int, str, int]] = deque()
    for piece in pieces:
        position, trace_id = piece.position, piece.trace_id
        while due_traces and due_traces[0][0] < position:
            _, due_id, start = due_traces.popleft()
            if due_id in open_traces and open_traces[due_id][0] == start:
                yield open_traces.pop(due_id)[1]
        while open_traces:
            oldest_id = next(iter(open_traces))
            if open_traces[oldest_id][0] + longest >= position:
                break
            yield open_traces.pop(oldest_id)[1]
        start, contents = open_traces.setdefault(trace_id, (position, []))
        contents.append(piece.content)
        if piece.has_root:
            due_traces.append((position + patience, trace_id, start))
    yield from (contents for _, contents in open_traces.values())


def gather_spans(
    spans: Iterable[Span], *, patience: int = _PATIENCE_SPANS, longest: int = _LONGEST_SPANS
) -> Iterator[list[Span]]:
    """Group spans by trace; positions are counted in spans."""
    pieces = (Piece(span.trace_id, span.parent_id is None, number, span) for number, span in enumerate(spans))
    return gather(pieces, patience=patience, longest=longest)
