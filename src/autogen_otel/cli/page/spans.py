"""One span: its line in the tree, and below it everything that was recorded of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities
from autogen_otel.cli.page.html import Node, element, fact, hint, terms
from autogen_otel.cli.span_labels import FACT_LENGTH, is_known, span_label
from autogen_otel.plain_text import one_line
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.failures import stack_of, what_was_raised
from autogen_otel.traces.stacktrace import user_code_pieces
from autogen_otel.traces.trace import KINDS, Event, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_IN_A_LINE: Final = 160
_SENTENCE: Final = 800
_PROMINENT: Final = {
    names.TOOL_ARGUMENTS_PROBLEMS: "The arguments do not fit",
    names.TOOL_RETURNED_ERROR: "Returned an error",
    names.GEN_AI_TOOL_CALL_ARGUMENTS: "Arguments",
    names.GEN_AI_TOOL_CALL_RESULT: "Result, as the model was told",
    names.CODE_SOURCE: "Code",
    names.CODE_OUTPUT: "The end of its output",
    names.GEN_AI_SYSTEM_INSTRUCTIONS: "Instructions",
    names.GEN_AI_INPUT_MESSAGES: "New messages sent",
    names.GEN_AI_OUTPUT_MESSAGES: "Answer",
}
"""The attributes that come before the table of the others, with their titles."""


class Texts:
    """Recorded values as texts that fit on a page.

    Args:
        longest: the most characters that a value may have.

    Attributes:
        cut_count: how many values were longer.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.cut_count = 0

    def whole(self, value: object) -> Node:
        """A value over as many lines as it has; JSON is indented."""
        text = pretty_text(value)
        return text[: self.longest], self.cut_note(text)

    def cut_note(self, text: str) -> Node:
        """A note of how many characters of a text were cut, if any."""
        if len(text) <= self.longest:
            return None
        self.cut_count += 1
        return element("span", f" … {len(text) - self.longest:,} more characters", class_="more")


@dataclass(frozen=True)
class Drawing:
    """What is needed to draw a conversation.

    Args:
        trace: the conversation.
        texts: decides how long recorded values may be.
        rows: the ids of the waterfall's rows, by span; not all spans of a large trace have a row.
    """

    trace: Trace
    texts: Texts
    rows: Mapping[str, str]

    def link(self, span: Span) -> Node:
        """A span in a few words, which link to its row."""
        row, words = self.rows.get(span.span_id), plain_label(span)
        return words if row is None else element("a", words, href=f"#{row}")


def in_a_line(value: object, longest: int = _IN_A_LINE) -> str:
    """A value as one line, cut if it is longer."""
    return one_line(str(value)[: 4 * longest], longest)


def in_a_sentence(words: str) -> str:
    """A sentence of ours with recorded values in it, cut if they are long."""
    return in_a_line(words, _SENTENCE)


def pretty_text(value: object) -> str:
    """A value as text; JSON is indented, also if it is in a text."""
    data = value
    if isinstance(value, str):
        if value.lstrip()[:1] not in {"{", "["}:
            return value
        with suppress(ValueError, RecursionError):
            data = json.loads(value)
    if isinstance(data, str):
        return data
    if isinstance(data, (list, tuple)) and all(isinstance(item, str) for item in data):
        return "\n".join(data) if not isinstance(value, str) else value
    if isinstance(data, bytes):
        return data.hex(" ")
    try:
        return json.dumps(data, ensure_ascii=False, indent=2, default=str)
    except (ValueError, RecursionError):
        return str(value)


# ---------------------------------------------------------------- the line
def label(span: Span) -> Iterator[Node]:
    """What a span is, and what matters about it."""
    description = span_label(span)
    if description.kind:
        yield element("span", description.kind, class_="kind")
        yield " "
    yield element("b", in_a_line(description.subject), class_=description.tone.value or None)
    if description.arguments is not None:
        yield " "
        yield fact(in_a_line(description.arguments), "code")
    for label_fact in description.facts:
        yield " "
        yield fact(in_a_line(label_fact.words, FACT_LENGTH), label_fact.tone.value)


