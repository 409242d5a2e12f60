"""What a span is and what matters about it, in words; the terminal and the page each draw the words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from autogen_otel.cli import quantities
from autogen_otel.traces.trace import HTTP, Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, responses
from autogen_otel.vocabulary import spans as span_names

_CLIENT_ERROR: Final = 400
_USUAL_PORTS: Final = (None, 80, 443)
_HTTP_ROUTE: Final = "http.route"
_LARGE_PROMPT: Final = 20_000
"""Characters from which on the parts of a prompt matter."""
_LARGE_SHARE: Final = 0.5
_USUAL_ENDS: Final = frozenset({"stop", "tool_calls", "tool_call", "function_call", "unknown", "end_turn"})
_PROBLEMS: Final = {
    responses.CONTENT_FILTER: "cut or emptied by the provider's filter",
    responses.REFUSAL: "refused by the model",
}
"""Words for problems whose name in the vocabulary does not explain itself."""
FACT_LENGTH: Final = 60
"""The number of characters of a fact that fit in a line."""


class Tone(Enum):
    """How much a fact should catch the eye."""

    PLAIN = ""
    QUIET = "quiet"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that matters about a span.

    Args:
        words: its text, which may quote recorded text of any length.
        tone: how it looks.
        detail: whether to show it only if there is room.
    """

    words: str
    tone: Tone = Tone.PLAIN
    detail: bool = False


@dataclass(frozen=True, slots=True)
class SpanLabel:
    """What a span is, and what matters about it.

    Args:
        kind: what it is; empty for a span of another instrumentation.
        subject: what it is about: an agent, a tool, a model, the answer to a request.
        tone: how the subject looks.
        arguments: the arguments of the call, as ``claim_id="7", page=2``; ``None`` if it is no call.
        facts: the most important first.
    """

    kind: str
    subject: str
    tone: Tone = Tone.PLAIN
    arguments: str | None = None
    facts: list[Fact] = field(default_factory=list)


def span_label(span: Span) -> SpanLabel:
    """Describe a span."""
    label = _LABELS.get(span.operation, _foreign_span)(span)
    if span.attributes.get(names.CANCELLED) is True:
        label.facts.append(Fact("cancelled", Tone.WARN))
    return label


def is_known(operation: str) -> bool:
    """Whether spans of an operation have a label of their own."""
    return operation in _LABELS


def _attribute_fact(
    span: Span, key: str, words: str = "{}", tone: Tone = Tone.QUIET, *, detail: bool = False
) -> list[Fact]:
    """The fact that an attribute holds; none if it is missing, empty or 0."""
    value = span.attributes.get(key)
    return [Fact(words.format(value), tone, detail)] if value else []


def _conversation(span: Span) -> SpanLabel:
    turns = span.attributes.get(names.CONVERSATION_TURNS)
    facts = [Fact(quantities.plural(turns, "turn"), Tone.QUIET)] if isinstance(turns, int) else []
    return SpanLabel("conversation", span.subject, facts=facts)


def _agent(span: Span) -> SpanLabel:
    agent = span.attributes.get(names.GEN_AI_AGENT_NAME) or span.subject
    return SpanLabel(
        "agent", str(agent), facts=_attribute_fact(span, names.SENDER_NAME, "replies to {}", detail=True)
    )


def _handoff(span: Span) -> SpanLabel:
    facts = _attribute_fact(span, names.HANDOFF_REASON)
    candidates = span.attributes.get(names.HANDOFF_CANDIDATES)
    if candidates:
        candidate_names = candidates if isinstance(candidates, str) else ", ".join(map(str, candidates))
        facts.append(Fact(f"of {candidate_names}", Tone.QUIET, detail=not span.failed))
    return SpanLabel("handoff", span.subject, facts=facts)


def _chat(span: Span) -> SpanLabel:
    model = span.attributes.get(names.GEN_AI_REQUEST_MODEL) or span.subject
    return SpanLabel("chat", str(model), facts=list(_chat_facts(span, span.attributes)))


