"""A tool call: ``ConversableAgent.execute_function``, its async twin, and the user's function inside.

AutoGen turns a tool's exception into the text ``Error: …`` and drops whether the call succeeded, so the
original exception can only be seen where the user's function is called: the hooks room wraps the callable
that ``execute_function`` looks up, and informs the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from autogen_otel.causes import CANCELLED, Failure, handled
from autogen_otel.operations.conversations.transition import content_for_model
from autogen_otel.operations.first_sight import AgentProfile, see_agent
from autogen_otel.operations.hidden_agents import TOOL_EXECUTOR, shown_name
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.tools import function_origin, tool_arguments
from autogen_otel.operations.tools.returned_error import returned_error
from autogen_otel.operations.tools.tool_arguments import Decoded
from autogen_otel.operations.tools.user_function import Description, describe
from autogen_otel.reading import read_text, text_or_none
from autogen_otel.recording import ArgumentProblem, Facts, Measurement
from autogen_otel.rendering.trees import LONGEST_JSON
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, metrics, spans
from autogen_otel.vocabulary.placeholders import NOT_RECORDED

_UNKNOWN_TOOL = "unknown_tool"
_LONGEST_KEPT = 128
"""Longer names are hardly ever said twice: models make them up."""


class ToolCall(Operation):
    """Reads ``execute_function``.

    Attributes:
        tool: the name that the host looks up.
        function: the entry that it found in the agent's function map.
        described: what is known of that entry.
        looked_up: whether it has looked it up; only the first look-up is ours to observe.
        error: what the user's function raised.
        returned_error: the error that the user's function returned.
    """

    operation_name = spans.EXECUTE_TOOL
    parameters = ("func_call",)

    __slots__ = (
        "_is_excluded",
        "_problems",
        "_requested",
        "described",
        "error",
        "function",
        "looked_up",
        "returned_error",
        "tool",
    )

    def begin(self) -> Facts:
        """Note which tool is called with what."""
        around = self.parent
        if isinstance(around, ToolCall) and around.instance is self.instance:
            around.handed_on()
        agent = see_agent(self.recorder, self.instance)
        requested = self.arguments.get("func_call")
        if type(requested) is not dict and not isinstance(requested, Mapping):
            requested = {}
        tool = requested.get("name", "")
        name = text_or_none(tool)
        self.tool = read_text(tool) if name is None else name
        self.function: Any = None
        self.described: Description | None = None
        self.looked_up = False
        self.error: BaseException | None = None
        self.returned_error: str | None = None
        self._requested = requested.get("arguments")
        self._problems: tuple[ArgumentProblem, ...] = ()
        self._is_excluded = self.recorder.settings.keeps_out(self.tool)
        self.name = spans.tool(self.tool)
        facts = {
            names.GEN_AI_TOOL_CALL_ID: text_or_none(self.arguments.get("call_id")) or self._call_id(requested)
        }
        if len(self.tool) > _LONGEST_KEPT:
            return {**_of_tool.__wrapped__(self.tool, self._caller(agent)), **facts}
        self.constants = (_of_tool(self.tool, self._caller(agent)),)
        return facts

    def handed_on(self) -> None:
        """Note that a call of the same agent's has begun inside: here a tool that calls another."""

    def found(self, function: Any) -> Description:
        """Note the entry that the host has found in the agent's function map."""
        self.function = function
        self.described = described = describe(function)
        return described

    def raised(self, error: BaseException) -> None:
        """Keep the original exception of the user's function."""
        self.error = error

    def gave(self, value: object) -> None:
        """Look at what the user's function returned, which the host turns into text."""
        self.returned_error = returned_error(value)

    def returned(self, value: Any) -> Facts:
        """The host says whether it worked, and then forgets it."""
        succeeded, response = value
        decoded = tool_arguments.decode(self._requested, _formatter(self.instance))
        content = response.get("content")
        if type(content) is not str:
            content = content_for_model(content)
        facts = self._description(decoded)
        facts[names.GEN_AI_TOOL_CALL_RESULT] = None if self._is_excluded else content
        if not succeeded:
            self._fail(self._failure(decoded, content))
            facts.update(self._origin())
        elif self.returned_error is not None:
            facts[names.TOOL_RETURNED_ERROR] = NOT_RECORDED if self._is_excluded else self.returned_error
            if self.place.conversation is not None:
                self.place.conversation.returned_errors += 1
        return facts

    def failed(self, error: BaseException) -> Facts:
        """What AutoGen does not catch: an exit, a panic of Rust's, or its own crash over odd arguments."""
        facts = self._description(tool_arguments.decode(self._requested, _formatter(self.instance)))
        if self.error is not None:
            # Another one leaves where the tool's has no words: AutoGen asks for them, and its __str__ raises.
            is_for_it = any(one is self.error for one in handled(error))
            failure = Failure(causes.TOOL_EXCEPTION, self.error, left_as=error if is_for_it else None)
        elif self._problems:
            failure = Failure(causes.TOOL_ARGUMENTS, error)
        else:
            failure = self.failure_of(error)
        if self.place.turn is not None and not isinstance(error, Exception):
            words = NOT_RECORDED if self._is_excluded else read_text(error)
            self.place.turn.lost_failure = Failure(failure.cause, message=words or None)
        self._fail(failure)
        facts.update(self._origin())
        return facts

    def cancelled(self) -> Facts:
        """What it was called with; the tool is only where the cancellation struck."""
        if self.place.turn is not None:
            self.place.turn.lost_failure = Failure(CANCELLED)
        self.error = None
        return self._description(tool_arguments.decode(self._requested, _formatter(self.instance)))

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """Duration, and each way in which arguments do not fit."""
        labels: dict[str, Any] = {metrics.TOOL_OUTCOME: self._outcome()}
        if any(problem.kind == _UNKNOWN_TOOL for problem in self._problems):
            # Models make such names up.
            labels[names.GEN_AI_TOOL_NAME] = metrics.OTHER
        yield metrics.TOOL_DURATION, seconds, labels
        for problem in self._problems:
            yield metrics.ARGUMENT_PROBLEMS, 1, {**labels, metrics.ARGUMENT_PROBLEM: problem.kind}

    def _outcome(self) -> str:
        if self.failure is not None:
            return metrics.FAILED
        if self.attributes.get(names.CANCELLED):
            return metrics.CANCELLED
        return metrics.OK if self.returned_error is None else metrics.RETURNED_ERROR

    def _description(self, decoded: Decoded) -> Facts:
        """The arguments, whether they fit, and where the user's function stands."""
        # As they were sent, where they are no object or too long to be read; else they are not parsed again.
        sent = self._requested
        is_readable = isinstance(decoded.value, (dict, list)) and len(sent or "") <= LONGEST_JSON
        arguments = decoded.value if is_readable else sent
        facts: Facts = {}
        if self._is_excluded:
            # A password among them may come back elsewhere.
            self.recorder.secrets.add_passing(arguments)
        else:
            facts[names.GEN_AI_TOOL_CALL_ARGUMENTS] = arguments
        if self.function is None:
            self._problems = self._not_found()
        else:
            if self.described is not None:
                self.constants = (self.described.location,)
            if decoded.problem is not None:
                self._problems = (decoded.problem,)
            else:
                schemas = None if self.place.conversation is None else self.place.conversation.prompts.schemas
                self._problems = tool_arguments.problems(
                    decoded.value,
                    schema=None if schemas is None else schemas.get(self.tool),
                    described=self.described,
                )
        if self._is_excluded:
            self._problems = tuple(one._replace(value=None) for one in self._problems)
        facts[names.TOOL_ARGUMENTS_PROBLEMS] = self._problems or None
        return facts

    def _not_found(self) -> tuple[ArgumentProblem, ...]:
        """What is wrong where the agent's function map has no such tool."""
        return (tool_arguments.unknown_tool(self.tool),)

    def _origin(self) -> Facts:
        """How the function that failed can be called again."""
        return {} if self.function is None else function_origin.origin(self.function)

    def _failure(self, decoded: Decoded, content: object) -> Failure:
        if self.error is not None:
            cause = tool_arguments.cause(self.error, self._problems, self.function, decoded.value)
            return Failure(cause, self.error)
        if decoded.error is not None and self.function is not None:
            return Failure(causes.TOOL_ARGUMENTS, decoded.error)
        if self._is_excluded and self.function is not None:
            content = NOT_RECORDED
        kind = self._problems[0].kind if self._problems else "tool_failed"
        cause = causes.TOOL_ARGUMENTS if self._problems else causes.UNKNOWN
        return Failure(cause, type=kind, message=str(content))

    def _fail(self, failure: Failure) -> None:
        # The exception's frames hold the call: without this only the garbage collector could free them.
        self.error = None
        # AutoGen makes the tool's result of the exception's words.
        self.failure = failure._replace(is_wordless=True) if self._is_excluded else failure
        if self.place.root is not None:
            self.place.root.failed_tools.append(self.span_context)

    def _caller(self, agent: AgentProfile) -> str:
        """Who runs the tool; where AutoGen's hidden executor does, who called it."""
        if agent.role == TOOL_EXECUTOR and self.place.turn is not None and self.place.turn.messages:
            asked = self.place.turn.messages[-1]
            if isinstance(asked, Mapping) and isinstance(asked.get("name"), str):
                return shown_name(asked["name"])
        return agent.name

    def _call_id(self, requested: Any) -> str | None:
        """The id in the message that asked for the call: 0.2 does not pass it on.

        The very dict is looked for first; a hook may have copied the messages, so equality comes second.
        """
        turn = self.place.turn
        if turn is None:
            return None
        asked = turn.tool_calls
        for by_identity in (True, False):
            for place, one in enumerate(asked):
                call_id = one.get("id") if type(one) is dict or isinstance(one, Mapping) else None
                if not isinstance(call_id, str) or place in turn.begun_calls:
                    continue
                function = one.get("function")
                if function is requested or (not by_identity and function == requested):
                    turn.begun_calls.add(place)
                    return call_id
        return None

    def _release(self) -> None:
        self.function = self.described = self._requested = self.error = None
        self._problems = ()


@lru_cache(maxsize=256)
def _of_tool(tool: str, agent: str) -> Facts:
    """What stays the same of the calls of a tool."""
    return {
        names.GEN_AI_TOOL_NAME: tool,
        names.GEN_AI_TOOL_TYPE: "function",
        names.GEN_AI_AGENT_NAME: agent,
    }


def _formatter(agent: Any) -> Callable[[Any], str]:
    """AutoGen's own ``_format_json_str``; an override in the user's class is not ours to call."""

    def formatted(text: Any) -> str:
        owner = next(one for one in reversed(type(agent).__mro__) if "_format_json_str" in vars(one))
        formatter: Callable[[Any], str] = vars(owner)["_format_json_str"].__get__(None, owner)
        return formatter(text)

    return formatted