def plain_label(span: Span) -> str:
    """What a span is, in a few words."""
    description = span_label(span)
    return in_a_line(f"{description.kind} {description.subject}".strip())


def operation_class(span: Span) -> str:
    """The class that gives a span its colour."""
    return span.operation if is_known(span.operation) else "other"


# ---------------------------------------------------------------- what was recorded of it
def block(title: Node, value: Node, class_: str = "") -> Element:
    """A value over several lines, under its title."""
    return element("section", element("h4", title), element("pre", value), class_=f"block {class_}".strip())


def prominent_blocks(span: Span, texts: Texts, keys: Iterable[str] = tuple(_PROMINENT)) -> Iterator[Element]:
    """The recorded attributes that matter most, each under its title."""
    for key in keys:
        if key in span.attributes:
            tone = "warn" if key in {names.TOOL_ARGUMENTS_PROBLEMS, names.TOOL_RETURNED_ERROR} else ""
            yield block(_PROMINENT[key], texts.whole(span.attributes[key]), tone)


def stack_block(stacktrace: str, texts: Texts) -> Element:
    """A stack trace with the frames of the user's code standing out."""
    parts = user_code_pieces(stacktrace[: texts.longest])
    lines = (element("mark", text) if is_users else text for text, is_users in parts)
    return element("pre", lines, texts.cut_note(stacktrace), class_="stack")


def span_details(
    span: Span, begin_ns: int, texts: Texts, stack_rows: Mapping[str, str], row: str
) -> Iterator[Node]:
    """Everything that was recorded of a span.

    Args:
        span: the span.
        begin_ns: when the conversation began.
        texts: decides how long values may be.
        stack_rows: the row that shows each stack trace.
        row: the id of the span's row.
    """
    if span.failed and (line := what_was_raised(span)):
        yield block("Error", texts.whole(line), "error")
    reason = span.status_message
    if span.failed and span.exception is not None and reason and reason not in what_was_raised(span):
        yield block("Because of", texts.whole(reason), "error")
    for event in span.events:
        if event.name == span_names.EXCEPTION_EVENT:
            yield _stack(event, texts, stack_rows, row)
    yield from prominent_blocks(span, texts)
    attributes = {key: value for key, value in span.attributes.items() if key not in _PROMINENT}
    times = f"{offset(span.start_ns, begin_ns)}, {utc_time(span.start_ns)}"
    duration = (
        quantities.duration(span.duration_ns) if span.end_ns else "it did not end while it was recorded"
    )
    rows: dict[str, object] = {"began": times, "took": duration, **attributes}
    rows |= {"span": span.span_id, "name": span.name}
    rows |= {"kind": KINDS[span.kind] if 0 <= span.kind < len(KINDS) else span.kind}
    rows |= {
        key: value for key, value in (("instrumentation", span.scope), ("service", span.service)) if value
    }
    for event in span.events:
        if event.name != span_names.EXCEPTION_EVENT:
            rows[f"event {event.name}"] = dict(event.attributes)
    for number, link in enumerate(span.links, 1):
        rows[f"link {number}"] = f"span {link.span_id} of trace {link.trace_id}"
    yield element("dl", terms((in_a_line(key), texts.whole(value)) for key, value in rows.items()))


def offset(time_ns: int, begin_ns: int) -> str:
    """How long after the beginning of the conversation something happened."""
    return f"+{quantities.duration(time_ns - begin_ns)}" if time_ns > begin_ns else "at the beginning"


def _stack(event: Event, texts: Texts, stack_rows: Mapping[str, str], row: str) -> Node:
    stacktrace = stack_of(event)
    if not stacktrace:
        return None
    if stack_rows.get(stacktrace, row) != row:
        link = element("a", "where it was raised", href=f"#{stack_rows[stacktrace]}")
        return hint("The stack trace stands ", link, ".")
    return element("section", element("h4", "Stack trace"), stack_block(stacktrace, texts), class_="block")
