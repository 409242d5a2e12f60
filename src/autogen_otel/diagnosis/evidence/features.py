"""Features of a call, all but its outcome: its attributes, and when and where it happened."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate, islice
from math import isfinite
from operator import attrgetter
from typing import Any, Final, NamedTuple

from autogen_otel.traces.trace import NS, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

Features = Mapping[str, Any]
"""By name: text, a number, a boolean, or a frozenset where there are several values."""

TRAITS: Final = "#traits"
"""Suffix of a feature that says what is odd about an attribute; the attribute's name comes before it."""
TRACE: Final = "#trace"
"""The conversation of a call. It is no property of the call, but calls of one conversation are alike."""
TIME: Final = "time"
"""Seconds since 1970."""
HOUR: Final = "hour"
"""Of the day, UTC."""
MINUTE: Final = "minute"
"""Of the hour: what runs each hour, at the same minute, shows here only."""
CONVERSATION_NUMBER: Final = "process.conversation"
"""The number of the conversation in its process, from 1."""
TURN: Final = "turn"
GAP: Final = "gap_seconds"
"""Seconds since the previous call ended."""
AGENT_PAIR: Final = "agent_pair"
PREVIOUS_TOOL: Final = "previous_tool"
PREVIOUS_TOOL_SECONDS: Final = "previous_tool.seconds"
TOOLS_USED: Final = "tools_used"
"""Of a tool call: those that had been called in the conversation before."""
PROBLEMS: Final = "autogen.tool.arguments.problems"

NOT_JSON: Final = "not JSON"
"""What the problems of arguments say of a text that cannot be parsed."""
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY_HOURS: Final = 24
LONGEST_TEXT: Final = 200
MOST_NEIGHBOURS: Final = 200
"""How many spans around a call we look at: a program that never ends its spans has traces of any depth."""
_MOST_NAMES: Final = 64
_OUTCOMES: Final = frozenset(
    {
        names.ERROR_TYPE,
        names.ERROR_ORIGIN,
        names.ERROR_BEGAN_HERE,
        names.ERRORS_HANDLED,
        names.ERRORS_ORIGINS,
        names.ERRORS_RETURNED,
        names.CANCELLED,
        names.CALLBACK_NAME,
        names.CODE_FUNCTION_NAME,
        names.CODE_FILE_PATH,
        names.CODE_LINE_NUMBER,
        names.CONVERSATION_TERMINATION,
        names.CONVERSATION_TURNS,
        names.GEN_AI_CONVERSATION_ID,
        names.GEN_AI_OPERATION_NAME,
        names.GEN_AI_TOOL_CALL_ID,
        names.GEN_AI_TOOL_CALL_RESULT,
        names.GEN_AI_TOOL_CALL_ARGUMENTS,
        names.GEN_AI_TOOL_NAME,
        names.GEN_AI_TOOL_TYPE,
        names.GEN_AI_SYSTEM_INSTRUCTIONS,
        names.GEN_AI_INPUT_MESSAGES,
        names.GEN_AI_OUTPUT_MESSAGES,
        names.GEN_AI_TOOL_DEFINITIONS,
        names.HTTP_RESPONSE_STATUS_CODE,
        names.HTTP_REQUEST_RESEND_COUNT,
        names.HTTP_REQUEST_METHOD,
        names.URL_FULL,
        names.CACHE_HIT,
        names.CONFIG_REJECTED,
        names.TOOL_ARGUMENTS_PROBLEMS,
        names.TOOL_FUNCTION_MODULE,
        names.TOOL_FUNCTION_KIND,
        names.TOOL_FUNCTION_CONVERTED,
        names.HANDOFF_TO,
    }
)
"""Attributes that are known only after a call, or only of failed calls, or that identify the call."""
_OUTCOME_PREFIXES: Final = (
    "gen_ai.response.",
    "gen_ai.usage.",
    "autogen.response.",
    "autogen.cost.",
    "autogen.stream.",
    "autogen.http.",
    "autogen.refused.",
    "autogen.code.",
    "autogen.assistant.",
    "autogen.human.",
    "autogen.tool.returned",
)
NOT_OF_THE_PROGRAM: Final = ("telemetry.", "service.name")
STEPS: Final = frozenset(
    {span_names.CHAT, span_names.EXECUTE_TOOL, span_names.EXECUTE_CODE, span_names.AWAIT_HUMAN_INPUT}
)


class _RunningMaximum(NamedTuple):
    """The largest number of a series, at each point in time.

    Args:
        starts: when each number became known, in order.
        maxima: the largest number until then.
    """

    starts: list[int]
    maxima: list[int]


