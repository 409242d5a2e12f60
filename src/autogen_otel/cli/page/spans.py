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
"""What is shown before the table of the other attributes."""


class Texts:
    """Recorded values as texts that a page has room for.

    Args:
        longest: characters of a value at most.

    Attributes:
        cut: how many values were longer.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.cut = 0

    def whole(self, value: object) -> Node:
        """A value over as many lines as it has; JSON is indented."""
        text = pretty(value)
        return text[: self.longest], self.rest(text)

    def rest(self, text: str) -> Node:
        """Says how much of a text there is no room for, if any."""
        if len(text) <= self.longest:
            return None
        self.cut += 1
        return element("span", f" … {len(text) - self.longest:,} more characters", class_="more")


@dataclass(frozen=True)
class Drawing:
    """A conversation as a page draws it.

    Args:
        trace: the conversation.
        texts: decides how long recorded values may be.
        rows: the ids of the rows of the waterfall, by span; not all spans of a large trace have one.
    """

    trace: Trace
    texts: Texts
    rows: Mapping[str, str]

    def link(self, span: Span) -> Node:
        """A span in a few words, which lead to its row."""
        row, words = self.rows.get(span.span_id), plain_label(span)
        return words if row is None else element("a", words, href=f"#{row}")


def in_a_line(value: object, longest: int = _IN_A_LINE) -> str:
    """A value as one line, cut if it has more characters than that."""
    text = " ".join(str(value)[: 4 * longest].split())
    return text if len(text) <= longest else f"{text[:longest].rstrip()}…"


def in_a_sentence(words: str) -> str:
    """A sentence of ours with recorded values in it, cut if they are long."""
    return in_a_line(words, _SENTENCE)


def pretty(value: object) -> str:
    """A value as text; JSON, also in a text, is indented."""
    parsed = value
    if isinstance(value, str):
        if value.lstrip()[:1] not in {"{", "["}:
            return value
        with suppress(ValueError, RecursionError):
            parsed = json.loads(value)
    if isinstance(parsed, str):
        return parsed
    if isinstance(parsed, (list, tuple)) and all(isinstance(one, str) for one in parsed):
        return "\n".join(parsed) if not isinstance(value, str) else value
    if isinstance(parsed, bytes):
        return parsed.hex(" ")
    try:
        return json.dumps(parsed, ensure_ascii=False, indent=2, default=str)
    except (ValueError, RecursionError):
        return str(value)


# ---------------------------------------------------------------- the line
def label(span: Span) -> Iterator[Node]:
    """What a span is, and what matters about it."""
    described = span_label(span)
    if described.kind:
        yield element("span", described.kind, class_="kind")
        yield " "
    yield element("b", in_a_line(described.subject), class_=described.tone.value or None)
    if described.arguments is not None:
        yield " "
        yield fact(in_a_line(described.arguments), "code")
    for one in described.facts:
        yield " "
        yield fact(in_a_line(one.words, FACT_LENGTH), one.tone.value)


def plain_label(span: Span) -> str:
    """The same in a few words."""
    described = span_label(span)
    return in_a_line(f"{described.kind} {described.subject}".strip())


def shape(span: Span) -> str:
    """A word for its colour."""
    return span.operation if is_known(span.operation) else "other"


# ---------------------------------------------------------------- what was recorded of it
def block(title: Node, value: Node, class_: str = "") -> Element:
    """A value over several lines, under its title."""
    return element("section", element("h4", title), element("pre", value), class_=f"block {class_}".strip())


def prominent(span: Span, texts: Texts, keys: Iterable[str] = tuple(_PROMINENT)) -> Iterator[Element]:
    """What matters most of what was recorded, each under its title."""
    for key in keys:
        if key in span.attributes:
            tone = "warn" if key in {names.TOOL_ARGUMENTS_PROBLEMS, names.TOOL_RETURNED_ERROR} else ""
            yield block(_PROMINENT[key], texts.whole(span.attributes[key]), tone)


def stack_block(stacktrace: str, texts: Texts) -> Element:
    """A stack trace with the frames of the user's code standing out."""
    parts = user_code_pieces(stacktrace[: texts.longest])
    lines = (element("mark", text) if is_users else text for text, is_users in parts)
    return element("pre", lines, texts.rest(stacktrace), class_="stack")


def recorded(span: Span, begun_ns: int, texts: Texts, where: Mapping[str, str], row: str) -> Iterator[Node]:
    """Everything that was recorded of a span.

    Args:
        span: of which.
        begun_ns: when the conversation began.
        texts: decides how long values may be.
        where: in which row each stack trace stands.
        row: the id of the span's row.
    """
    if span.failed and (line := what_was_raised(span)):
        yield block("Error", texts.whole(line), "error")
    explained = span.status_message
    if span.failed and span.exception is not None and explained and explained not in what_was_raised(span):
        yield block("Because of", texts.whole(explained), "error")
    for event in span.events:
        if event.name == span_names.EXCEPTION_EVENT:
            yield _stack(event, texts, where, row)
    yield from prominent(span, texts)
    attributes = {key: value for key, value in span.attributes.items() if key not in _PROMINENT}
    times = f"{offset(span.start_ns, begun_ns)}, {utc_time(span.start_ns)}"
    took = quantities.duration(span.duration_ns) if span.end_ns else "it did not end while it was recorded"
    rows: dict[str, object] = {"began": times, "took": took, **attributes}
    rows |= {"span": span.span_id, "name": span.name}
    rows |= {"kind": KINDS[span.kind] if 0 <= span.kind < len(KINDS) else span.kind}
    rows |= {key: said for key, said in (("instrumentation", span.scope), ("service", span.service)) if said}
    for event in span.events:
        if event.name != span_names.EXCEPTION_EVENT:
            rows[f"event {event.name}"] = dict(event.attributes)
    for number, link in enumerate(span.links, 1):
        rows[f"link {number}"] = f"span {link.span_id} of trace {link.trace_id}"
    yield element("dl", terms((in_a_line(key), texts.whole(value)) for key, value in rows.items()))


def offset(time_ns: int, begun_ns: int) -> str:
    """When something was, since the conversation began."""
    return f"+{quantities.duration(time_ns - begun_ns)}" if time_ns > begun_ns else "at the beginning"


def _stack(event: Event, texts: Texts, where: Mapping[str, str], row: str) -> Node:
    stacktrace = stack_of(event)
    if not stacktrace:
        return None
    if where.get(stacktrace, row) != row:
        link = element("a", "where it was raised", href=f"#{where[stacktrace]}")
        return hint("The stack trace stands ", link, ".")
    return element("section", element("h4", "Stack trace"), stack_block(stacktrace, texts), class_="block")
