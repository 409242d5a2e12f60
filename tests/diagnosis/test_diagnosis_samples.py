from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.evidence.occurrence import MODEL
from autogen_otel.diagnosis.evidence.population import Population, Sampling
from autogen_otel.diagnosis.findings import Diagnosis, conclude, diagnose, diagnose_sample
from autogen_otel.diagnosis.of_source import population_of
from autogen_otel.traces.selection import EVERYTHING
from autogen_otel.traces.source import NO_PROGRESS, Progress, SourceError, WeightedConversation
from tests.support.diagnosed import healthy, incidents, journal, wrong_with
from tests.support.recorded import RecordedTrace, spans_of, trace_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.traces.selection import Selection
    from autogen_otel.traces.trace import Span


class Sampled:
    """A source that gives this sample, whatever it is asked for."""

    name, option = "a test", ()

    def __init__(self, sample: list[WeightedConversation], lookback_ns: int | None = None) -> None:
        self._sample = sample
        self.lookback_ns = lookback_ns
        self.asked: list[Selection] = []

    def spans(
        self, selection: Selection, *, newest: int = 0, progress: Progress = NO_PROGRESS
    ) -> Iterator[Span]:
        raise NotImplementedError

    def sample(
        self, selection: Selection, *, failing: int, working: int, progress: Progress = NO_PROGRESS
    ) -> list[WeightedConversation]:
        self.asked.append(selection)
        return self._sample

    def link(self, trace_id: str, span_id: str) -> None: ...


def sampled(recorded: list[RecordedTrace], share: int, failing_share: int = 1) -> list[WeightedConversation]:
    """All failing conversations of some or every so many, and every so many of the others."""
    conversations = [spans_of(one) for one in recorded]
    failing = [spans for spans in conversations if any(span.failed for span in spans)]
    working = [spans for spans in conversations if not any(span.failed for span in spans)]
    return [
        *(WeightedConversation(spans, failing_share) for spans in failing[::failing_share]),
        *(WeightedConversation(spans, share) for spans in working[::share]),
    ]


def rate(diagnosis: Diagnosis) -> float:
    return diagnosis.findings[0].conversations / diagnosis.conversations


@pytest.mark.parametrize("name", ["a null argument", "three things at once", "a context length"])
def test_all_that_fail_and_some_of_the_others_give_the_same_findings(name: str) -> None:
    incident = incidents()[name]
    recorded = journal(incident, 3) + journal(incident, 4)
    for number, one in enumerate(recorded):
        for raw in one.spans:
            raw["traceId"] = f"{number + 1:032x}"
    everything = diagnose(spans_of(*recorded))
    sample = diagnose_sample(sampled(recorded, 3))
    assert wrong_with(sample, incident) == []
    assert sample.failing == everything.failing
    assert sample.conversations == pytest.approx(everything.conversations, rel=0.03)
    assert rate(sample) == pytest.approx(rate(everything), rel=0.03)
    assert sample.findings[0].compared_calls[0] == everything.findings[0].compared_calls[0]
    assert sample.findings[0].compared_calls[1] < everything.findings[0].compared_calls[1]


def test_some_of_those_that_fail_stand_for_the_others() -> None:
    recorded = journal(incidents()["a null argument"], 3)
    everything = diagnose(spans_of(*recorded))
    sample = diagnose_sample(sampled(recorded, 4, failing_share=2))
    assert sample.findings[0].cause == everything.findings[0].cause
    assert sample.findings[0].occurrences == pytest.approx(everything.findings[0].occurrences, rel=0.25)
    assert sample.failing == pytest.approx(everything.failing, abs=2)


def test_what_was_read_is_said_unless_it_was_everything() -> None:
    recorded = journal(incidents()["a null argument"], 3)
    failing = sum(any(raw["status"].get("code") == 2 for raw in one.spans) for one in recorded)
    some = sampled(recorded, 4)
    assert Sampling.of(some) == Sampling(failing, failing, len(some) - failing, 4 * (len(some) - failing))
    assert Sampling.of(sampled(recorded, 1)) is None
    document = document_of(diagnose_sample(some), "a test")
    assert document["sampling"]["failing_read"] == failing
    assert document_of(diagnose_sample(sampled(recorded, 1)), "a test")["sampling"] is None


def test_everything_as_a_sample_is_the_same_as_everything() -> None:
    for incident in (incidents()["three things at once"], healthy()["all is well"]):
        recorded = journal(incident, 5)
        sample = document_of(diagnose_sample(sampled(recorded, 1)), "a test")
        assert sample == document_of(diagnose(spans_of(*recorded)), "a test")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_conversation_is_among_those_that_it_is_compared_with_and_they_weigh_what_they_stand_for(
    is_there: bool,
) -> None:
    recorded = journal(incidents()["a size limit that looks like an outage"], 3)
    sample = sampled(recorded, 4, failing_share=2)
    left_out = {trace_of(one).trace_id for one in recorded} - {one.spans[0].trace_id for one in sample}
    traces = (trace_of(one) for one in recorded)
    among = next(
        one
        for one in traces
        if any(span.failed for span in one.spans) and (one.trace_id in left_out) is not is_there
    )
    population = population_of(Sampled(sample), EVERYTHING, among, 1, lambda _: nullcontext(NO_PROGRESS))
    failures = [one for key in population.groups for one in population.in_group(key)]
    assert among.trace_id in {one.trace_id for one in failures}
    assert {one.weight for one in failures} == {2.0}
    assert population.conversations == sum(one.weight for one in sample) + (not is_there)
    assert population.working[MODEL].weight == 4


def test_a_conversation_is_compared_with_those_of_its_time() -> None:
    recorded = journal(incidents()["a null argument"], 3)
    among, day = trace_of(recorded[0]), 24 * 3600 * 10**9
    began = among.spans[0].start_ns
    source = Sampled(sampled(recorded, 1), day)

    def compared(selection: Selection) -> Selection:
        population_of(source, selection, among, 1, lambda _: nullcontext(NO_PROGRESS))
        return source.asked[-1]

    assert compared(EVERYTHING) == replace(EVERYTHING, since=began - day, until=began + day)
    since = replace(EVERYTHING, since=began - 5)
    assert compared(since) == since
    with pytest.raises(SourceError, match="began before --since"):
        compared(replace(EVERYTHING, since=began + 5))


def test_conversations_that_failed_are_counted_however_few_of_their_failures_are_kept() -> None:
    recorded = journal(incidents()["three things at once"], 3)
    population = Population([(40, 3)])
    for one in recorded:
        population.add(spans_of(one))
    assert conclude(population).failing <= diagnose(spans_of(*recorded)).failing
    assert population.failing == diagnose(spans_of(*recorded)).failing
