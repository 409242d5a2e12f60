"""A run of OpenAI's Assistants API: ``GPTAssistantAgent._get_run_response`` and the polling inside it.

AutoGen keeps of a run only its messages; status, usage and ``last_error`` are seen where it polls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import AssistantRun, Failure, RunPolled
from autogen_otel.operations.conversations.agent_turn import TurnState
from autogen_otel.operations.conversations.conversation import failed_tools
from autogen_otel.operations.failure_origin import origin_of_status
from autogen_otel.operations.models import config_entries
from autogen_otel.operations.models.response import usage
from autogen_otel.operations.operation import Call, Operation, name_of, text_or_none
from autogen_otel.vocabulary import failures

_BAD_REQUEST = 400
_BY_CODE = {"rate_limit_exceeded": failures.RATE_LIMIT, "server_error": failures.BACKEND}
_BY_STATUS = {
    "expired": failures.TIMEOUT,
    "cancelled": failures.CLIENT,
    "cancelling": failures.CLIENT,
    # A run is incomplete when it has used up the tokens it was given.
    "incomplete": failures.PROMPT_TOO_LARGE,
}


@dataclass(slots=True)
class AssistantState:
    """The run as it was last seen."""

    run: Any


class GetRunResponse(Operation[AssistantRun]):
    """Reads ``_get_run_response``: from the run's start to its last message."""

    def begin(self, call: Call) -> AssistantRun | None:
        """Note which run it is; any other method of that name is none of ours."""
        run = call.arguments.get("run")
        around = call.scope.parent
        if run is None or not hasattr(run, "assistant_id"):
            return None
        if around is not None and isinstance(around.state, AssistantState):
            return None
        call.scope.state = AssistantState(run)
        address, port = config_entries.endpoint(getattr(call.instance, "_openai_client", None))
        return AssistantRun(
            model=text_or_none(getattr(run, "model", None)),
            agent=name_of(call.instance),
            provider=config_entries.provider_of(None, address),
            address=address,
            port=port,
            assistant_id=text_or_none(run.assistant_id),
            thread_id=text_or_none(getattr(run, "thread_id", None)),
            run_id=text_or_none(getattr(run, "id", None)),
            tool_failed_before=bool(failed_tools(call)),
        )

    def returned(self, call: Call, started: AssistantRun, _value: Any) -> AssistantRun:
        """The run is complete."""
        turn = call.scope.find(TurnState)
        if turn is not None:
            turn.model_answered = True
        return self._seen(call, started)

    def failed(self, call: Call, started: AssistantRun, error: BaseException) -> AssistantRun:
        """The run ended in any other way, or asking about it failed."""
        known = call.failure(error)
        run = _state(call).run
        origin = _origin_of_run(run) if known.origin == failures.UNKNOWN else None
        return replace(
            self._seen(call, started),
            failure=known if origin is None else Failure(origin=origin, error=error),
            failed_tools=failed_tools(call),
        )

    def _seen(self, call: Call, started: AssistantRun) -> AssistantRun:
        run = _state(call).run
        code, _ = _complaint(run)
        return replace(
            started, status=text_or_none(getattr(run, "status", None)), error_code=code, usage=usage(run)
        )


class WaitForRun(Operation[RunPolled]):
    """Reads ``_wait_for_run``, which polls until the run changes its state."""

    def begin(self, call: Call) -> RunPolled | None:
        """Only inside a run that is recorded."""
        return None if call.scope.find(AssistantState) is None else RunPolled()

    def returned(self, call: Call, started: RunPolled, value: Any) -> RunPolled:
        """Keep the run as it is now, and the tool calls it asks for."""
        _state(call).run = value
        turn = call.scope.find(TurnState)
        if turn is not None:
            turn.asked_by_run = tuple(_tool_calls(value))
        return started

    def failed(self, _call: Call, started: RunPolled, _error: BaseException) -> RunPolled:
        """The run around it tells."""
        return started


def _state(call: Call) -> AssistantState:
    state = call.scope.find(AssistantState)
    assert state is not None
    return state


def _complaint(run: Any) -> tuple[str | None, str]:
    """The provider's code and words for why a run did not complete."""
    error = getattr(run, "last_error", None)
    if error is not None:
        return text_or_none(getattr(error, "code", None)), str(getattr(error, "message", ""))
    return text_or_none(getattr(getattr(run, "incomplete_details", None), "reason", None)), ""


def _origin_of_run(run: Any) -> str | None:
    status = getattr(run, "status", None)
    if status != "failed":
        return _BY_STATUS.get(str(status))
    code, message = _complaint(run)
    if code in _BY_CODE:
        return _BY_CODE[code]
    return failures.BACKEND if code is None else origin_of_status(_BAD_REQUEST, code, message)


def _tool_calls(run: Any) -> Iterator[dict[str, Any]]:
    """The tool calls that a run waits for, in the shape that messages have them."""
    outputs = getattr(getattr(run, "required_action", None), "submit_tool_outputs", None)
    for one in getattr(outputs, "tool_calls", ()):
        function = one.function
        yield {"id": one.id, "function": {"name": function.name, "arguments": function.arguments}}
