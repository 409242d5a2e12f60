"""The failures of a conversation, above its waterfall: what failed where, with what effect, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.page.html import Node, element, fact, hint, table
from autogen_otel.cli.page.spans import (
    Drawing,
    Texts,
    in_a_line,
    in_a_sentence,
    offset,
    plain_label,
    prominent_blocks,
    stack_block,
)
from autogen_otel.cli.span_labels import problem_words, server
from autogen_otel.diagnosis.advice import advice_for, visible_as
from autogen_otel.diagnosis.evidence.conversation import is_filtered
from autogen_otel.diagnosis.evidence.occurrence import Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.traces.failures import stack_of, what_was_raised
from autogen_otel.traces.stacktrace import raising_user_frame
from autogen_otel.traces.trace import HTTP, NS, Span, Trace
from autogen_otel.vocabulary import attributes as names

_MOST_CARDS: Final = 50
_MOST_OPEN: Final = 3
_MOST_NOTED: Final = 20
_MOST_ATTEMPTS: Final = 20
_CALL_ATTRIBUTES: Final = (names.TOOL_ARGUMENTS_PROBLEMS, names.GEN_AI_TOOL_CALL_ARGUMENTS, names.CODE_SOURCE)
_COLUMNS: Final = ("attempt", "at", "took", "status", "server", "request id")
_TONES: Final = {
    Effect.ENDED: "bad",
    Effect.SWALLOWED: "warn",
    Effect.FELL_OVER: "good",
    Effect.RETRIED: "good",
}


def failures_of(trace: Trace) -> list[Occurrence]:
    """The recorded failures of a conversation, those that ended it first, and its loops."""
    population = Population.of_trace(trace)
    occurrences = [occurrence for key in population.groups for occurrence in population.in_group(key)]
    occurrences += [occurrence for key in population.loops for occurrence in population.in_loop(key)]
    worst_first = list(Effect)
    return sorted(
        occurrences, key=lambda occurrence: (worst_first.index(occurrence.effect), occurrence.time_ns)
    )


def failure_cards(drawing: Drawing, occurrences: Sequence[Occurrence]) -> Iterator[Node]:
    """A card for each failure of a conversation."""
    for number, occurrence in enumerate(occurrences[:_MOST_CARDS]):
        span = drawing.trace.span(occurrence.span_id)
        if span is not None:
            yield _card(drawing, occurrence, span, is_open=number < _MOST_OPEN)
    if len(occurrences) > _MOST_CARDS:
        yield hint(f"{len(occurrences) - _MOST_CARDS:,} more failures are in the waterfall.")


def notes(drawing: Drawing) -> Iterator[Node]:
    """What may explain a failure and is none: arguments that do not fit, returned errors, cut answers."""
    items = []
    for span in drawing.trace.spans:
        for key, words in (
            (names.TOOL_ARGUMENTS_PROBLEMS, "arguments do not fit"),
            (names.TOOL_RETURNED_ERROR, "returned an error instead of raising it"),
            (names.RESPONSE_PROBLEM, "the answer"),
        ):
            # An answer that a filter emptied has a card.
            has_card = key == names.RESPONSE_PROBLEM and is_filtered(span)
            if key in span.attributes and not (span.failed or has_card):
                value = span.attributes[key]
                text = "; ".join(map(str, value)) if isinstance(value, list) else problem_words(value)
                items.append(element("li", drawing.link(span), f": {words}: {in_a_line(text)}"))
    if items:
        yield element("h3", "Noted, no failures")
        more = len(items) - _MOST_NOTED
        remainder = element("li", f"{more:,} more in the waterfall") if more > 0 else None
        yield element("ul", items[:_MOST_NOTED], remainder, class_="noted")


def _card(drawing: Drawing, occurrence: Occurrence, span: Span, *, is_open: bool) -> Element:
    trace, texts = drawing.trace, drawing.texts
    attempts = _attempts(trace, span)
    raising_spans = _raising_spans(trace, span)
    failed_tool = trace.span(occurrence.after_tool)
    start_ns = trace.spans[0].start_ns
    facts: list[Node] = [fact(occurrence.effect.value, _TONES[occurrence.effect])]
    if occurrence.attempts > 1:
        facts += [" ", fact(f"{occurrence.attempts} attempts")]
    facts += [" ", fact(offset(occurrence.time_ns, start_ns))]
    if occurrence.lost_ns >= NS:
        facts += [" ", fact(f"cost {quantities.duration(occurrence.lost_ns)}")]
    cause = element("span", in_a_line(occurrence.cause), class_="cause")
    visible_effect = in_a_sentence(visible_as(occurrence.cause, occurrence.subject, {occurrence.effect: 1}))
    advice = in_a_sentence(advice_for(occurrence.cause, occurrence.subject, occurrence.detail))
    return element(
        "article",
        element("h3", cause, " ", in_a_line(wording.title(occurrence.cause, occurrence.subject))),
        element("p", facts, class_="facts"),
        element("p", _path(drawing, span), class_="path"),
        None
        if failed_tool is None
        else element("p", "A tool had failed before: ", drawing.link(failed_tool)),
        [_error(raising_span, texts) for raising_span in raising_spans],
        prominent_blocks(span, texts, _CALL_ATTRIBUTES),
        table(_COLUMNS, _attempt_rows(drawing, attempts))
        if len(attempts) > 1 or span.operation == HTTP
        else None,
        [_stack(raising_span, texts, is_open=is_open) for raising_span in raising_spans],
        element("p", element("b", "Seen as: "), visible_effect),
        element("p", element("b", "Do: "), advice),
        class_=f"card {_TONES[occurrence.effect]}",
    )


def _raising_spans(trace: Trace, span: Span) -> list[Span]:
    """The span where the failure began, and the next one above it whose exception says something else."""
    message = what_was_raised(span)
    failed_ancestors = takewhile(lambda ancestor: ancestor.failed, trace.up_from(trace.span(span.parent_id)))
    other_spans = (
        ancestor
        for ancestor in failed_ancestors
        if ancestor.exception is not None and what_was_raised(ancestor) != message
    )
    # Spans further up repeat these.
    return [*([span] if message else []), *other_spans][:2]


def _error(span: Span, texts: Texts) -> Element:
    frame = None if span.operation == HTTP else raising_user_frame(stack_of(span.exception))
    parts: list[Node] = [element("pre", texts.whole(what_was_raised(span)))]
    if frame is not None:
        location = element("span", in_a_line(frame.location), class_="where")
        parts.append(element("p", location, f"  {in_a_line(frame.source or '')}", class_="frame"))
    return element("div", *parts, class_="error")


def _stack(span: Span, texts: Texts, *, is_open: bool) -> Node:
    stacktrace = stack_of(span.exception)
    # The stack trace of an attempt is where the program was, not where an exception was raised.
    if span.operation == HTTP or not stacktrace:
        return None
    summary = element("summary", f"Stack trace of {plain_label(span)}")
    # Without a line of user code, the stack trace says no more than the message.
    is_telling = is_open and raising_user_frame(stacktrace) is not None
    return element("details", summary, stack_block(stacktrace, texts), open=is_telling)


def _path(drawing: Drawing, span: Span) -> Iterator[Node]:
    """The spans from the failed one up to the conversation, with those marked that failed too."""
    for ancestor in drawing.trace.up_from(span):
        if ancestor is not span:
            yield " ← "
        yield element("span", drawing.link(ancestor), class_="failed" if ancestor.failed else None)


def _attempts(trace: Trace, span: Span) -> list[Span]:
    if span.operation != HTTP:
        return []
    parent = trace.span(span.parent_id)
    return (
        [span] if parent is None else [child for child in trace.children(parent) if child.operation == HTTP]
    )


def _attempt_rows(drawing: Drawing, attempts: Sequence[Span]) -> Iterator[list[Node]]:
    for number, span in enumerate(attempts[:_MOST_ATTEMPTS], 1):
        attributes = span.attributes
        status = in_a_line(attributes.get(names.HTTP_RESPONSE_STATUS_CODE, "no answer"))
        yield [
            (f"{number}. ", drawing.link(span)),
            offset(span.start_ns, drawing.trace.spans[0].start_ns),
            quantities.duration(span.duration_ns),
            fact(status, "bad" if span.failed else "good"),
            in_a_line(server(attributes)) if names.SERVER_ADDRESS in attributes else "",
            in_a_line(attributes.get(names.HTTP_REQUEST_ID, "")),
        ]