def _chat_facts(span: Span, attributes: Mapping[str, Any]) -> Iterator[Fact]:
    if attributes.get(names.CACHE_HIT) is True:
        yield Fact("cached", Tone.GOOD)
    input_tokens = attributes.get(names.GEN_AI_USAGE_INPUT_TOKENS)
    output_tokens = attributes.get(names.GEN_AI_USAGE_OUTPUT_TOKENS)
    if isinstance(input_tokens, int) or isinstance(output_tokens, int):
        yield Fact(f"{_count(input_tokens)} → {_count(output_tokens)} tokens")
    entries = attributes.get(names.CONFIG_COUNT)
    if isinstance(entries, int) and entries > 1:
        suffix = "" if span.failed else " answered"
        yield Fact(f"config_list[{attributes.get(names.CONFIG_INDEX)}] of {entries}{suffix}")
    yield from _prompt(attributes)
    problem = _problem(attributes)
    if problem:
        yield Fact(f"answer: {problem}", Tone.WARN)
    cost = attributes.get(names.COST_USD)
    if isinstance(cost, (int, float)):
        yield Fact(quantities.cost(cost), Tone.QUIET, detail=True)
    yield from _attribute_fact(span, names.HELPER_ROLE, "for {}")


def _prompt(attributes: Mapping[str, Any]) -> Iterator[Fact]:
    messages, characters = attributes.get(names.PROMPT_MESSAGES), attributes.get(names.PROMPT_CHARS)
    if not isinstance(messages, int):
        return
    size = f", {quantities.plural(characters, 'char')}" if isinstance(characters, int) else ""
    yield Fact(f"{quantities.plural(messages, 'message')}{size}", Tone.QUIET)
    if not isinstance(characters, int):
        return
    largest_chars, largest_from = (
        attributes.get(names.PROMPT_LARGEST_CHARS),
        attributes.get(names.PROMPT_LARGEST_FROM),
    )
    if isinstance(largest_chars, int):
        origin = f" from {largest_from}" if largest_from else ""
        is_why = attributes.get(names.ERROR_ORIGIN) == causes.PROMPT_TOO_LARGE
        is_news = characters >= _LARGE_PROMPT and largest_chars >= characters * _LARGE_SHARE
        tone = Tone.WARN if is_why else Tone.QUIET
        words = f"largest: {quantities.plural(largest_chars, 'char')}{origin}"
        yield Fact(words, tone, detail=not (is_why or is_news))


def _problem(attributes: Mapping[str, Any]) -> str:
    """What is wrong with an answer, in words; empty if nothing is."""
    if names.RESPONSE_PROBLEM in attributes:
        return problem_words(attributes[names.RESPONSE_PROBLEM])
    reasons = attributes.get(names.GEN_AI_RESPONSE_FINISH_REASONS)
    return (
        ", ".join(problem_words(reason) for reason in reasons if reason not in _USUAL_ENDS)
        if isinstance(reasons, list)
        else ""
    )


def problem_words(problem: object) -> str:
    """What is wrong with an answer, in words."""
    return _PROBLEMS.get(str(problem)) or str(problem).replace("_", " ")


def odd_answers(problems: Counter[str]) -> str:
    """``1 answer refused by the model, 2 answers cut at token limit``; empty for none."""
    sorted_problems = sorted(problems.items())
    return ", ".join(
        f"{quantities.plural(count, 'answer')} {problem_words(problem)}" for problem, count in sorted_problems
    )


def _entry(span: Span) -> SpanLabel:
    attributes = span.attributes
    facts = _attribute_fact(span, names.CONFIG_API_TYPE)
    if names.SERVER_ADDRESS in attributes:
        facts.append(Fact(server(attributes), Tone.QUIET))
    model = str(attributes.get(names.GEN_AI_REQUEST_MODEL, ""))
    return SpanLabel(f"config_list[{attributes.get(names.CONFIG_INDEX, '?')}]", model, facts=facts)


