"""Which failure of a trace to reproduce."""

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
class Everything:
    """What is known beside the trace.

    Args:
        population: all conversations.
        found: all of their failures, with the causes that all of them show.
        config: where the user's ``config_list`` is, as ``RecordedEntry`` takes it; its default by default.
        installed: whether the function of a tool may be of an installed package.
    """

    population: Population
    found: Sequence[Occurrence]
    config: str | None = None
    installed: bool = False

    @classmethod
    def of(cls, population: Population, config: str | None = None, *, installed: bool = False) -> Everything:
        """Find what fails in all conversations."""
        return cls(population, roots_of(population), config, installed)

    def seen(self, occurrence: Occurrence) -> Occurrence:
        """A failure with the cause that all conversations show, if it is no symptom of another there."""
        key = (occurrence.trace_id, occurrence.span_id)
        return next((one for one in self.found if (one.trace_id, one.span_id) == key), occurrence)


@dataclass(frozen=True)
class Failures:
    """What failed in a trace, which is read once.

    Args:
        trace: the conversation.
        population: the same, by itself.
        found: what failed for reasons of its own, what the user noticed most first.
        as_read: every failure with the cause that its own span tells.
    """

    trace: Trace
    population: Population
    found: Sequence[Occurrence]
    as_read: Sequence[Occurrence]

    @classmethod
    def of(cls, trace: Trace) -> Failures:
        """Read a trace."""
        population = Population.of_trace(trace)
        every = (one for key in population.groups for one in population.in_group(key))
        # Copies: those in the population are given the causes that all of it shows.
        as_read = [replace(one, symptoms=one.symptoms.copy()) for one in every]
        noticed_most_first = list(Effect)
        found = roots_of(population)
        found.sort(key=lambda one: (noticed_most_first.index(one.effect), one.time_ns))
        return cls(trace, population, found, as_read)

    def hold_in(self, others: Population, occurrence: Occurrence) -> None:
        """Have a failure be among those that a population keeps: of very many it keeps a sample.

        Args:
            others: all conversations, the trace among them.
            occurrence: one of ``found``.
        """
        for one in self.as_read:
            if one.span_id == occurrence.span_id:
                others.hold(one)

    def chosen(self, span_id: str = "") -> Occurrence:
        """The failure to reproduce.

        Args:
            span_id: of a span that failed, or its beginning; the one noticed most by default.

        Raises:
            NoFailureError: nothing failed there, or there is no such span.
        """
        trace, found = self.trace, self.found
        if not found:
            raise NoFailureError(f"Nothing failed in trace {trace.trace_id}.")
        if not span_id:
            return found[0]
        span = _span(trace, span_id)
        below = {one.span_id for one, _ in trace.below(span)}
        inside = [one for one in found if one.span_id in below]
        call = nearest(trace, span, span_names.CHAT) if span.failed else None
        # The retries of one call are one failure, whichever of them is named.
        tried = _of_call(trace, call) if call is not None else ()
        beside = [one for one in found if one.kind == MODEL and one.span_id in tried]
        if not inside and not beside:
            raise NoFailureError(f"Nothing failed in span {span.span_id} ({words(span.name)}).")
        return (inside or beside)[0]


def nearest(trace: Trace, span: Span | None, operation: str) -> Span | None:
    """The nearest span of an operation at or around another."""
    return next((one for one in trace.up_from(span) if one.operation == operation), None)


def _of_call(trace: Trace, call: Span) -> set[str]:
    """The ids of the spans to which a model call is the nearest one."""
    found = {call.span_id}
    for span, _ in trace.below(call):
        if span.parent_id in found and span.operation != span_names.CHAT:
            found.add(span.span_id)
    return found


def _span(trace: Trace, span_id: str) -> Span:
    found = [span for span in trace.spans if span.span_id.startswith(span_id)]
    if not found:
        raise NoFailureError(f"No span of trace {trace.trace_id} begins with {span_id}.")
    if len(found) > 1:
        raise NoFailureError(f"{span_id} is the beginning of {len(found)} spans; give more digits.")
    return found[0]
