"""A tool call: ``ConversableAgent.execute_function``, its async twin, and the user's function inside.

AutoGen turns a tool's exception into the text ``Error: …`` and drops whether the call succeeded, so the
original exception can only be seen where the user's function is called: the hooks room wraps the callable
that ``execute_function`` looks up, and informs the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from autogen_otel.causes import CANCELLED, Failure, contexts
from autogen_otel.hosts.classic.conversations.transition import content_for_model
from autogen_otel.hosts.classic.first_sight import AgentProfile, see_agent
from autogen_otel.hosts.classic.hidden_agents import TOOL_EXECUTOR, shown_name
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.tools import function_origin, tool_arguments
from autogen_otel.operations.tools.returned_error import returned_error
from autogen_otel.operations.tools.tool_arguments import DecodedArguments
from autogen_otel.operations.tools.user_function import Description, describe
from autogen_otel.reading import read_text, text_or_none
from autogen_otel.recording import ArgumentProblem, Facts, Measurement
from autogen_otel.rendering.trees import LONGEST_JSON
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, metrics, spans
from autogen_otel.vocabulary.placeholders import NOT_RECORDED

_UNKNOWN_TOOL = "unknown_tool"
_LONGEST_CACHED_NAME = 128
"""Longer names hardly ever come twice: models make them up."""


class ToolCall(Operation):
    """Reads ``execute_function``.

    Attributes:
        tool: the name that the host looks up.
        function: the entry that the host found in the agent's function map.
        description: what is known of that entry.
        was_looked_up: whether the host has looked it up; we observe only the first look-up.
        error: what the user's function raised.
        returned_error: the error that the user's function returned; empty if only the host's text says it.
    """

    operation_name = spans.EXECUTE_TOOL
    parameters = ("func_call",)

    __slots__ = (
        "_is_excluded",
        "_problems",
        "_raw_arguments",
        "description",
        "error",
        "function",
        "returned_error",
        "tool",
        "was_looked_up",
    )

    def begin(self) -> Facts:
        """Note which tool is called with what."""
        outer_call = self.parent
        if isinstance(outer_call, ToolCall) and outer_call.instance is self.instance:
            outer_call.inner_call_began()
        agent = see_agent(self.recorder, self.instance)
        request = self.arguments.get("func_call")
        if type(request) is not dict and not isinstance(request, Mapping):
            request = {}
        tool = request.get("name", "")
        name = text_or_none(tool)
        self.tool = read_text(tool) if name is None else name
        self.function: Any = None
        self.description: Description | None = None
        self.was_looked_up = False
        self.error: BaseException | None = None
        self.returned_error: str | None = None
        self._raw_arguments = request.get("arguments")
        self._problems: tuple[ArgumentProblem, ...] = ()
        self._is_excluded = self.recorder.settings.keeps_out(self.tool)
        self.name = spans.tool(self.tool)
        facts = {
            names.GEN_AI_TOOL_CALL_ID: text_or_none(self.arguments.get("call_id")) or self._call_id(request)
        }
        if len(self.tool) > _LONGEST_CACHED_NAME:
            return {**_tool_facts.__wrapped__(self.tool, self._caller(agent)), **facts}
        self.constants = (_tool_facts(self.tool, self._caller(agent)),)
        return facts

    def inner_call_began(self) -> None:
        """Note that a call of the same agent has begun inside: here a tool that calls another."""

    def function_found(self, function: Any) -> Description:
        """Note the entry that the host has found in the agent's function map."""
        self.function = function
        self.description = description = describe(function)
        return description

    def function_raised(self, error: BaseException) -> None:
        """Keep the original exception of the user's function."""
        self.error = error

    def function_returned(self, value: object) -> None:
        """Look at what the user's function returned, which the host turns into text."""
        self.returned_error = returned_error(value)

    def returned(self, value: Any) -> Facts:
        """The host says whether it worked, and then forgets it."""
        succeeded, response = value
        decoded_arguments = tool_arguments.decode(self._raw_arguments, _formatter(self.instance))
        content = response.get("content")
        if type(content) is not str:
            content = content_for_model(content)
            content = content if (words := text_or_none(content)) is None else words
        facts = self._call_facts(decoded_arguments)
        facts[names.GEN_AI_TOOL_CALL_RESULT] = None if self._is_excluded else content
        if not succeeded:
            self._fail(self._failure(decoded_arguments, content))
            facts.update(self._origin())
        elif self.returned_error is not None:
            facts[names.TOOL_RETURNED_ERROR] = (
                NOT_RECORDED if self._is_excluded else self.returned_error or content
            )
            if self.place.conversation is not None:
                self.place.conversation.returned_errors += 1
        return facts

    def failed(self, error: BaseException) -> Facts:
        """What AutoGen does not catch: an exit, a panic of Rust's, or its own crash over odd arguments."""
        facts = self._call_facts(tool_arguments.decode(self._raw_arguments, _formatter(self.instance)))
        if self.error is not None:
            # Another exception leaves if the tool's has no text: AutoGen asks for it, and __str__ raises.
            is_follow_up = any(one is self.error for one in contexts(error))
            failure = Failure(
                causes.TOOL_EXCEPTION, self.error, outgoing_error=error if is_follow_up else None
            )
        elif self._problems:
            failure = Failure(causes.TOOL_ARGUMENTS, error)
        else:
            failure = self.failure_of(error)
        if self.place.turn is not None and not isinstance(error, Exception):
            message = NOT_RECORDED if self._is_excluded else read_text(error)
            self.place.turn.lost_failure = Failure(failure.cause, message=message or None)
        self._fail(failure)
        facts.update(self._origin())
        return facts

    def cancelled(self) -> Facts:
        """The arguments; the tool has not failed, the cancellation only came while it ran."""
        if self.place.turn is not None:
            self.place.turn.lost_failure = Failure(CANCELLED)
        self.error = None
        return self._call_facts(tool_arguments.decode(self._raw_arguments, _formatter(self.instance)))

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

    def _call_facts(self, decoded_arguments: DecodedArguments) -> Facts:
        """The arguments, whether they fit, and where the user's function is."""
        # As the model sent them, if they are no object or too long to read; else they are not parsed again.
        raw_arguments = self._raw_arguments
        is_readable = (
            isinstance(decoded_arguments.value, (dict, list)) and len(raw_arguments or "") <= LONGEST_JSON
        )
        arguments = decoded_arguments.value if is_readable else raw_arguments
        facts: Facts = {}
        if self._is_excluded:
            # A password among them may come back elsewhere.
            self.recorder.secrets.add_arguments(arguments)
        else:
            facts[names.GEN_AI_TOOL_CALL_ARGUMENTS] = arguments
        if self.function is None:
            self._problems = self._problems_without_function()
        else:
            if self.description is not None:
                self.constants = (self.description.location,)
            if decoded_arguments.problem is not None:
                self._problems = (decoded_arguments.problem,)
            else:
                schemas = None if self.place.conversation is None else self.place.conversation.prompts.schemas
                self._problems = tool_arguments.problems(
                    decoded_arguments.value,
                    schema=None if schemas is None else schemas.get(self.tool),
                    description=self.description,
                )
        if self._is_excluded:
            self._problems = tuple(one._replace(value=None) for one in self._problems)
        facts[names.TOOL_ARGUMENTS_PROBLEMS] = self._problems or None
        return facts

    def _problems_without_function(self) -> tuple[ArgumentProblem, ...]:
        """The problems of a call to a tool that the agent's function map does not have."""
        return (tool_arguments.unknown_tool(self.tool),)

    def _origin(self) -> Facts:
        """How the function that failed can be called again."""
        return {} if self.function is None else function_origin.origin(self.function)

    def _failure(self, decoded_arguments: DecodedArguments, content: object) -> Failure:
        if self.error is not None:
            cause = tool_arguments.cause(self.error, self._problems, self.function, decoded_arguments.value)
            return Failure(cause, self.error)
        if decoded_arguments.error is not None and self.function is not None:
            return Failure(causes.TOOL_ARGUMENTS, decoded_arguments.error)
        if self._is_excluded and self.function is not None:
            content = NOT_RECORDED
        kind = self._problems[0].kind if self._problems else "tool_failed"
        cause = causes.TOOL_ARGUMENTS if self._problems else causes.UNKNOWN
        return Failure(cause, type=kind, message=str(content))

    def _fail(self, failure: Failure) -> None:
        # The exception's frames hold the call: without this only the garbage collector could free them.
        self.error = None
        # AutoGen makes the tool's result of the exception's message.
        self.failure = failure._replace(hides_message=True) if self._is_excluded else failure
        if self.place.root is not None:
            self.place.root.failed_tools.append(self.span_context)

    def _caller(self, agent: AgentProfile) -> str:
        """The agent that runs the tool; for AutoGen's hidden executor, the agent that called it."""
        if agent.role == TOOL_EXECUTOR and self.place.turn is not None and self.place.turn.messages:
            message = self.place.turn.messages[-1]
            if isinstance(message, Mapping) and isinstance(message.get("name"), str):
                return shown_name(message["name"])
        return agent.name

    def _call_id(self, request: Any) -> str | None:
        """The id in the message that asked for the call: 0.2 does not pass it on.

        We look for the very dict first; a hook may have copied the messages, so equality comes second.
        """
        turn = self.place.turn
        if turn is None:
            return None
        tool_calls = turn.tool_calls
        for by_identity in (True, False):
            for index, tool_call in enumerate(tool_calls):
                call_id = (
                    tool_call.get("id") if type(tool_call) is dict or isinstance(tool_call, Mapping) else None
                )
                if not isinstance(call_id, str) or index in turn.begun_calls:
                    continue
                function = tool_call.get("function")
                if function is request or (not by_identity and function == request):
                    turn.begun_calls.add(index)
                    return call_id
        return None

    def _release(self) -> None:
        self.function = self.description = self._raw_arguments = self.error = None
        self._problems = ()


@lru_cache(maxsize=256)
def _tool_facts(tool: str, agent: str) -> Facts:
    """The facts that all calls of a tool share."""
    return {
        names.GEN_AI_TOOL_NAME: tool,
        names.GEN_AI_TOOL_TYPE: "function",
        names.GEN_AI_AGENT_NAME: agent,
    }


def _formatter(agent: Any) -> Callable[[Any], str]:
    """AutoGen's own ``_format_json_str``; an override in the user's class is not ours to call."""

    def format_json(text: Any) -> str:
        owner = next(cls for cls in reversed(type(agent).__mro__) if "_format_json_str" in vars(cls))
        formatter: Callable[[Any], str] = vars(owner)["_format_json_str"].__get__(None, owner)
        return formatter(text)

    return format_json
