"""One span: its line in the tree, and below it everything that was recorded of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities
from autogen_otel.cli.page.html import Node, element
from autogen_otel.traces.stacktrace import marked
from autogen_otel.traces.trace import HTTP, KINDS, Event, Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_IN_A_LINE: Final = 160
_SENTENCE: Final = 800
_CLIENT_ERROR: Final = 400
_PROMINENT: Final = (
    (names.TOOL_ARGUMENTS_PROBLEMS, "The arguments do not fit"),
    (names.TOOL_RETURNED_ERROR, "Returned an error"),
    (names.GEN_AI_TOOL_CALL_ARGUMENTS, "Arguments"),
    (names.GEN_AI_TOOL_CALL_RESULT, "Result, as the model was told"),
    (names.CODE_SOURCE, "Code"),
    (names.CODE_OUTPUT, "The end of its output"),
    (names.GEN_AI_SYSTEM_INSTRUCTIONS, "Instructions"),
    (names.GEN_AI_INPUT_MESSAGES, "New messages sent"),
    (names.GEN_AI_OUTPUT_MESSAGES, "Answer"),
)
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
        if len(text) <= self.longest:
            return text
        self.cut += 1
        more = f" … {len(text) - self.longest:,} more characters"
        return text[: self.longest], element("span", more, class_="more")


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
    kind, subject, facts = _LOOKS.get(span.operation, _other)(span)
    if kind:
        yield element("span", kind, class_="kind")
        yield " "
    yield element("b", in_a_line(subject))
    for text, tone in facts:
        yield " "
        yield element("span", in_a_line(text), class_=f"fact {tone}".strip())
    if span.attributes.get(names.CANCELLED) is True:
        yield " "
        yield element("span", "cancelled", class_="fact warn")


def plain_label(span: Span) -> str:
    """The same in a few words."""
    kind, subject, _ = _LOOKS.get(span.operation, _other)(span)
    return in_a_line(f"{kind} {subject}".strip())


def shape(span: Span) -> str:
    """A word for its colour."""
    return span.operation if span.operation in _LOOKS else "other"


_Look = tuple[str, str, list[tuple[str, str]]]
"""What it is, of what, and facts each with how they look: ``bad``, ``warn``, ``good`` or nothing."""


def _conversation(span: Span) -> _Look:
    turns = span.attributes.get(names.CONVERSATION_TURNS)
    return (
        "conversation",
        span.subject,
        [(quantities.plural(turns, "turn"), "")] if isinstance(turns, int) else [],
    )


def _agent(span: Span) -> _Look:
    sender = span.attributes.get(names.SENDER_NAME)
    agent = str(span.attributes.get(names.GEN_AI_AGENT_NAME) or span.subject)
    return "agent", agent, [(f"replies to {sender}", "")] if sender else []


def _handoff(span: Span) -> _Look:
    reason = span.attributes.get(names.HANDOFF_REASON)
    return "handoff", span.subject, [(str(reason), "")] if reason else []


def _chat(span: Span) -> _Look:
    attributes, facts = span.attributes, list[tuple[str, str]]()
    if attributes.get(names.CACHE_HIT) is True:
        facts.append(("cached", "good"))
    sent = attributes.get(names.GEN_AI_USAGE_INPUT_TOKENS)
    received = attributes.get(names.GEN_AI_USAGE_OUTPUT_TOKENS)
    if isinstance(sent, int) or isinstance(received, int):
        facts.append((f"{_count(sent)} → {_count(received)} tokens", ""))
    if _number(attributes, names.CONFIG_COUNT) > 1:
        answered = "" if span.failed else " answered"
        entry = f"config_list[{attributes.get(names.CONFIG_INDEX)}] of {attributes[names.CONFIG_COUNT]}"
        facts.append((f"{entry}{answered}", ""))
    if isinstance(attributes.get(names.PROMPT_CHARS), int):
        facts.append((f"prompt {attributes[names.PROMPT_CHARS]:,} chars", ""))
    if names.RESPONSE_PROBLEM in attributes:
        facts.append((f"answer: {str(attributes[names.RESPONSE_PROBLEM]).replace('_', ' ')}", "warn"))
    if names.HELPER_ROLE in attributes:
        facts.append((f"for {attributes[names.HELPER_ROLE]}", ""))
    return "chat", str(attributes.get(names.GEN_AI_REQUEST_MODEL) or span.subject), facts


def _entry(span: Span) -> _Look:
    attributes = span.attributes
    facts = [(str(attributes[key]), "") for key in (names.CONFIG_API_TYPE,) if key in attributes]
    if names.SERVER_ADDRESS in attributes:
        facts.append((server(attributes), ""))
    model = attributes.get(names.GEN_AI_REQUEST_MODEL, "")
    return f"config_list[{attributes.get(names.CONFIG_INDEX, '?')}]", str(model), facts


def _http(span: Span) -> _Look:
    attributes = span.attributes
    status = attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    bad = span.failed or (isinstance(status, int) and status >= _CLIENT_ERROR)
    facts = [("no answer" if status is None else str(status), "bad" if bad else "")]
    if names.SERVER_ADDRESS in attributes:
        facts.append((server(attributes), ""))
    if attributes.get(names.HTTP_REQUEST_RESEND_COUNT):
        facts.append((f"retry {attributes[names.HTTP_REQUEST_RESEND_COUNT]}", "warn"))
    if names.HTTP_RETRY_AFTER_SECONDS in attributes:
        facts.append((f"retry-after {attributes[names.HTTP_RETRY_AFTER_SECONDS]} s", "warn"))
    return "", str(attributes.get(names.HTTP_REQUEST_METHOD, span.name)), facts


def _tool(span: Span) -> _Look:
    attributes = span.attributes
    facts = []
    if names.TOOL_ARGUMENTS_PROBLEMS in attributes:
        facts.append(("arguments do not fit", "warn"))
    if names.TOOL_RETURNED_ERROR in attributes:
        facts.append(("returned an error", "warn"))
    arguments = attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
    if arguments is not None:
        facts.append((arguments if isinstance(arguments, str) else pretty(arguments), "code"))
    return "tool", str(attributes.get(names.GEN_AI_TOOL_NAME) or span.subject), facts


def _code(span: Span) -> _Look:
    status = span.attributes.get(names.CODE_EXIT_CODE)
    return "code", span.subject, [] if status is None else [(f"exit code {status}", "bad" if status else "")]


def _human(span: Span) -> _Look:
    return "human input", span.subject, []


def _other(span: Span) -> _Look:
    return "", span.name or "(no name)", []


_LOOKS: Final[Mapping[str, Callable[[Span], _Look]]] = {
    span_names.INVOKE_WORKFLOW: _conversation,
    span_names.INVOKE_AGENT: _agent,
    span_names.HANDOFF: _handoff,
    span_names.CHAT: _chat,
    span_names.CONFIG_ENTRY: _entry,
    span_names.EXECUTE_TOOL: _tool,
    span_names.EXECUTE_CODE: _code,
    span_names.AWAIT_HUMAN_INPUT: _human,
    HTTP: _http,
}


def server(attributes: Mapping[str, Any]) -> str:
    """Host and, if it is not the usual one, port."""
    return f"{attributes[names.SERVER_ADDRESS]}{quantities.port(attributes.get(names.SERVER_PORT))}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"


def _number(attributes: Mapping[str, Any], key: str) -> int:
    value = attributes.get(key)
    return value if isinstance(value, int) else 0


# ---------------------------------------------------------------- what was recorded of it
def error_line(span: Span) -> str:
    """Class and message of the exception, or the status message."""
    event = span.exception
    if event is None:
        return span.status_message
    error_type = str(event.attributes.get(names.EXCEPTION_TYPE, "exception"))
    message = str(event.attributes.get(names.EXCEPTION_MESSAGE, ""))
    if error_type.isdecimal() and message.startswith(error_type):
        return message
    return f"{error_type}: {message}" if message else error_type


def block(title: Node, value: Node, class_: str = "") -> Element:
    """A value over several lines, under its title."""
    return element("section", element("h4", title), element("pre", value), class_=f"block {class_}".strip())


def stack_block(stacktrace: str, texts: Texts) -> Element:
    """A stack trace with the frames of the user's code standing out."""
    parts: list[Node] = [
        element("mark", text) if is_users else text for text, is_users in marked(stacktrace[: texts.longest])
    ]
    if len(stacktrace) > texts.longest:
        texts.cut += 1
        parts.append(
            element("span", f" … {len(stacktrace) - texts.longest:,} more characters", class_="more")
        )
    return element("pre", *parts, class_="stack")


