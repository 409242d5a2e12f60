"""Conversations that went round in circles until a limit ended them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle, takewhile
from typing import Any, Final, NamedTuple, TypeVar

from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import handoffs, responses, terminations
from autogen_otel.vocabulary import spans as span_names

_DECIDED_BY_TOOL: Final = frozenset({handoffs.LLM_CONDITION, handoffs.REPLY_RESULT})
"""Reasons of handoffs that follow from a tool which the model called."""
_DECIDED_BY_MODEL: Final = _DECIDED_BY_TOOL | {handoffs.AUTO}
"""Reasons of handoffs that a model decided; a rule or a turn order repeats itself by design."""
_FEWEST_STEPS: Final = 5
_FEWEST_CALLS: Final = 3
ALIKE_ANSWERS: Final = "answers of the same lengths again and again"
"""The problem of agents whose models repeat themselves, as far as lengths tell."""
EMPTY_ANSWERS: Final = "answers without text or tool calls again and again"
"""The problem of agents whose models say nothing, so that only a limit ends it."""
IN_CIRCLES: Final = "hand over to each other again and again"
"""The problem of agents that go in circles."""
CHOSEN_AGAIN: Final = "chosen to speak next again and again"
"""The problem of an agent that is handed its own turn."""
_LONGEST_CIRCLE: Final = 6
_ANSWER_KEYS: Final = (
    names.GEN_AI_AGENT_NAME,
    names.GEN_AI_USAGE_OUTPUT_TOKENS,
    names.PROMPT_NEW_CHARS,
    names.RESPONSE_TOOL_CALLS,
)
T = TypeVar("T")


class Loop(NamedTuple):
    """What repeated itself at the end of a conversation.

    Args:
        agents: the agents in it, in order.
        tool: the tool that was called with the same arguments, or the tools in turn, if that is what repeats.
        times: how often it repeated.
        problem: what is wrong with the answers, if that is what repeats.
    """

    agents: tuple[str, ...]
    tool: str | None
    times: int
    problem: str | None = None


def loop_subject(loop: Loop) -> dict[str, Any]:
    """The subject of failures that are a loop."""
    subject: dict[str, Any] = {"agent": ", ".join(loop.agents)}
    if loop.tool is not None:
        subject["tool"] = loop.tool
    elif loop.problem is not None:
        subject["problem"] = loop.problem
    else:
        subject["problem"] = CHOSEN_AGAIN if len(loop.agents) == 1 else IN_CIRCLES
    return subject


def is_loop(subject: Mapping[str, Any]) -> bool:
    """Whether the subject of failed orchestration is a loop: nothing else has a tool or a problem."""
    return "tool" in subject or "problem" in subject


def loop_in(spans: list[Span], root: Span) -> Loop | None:
    """The loop at the end of a conversation, if a limit ended it."""
    if root.attributes.get(names.CONVERSATION_TERMINATION) not in terminations.LIMITS:
        return None
    ordered = sorted(spans, key=lambda span: span.start_ns)
    # Tools that hand over are called again and again because the agents go in circles.
    return (
        _empty_answers(ordered)
        or _circle(ordered, _DECIDED_BY_TOOL)
        or _same_calls(ordered)
        or _circle(ordered, _DECIDED_BY_MODEL)
        or _alike_answers(ordered)
    )


def _same_calls(spans: list[Span]) -> Loop | None:
    calls: list[tuple[str, str]] = []
    agents: dict[tuple[str, str], str] = {}
    for span in spans:
        arguments = span.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
        if span.operation != span_names.EXECUTE_TOOL or span.failed or not isinstance(arguments, str):
            continue
        call = (str(span.attributes.get(names.GEN_AI_TOOL_NAME)), _canonical(arguments))
        calls.append(call)
        agents[call] = str(span.attributes.get(names.GEN_AI_AGENT_NAME, ""))
    for call, times in Counter(calls).most_common(1):
        # Most calls have to be this one: polling beside other work is no loop.
        if times >= _FEWEST_CALLS and times * 2 > len(calls):
            return Loop(tuple(filter(None, (agents[call],))), call[0], times)
    circle, times = _repetition(calls)
    if not circle:
        return None
    callers = dict.fromkeys(filter(None, (agents[call] for call in circle)))
    return Loop(tuple(callers), ", ".join(dict.fromkeys(tool for tool, _ in circle)), times)


def _circle(spans: list[Span], reasons: frozenset[str]) -> Loop | None:
    transitions = [
        (str(span.attributes.get(names.HANDOFF_FROM)), str(span.attributes[names.HANDOFF_TO]))
        for span in spans
        if span.operation == span_names.HANDOFF
        and names.HANDOFF_TO in span.attributes
        and str(span.attributes.get(names.HANDOFF_REASON)) in reasons
    ]
    circle, times = _repetition(transitions)
    agents = dict.fromkeys(name for handoff in circle for name in handoff)
    return Loop(tuple(agents), None, times) if circle else None


def _empty_answers(spans: list[Span]) -> Loop | None:
    """Answers without anything at the end: others would go on with what was said."""
    chats = [
        span
        for span in spans
        if span.operation == span_names.CHAT and names.HELPER_ROLE not in span.attributes
    ]
    empty_chats = list(takewhile(_is_empty, reversed(chats)))
    agents = dict.fromkeys(str(chat.attributes.get(names.GEN_AI_AGENT_NAME, "")) for chat in empty_chats)
    if len(empty_chats) < _FEWEST_CALLS:
        return None
    return Loop(tuple(sorted(filter(None, agents))), None, len(empty_chats), EMPTY_ANSWERS)


def _is_empty(chat: Span) -> bool:
    return chat.attributes.get(names.RESPONSE_PROBLEM) == responses.EMPTY


def _alike_answers(spans: list[Span]) -> Loop | None:
    """Answers that are as long as before, to messages that are as long as before, by the same agents.

    Message text is not always recorded, and is no part of a diagnosis.
    """
    answers = [
        tuple(span.attributes.get(name) for name in _ANSWER_KEYS)
        for span in spans
        if span.operation == span_names.CHAT and names.HELPER_ROLE not in span.attributes
    ]
    circle, times = _repetition(answers)
    # A request for tools has no text, and without lengths all answers would look the same.
    if any(tool_calls or not tokens or not chars for _, tokens, chars, tool_calls in circle):
        return None
    agents = dict.fromkeys(str(agent) for agent, *_ in circle if agent is not None)
    return Loop(tuple(agents), None, times, ALIKE_ANSWERS) if agents else None


def _repetition(steps: Sequence[T]) -> tuple[Sequence[T], int]:
    """The steps that repeat at the end, and how many steps the repetition has in all; 0 without one."""
    for length in range(1, _LONGEST_CIRCLE + 1):
        circle = steps[-length:]
        backwards = zip(reversed(steps), cycle(reversed(circle)), strict=False)
        count = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], backwards))
        if count >= max(_FEWEST_STEPS, 2 * length):
            return circle, count
    return (), 0


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
