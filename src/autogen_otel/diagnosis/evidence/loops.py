"""Conversations that went round in circles until a limit ended them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import cycle, takewhile
from typing import Final, NamedTuple, TypeVar

from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import handoffs, terminations
from autogen_otel.vocabulary import spans as span_names

# No set: what was recorded may be a list.
LIMITS: Final = (terminations.MAX_ROUND, terminations.MAX_TURNS, terminations.MAX_AUTO_REPLY)
_CHOSEN: Final = frozenset({handoffs.AUTO, handoffs.LLM_CONDITION, handoffs.REPLY_RESULT})
"""Handoffs that a model decided on; what a rule or a turn order decides repeats itself by design."""
_FEWEST_STEPS: Final = 5
_FEWEST_CALLS: Final = 3
ALIKE_ANSWERS: Final = "answers of the same lengths again and again"
"""The problem of agents whose models repeat themselves, as far as lengths tell."""
_LONGEST_CIRCLE: Final = 6
_OF_WORDS: Final = (
    names.GEN_AI_AGENT_NAME,
    names.GEN_AI_USAGE_OUTPUT_TOKENS,
    names.PROMPT_NEW_CHARS,
    names.RESPONSE_TOOL_CALLS,
)
T = TypeVar("T")


class Loop(NamedTuple):
    """What went on and on.

    Args:
        agents: who is in it, in order.
        tool: the tool that was called with the same arguments again and again, if that is what repeats.
        times: how often.
        of_words: whether models' answers were alike again and again.
    """

    agents: tuple[str, ...]
    tool: str | None
    times: int
    of_words: bool = False


def loop_in(spans: list[Span], root: Span) -> Loop | None:
    """The circle that a conversation ended in, if a limit ended it."""
    if root.attributes.get(names.CONVERSATION_TERMINATION) not in LIMITS:
        return None
    ordered = sorted(spans, key=lambda span: span.start_ns)
    return _same_calls(ordered) or _circle(ordered) or _same_words(ordered)


def _same_calls(spans: list[Span]) -> Loop | None:
    calls: Counter[tuple[str, str]] = Counter()
    agents: dict[tuple[str, str], str] = {}
    for span in spans:
        recorded = span.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
        if span.operation != span_names.EXECUTE_TOOL or span.failed or not isinstance(recorded, str):
            continue
        call = (str(span.attributes.get(names.GEN_AI_TOOL_NAME)), _canonical(recorded))
        calls[call] += 1
        agents[call] = str(span.attributes.get(names.GEN_AI_AGENT_NAME, ""))
    for call, times in calls.most_common(1):
        # Most of what was done has to be this one call: polling beside other work is no circle.
        if times >= _FEWEST_CALLS and times * 2 > calls.total():
            return Loop(tuple(filter(None, (agents[call],))), call[0], times)
    return None


def _circle(spans: list[Span]) -> Loop | None:
    passed = [
        (str(span.attributes.get(names.HANDOFF_FROM)), str(span.attributes[names.HANDOFF_TO]))
        for span in spans
        if span.operation == span_names.HANDOFF
        and names.HANDOFF_TO in span.attributes
        and str(span.attributes.get(names.HANDOFF_REASON)) in _CHOSEN
    ]
    last, times = _repeated(passed)
    agents = dict.fromkeys(name for handoff in last for name in handoff)
    return Loop(tuple(agents), None, times) if last else None


def _same_words(spans: list[Span]) -> Loop | None:
    """Answers that are as long as before, to messages that are as long as before, by the same agents.

    What was said need not be recorded, and is no part of a diagnosis.
    """
    said = [
        tuple(span.attributes.get(name) for name in _OF_WORDS)
        for span in spans
        if span.operation == span_names.CHAT and names.HELPER_ROLE not in span.attributes
    ]
    last, times = _repeated(said)
    # What asks for tools says nothing, and where nothing is known all is the same.
    if any(asked or not tokens or not chars for _, tokens, chars, asked in last):
        return None
    agents = dict.fromkeys(str(agent) for agent, *_ in last if agent is not None)
    return Loop(tuple(agents), None, times, of_words=True) if agents else None


def _repeated(steps: Sequence[T]) -> tuple[Sequence[T], int]:
    """The steps that repeat themselves at the end, and how many there are of them in all; none is 0."""
    for length in range(1, _LONGEST_CIRCLE + 1):
        last = steps[-length:]
        backwards = zip(reversed(steps), cycle(reversed(last)), strict=False)
        repeated = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], backwards))
        if repeated >= max(_FEWEST_STEPS, 2 * length):
            return last, repeated
    return (), 0


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
