"""The failures of a conversation, before everything else: what failed where, what came of it, what to do."""

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
    prominent,
    stack_block,
)
from autogen_otel.cli.span_labels import problem_words, server
from autogen_otel.diagnosis.evidence.occurrence import Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.evidence.reading import is_filtered
from autogen_otel.diagnosis.words import advice_for, visible_as
from autogen_otel.traces.failures import stack_of, what_was_raised
from autogen_otel.traces.stacktrace import innermost_user_frame
from autogen_otel.traces.trace import HTTP, NS, Span, Trace
from autogen_otel.vocabulary import attributes as names

_MOST_CARDS: Final = 50
_OPENED: Final = 3
_MOST_NOTED: Final = 20
_MOST_ATTEMPTS: Final = 20
_OF_A_CALL: Final = (names.TOOL_ARGUMENTS_PROBLEMS, names.GEN_AI_TOOL_CALL_ARGUMENTS, names.CODE_SOURCE)
_COLUMNS: Final = ("attempt", "at", "took", "status", "server", "request id")
_TONES: Final = {
    Effect.ENDED: "bad",
    Effect.SWALLOWED: "warn",
    Effect.FELL_OVER: "good",
    Effect.RETRIED: "good",
}


def failures_of(trace: Trace) -> list[Occurrence]:
    """What failed in it as it was recorded, what ended it first; and where it went in circles."""
    population = Population.of_trace(trace)
    found = [one for key in population.groups for one in population.in_group(key)]
    found += [one for key in population.loops for one in population.in_loop(key)]
    worst_first = list(Effect)
    return sorted(found, key=lambda one: (worst_first.index(one.effect), one.time_ns))


def failure_cards(drawing: Drawing, found: Sequence[Occurrence]) -> Iterator[Node]:
    """A card for each failure of a conversation."""
    for number, one in enumerate(found[:_MOST_CARDS]):
        span = drawing.trace.span(one.span_id)
        if span is not None:
            yield _card(drawing, one, span, opened=number < _OPENED)
    if len(found) > _MOST_CARDS:
        yield hint(f"{len(found) - _MOST_CARDS:,} more failures are in the waterfall.")


def noted(drawing: Drawing) -> Iterator[Node]:
    """What is no failure and may explain one: arguments that do not fit, errors returned, answers cut off."""
    items = []
    for span in drawing.trace.spans:
        for key, words in (
            (names.TOOL_ARGUMENTS_PROBLEMS, "arguments do not fit"),
            (names.TOOL_RETURNED_ERROR, "returned an error instead of raising it"),
            (names.RESPONSE_PROBLEM, "the answer"),
        ):
            # Those that a filter emptied have a card.
            is_told = key == names.RESPONSE_PROBLEM and is_filtered(span)
            if key in span.attributes and not (span.failed or is_told):
                value = span.attributes[key]
                said = "; ".join(map(str, value)) if isinstance(value, list) else problem_words(value)
                items.append(element("li", drawing.link(span), f": {words}: {in_a_line(said)}"))
    if items:
        yield element("h3", "Noted, no failures")
        more = len(items) - _MOST_NOTED
        rest = element("li", f"{more:,} more in the waterfall") if more > 0 else None
        yield element("ul", items[:_MOST_NOTED], rest, class_="noted")


def _card(drawing: Drawing, one: Occurrence, span: Span, *, opened: bool) -> Element:
    trace, texts = drawing.trace, drawing.texts
    attempts = _attempts(trace, span)
    raised = _raised(trace, span)
    before = trace.span(one.after_tool)
    begun = trace.spans[0].start_ns
    facts: list[Node] = [fact(one.effect.value, _TONES[one.effect])]
    if one.attempts > 1:
        facts += [" ", fact(f"{one.attempts} attempts")]
    facts += [" ", fact(offset(one.time_ns, begun))]
    if one.lost_ns >= NS:
        facts += [" ", fact(f"cost {quantities.duration(one.lost_ns)}")]
    cause = element("span", in_a_line(one.cause), class_="cause")
    seen = in_a_sentence(visible_as(one.cause, one.subject, {one.effect: 1}))
    advice = in_a_sentence(advice_for(one.cause, one.subject, ()))
    return element(
        "article",
        element("h3", cause, " ", in_a_line(wording.title(one.cause, one.subject))),
        element("p", facts, class_="facts"),
        element("p", _path(drawing, span), class_="path"),
        None if before is None else element("p", "A tool had failed before: ", drawing.link(before)),
        [_error(each, texts) for each in raised],
        prominent(span, texts, _OF_A_CALL),
        table(_COLUMNS, _attempt_rows(drawing, attempts))
        if len(attempts) > 1 or span.operation == HTTP
        else None,
        [_stack(each, texts, opened=opened) for each in raised],
        element("p", element("b", "Seen as: "), seen),
        element("p", element("b", "Do: "), advice),
        class_=f"card {_TONES[one.effect]}",
    )


def _raised(trace: Trace, span: Span) -> list[Span]:
    """The span where it began, and the next above it whose exception says something else."""
    said = what_was_raised(span)
    failed = takewhile(lambda one: one.failed, trace.up_from(trace.span(span.parent_id)))
    above = (one for one in failed if one.exception is not None and what_was_raised(one) != said)
    # Further up it is repeated.
    return [*([span] if said else []), *above][:2]


def _error(span: Span, texts: Texts) -> Element:
    frame = None if span.operation == HTTP else innermost_user_frame(stack_of(span.exception))
    parts: list[Node] = [element("pre", texts.whole(what_was_raised(span)))]
    if frame is not None:
        where = element("span", in_a_line(frame.location), class_="where")
        parts.append(element("p", where, f"  {in_a_line(frame.source or '')}", class_="frame"))
    return element("div", *parts, class_="error")


def _stack(span: Span, texts: Texts, *, opened: bool) -> Node:
    stacktrace = stack_of(span.exception)
    # What the recorder notes of an attempt is where the program stood, not where something was raised.
    if span.operation == HTTP or not stacktrace:
        return None
    summary = element("summary", f"Stack trace of {plain_label(span)}")
    # Where no line is the user's, the stack trace says no more than the message.
    is_telling = opened and innermost_user_frame(stacktrace) is not None
    return element("details", summary, stack_block(stacktrace, texts), open=is_telling)


def _path(drawing: Drawing, span: Span) -> Iterator[Node]:
    """From where it began up to the conversation, with what failed marked: how far it went."""
    for above in drawing.trace.up_from(span):
        if above is not span:
            yield " ← "
        yield element("span", drawing.link(above), class_="failed" if above.failed else None)


def _attempts(trace: Trace, span: Span) -> list[Span]:
    if span.operation != HTTP:
        return []
    above = trace.span(span.parent_id)
    return [span] if above is None else [one for one in trace.children(above) if one.operation == HTTP]


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