def _http(span: Span) -> SpanLabel:
    attributes = span.attributes
    status = attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    is_bad = span.failed or (isinstance(status, int) and status >= _CLIENT_ERROR)
    method = str(attributes.get(names.HTTP_REQUEST_METHOD, span.name))
    answer = "no answer" if status is None else str(status)
    facts = list(_http_facts(span, attributes))
    return SpanLabel(method, answer, Tone.BAD if is_bad else Tone.PLAIN, facts=facts)


def _http_facts(span: Span, attributes: Mapping[str, Any]) -> Iterator[Fact]:
    if names.SERVER_ADDRESS in attributes:
        yield Fact(server(attributes), detail=not span.failed)
    yield from _attribute_fact(span, names.HTTP_REQUEST_ID)
    yield from _attribute_fact(span, names.HTTP_REQUEST_RESEND_COUNT, "retry {}", Tone.WARN)
    wait = attributes.get(names.HTTP_RETRY_AFTER_SECONDS)
    if isinstance(wait, (int, float)):
        yield Fact(f"retry-after {wait:g}s", Tone.WARN)
    body_size = attributes.get(names.HTTP_REQUEST_BODY_SIZE)
    if span.failed and isinstance(body_size, int):
        yield Fact(f"{quantities.size(body_size)} sent", Tone.QUIET)


def _tool(span: Span) -> SpanLabel:
    attributes = span.attributes
    recorded_arguments = attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
    # A call whose arguments were not recorded is not a call without arguments.
    arguments = "…" if recorded_arguments is None else _arguments(recorded_arguments)
    result = attributes.get(names.GEN_AI_TOOL_CALL_RESULT)
    # The text tree explains these below the span.
    problems = {
        names.TOOL_ARGUMENTS_PROBLEMS: "arguments do not fit",
        names.TOOL_RETURNED_ERROR: "returned an error",
    }
    facts = [Fact(words, Tone.WARN, detail=True) for key, words in problems.items() if key in attributes]
    if result is not None:
        # AutoGen's result of a failed tool repeats the exception, which is printed below.
        text = result if isinstance(result, str) else _json(result)
        facts.append(Fact(f"→ {text}", Tone.QUIET, detail=span.failed))
    tool = str(attributes.get(names.GEN_AI_TOOL_NAME) or span.subject)
    return SpanLabel("tool", tool, arguments=arguments, facts=facts)


def _code(span: Span) -> SpanLabel:
    status = span.attributes.get(names.CODE_EXIT_CODE)
    tone = Tone.BAD if status else Tone.QUIET
    facts = [] if status is None else [Fact(f"exit code {status}", tone)]
    return SpanLabel("code", span.subject, facts=facts)


def _human(span: Span) -> SpanLabel:
    return SpanLabel("human input", span.subject)


def _foreign_span(span: Span) -> SpanLabel:
    """The label of another instrumentation's span: its name, and the route of a request that it serves."""
    name = span.name or "(no name)"
    route = span.attributes.get(_HTTP_ROUTE)
    if isinstance(route, str) and route not in name:
        name = f"{name} {route}"
    status = span.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    facts = [] if status is None else [Fact(str(status), Tone.BAD if span.failed else Tone.PLAIN)]
    return SpanLabel("", name, facts=facts)


_LABELS: Final[Mapping[str, Callable[[Span], SpanLabel]]] = {
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
    port = attributes.get(names.SERVER_PORT)
    return f"{attributes[names.SERVER_ADDRESS]}{'' if port in _USUAL_PORTS else f':{port}'}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"


def _arguments(recorded_arguments: object) -> str:
    arguments = recorded_arguments
    if isinstance(recorded_arguments, str):
        with suppress(ValueError, RecursionError):
            arguments = json.loads(recorded_arguments)
    if isinstance(arguments, dict):
        return ", ".join(f"{name}={_json(value)}" for name, value in arguments.items())
    return recorded_arguments if isinstance(recorded_arguments, str) else _json(recorded_arguments)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
