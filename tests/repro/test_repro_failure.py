from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autogen_otel.diagnosis.evidence.aggregates import SAMPLE_SIZE
from autogen_otel.diagnosis.evidence.occurrence import MODEL
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.repro.failure import Context, Failures, NoFailureError
from tests.support.diagnosed import incidents, journal
from tests.support.growth import grows_with_the_trace, one_inside_another, side_by_side
from tests.support.incidents import TOOL_ERROR, failing_tool, fallback
from tests.support.recorded import ORIGIN, RecordedTrace, spans_of, trace_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.traces.trace import Trace


def _innermost(trace: Trace) -> str:
    return [span.span_id for span in trace.spans if span.operation == "handoff"][-1]


@pytest.mark.parametrize("trace_of_many", [one_inside_another, side_by_side])
def test_the_failure_of_a_span_is_found_in_long_traces(trace_of_many: Callable[[int], Trace]) -> None:
    trace = trace_of_many(3)
    assert Failures.of(trace).choose(_innermost(trace)).span_id == _innermost(trace)
    assert grows_with_the_trace(lambda trace: Failures.of(trace).choose(_innermost(trace)), trace_of_many)


def test_whichever_retry_is_named_it_is_the_failure_of_their_call() -> None:
    trace = trace_of(failing_tool())
    failed = [span.span_id for span in trace.spans if span.failed and span.operation == "http"]
    assert len(failed) > 1
    assert [Failures.of(trace).choose(span_id).span_id for span_id in failed] == failed[:1] * len(failed)


def test_a_span_that_worked_has_no_failure() -> None:
    trace = trace_of(fallback())
    worked = next(span for span in trace.spans if span.operation == "http" and not span.failed)
    with pytest.raises(NoFailureError, match="Nothing failed in span"):
        Failures.of(trace).choose(worked.span_id)


def test_each_of_very_many_failures_of_a_trace_is_found() -> None:
    it, count = RecordedTrace(), 2 * SAMPLE_SIZE
    with it.span("invoke_workflow user -> assistant", 1):
        asked = {"gen_ai__tool__name": "lookup_policy", ORIGIN: "tool_exception"}
        tools = [it.leaf("execute_tool lookup_policy", 0.001, TOOL_ERROR, **asked) for _ in range(count)]
        with it.span("invoke_agent user", 0.001):
            # Enough that stand between it and the root to be read in pieces where traces are many.
            for _ in range(2 * count):
                it.leaf("chat gpt-4o", 0.001)
            tools.append(it.leaf("execute_tool lookup_policy", 0.001, TOOL_ERROR, **asked))
    trace = trace_of(it)
    assert {one.span_id for one in Failures.of(trace).root_failures} == set(tools)
    assert Failures.of(trace).choose(tools[-1]).span_id == tools[-1]


def test_a_failure_that_is_left_out_of_the_sample_has_the_cause_that_all_show() -> None:
    recorded = journal(incidents()["a size limit that looks like an outage"], 1)
    outside = 0
    for failures in map(Failures.of, map(trace_of, recorded)):
        for failed in (one for one in failures.root_failures if one.kind == MODEL):
            population = Population(group_sizes=((40, 20),))
            for one in recorded:
                population.add(spans_of(one))
            kept = {one.span_id for key in population.groups for one in population.in_group(key)}
            outside += failed.span_id not in kept
            failures.hold_in(population, failed)
            assert failed.cause == "backend"
            assert Context.of(population).as_diagnosed(failed).cause == "prompt_too_large"
    assert outside
