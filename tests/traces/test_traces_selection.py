from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from autogen_otel.traces.conversations import summaries
from autogen_otel.traces.selection import Selection, moment
from autogen_otel.traces.trace import Event, Span

NOW = datetime(2026, 11, 29, 12, tzinfo=timezone(timedelta(hours=1)))
NOON = round(NOW.timestamp()) * 1_000_000_000


def span(
    trace: str, name: str, parent: str | None = None, start_ns: int = NOON, **attributes: object
) -> Span:
    """A span of a conversation; attributes with ``__`` for each dot."""
    return Span(
        trace_id=trace,
        span_id=f"{trace}{name}",
        parent_id=parent,
        name=name,
        start_ns=start_ns,
        end_ns=start_ns + 1,
        service=attributes.pop("service", "claims"),  # type: ignore[arg-type]
        status_code=2 if attributes.get("autogen__error__origin") else 0,
        events=(Event("exception", 1, {"exception.message": "no such Claim"}),) if trace == "b" else (),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
    )


SPANS = [
    span("a", "invoke_workflow user -> clerk", gen_ai__operation__name="invoke_workflow"),
    span("a", "execute_tool lookup", "aroot", gen_ai__tool__name="lookup", gen_ai__agent__name="clerk"),
    # A child may arrive before its root.
    span("b", "chat gpt", "broot", autogen__error__origin="backend", gen_ai__agent__name="planner"),
    span(
        "b", "invoke_workflow user -> planner", start_ns=NOON + 9, gen_ai__operation__name="invoke_workflow"
    ),
    span("c", "invoke_workflow x -> y", service="other", gen_ai__operation__name="invoke_workflow"),
]


@pytest.mark.parametrize(
    ("selection", "traces"),
    [
        (Selection(), "abc"),
        (Selection(tool="lookup"), "a"),
        (Selection(agent="clerk"), "a"),
        (Selection(agent="cler"), ""),
        (Selection(cause="backend"), "b"),
        (Selection(cause="backend", agent="clerk"), ""),
        (Selection(cause="backend", agent="planner"), "b"),
        (Selection(service="other"), "c"),
        (Selection(outcome="recovered"), "b"),
        (Selection(text="NO SUCH claim"), "b"),
        (Selection(text="lookup"), "a"),
        (Selection(since=NOON + 1), ""),
        (Selection(until=NOON + 1), "abc"),
        (Selection(until=NOON), ""),
    ],
)
def test_a_conversation_must_have_all_that_is_asked_for(selection: Selection, traces: str) -> None:
    assert {one.trace_id for one in summaries(SPANS, selection)} == set(traces)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("1.5 h", NOW - timedelta(minutes=90)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=NOW.tzinfo)),
        ("2026-11-22T07:00", datetime(2026, 11, 22, 7, tzinfo=NOW.tzinfo)),
        (
            "2026-11-22T07:00:00.5Z",
            datetime(2026, 11, 22, 7, 0, 0, 500_000, timezone.utc),
        ),
        ("2026-11-22T07:00:00+02:00", datetime(2026, 11, 22, 5, tzinfo=timezone.utc)),
    ],
)
def test_a_moment_is_so_long_ago_or_a_date(text: str, then: datetime) -> None:
    assert moment(text, NOW) == round(then.timestamp() * 1000) * 1_000_000


@pytest.mark.parametrize("text", ["", "yesterday", "2h ago", "-3h", "2026-13-01", "7"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment(text, NOW)
