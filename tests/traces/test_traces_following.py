from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.traces import following
from autogen_otel.traces.conversations import Summary, summarize
from autogen_otel.traces.following import Following
from autogen_otel.traces.selection import EVERYTHING
from tests.support.recorded import RecordedTrace, spans_of

if TYPE_CHECKING:
    import pytest

    from autogen_otel.traces.trace import Span, Trace


def conversation(number: int) -> list[Span]:
    it = RecordedTrace(number, at=number)
    with it.span("invoke_workflow a -> b", 1), it.span("invoke_agent b"):
        it.leaf("chat m", 1)
    return spans_of(it)


def test_a_conversation_that_waits_is_looked_at_once_each_time_something_came_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[tuple[str, int]] = []

    def counted(trace: Trace) -> Summary:
        looked_at.append((trace.trace_id[:8], len(trace.spans)))
        return summarize(trace)

    monkeypatch.setattr(following, "summarize", counted)
    (first, turn, root), (other, *_) = conversation(1), conversation(2)
    polls = [[first, other], [], [], [turn], [turn, root], [root], [], [first]]
    arriving = iter(polls)
    follower = Following(lambda: next(arriving), EVERYTHING)
    told = [[summary.trace_id[:8] for summary in follower.ended_conversations()] for _ in polls]
    assert told == [[], [], [], [], [], ["00000001"], [], []]
    assert looked_at == [("00000001", 1), ("00000002", 1), ("00000001", 3)]


def test_those_told_of_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_MOST_REPORTED", 2)
    each = [conversation(number) for number in range(1, 4)]
    polls = [*each, [], each[2], [], each[0], []]
    arriving = iter(polls)
    follower = Following(lambda: next(arriving), EVERYTHING)
    told = [summary.trace_id[:8] for _ in polls for summary in follower.ended_conversations()]
    assert told == ["00000001", "00000002", "00000003", "00000001"]
