"""The choice of the failure of a trace that is reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.roots import roots_of
from autogen_otel.repro.source import words
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary import spans as span_names


class NoFailureError(Exception):
    """There is no such failure in the trace; the message says so in one sentence."""


class NotReproducibleError(Exception):
    """No honest test of the failure can be written; the message says why in one sentence."""


@dataclass(frozen=True)
class Context:
    """All conversations, with which the trace is compared, and the options of the test.

    Args:
        population: all conversations.
        root_failures: their failures of their own, with the causes that all conversations show.
        config: where the user's ``config_list`` is, as ``RecordedEntry`` takes it; its default by default.
        allows_installed: whether the function of a tool may be of an installed package.
    """

    population: Population
    root_failures: Sequence[Occurrence]
    config: str | None = None
    allows_installed: bool = False

    @classmethod
    def of(
        cls, population: Population, config: str | None = None, *, allows_installed: bool = False
    ) -> Context:
        """Find what fails in all conversations."""
        return cls(population, roots_of(population), config, allows_installed)

    def as_diagnosed(self, occurrence: Occurrence) -> Occurrence:
        """A failure with the cause that all conversations show, if it is no symptom of another there."""
        key = (occurrence.trace_id, occurrence.span_id)
        return next(
            (failure for failure in self.root_failures if (failure.trace_id, failure.span_id) == key),
            occurrence,
        )


@dataclass(frozen=True)
class Failures:
    """The failures of a trace, which is read once.

    Args:
        trace: the conversation.
        population: the same conversation, by itself.
        root_failures: those that failed for reasons of their own, the one that the user noticed most first.
        all_failures: every failure, with the cause that its own span tells.
    """

    trace: Trace
    population: Population
    root_failures: Sequence[Occurrence]
    all_failures: Sequence[Occurrence]

    @classmethod
    def of(cls, trace: Trace) -> Failures:
        """Read a trace."""
        population = Population.of_trace(trace)
        occurrences = (occurrence for key in population.groups for occurrence in population.in_group(key))
        # Copies: the population replaces the causes of its own by those that all of it shows.
        all_failures = [replace(failure, symptoms=failure.symptoms.copy()) for failure in occurrences]
        effects = list(Effect)
        root_failures = roots_of(population)
        root_failures.sort(key=lambda failure: (effects.index(failure.effect), failure.time_ns))
        return cls(trace, population, root_failures, all_failures)

    def hold_in(self, others: Population, occurrence: Occurrence) -> None:
        """Have a population keep a failure: of very many it only keeps a sample.

        Args:
            others: all conversations, the trace among them.
            occurrence: one of ``root_failures``.
        """
        for failure in self.all_failures:
            if failure.span_id == occurrence.span_id:
                others.hold(failure)

    def choose(self, span_id: str = "") -> Occurrence:
        """The failure to reproduce.

        Args:
            span_id: of a span that failed, or its beginning; the one noticed most by default.

        Raises:
            NoFailureError: nothing failed there, or there is no such span.
        """
        trace, root_failures = self.trace, self.root_failures
        if not root_failures:
            raise NoFailureError(f"Nothing failed in trace {trace.trace_id}.")
        if not span_id:
            return root_failures[0]
        span = _span(trace, span_id)
        ids_below = {inner.span_id for inner, _ in trace.below(span)}
        failures_below = [failure for failure in root_failures if failure.span_id in ids_below]
        call = nearest(trace, span, span_names.CHAT) if span.failed else None
        # The retries of one call are one failure, whichever of them is named.
        call_span_ids = _of_call(trace, call) if call is not None else ()
        failures_in_call = [
            failure for failure in root_failures if failure.kind == MODEL and failure.span_id in call_span_ids
        ]
        if not failures_below and not failures_in_call:
            raise NoFailureError(f"Nothing failed in span {span.span_id} ({words(span.name)}).")
        return (failures_below or failures_in_call)[0]


def nearest(trace: Trace, span: Span | None, operation: str) -> Span | None:
    """The nearest span of an operation at or around another."""
    return next((candidate for candidate in trace.up_from(span) if candidate.operation == operation), None)


def _of_call(trace: Trace, call: Span) -> set[str]:
    """The ids of the spans to which a model call is the nearest one."""
    span_ids = {call.span_id}
    for span, _ in trace.below(call):
        if span.parent_id in span_ids and span.operation != span_names.CHAT:
            span_ids.add(span.span_id)
    return span_ids


def _span(trace: Trace, span_id: str) -> Span:
    matches = [span for span in trace.spans if span.span_id.startswith(span_id)]
    if not matches:
        raise NoFailureError(f"No span of trace {trace.trace_id} begins with {span_id}.")
    if len(matches) > 1:
        raise NoFailureError(f"{span_id} is the beginning of {len(matches)} spans; give more digits.")
    return matches[0]
