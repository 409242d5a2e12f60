"""One line for each kind of span: what it is, how long it took, and what matters about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from autogen_otel.cli import quantities
from autogen_otel.cli.terminal import dim, one_line, signs
from autogen_otel.diagnosis.trace import HTTP, Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_SHORT_ARGUMENTS: Final = 100
_SHORT_RESULT: Final = 60
_GAP: Final = "  "
_USUAL_PORTS: Final = frozenset({80, 443})
_CLIENT_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class View:
    """How spans are shown.

    Args:
        console: where; decides on signs.
        full: whether long values are shown whole.
    """

    console: Console
    full: bool = False

    def cut(self, text: str, longest: int) -> str:
        """Make recorded text fit a line."""
        return one_line(text, self.console, None if self.full else longest)


def label(span: Span, view: View) -> Text:
    """Say in one line what a span was."""
    head, details = _SHOWN.get(span.operation, _other)(span, view)
    line = Text()
    if span.failed:
        line.append(f"{signs(view.console).failed} ", style="bold red")
    line.append_text(head)
    line.append(_GAP + quantities.duration(span.duration_ns), style="dim")
    for detail in details:
        line.append(_GAP).append_text(detail)
    return line


_Line = tuple[Text, Iterator[Text]]


def _head(kind: str, subject: str, style: str = "bold") -> Text:
    return Text(f"{kind} ").append(subject, style=style) if kind else Text(subject, style=style)


def _conversation(span: Span, view: View) -> _Line:
    def details() -> Iterator[Text]:
        turns = span.attributes.get(names.CONVERSATION_TURNS)
        if isinstance(turns, int):
            yield dim(quantities.plural(turns, "turn"))

    return _head("conversation", view.cut(span.subject, _SHORT_ARGUMENTS)), details()


def _agent(span: Span, view: View) -> _Line:
    agent = str(span.attributes.get(names.GEN_AI_AGENT_NAME) or span.subject)
    return _head("agent", view.cut(agent, _SHORT_ARGUMENTS), "bold cyan"), iter(())


def _handoff(span: Span, view: View) -> _Line:
    def details() -> Iterator[Text]:
        seen = span.attributes
        if names.HANDOFF_REASON in seen:
            yield dim(view.cut(str(seen[names.HANDOFF_REASON]), _SHORT_RESULT))
        if seen.get(names.HANDOFF_CANDIDATES) and (view.full or span.failed):
            yield dim("of " + view.cut(", ".join(map(str, seen[names.HANDOFF_CANDIDATES])), _SHORT_ARGUMENTS))

    return _head("handoff", view.cut(span.subject, _SHORT_ARGUMENTS), "bold magenta"), details()


def _chat(span: Span, view: View) -> _Line:
    def details() -> Iterator[Text]:
        seen = span.attributes
        if seen.get(names.CACHE_HIT) is True:
            yield Text("cached", style="green")
        tokens = _tokens(seen, view)
        if tokens:
            yield Text(tokens)
        if seen.get(names.CONFIG_COUNT, 1) > 1:
            answered = "" if span.failed else " answered"
            yield Text(f"config_list[{seen.get(names.CONFIG_INDEX)}] of {seen[names.CONFIG_COUNT]}{answered}")
        if names.PROMPT_MESSAGES in seen:
            yield dim(_prompt(seen))
        if names.HELPER_ROLE in seen:
            yield dim(f"for {view.cut(str(seen[names.HELPER_ROLE]), _SHORT_RESULT)}")

    model = str(span.attributes.get(names.GEN_AI_REQUEST_MODEL) or span.subject)
    return _head("chat", view.cut(model, _SHORT_ARGUMENTS)), details()


def _tokens(seen: Mapping[str, Any], view: View) -> str:
    counts = [seen.get(name) for name in (names.GEN_AI_USAGE_INPUT_TOKENS, names.GEN_AI_USAGE_OUTPUT_TOKENS)]
    if counts == [None, None]:
        return ""
    sent, received = (f"{count:,}" if isinstance(count, int) else "?" for count in counts)
    return f"{sent} {signs(view.console).arrow} {received} tokens"


def _prompt(seen: Mapping[str, Any]) -> str:
    messages = quantities.plural(int(seen[names.PROMPT_MESSAGES]), "message")
    chars = seen.get(names.PROMPT_CHARS)
    return messages if chars is None else f"{messages}, {quantities.plural(int(chars), 'char')}"


def _entry(span: Span, view: View) -> _Line:
    def details() -> Iterator[Text]:
        if names.CONFIG_API_TYPE in span.attributes:
            yield dim(view.cut(str(span.attributes[names.CONFIG_API_TYPE]), _SHORT_RESULT))
        if names.SERVER_ADDRESS in span.attributes:
            yield dim(_server(span.attributes, view))

    index = span.attributes.get(names.CONFIG_INDEX, "?")
    model = view.cut(str(span.attributes.get(names.GEN_AI_REQUEST_MODEL, "")), _SHORT_ARGUMENTS)
    return _head(f"config_list[{index}]", model, ""), details()


def _http(span: Span, view: View) -> _Line:
    seen = span.attributes
    status = seen.get(names.HTTP_RESPONSE_STATUS_CODE)

    def details() -> Iterator[Text]:
        if span.failed and names.SERVER_ADDRESS in seen:
            yield Text(_server(seen, view))
        if names.HTTP_REQUEST_ID in seen:
            yield dim(view.cut(str(seen[names.HTTP_REQUEST_ID]), _SHORT_RESULT))
        if seen.get(names.HTTP_REQUEST_RESEND_COUNT):
            yield Text(f"retry {seen[names.HTTP_REQUEST_RESEND_COUNT]}", style="yellow")
        if names.HTTP_RETRY_AFTER_SECONDS in seen:
            yield Text(f"retry-after {seen[names.HTTP_RETRY_AFTER_SECONDS]:g}s", style="yellow")
        if span.failed and isinstance(seen.get(names.HTTP_REQUEST_BODY_SIZE), int):
            yield dim(f"{quantities.size(seen[names.HTTP_REQUEST_BODY_SIZE])} sent")

    bad = span.failed or (isinstance(status, int) and status >= _CLIENT_ERROR)
    method = str(seen.get(names.HTTP_REQUEST_METHOD, span.name))
    answer = "no answer" if status is None else str(status)
    return _head(view.cut(method, _SHORT_RESULT), answer, "bold red" if bad else ""), details()


def _server(seen: Mapping[str, Any], view: View) -> str:
    port = seen.get(names.SERVER_PORT)
    known = port is None or port in _USUAL_PORTS
    return view.cut(str(seen[names.SERVER_ADDRESS]), _SHORT_RESULT) + ("" if known else f":{port}")


def _tool(span: Span, view: View) -> _Line:
    def details() -> Iterator[Text]:
        result = span.attributes.get(names.GEN_AI_TOOL_CALL_RESULT)
        # AutoGen's result of a failed tool repeats the exception, which is shown below.
        if result is not None and (view.full or not span.failed):
            yield dim(f"{signs(view.console).arrow} {view.cut(_text(result), _SHORT_RESULT)}")

    tool = view.cut(str(span.attributes.get(names.GEN_AI_TOOL_NAME) or span.subject), _SHORT_ARGUMENTS)
    arguments = view.cut(_arguments(span.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)), _SHORT_ARGUMENTS)
    return _head("tool", tool, "bold blue").append(f"({arguments})"), details()


def _arguments(recorded: object) -> str:
    parsed = recorded
    if isinstance(recorded, str):
        try:
            parsed = json.loads(recorded)
        except ValueError:
            return recorded
    if isinstance(parsed, dict):
        return ", ".join(f"{name}={_text(value, quoted=True)}" for name, value in parsed.items())
    return "" if recorded is None else _text(recorded)


def _text(value: object, *, quoted: bool = False) -> str:
    if isinstance(value, str) and not quoted:
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _other(span: Span, view: View) -> _Line:
    return _head("", view.cut(span.name or "(no name)", _SHORT_ARGUMENTS), ""), iter(())


_SHOWN: Final[Mapping[str, Callable[[Span, View], _Line]]] = {
    span_names.INVOKE_WORKFLOW: _conversation,
    span_names.INVOKE_AGENT: _agent,
    span_names.HANDOFF: _handoff,
    span_names.CHAT: _chat,
    span_names.CONFIG_ENTRY: _entry,
    span_names.EXECUTE_TOOL: _tool,
    HTTP: _http,
}
