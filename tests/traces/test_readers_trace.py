from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.traces.conversations import summaries, summarize
from autogen_otel.traces.document import trace_document
from autogen_otel.traces.failures import FailedSpan, propagating_span_ids
from autogen_otel.traces.stacktrace import chained_exceptions, raising_user_frame
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary.attributes import CANCELLED, CONVERSATION_TURNS
from tests.support.growth import below_a_circle, grows_with_the_trace, side_by_side
from tests.support.incidents import API_TRACE, TOOL_TRACE, failing_tool, fallback, group, killed, recovered
from tests.support.recorded import ORIGIN, RecordedTrace, exception, spans_of, trace_of

if TYPE_CHECKING:
    from autogen_otel.traces.conversations import Summary


def plain(span_id: str, parent_id: str | None, start_ns: int = 0, end_ns: int = 10) -> Span:
    return Span(
        trace_id="1", span_id=span_id, parent_id=parent_id, name=span_id, start_ns=start_ns, end_ns=end_ns
    )


def names(trace: Trace) -> list[tuple[str, int]]:
    return [(span.name, depth) for span, depth in trace.walk()]


def test_a_trace_is_walked_from_its_root_in_start_order() -> None:
    trace = Trace.of([plain("c", "a", 5), plain("d", "b", 3), plain("b", "a", 2), plain("a", None, 1, 30)])
    assert names(trace) == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert [span.name for span in trace.top] == ["a"]
    summary = summarize(trace)
    assert (summary.start_ns, summary.duration_ns) == (1, 29)


def test_a_parent_comes_before_a_child_that_began_at_the_same_time() -> None:
    trace = Trace.of([plain("child", "parent", 1, 5), plain("parent", None, 1, 9)])
    assert [(span.name, span.start_ns) for span in trace.spans] == [("parent", 1), ("child", 1)]


def test_spans_whose_parent_is_missing_stand_beside_the_root() -> None:
    trace = Trace.of([plain("a", None, 1), plain("b", "gone", 2), plain("c", "b", 3)])
    assert [span.name for span in trace.top] == ["a", "b"]
    assert names(trace) == [("a", 0), ("b", 0), ("c", 1)]


def test_a_chain_of_any_length_is_a_tree_of_bounded_depth() -> None:
    trace = Trace.of(
        [plain(str(number), str(number - 1) if number else None, number) for number in range(3000)]
    )
    walked = list(trace.walk())
    assert [span.span_id for span, _ in walked] == [str(number) for number in range(3000)]
    assert [depth for _, depth in walked] == [min(number, 50) for number in range(3000)]
    assert summarize(trace).duration_ns > 0
    assert len(json.dumps(trace_document(trace), indent=2)) < 5000 * len(walked)


def test_damaged_parents_hide_no_span() -> None:
    trace = Trace.of([plain("self", "self", 1), plain("x", "y", 2), plain("y", "x", 3)])
    assert sorted(names(trace)) == [("self", 0), ("x", 0), ("y", 1)]


def test_a_circle_of_parents_is_shown_once_with_all_below_it() -> None:
    trace = below_a_circle(4)
    assert names(trace) == [("agent", depth) for depth in range(4)]
    assert [span.span_id for span in trace.top] == [f"{0:016x}"]
    assert grows_with_the_trace(lambda trace: list(trace.walk()), below_a_circle)


@given(st.lists(st.tuples(st.integers(0, 7), st.none() | st.integers(0, 9)), min_size=1, max_size=12))
def test_each_id_is_shown_once_however_damaged_the_parents_are(made: list[tuple[int, int | None]]) -> None:
    spans = [
        plain(f"{one}", None if above is None else f"{above}", start)
        for start, (one, above) in enumerate(made)
    ]
    shown = [span.span_id for span, _ in Trace.of(spans).walk()]
    assert set(shown) == {span.span_id for span in spans}


def test_a_nested_chat_belongs_to_its_conversation() -> None:
    it = RecordedTrace()
    with it.span("batch"):
        with it.span("invoke_workflow a -> b", 1), it.span("invoke_agent b", 1):
            it.leaf("invoke_workflow b -> helper", 1)
        it.leaf("invoke_workflow c -> d", 1)
    trace = trace_of(it)
    assert summarize(trace).name == "a -> b +1 more"


def test_only_what_failed_and_what_leads_there_is_kept() -> None:
    kept = trace_of(failing_tool()).failing()
    assert "agent" not in {span.name for span in kept.spans}
    assert [span.operation for span, _ in kept.walk()] == [
        "invoke_workflow",
        *("invoke_agent", "execute_tool"),
        *("invoke_agent", "chat", "http", "http", "http"),
    ]
    healthy = trace_of(group())
    assert healthy.failing() is healthy


