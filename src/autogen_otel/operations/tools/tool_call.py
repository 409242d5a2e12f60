"""A tool call: ``ConversableAgent.execute_function``, its async twin, and the user's function inside.

AutoGen turns a tool's exception into the text ``Error: …`` and drops whether the call succeeded, so the
original exception can only be seen where the user's function is called: the hooks room puts a witness
there, on the callable that ``execute_function`` looks up, who tells the call's ``ToolState``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import Content, ContentKind, Failure, ToolCall
from autogen_otel.operations.conversations.agent_turn import TurnState
from autogen_otel.operations.conversations.conversation import ConversationState
from autogen_otel.operations.conversations.hidden_agents import runs_tools, shown_name
from autogen_otel.operations.conversations.transition import told
from autogen_otel.operations.credentials import make_known
from autogen_otel.operations.operation import Call, Operation, name_of, text_or_none
from autogen_otel.operations.reading import text_of
from autogen_otel.operations.tools import tool_arguments, user_function
from autogen_otel.operations.tools.tool_arguments import Decoded
from autogen_otel.vocabulary import failures


@dataclass(slots=True)
class ToolState:
    """What is found out while one tool call runs.

    Args:
        name: the name the host looks up.
        entry: what it found in the agent's function map.
        looked_up: whether it has looked it up; only the first look-up is ours to observe.
        arguments: what the user's function was called with, if it was.
        error: what the user's function raised.
    """

    name: str
    entry: object = None
    looked_up: bool = False
    arguments: dict[str, Any] | None = None
    error: BaseException | None = None

    def called(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments as the host parsed them."""
        self.arguments = arguments

    def raised(self, error: BaseException) -> None:
        """Keep the original exception."""
        self.error = error


class ExecuteFunction(Operation[ToolCall]):
    """Reads ``execute_function``."""

    parameters = ("func_call",)

    def begin(self, call: Call) -> ToolCall:
        """Note which tool is called with what."""
        make_known(call.instance, call.secrets)
        requested = call.arguments.get("func_call")
        requested = requested if isinstance(requested, Mapping) else {}
        name = requested.get("name", "")
        name = name if isinstance(name, str) else text_of(name)
        call.scope.state = ToolState(name)
        return ToolCall(
            name=name,
            call_id=text_or_none(call.arguments.get("call_id")) or _call_id(call, requested),
            agent=_agent(call),
            arguments=Content(ContentKind.TOOL_ARGUMENTS, requested.get("arguments")),
        )

    def returned(self, call: Call, started: ToolCall, value: Any) -> ToolCall:
        """The host says whether it worked, and then forgets it."""
        succeeded, response = value
        state, decoded = _state(call), self._decode(call, started)
        ended = self._described(call, started, decoded)
        ended = replace(ended, result=Content(ContentKind.TOOL_RESULT, told(response.get("content"))))
        if succeeded:
            return ended
        return self._with_failure(call, ended, self._failure(state, ended, decoded))

    def failed(self, call: Call, started: ToolCall, error: BaseException) -> ToolCall:
        """What AutoGen does not catch: an exit, a cancellation, or its own crash over odd arguments."""
        state, decoded = _state(call), self._decode(call, started)
        ended = self._described(call, started, decoded)
        if state.error is not None and isinstance(error, (Exception, SystemExit)):
            origin = failures.TOOL_EXCEPTION
        elif ended.problems:
            origin = failures.TOOL_ARGUMENTS
        else:
            # A cancellation or an interrupt comes from outside: the tool is only where it struck.
            origin = call.failure(error).origin
        return self._with_failure(call, ended, Failure(origin=origin, error=error))

    def _decode(self, call: Call, started: ToolCall) -> Decoded:
        assert started.arguments is not None
        passed = _state(call).arguments
        if passed is not None:
            decoded = Decoded(passed)
        else:
            decoded = tool_arguments.decode(started.arguments.value, _formatter(call.instance))
        # What came in as a password may come out in a result or a message.
        call.secrets.add_passing(decoded.value)
        return decoded

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
        # The exception's frames hold the state: without this only the garbage collector could free them.
        _state(call).error = None
        if call.scope.recording is not None:
            for conversation in call.scope.find_all(ConversationState):
                conversation.failed_tools.append(call.scope.recording)
        return replace(ended, failure=failure)


def _state(call: Call) -> ToolState:
    state = call.scope.state
    assert isinstance(state, ToolState)
    return state


def _formatter(agent: Any) -> Callable[[Any], str]:
    """AutoGen's own ``_format_json_str``; an override in the user's class is not ours to call."""
    owner = next(one for one in reversed(type(agent).__mro__) if "_format_json_str" in vars(one))
    formatter: Callable[[Any], str] = vars(owner)["_format_json_str"].__get__(None, owner)
    return formatter


def _agent(call: Call) -> str:
    """Who runs the tool; where AutoGen's hidden executor does, who called it."""
    turn = call.scope.find(TurnState)
    asked = turn.messages[-1] if turn is not None and turn.messages else None
    if runs_tools(call.instance) and isinstance(asked, Mapping) and isinstance(asked.get("name"), str):
        return shown_name(asked["name"])
    return name_of(call.instance)


def _call_id(call: Call, requested: Mapping[str, Any]) -> str | None:
    """The id in the message that asked for the call: 0.2 does not pass it on.

    The very dict is looked for first; a hook may have copied the messages, so equality comes second.
    """
    turn = call.scope.find(TurnState)
    asked = turn.asked_tools if turn is not None else ()
    given = turn.given_ids if turn is not None else set()
    for same in (lambda function: function is requested, lambda function: function == requested):
        for tool_call in asked:
            call_id = tool_call.get("id") if isinstance(tool_call, Mapping) else None
            if isinstance(call_id, str) and call_id not in given and same(tool_call.get("function")):
                given.add(call_id)
                return call_id
    return None