class Surroundings:
    """The conversation around calls, for features that their own spans do not have.

    Args:
        trace: the conversation.
        number: its number in its process, or the start that gives the number later; 0 if it is not known.
    """

    __slots__ = (
        "_chat_ends",
        "_chats",
        "_earlier_tools",
        "_first_uses",
        "_number",
        "_program",
        "_prompts",
        "_steps",
        "_tool_ends",
        "_tools",
        "_turns",
        "trace",
    )

    def __init__(self, trace: Trace, number: object) -> None:
        self.trace = trace
        self._number = number
        self._program: tuple[Mapping[str, Any], dict[str, Any]] | None = None
        spans = [(span, span.operation) for span in trace.spans]
        self._turns = [
            span.start_ns
            for span, operation in spans
            if operation == span_names.INVOKE_AGENT and names.HELPER_ROLE not in span.attributes
        ]
        self._steps = sorted(span.end_ns for span, operation in spans if operation in STEPS)
        tools = [span for span, operation in spans if operation == span_names.EXECUTE_TOOL]
        self._tools = sorted(tools, key=lambda tool: tool.end_ns)
        self._tool_ends = [tool.end_ns for tool in self._tools]
        chats = [span for span, operation in spans if operation == span_names.CHAT]
        self._chats = sorted(chats, key=attrgetter("end_ns"))
        self._chat_ends = [chat.end_ns for chat in self._chats]
        self._earlier_tools: list[frozenset[str]] | None = None
        self._first_uses: dict[str, int] | None = None
        self._prompts: dict[str, _RunningMaximum] | None = None

    def of_call(self, span: Span, entry: Span | None = None) -> dict[str, Any]:
        """Describe a call; the attributes of a model call's entry override its own."""
        features = {**self._of_moment(span), **attributes_of(span)}
        if entry is not None and entry is not span:
            features.update(attributes_of(entry))
        return features

    def of_tool_call(self, span: Span) -> dict[str, Any]:
        """Describe a tool call: also the tools that were used before it, and the model that wrote it."""
        features = self._of_moment(span)
        previous_tools = bisect_right(self._tool_ends, span.start_ns)
        if previous_tools:
            features[TOOLS_USED] = self._tools_before()[previous_tools - 1]
        previous_chats = bisect_right(self._chat_ends, span.start_ns)
        if previous_chats:
            features[names.GEN_AI_REQUEST_MODEL] = self._chats[previous_chats - 1].subject
        features.update(attributes_of(span))
        return features

    def of_conversation(self, root: Span, failed_span: Span | None = None) -> dict[str, Any]:
        """Describe a conversation as a whole, until a failure in it.

        Args:
            root: its own span.
            failed_span: the span that failed in it, if one did: what began later cannot be the reason.
        """
        features = {**self._of_moment(root), **attributes_of(root)}
        for name in (TURN, GAP, AGENT_PAIR):
            features.pop(name, None)
        return features | self._of_calls_before(None if failed_span is None else failed_span.start_ns)

    def _of_calls_before(self, moment_ns: int | None) -> dict[str, Any]:
        features: dict[str, Any] = {}
        tools = frozenset(
            tool
            for tool, start_ns in self._first_uses_of_tools().items()
            if moment_ns is None or start_ns < moment_ns
        )
        if tools:
            features[TOOLS_USED] = tools
        for name, largest in self._prompt_sizes().items():
            count = len(largest.starts) if moment_ns is None else bisect_left(largest.starts, moment_ns)
            if count:
                features[name] = largest.maxima[count - 1]
        return features

    def _tools_before(self) -> list[frozenset[str]]:
        """The names of the tools until each of them ended, in order."""
        if self._earlier_tools is None:
            used = frozenset[str]()
            self._earlier_tools = []
            for tool in self._tools:
                name = _tool_name(tool)
                if name not in used and len(used) < _MOST_NAMES:
                    used |= {name}
                self._earlier_tools.append(used)
        return self._earlier_tools

    def _first_uses_of_tools(self) -> dict[str, int]:
        """When each tool was first called."""
        if self._first_uses is None:
            self._first_uses = {}
            for tool in self._tools:
                name = _tool_name(tool)
                self._first_uses[name] = min(tool.start_ns, self._first_uses.get(name, tool.start_ns))
        return self._first_uses

    def _prompt_sizes(self) -> dict[str, _RunningMaximum]:
        """The largest prompt until each model call began."""
        if self._prompts is None:
            chats = sorted(self._chats, key=attrgetter("start_ns"))
            self._prompts = {}
            for name in (names.PROMPT_CHARS, names.PROMPT_CARRIED_MESSAGES):
                sizes = [
                    (chat.start_ns, size)
                    for chat in chats
                    if isinstance(size := chat.attributes.get(name), int)
                ]
                starts = [start for start, _ in sizes]
                self._prompts[name] = _RunningMaximum(
                    starts, list(accumulate((size for _, size in sizes), max))
                )
        return self._prompts

    def _of_moment(self, span: Span) -> dict[str, Any]:
        seconds = span.start_ns // NS
        features = dict(self._of_program(span))
        features[TRACE] = span.trace_id
        features[TIME], features[HOUR] = seconds, str(seconds // _HOUR % _DAY_HOURS)
        features[MINUTE] = seconds // _MINUTE % (_HOUR // _MINUTE)
        if self._number:
            features[CONVERSATION_NUMBER] = self._number
        features[TURN] = bisect_right(self._turns, span.start_ns)
        previous_steps = bisect_right(self._steps, span.start_ns)
        if previous_steps:
            features[GAP] = (span.start_ns - self._steps[previous_steps - 1]) / NS
        previous_tools = bisect_right(self._tool_ends, span.start_ns)
        if previous_tools:
            tool = self._tools[previous_tools - 1]
            features[PREVIOUS_TOOL] = _tool_name(tool)
            features[PREVIOUS_TOOL_SECONDS] = tool.duration_ns / NS
        for ancestor in islice(self.trace.up_from(self.trace.span(span.parent_id)), MOST_NEIGHBOURS):
            if ancestor.operation == span_names.INVOKE_AGENT:
                if names.SENDER_NAME in ancestor.attributes:
                    agent = ancestor.attributes.get(names.GEN_AI_AGENT_NAME)
                    features[AGENT_PAIR] = f"{ancestor.attributes[names.SENDER_NAME]} -> {agent}"
                break
        return features

    def _of_program(self, span: Span) -> dict[str, Any]:
        """Features of the program; all spans of a batch share them."""
        if self._program is None or self._program[0] is not span.resource:
            features = {
                name: value
                for name, value in span.resource.items()
                if not name.startswith(NOT_OF_THE_PROGRAM) and isinstance(value, (str, int, bool))
            }
            features["service.name"] = span.service
            self._program = span.resource, features
        return self._program[1]


def _tool_name(tool: Span) -> str:
    return str(tool.attributes.get(names.GEN_AI_TOOL_NAME, tool.subject))


def follows_from_outcome(name: str) -> bool:
    """Whether an attribute is known only after the call, or identifies the call."""
    return name in _OUTCOMES or name.startswith(_OUTCOME_PREFIXES)


@lru_cache(maxsize=1024)
def _feature_of(attribute: str) -> str | None:
    """The name of an attribute's feature, if it is one: the same text object each time.

    So the features of thousands of calls share their names, in memory and on the way to another process.
    """
    return None if follows_from_outcome(attribute) else attribute


def attributes_of(span: Span) -> dict[str, Any]:
    """The attributes of a call that do not depend on its outcome."""
    features: dict[str, Any] = {}
    for attribute, value in span.attributes.items():
        name = _feature_of(attribute)
        if name is None:
            continue
        if isinstance(value, list):
            features[name] = frozenset(
                element for element in value[:_MOST_NAMES] if isinstance(element, (str, int))
            )
            continue
        text_or_number = plain(value)
        if text_or_number is not None and not (
            isinstance(text_or_number, str) and len(text_or_number) > LONGEST_TEXT
        ):
            features[name] = text_or_number
    problems = span.attributes.get(names.TOOL_ARGUMENTS_PROBLEMS)
    if isinstance(problems, list) and problems:
        features[PROBLEMS] = frozenset(map(plain_problem, map(str, problems)))
    return features


def plain(value: Any) -> str | float | None:
    """A value that can be counted, compared and written as JSON: other programs record values of any type."""
    is_plain = (
        value is None or isinstance(value, (str, int)) or (isinstance(value, float) and isfinite(value))
    )
    return value if is_plain else str(value)


def plain_problem(problem: str) -> str:
    """A problem of arguments without the value itself: ``amount: expected number, got string``."""
    argument, _, words = problem.partition(": ")
    if words.startswith(f"{NOT_JSON}, "):
        # The position where the text stops being JSON differs each time.
        return f"{argument}: {NOT_JSON}"
    before, got, value = words.partition("got ")
    return f"{argument}: {before}{got}{value.split(' ', 1)[0]}" if got else problem