def test_what_leads_to_many_failures_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[str | None] = []
    find = Trace.span

    def counted(trace: Trace, span_id: str | None) -> Span | None:
        walked.append(span_id)
        return find(trace, span_id)

    monkeypatch.setattr(Trace, "span", counted)
    above = [str(number) for number in range(100)]
    chain = [plain(one, before) for one, before in zip(above, [above[-1], *above], strict=False)]
    broken = Trace.of([replace(one, status_code=2, attributes={CANCELLED: True}) for one in chain])
    assert len(broken.failing().spans) == len(chain)
    assert broken.awaited_spans() == ()
    assert len(walked) < 5 * len(chain)


def test_an_exception_that_travels_up_is_one_failure() -> None:
    trace = trace_of(failing_tool())
    passing = propagating_span_ids(FailedSpan.of(span) for span in trace.spans if span.failed)
    own = [span.operation for span in trace.spans if span.failed and span.span_id not in passing]
    assert own == ["execute_tool", "http", "http", "http"]


def test_an_exception_of_ones_own_above_a_handled_failure_counts() -> None:
    it = RecordedTrace()
    error = exception("KeyError", "'speaker'", "KeyError: 'speaker'")
    with it.span("invoke_workflow a -> b", 1, error, **{ORIGIN: "orchestration"}):
        it.leaf(
            "execute_tool t",
            1,
            exception("ValueError", "bad", "ValueError: bad"),
            **{ORIGIN: "tool_exception"},
        )
    assert summarize(trace_of(it)).failures == {"orchestration": 1, "tool_exception": 1}


def test_an_exception_raised_from_another_is_the_same_failure() -> None:
    it = RecordedTrace()
    between = "\n\nThe above exception was the direct cause of the following exception:\n\n"
    chained = f"ValueError: bad{between}KeyError: 'x'"
    with it.span("invoke_agent a", 1, exception("KeyError", "'x'", chained), **{ORIGIN: "unknown"}):
        it.leaf(
            "execute_tool t",
            1,
            exception("ValueError", "bad", "ValueError: bad"),
            **{ORIGIN: "tool_exception"},
        )
    assert summarize(trace_of(it)).failures == {"tool_exception": 1}


def test_an_exception_of_a_script_is_the_same_in_a_stack_trace() -> None:
    it = RecordedTrace()
    raised = (
        'Traceback (most recent call last):\n  File "/app/claims.py", line 3, in lookup\nPolicyError: no\n'
    )
    then = "\nDuring handling of the above exception, another exception occurred:\n\n"
    error = exception(
        "RuntimeError", "gone", raised + then + raised.replace("PolicyError: no", "RuntimeError: gone")
    )
    with it.span("invoke_agent user", 1, error, autogen__error__origin="tool_exception"):
        own = exception("__main__.PolicyError", "no", raised)
        it.leaf("execute_tool lookup", 1, own, autogen__error__origin="tool_exception")
    assert dict(summarize(trace_of(it)).failures) == {"tool_exception": 1}


def test_the_users_innermost_frame_of_the_first_cause_is_found() -> None:
    frame = raising_user_frame(TOOL_TRACE)
    assert frame is not None
    assert (frame.location, frame.source) == ("policies.py:42 in parse_id", 'return int(text.split("-")[1])')
    assert chained_exceptions(TOOL_TRACE) == (
        "AttributeError: 'NoneType' object has no attribute 'split'",
        "ValueError: no such policy: None",
    )


def test_where_only_libraries_raised_there_is_no_users_frame() -> None:
    assert raising_user_frame(API_TRACE.format(error="openai.NotFoundError: x")) is None
    for file in (
        "/usr/lib/python3.12/json/decoder.py",
        r"C:\Python312\Lib\json\decoder.py",
        "<frozen runpy>",
    ):
        assert (
            raising_user_frame(
                f'Traceback (most recent call last):\n  File "{file}", line 3, in decode\nE: x'
            )
            is None
        )
    assert raising_user_frame("cut in the mid") is None


def test_frames_without_source_and_of_windows_are_read() -> None:
    frame = raising_user_frame(
        '  File "C:\\work\\claims\\tools.py", line 7, in f\n  File "<frozen importlib>", line 1, in g\nE: x'
    )
    assert frame is not None
    assert (frame.location, frame.source) == ("tools.py:7 in f", None)


def test_exceptions_of_a_group_are_read() -> None:
    text = (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "/home/eve/app.py", line 3, in main\n'
        "  |     async with TaskGroup():\n"
        "  | ExceptionGroup: unhandled errors (1 sub-exception)\n"
    )
    frame = raising_user_frame(text)
    assert frame is not None
    assert frame.location == "app.py:3 in main"
    assert chained_exceptions(text) == ("ExceptionGroup: unhandled errors (1 sub-exception)",)


