"""Two populations compared, and what charts are made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from autogen_otel.diagnosis.changes import Change, Changes, Side, compare
from autogen_otel.diagnosis.comparison.calls import WorkingCalls
from autogen_otel.diagnosis.comparison.candidates import cuts_of
from autogen_otel.diagnosis.comparison.distribution import Bar, distributions
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.evidence.aggregates import Timeline
from autogen_otel.diagnosis.evidence.features import Features
from autogen_otel.diagnosis.evidence.parts import Populations
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.traces.gathering import gather_spans
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.trace import Span
from tests.support.diagnosed import Call, Error, Incident, healthy, incidents, journal, raised
from tests.support.recorded import spans_of

_VERSION = "service.version"
_NS = 1_000_000_000

Tool = Callable[[Call], "tuple[str, Error, list[str]] | None"]


def broken(share: float, line: int = 42) -> Incident:
    """One tool raises in such a share of its calls."""

    def tool(call: Call) -> tuple[str, Error, list[str]] | None:
        if call.tool != "lookup_policy" or call.rng.random() >= share:
            return None
        return "tool_exception", raised("ValueError", line, "parse_id"), []

    return Incident((), tool=tool)


def compared(before: Incident, after: Incident) -> Changes:
    recorded = []
    for version, incident, seed in (("1.4", before, 3), ("1.5", after, 4)):
        for one in journal(incident, seed):
            one.resource[_VERSION] = version
            recorded.append(one)
    random.Random(1).shuffle(recorded)  # noqa: S311 - no secret
    was, now = (Side(version, Selection(attribute=(_VERSION, version))) for version in ("1.4", "1.5"))
    return changes_in(spans_of(*recorded), was, now)


def changes_in(spans: list[Span], before: Side, after: Side) -> Changes:
    populations = Populations(before.selection, after.selection)
    for gathered in gather_spans(spans):
        populations.take(gathered)
    return compare((before, after), populations)


WELL, NULL = healthy()["all is well"], incidents()["a null argument"]


@pytest.mark.parametrize(
    ("before", "after", "change", "worse"),
    [
        (WELL, NULL, Change.NEW, True),
        (NULL, WELL, Change.GONE, False),
        (NULL, NULL, Change.SAME, False),
        (broken(0.05), broken(0.6), Change.GREW, True),
        (broken(0.6), broken(0.05), Change.SHRANK, False),
        (broken(0.4, line=42), broken(0.4, line=57), Change.SAME, False),
    ],
)
def test_what_became_of_a_finding_is_said(
    before: Incident, after: Incident, change: Change, worse: bool
) -> None:
    changes = compared(before, after)
    (one,) = changes.changed_findings
    assert (one.change, changes.got_worse) == (change, worse)
    assert one.may_be_chance == (change is Change.SAME)
    assert (one.table.all_working, one.table.all_failing) == (100, 100)
    assert set(changes.attribute_values) == {"1.4", "1.5"}


def test_several_findings_are_told_apart() -> None:
    changes = compared(NULL, incidents()["three things at once"])
    assert [one.change for one in changes.changed_findings] == [Change.NEW, Change.NEW, Change.SAME]
    assert changes.changed_findings[-1].finding.cause == "tool_exception"


def test_times_are_compared_as_attributes_are() -> None:
    spans = spans_of(*journal(NULL, 4))
    middle = sorted(span.start_ns for span in spans)[len(spans) // 2]
    changes = changes_in(spans, Side("early", Selection(until=middle)), Side("late", Selection(since=middle)))
    assert changes.before.conversations + changes.after.conversations == 100
    assert changes.before.last_ns < middle <= changes.after.first_ns


def test_when_something_failed_adds_up() -> None:
    diagnosis = diagnose(spans_of(*journal(NULL, 4)))
    (finding,) = diagnosis.findings
    assert sum(diagnosis.over_time.values()) == 100
    assert sum(finding.over_time.values()) == finding.conversations
    assert set(finding.over_time) <= set(diagnosis.over_time)
    assert all(begin % diagnosis.interval_seconds == 0 for begin in diagnosis.over_time)


def test_a_timeline_of_any_length_has_few_intervals() -> None:
    timeline = Timeline()
    rng = random.Random(2)  # noqa: S311 - no secret
    for _ in range(5000):
        timeline.add(rng.randrange(400 * 86_400) * _NS)
    assert timeline.seconds == 7 * 86_400
    assert len(timeline.counts) <= 60
    assert sum(timeline.counts.values()) == 5000


def values(name: str, *given: object) -> Iterator[Features]:
    yield from ({} if one is None else {name: one} for one in given)


def bars_of(one: Property, failing: list[Features], working: list[Features]) -> tuple[Bar, ...]:
    return distributions([one], failing, WorkingCalls(working), cuts_of(failing))[0]


def test_values_are_counted_the_telling_one_first() -> None:
    failing = list(values("region", "EU", "EU", None))
    working = list(values("region", *("UK", "US", "FR", "DE", "ES", "PT", "IT", "AT") * 2, "EU"))
    bars = bars_of(Property("region", Comparison.EQUALS, "EU"), failing, working)
    assert [(bars[0].value, bars[0].failing, bars[0].working, bars[0].has_property)] == [("EU", 2, 1, True)]
    assert bars[1:] == (Bar("none", 1, 0, has_property=False), Bar("others", 0, 16, has_property=False))
    assert (sum(bar.failing for bar in bars), sum(bar.working for bar in bars)) == (3, 17)


@pytest.mark.parametrize("comparison", [Comparison.AT_LEAST, Comparison.AT_MOST])
def test_numbers_are_counted_on_either_side_of_the_cut(comparison: Comparison) -> None:
    high, low = list(values("chars", 31_000, 48_000, 52_000)), list(values("chars", 900, 4_000, 29_000))
    failing, working = (high, low) if comparison is Comparison.AT_LEAST else (low, high)
    bars = bars_of(Property("chars", comparison, 30_000), failing, working)
    assert sum(bar.failing for bar in bars if bar.has_property) == 3
    assert sum(bar.working for bar in bars if not bar.has_property) == 3
    assert not any(bar.working for bar in bars if bar.has_property)
    assert not any(bar.value.startswith("-") for bar in bars)


def test_presence_is_counted() -> None:
    failing, working = list(values("x", 1, 1)), list(values("x", 1, None))
    bars = bars_of(Property("x", Comparison.PRESENT), failing, working)
    assert [(bar.value, bar.failing, bar.working) for bar in bars] == [("present", 2, 1), ("absent", 0, 1)]