def recorded(span: Span, begun_ns: int, texts: Texts, where: Mapping[str, str], row: str) -> Iterator[Node]:
    """Everything that was recorded of a span.

    Args:
        span: of which.
        begun_ns: when the conversation began.
        texts: decides how long values may be.
        where: in which row each stack trace stands.
        row: the id of the span's row.
    """
    attributes = dict(span.attributes)
    if span.failed and (line := error_line(span)):
        yield block("Error", texts.whole(line), "error")
    explained = span.status_message
    if span.failed and span.exception is not None and explained and explained not in error_line(span):
        yield block("Because of", texts.whole(explained), "error")
    for event in span.events:
        if event.name == span_names.EXCEPTION_EVENT:
            yield _stack(event, texts, where, row)
    for key, title in _PROMINENT:
        if key in attributes:
            tone = "warn" if key in {names.TOOL_ARGUMENTS_PROBLEMS, names.TOOL_RETURNED_ERROR} else ""
            yield block(title, texts.whole(attributes.pop(key)), tone)
    times = f"{offset(span.start_ns, begun_ns)}, {quantities.utc_time(span.start_ns)}"
    rows: dict[str, object] = {"began": times, "took": _took(span), **attributes}
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
    pairs = (
        (element("dt", in_a_line(key)), element("dd", texts.whole(value))) for key, value in rows.items()
    )
    yield element("dl", pairs)


def offset(time_ns: int, begun_ns: int) -> str:
    """When something was, since the conversation began."""
    return f"+{quantities.duration(time_ns - begun_ns)}" if time_ns > begun_ns else "at the beginning"


def _took(span: Span) -> str:
    return quantities.duration(span.duration_ns) if span.end_ns else "it did not end while it was recorded"


def stack_of(event: Event) -> str:
    """The stack trace of an exception; empty if none was recorded."""
    return str(event.attributes.get(names.EXCEPTION_STACKTRACE, "")).rstrip()


def _stack(event: Event, texts: Texts, where: Mapping[str, str], row: str) -> Node:
    stacktrace = stack_of(event)
    if not stacktrace:
        return None
    if where.get(stacktrace, row) != row:
        link = element("a", "where it was raised", href=f"#{where[stacktrace]}")
        return element("p", "The stack trace stands ", link, ".", class_="hint")
    return element("section", element("h4", "Stack trace"), stack_block(stacktrace, texts), class_="block")
