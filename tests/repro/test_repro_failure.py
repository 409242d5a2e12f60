from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autogen_otel.repro.failure import NoFailureError, failure_of
from tests.support.growth import grows_with_the_trace, one_inside_another, side_by_side
from tests.support.incidents import failing_tool, fallback
from tests.support.recorded import trace_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.traces.trace import Trace


def _innermost(trace: Trace) -> str:
    return [span.span_id for span in trace.spans if span.operation == "handoff"][-1]


@pytest.mark.parametrize("trace_of_many", [one_inside_another, side_by_side])
def test_the_failure_of_a_span_is_found_in_long_traces(trace_of_many: Callable[[int], Trace]) -> None:
    trace = trace_of_many(3)
    assert failure_of(trace, _innermost(trace)).span_id == _innermost(trace)
    assert grows_with_the_trace(lambda trace: failure_of(trace, _innermost(trace)), trace_of_many)


def test_whichever_retry_is_named_it_is_the_failure_of_their_call() -> None:
    trace = trace_of(failing_tool())
    failed = [span.span_id for span in trace.spans if span.failed and span.operation == "http"]
    assert len(failed) > 1
    assert [failure_of(trace, span_id).span_id for span_id in failed] == failed[:1] * len(failed)


def test_a_span_that_worked_has_no_failure() -> None:
    trace = trace_of(fallback())
    worked = next(span for span in trace.spans if span.operation == "http" and not span.failed)
    with pytest.raises(NoFailureError, match="Nothing failed in span"):
        failure_of(trace, worked.span_id)
