"""One line for each kind of span: what it is, how long it took, and what matters about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.cli import quantities
from autogen_otel.cli.text.drawing import Console, Text
from autogen_otel.cli.text.terminal import dim, one_line, signs
from autogen_otel.traces.trace import HTTP, Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_LONG: Final = 100
_SHORT: Final = 60
_GAP: Final = "  "
_CLIENT_ERROR: Final = 400
_HTTP_ROUTE: Final = "http.route"
_LARGE_PROMPT: Final = 20_000
"""Characters from which on it matters what a prompt is made of."""
_MOST_OF_IT: Final = 0.5
_USUAL_ENDS: Final = frozenset({"stop", "tool_calls", "tool_call", "function_call", "unknown", "end_turn"})


@dataclass(frozen=True, slots=True)
class View:
    """How to print spans.

    Args:
        console: where; decides on signs.
        full: whether to print long values whole.
    """

    console: Console
    full: bool = False

    def cut(self, value: object, longest: int) -> str:
        """Make a recorded value fit a line."""
        return one_line(str(value), self.console, None if self.full else longest)


def label(span: Span, view: View) -> Text:
    """Describe a span in one line."""
    described = parts(span, view)
    line = Text()
    if span.failed:
        line.append(f"{signs(view.console).failed} ", style="bold red")
    line.append_text(next(described))
    line.append(_GAP + quantities.duration(span.duration_ns), style="dim")
    for detail in described:
        line.append(_GAP).append_text(detail)
    if span.attributes.get(names.CANCELLED) is True:
        line.append(f"{_GAP}cancelled", style="cyan")
    return line


def parts(span: Span, view: View) -> Iterator[Text]:
    """What a span is, then its details."""
    return _PARTS.get(span.operation, _other)(span, view)


# Each of these yields what the span is, then its details.


def _conversation(span: Span, view: View) -> Iterator[Text]:
    yield _head("conversation", view.cut(span.subject, _LONG))
    turns = span.attributes.get(names.CONVERSATION_TURNS)
    if isinstance(turns, int):
        yield dim(quantities.plural(turns, "turn"))


def _agent(span: Span, view: View) -> Iterator[Text]:
    agent = span.attributes.get(names.GEN_AI_AGENT_NAME) or span.subject
    yield _head("agent", view.cut(agent, _LONG), "bold cyan")


def _handoff(span: Span, view: View) -> Iterator[Text]:
    yield _head("handoff", view.cut(span.subject, _LONG), "bold magenta")
    attributes = span.attributes
    if names.HANDOFF_REASON in attributes:
        yield dim(view.cut(attributes[names.HANDOFF_REASON], _SHORT))
    candidates = attributes.get(names.HANDOFF_CANDIDATES)
    if candidates and (view.full or span.failed):
        yield dim("of " + view.cut(", ".join(map(str, candidates)), _LONG))


def _chat(span: Span, view: View) -> Iterator[Text]:
    attributes = span.attributes
    yield _head("chat", view.cut(attributes.get(names.GEN_AI_REQUEST_MODEL) or span.subject, _LONG))
    if attributes.get(names.CACHE_HIT) is True:
        yield Text("cached", style="green")
    tokens = [
        attributes.get(names.GEN_AI_USAGE_INPUT_TOKENS),
        attributes.get(names.GEN_AI_USAGE_OUTPUT_TOKENS),
    ]
    if tokens != [None, None]:
        sent, received = (f"{count:,}" if isinstance(count, int) else "?" for count in tokens)
        yield Text(f"{sent} {signs(view.console).arrow} {received} tokens")
    entries = attributes.get(names.CONFIG_COUNT, 1)
    if entries > 1:
        answered = "" if span.failed else " answered"
        yield Text(f"config_list[{attributes.get(names.CONFIG_INDEX)}] of {entries}{answered}")
    yield from _prompt(span, view)
    problem = _problem(attributes)
    if problem:
        yield Text(f"answer: {view.cut(problem, _SHORT)}", style="yellow")
    cost = attributes.get(names.COST_USD)
    if view.full and isinstance(cost, (int, float)):
        yield dim(f"about ${cost:.4f}")
    if names.HELPER_ROLE in attributes:
        yield dim(f"for {view.cut(attributes[names.HELPER_ROLE], _SHORT)}")


def _prompt(span: Span, view: View) -> Iterator[Text]:
    attributes = span.attributes
    if names.PROMPT_MESSAGES not in attributes:
        return
    prompt = quantities.plural(int(attributes[names.PROMPT_MESSAGES]), "message")
    characters = attributes.get(names.PROMPT_CHARS)
    yield dim(prompt if characters is None else f"{prompt}, {quantities.plural(int(characters), 'char')}")
    largest, whose = attributes.get(names.PROMPT_LARGEST_CHARS), attributes.get(names.PROMPT_LARGEST_FROM)
    if not isinstance(largest, int) or not isinstance(characters, int):
        return
    is_why = attributes.get(names.ERROR_ORIGIN) == causes.PROMPT_TOO_LARGE
    if is_why or view.full or (characters >= _LARGE_PROMPT and largest >= characters * _MOST_OF_IT):
        said_by = f" from {view.cut(whose, _SHORT)}" if whose else ""
        style = "yellow" if is_why else "dim"
        yield Text(f"largest: {quantities.plural(largest, 'char')}{said_by}", style=style)


def _problem(attributes: Mapping[str, Any]) -> str:
    """What is wrong with an answer, in words; empty for nothing."""
    if names.RESPONSE_PROBLEM in attributes:
        return str(attributes[names.RESPONSE_PROBLEM]).replace("_", " ")
    reasons = attributes.get(names.GEN_AI_RESPONSE_FINISH_REASONS)
    odd = [str(one) for one in reasons if one not in _USUAL_ENDS] if isinstance(reasons, list) else []
    return ", ".join(odd)


def _entry(span: Span, view: View) -> Iterator[Text]:
    attributes = span.attributes
    model = view.cut(attributes.get(names.GEN_AI_REQUEST_MODEL, ""), _LONG)
    yield _head(f"config_list[{attributes.get(names.CONFIG_INDEX, '?')}]", model, "")
    if names.CONFIG_API_TYPE in attributes:
        yield dim(view.cut(attributes[names.CONFIG_API_TYPE], _SHORT))
    if names.SERVER_ADDRESS in attributes:
        yield dim(_server(attributes, view))


def _http(span: Span, view: View) -> Iterator[Text]:
    attributes = span.attributes
    status = attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    bad = span.failed or (isinstance(status, int) and status >= _CLIENT_ERROR)
    method = view.cut(attributes.get(names.HTTP_REQUEST_METHOD, span.name), _SHORT)
    yield _head(method, "no answer" if status is None else str(status), "bold red" if bad else "")
    if span.failed and names.SERVER_ADDRESS in attributes:
        yield Text(_server(attributes, view))
    if names.HTTP_REQUEST_ID in attributes:
        yield dim(view.cut(attributes[names.HTTP_REQUEST_ID], _SHORT))
    if attributes.get(names.HTTP_REQUEST_RESEND_COUNT):
        yield Text(f"retry {attributes[names.HTTP_REQUEST_RESEND_COUNT]}", style="yellow")
    if names.HTTP_RETRY_AFTER_SECONDS in attributes:
        yield Text(f"retry-after {attributes[names.HTTP_RETRY_AFTER_SECONDS]:g}s", style="yellow")
    body_size = attributes.get(names.HTTP_REQUEST_BODY_SIZE)
    if span.failed and isinstance(body_size, int):
        yield dim(f"{quantities.size(body_size)} sent")


def _tool(span: Span, view: View) -> Iterator[Text]:
    attributes = span.attributes
    tool = view.cut(attributes.get(names.GEN_AI_TOOL_NAME) or span.subject, _LONG)
    recorded = attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
    # What was not recorded is not the same as a call without arguments.
    arguments = "…" if recorded is None else _arguments(recorded)
    arguments = view.cut(arguments, _LONG)
    yield _head("tool", tool, "bold blue").append(f"({arguments})")
    result = attributes.get(names.GEN_AI_TOOL_CALL_RESULT)
    # AutoGen's result of a failed tool repeats the exception, which stands below.
    if result is not None and (view.full or not span.failed):
        text = result if isinstance(result, str) else _json(result)
        yield dim(f"{signs(view.console).arrow} {view.cut(text, _SHORT)}")


def _other(span: Span, view: View) -> Iterator[Text]:
    """A span of somebody else's, under its own name: a request that the program serves with its route."""
    name = span.name or "(no name)"
    route = span.attributes.get(_HTTP_ROUTE)
    if isinstance(route, str) and route not in name:
        name = f"{name} {route}"
    yield Text(view.cut(name, _LONG))
    status = span.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    if status is not None:
        yield Text(str(status), style="bold red" if span.failed else "")


_PARTS: Final[Mapping[str, Callable[[Span, View], Iterator[Text]]]] = {
    span_names.INVOKE_WORKFLOW: _conversation,
    span_names.INVOKE_AGENT: _agent,
    span_names.HANDOFF: _handoff,
    span_names.CHAT: _chat,
    span_names.CONFIG_ENTRY: _entry,
    span_names.EXECUTE_TOOL: _tool,
    HTTP: _http,
}


def _head(kind: str, subject: str, style: str = "bold") -> Text:
    return Text(f"{kind} ").append(subject, style=style)


def _server(attributes: Mapping[str, Any], view: View) -> str:
    host = view.cut(attributes[names.SERVER_ADDRESS], _SHORT)
    return host + quantities.port(attributes.get(names.SERVER_PORT))


def _arguments(recorded: object) -> str:
    parsed = recorded
    if isinstance(recorded, str):
        with suppress(ValueError):
            parsed = json.loads(recorded)
    if isinstance(parsed, dict):
        return ", ".join(f"{name}={_json(value)}" for name, value in parsed.items())
    if isinstance(recorded, str):
        return recorded
    return _json(recorded)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