def by_name(*recorded: RecordedTrace) -> dict[str, Summary]:
    return {one.trace_id: one for one in summaries(spans_of(*recorded))}


def test_summaries_say_what_happened() -> None:
    incidents = failing_tool(), fallback(), recovered(), group(), killed()
    failed, fell_back, retried, chatted, died = by_name(*incidents).values()
    assert (failed.outcome, failed.failures) == ("failed", {"backend": 3, "tool_exception": 1})
    assert (failed.name, failed.agents, failed.turns) == ("user -> assistant", ("assistant", "user"), 3)
    assert (failed.input_tokens, failed.output_tokens, failed.service) == (1204, 87, "claims")
    assert (fell_back.outcome, fell_back.failures) == ("recovered", {"config_entry": 1})
    assert (retried.outcome, retried.failures, retried.input_tokens) == ("recovered", {"backend": 2}, 95)
    assert (chatted.outcome, chatted.agents) == ("ok", ("planner", "researcher", "critic", "writer"))
    assert (died.outcome, died.name, died.turns) == ("unfinished", "user -> assistant", 1)


def test_the_order_in_which_spans_arrive_does_not_matter() -> None:
    incidents = failing_tool(), fallback(), recovered(), group(), killed()
    there = by_name(*incidents)
    backwards = {one.trace_id: one for one in summaries(reversed(spans_of(*incidents)))}
    assert backwards == there


def test_a_conversation_below_a_span_recorded_elsewhere_is_finished() -> None:
    it = recovered()
    it.spans[-1]["parentSpanId"] = "ab" * 8
    assert summarize(trace_of(it)).outcome == "recovered"


def test_an_unfinished_conversation_is_not_named_after_a_nested_chat() -> None:
    it = RecordedTrace()
    with it.span("invoke_workflow user -> boss", 1):
        it.leaf("invoke_agent boss", 1, gen_ai__agent__name="boss", autogen__sender__name="user")
        with it.span("invoke_agent user", 1):
            it.leaf("invoke_workflow boss -> clerk", 1)
    it.spans = [
        span for span in it.spans if span["name"] in {"invoke_agent boss", "invoke_workflow boss -> clerk"}
    ]
    summary = summarize(trace_of(it))
    assert (summary.name, summary.outcome) == ("user -> boss", "unfinished")


def test_the_sum_of_costs_has_no_digits_that_mean_nothing() -> None:
    costs: list[Any] = [0.1, 0.2, 0.0000123456789, "free"]
    it = RecordedTrace()
    with it.span("invoke_workflow user -> boss", 1):
        for cost in costs:
            it.leaf("chat gpt-4o", 1, **{"autogen.cost.usd": cost})
    assert summarize(trace_of(it)).cost_usd == 0.3000123457


def test_traces_without_agents_are_not_conversations() -> None:
    assert summaries([plain("GET /", None)]) == []


def test_conversations_side_by_side_below_one_span_are_all_looked_at() -> None:
    spans = [
        plain("root", None, 0, 100),
        Span(
            trace_id="1", span_id="a", parent_id="root", name="invoke_workflow a -> b", start_ns=1, end_ns=90
        ),
        Span(
            trace_id="1",
            span_id="c",
            parent_id="root",
            name="invoke_workflow c -> d",
            start_ns=5,
            end_ns=50,
            status_code=2,
        ),
    ]
    summary = summarize(Trace.of(spans))
    assert (summary.name, summary.outcome) == ("a -> b +1 more", "failed")


def test_a_summary_of_many_conversations_takes_no_more_of_each() -> None:
    assert summarize(side_by_side(3)).name == "a -> b +2 more"
    assert grows_with_the_trace(summarize, side_by_side)


_moments = st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([None, "p", "q", "r"]))


@given(st.lists(_moments, min_size=1, max_size=8))
def test_a_chat_is_nested_if_one_of_another_parent_goes_on_around_it(
    made: list[tuple[int, int, str | None]],
) -> None:
    chats = [
        Span(
            trace_id="1",
            span_id=f"{number}",
            parent_id=parent,
            name=f"invoke_workflow {number}",
            start_ns=start,
            end_ns=start + seconds,
            attributes={CONVERSATION_TURNS: 10**number},
        )
        for number, (start, seconds, parent) in enumerate(made)
    ]
    outer = [
        chat
        for chat in chats
        if chat.parent_id is None
        or not any(
            other.start_ns <= chat.start_ns and chat.end_ns <= other.end_ns
            for other in chats
            if other.parent_id != chat.parent_id
        )
    ]
    turns = sum(chat.attributes[CONVERSATION_TURNS] for chat in outer)
    assert summarize(Trace.of(chats)).turns == turns
