"""Whether work grows with a trace or with its square, counted in calls: so no clock matters."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autogen_otel.traces.trace import Event, Span, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

_FEW = 200
"""Beyond what readers look at around each span, see ``MOST_NEIGHBOURS``."""
_TIMES = 4


def grows_with_the_trace(work: Callable[[Trace], object], trace_of: Callable[[int], Trace]) -> bool:
    """Whether a trace that is four times as long takes less than eight times as many calls.

    Args:
        work: what is done with a trace.
        trace_of: makes a trace of so many repetitions.
    """
    few, many = (_calls(work, trace_of(count)) for count in (_FEW, _FEW * _TIMES))
    return many < 2 * _TIMES * few


def _calls(work: Callable[[Trace], object], trace: Trace) -> int:
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        work(trace)
    finally:
        sys.setprofile(None)
    return calls


def span(number: int, above: Span | None, name: str, start_ns: int, end_ns: int) -> Span:
    """A span that worked, with an id of its number."""
    return Span(
        trace_id="1" * 32,
        span_id=f"{number:016x}",
        parent_id=None if above is None else above.span_id,
        name=name,
        start_ns=start_ns,
        end_ns=end_ns,
    )


def failed(cause: str, span: Span) -> Span:
    """The span, which failed for a reason of its own."""
    exception = {"exception.type": "KeyError", "exception.message": span.span_id}
    attributes = {**span.attributes, "autogen.error.origin": cause}
    events = (Event("exception", span.end_ns, exception),)
    return replace(span, status_code=2, events=events, attributes=attributes)


def side_by_side(count: int) -> Trace:
    """Conversations below jobs of one batch, in each of which a handoff failed."""
    spans = [span(0, None, "batch", 0, 1000 * count + 1000)]
    for number in range(1, 5 * count, 5):
        begun = 1000 * number
        job = span(number, spans[0], "job", begun, begun + 900)
        chat = span(number + 1, job, "invoke_workflow a -> b", begun + 1, begun + 899)
        turn = span(number + 2, chat, "invoke_agent b", begun + 2, begun + 898)
        spans += [
            job,
            chat,
            turn,
            failed("orchestration", span(number + 3, turn, "handoff b -> a", begun + 3, begun + 4)),
        ]
    return Trace.of(spans)


def one_inside_another(count: int) -> Trace:
    """Conversations each of which begins the next one, and fails for a reason of its own."""
    spans: list[Span] = []
    above = None
    for number in range(0, 4 * count, 4):
        chat = span(number, above, "invoke_workflow a -> b", number, 9000 * count - number)
        call = failed("backend", span(number + 1, chat, "chat m", number + 1, number + 2))
        above = failed(
            "orchestration", span(number + 2, chat, "handoff", number + 3, 9000 * count - number - 3)
        )
        spans += [chat, call, above]
    return Trace.of(spans)


def below_a_circle(count: int) -> Trace:
    """Spans each below the next one, the last two of which are each other's parents."""
    first, second = (span(number, None, "agent", 9 * count, 9 * count) for number in (0, 1))
    first.parent_id, second.parent_id = second.span_id, first.span_id
    spans = [first, second]
    for number in range(2, count):
        spans.append(span(number, spans[-1], "agent", 9 * count - number, 9 * count))
    return Trace.of(spans)
