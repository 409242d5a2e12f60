"""A tool call: ``ConversableAgent.execute_function``, its async twin, and the user's function inside.

AutoGen turns a tool's exception into the text ``Error: …`` and drops whether the call succeeded, so the
original exception can only be seen where the user's function is called. The hooks room puts the
``UserFunction`` operation there, on the callable that ``execute_function`` looks up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import Content, ContentKind, Failure, ToolBody, ToolCall
from autogen_otel.operations import tool_arguments, user_function
from autogen_otel.operations.agent_turn import TurnState
from autogen_otel.operations.conversation import ConversationState
from autogen_otel.operations.operation import Call, Operation, name_of, text_or_none
from autogen_otel.operations.tool_arguments import Decoded
from autogen_otel.vocabulary import failures


@dataclass(slots=True)
class ToolState:
    """What is found out while one tool call runs.

    Args:
        name: the name the host looks up.
        entry: what it found in the agent's function map.
        looked_up: whether it has looked it up; only the first look-up is ours to observe.
        ran: whether the user's function was called.
        error: what the user's function raised.
    """

    name: str
    entry: object = None
    looked_up: bool = False
    ran: bool = False
    error: BaseException | None = None

    def raised(self, error: BaseException) -> None:
        """Keep the original exception."""
        self.error = error


class ExecuteFunction(Operation[ToolCall]):
    """Reads ``execute_function``."""

    def begin(self, call: Call) -> ToolCall:
        """Note which tool is called with what."""
        requested = call.arguments.get("func_call")
        requested = requested if isinstance(requested, Mapping) else {}
        name = requested.get("name", "")
        name = name if isinstance(name, str) else repr(name)
        call.scope.state = ToolState(name)
        return ToolCall(
            name=name,
            call_id=text_or_none(call.arguments.get("call_id")) or _call_id(call, requested),
            agent=name_of(call.instance),
            arguments=Content(ContentKind.TOOL_ARGUMENTS, requested.get("arguments")),
        )

    def returned(self, call: Call, started: ToolCall, value: Any) -> ToolCall:
        """The host says whether it worked, and then forgets it."""
        succeeded, response = value
        state, decoded = _state(call), self._decode(call, started)
        ended = self._described(call, started, decoded)
        ended = replace(ended, result=Content(ContentKind.TOOL_RESULT, response.get("content")))
        if succeeded:
            return ended
        return self._with_failure(call, ended, self._failure(state, ended, decoded))

    def failed(self, call: Call, started: ToolCall, error: BaseException) -> ToolCall:
        """What AutoGen does not catch: an exit, a cancellation, or its own crash over odd arguments."""
        state, decoded = _state(call), self._decode(call, started)
        ended = self._described(call, started, decoded)
        if state.error is not None:
            origin = failures.TOOL_EXCEPTION
        else:
            origin = failures.TOOL_ARGUMENTS if ended.problems else call.failure(error).origin
        return self._with_failure(call, ended, Failure(origin=origin, error=error))

    def _decode(self, call: Call, started: ToolCall) -> Decoded:
        assert started.arguments is not None
        return tool_arguments.decode(started.arguments.value, call.instance._format_json_str)

    def _described(self, call: Call, started: ToolCall, decoded: Decoded) -> ToolCall:
        entry = _state(call).entry
        if entry is None:
            problem = tool_arguments.unknown_tool(started.name)
            return replace(started, problems=(problem,))
        if decoded.problem is not None:
            return replace(started, problems=(decoded.problem,), location=user_function.location(entry))
        conversation = call.scope.find(ConversationState)
        schema = conversation.tool_schemas.get(started.name) if conversation is not None else None
        return replace(
            started,
            problems=tool_arguments.problems(
                decoded.value, schema=schema, signature=user_function.signature(entry)
            ),
            location=user_function.location(entry),
        )

    def _failure(self, state: ToolState, ended: ToolCall, decoded: Decoded) -> Failure:
        if state.error is not None:
            origin = tool_arguments.origin(state.error, ended.problems, state.entry, decoded.value)
            return Failure(origin=origin, error=state.error)
        if decoded.error is not None and state.entry is not None:
            return Failure(origin=failures.TOOL_ARGUMENTS, error=decoded.error)
        content = ended.result.value if ended.result is not None else None
        kind = ended.problems[0].kind if ended.problems else "tool_failed"
        origin = failures.TOOL_ARGUMENTS if ended.problems else failures.UNKNOWN
        return Failure(origin=origin, type=kind, message=str(content))

    def _with_failure(self, call: Call, ended: ToolCall, failure: Failure) -> ToolCall:
        if call.scope.recording is not None:
            for conversation in call.scope.find_all(ConversationState):
                conversation.failed_tools.append(call.scope.recording)
        return replace(ended, failure=failure)


class UserFunction(Operation[ToolBody]):
    """Reads the call of the user's own function, for the tool call around it."""

    def begin(self, call: Call) -> ToolBody | None:
        """Note that it was reached."""
        state = call.scope.find(ToolState)
        if state is None:
            return None
        state.ran = True
        return ToolBody()

    def failed(self, call: Call, started: ToolBody, error: BaseException) -> ToolBody:
        """The one place where the original exception can be had."""
        state = call.scope.find(ToolState)
        if state is not None:
            state.raised(error)
        return started


def _state(call: Call) -> ToolState:
    state = call.scope.state
    assert isinstance(state, ToolState)
    return state


def _call_id(call: Call, requested: Mapping[str, Any]) -> str | None:
    """The id in the message that asked for the call: 0.2 does not pass it on.

    The very dict is looked for first; a hook may have copied the messages, so equality comes second.
    """
    turn = call.scope.find(TurnState)
    asked = turn.asked_tools if turn is not None else ()
    for same in (lambda function: function is requested, lambda function: function == requested):
        for tool_call in asked:
            if isinstance(tool_call, Mapping) and same(tool_call.get("function")):
                return text_or_none(tool_call.get("id"))
    return None
