"""A run of OpenAI's Assistants API: ``GPTAssistantAgent._get_run_response`` and the polling inside it.

AutoGen keeps only the messages of a run; status, usage and ``last_error`` appear only where it polls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autogen_otel.causes import Circumstances, OddAnswer
from autogen_otel.causes.decision import cause_of_answer
from autogen_otel.causes.provider_error import ProviderError
from autogen_otel.hosts.classic.hidden_agents import name_of
from autogen_otel.hosts.classic.models import config_entries
from autogen_otel.hosts.classic.models.model_call import token_measurements
from autogen_otel.operations.models.response import usage
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import text_or_none
from autogen_otel.recording import MODEL_EXCEPTION, Facts, Measurement
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, metrics, spans

_BY_STATUS = {
    "expired": causes.TIMEOUT,
    "cancelled": causes.CLIENT,
    "cancelling": causes.CLIENT,
    # A run is incomplete when it has used up its tokens.
    "incomplete": causes.PROMPT_TOO_LARGE,
}


class AssistantRun(Operation):
    """Reads ``_get_run_response``: from the run's start to its last message.

    Attributes:
        run: the run as of the last poll.
    """

    operation_name = spans.CHAT
    is_client = True
    failure_event = MODEL_EXCEPTION

    __slots__ = ("links", "run")

    def begin(self) -> Facts | None:
        """Note which run it is; another method of the same name is not observed."""
        run = self.arguments.get("run")
        if run is None or not hasattr(run, "assistant_id") or isinstance(self.parent, AssistantRun):
            return None
        self.run: Any = run
        self.links = ()
        model = text_or_none(getattr(run, "model", None))
        address, port = config_entries.endpoint(getattr(self.instance, "_openai_client", None))
        self.name = spans.chat(model)
        return {
            names.GEN_AI_PROVIDER_NAME: config_entries.provider_of(None, address),
            names.GEN_AI_AGENT_NAME: name_of(self.instance),
            names.GEN_AI_REQUEST_MODEL: model,
            names.SERVER_ADDRESS: address,
            names.SERVER_PORT: port,
            names.ASSISTANT_ID: text_or_none(run.assistant_id),
            names.ASSISTANT_THREAD_ID: text_or_none(getattr(run, "thread_id", None)),
            names.ASSISTANT_RUN_ID: text_or_none(getattr(run, "id", None)),
            names.TOOL_FAILED_BEFORE: True
            if self.place.root is not None and self.place.root.failed_tools
            else None,
        }

    def returned(self, _value: Any) -> Facts:
        """The run is complete."""
        if self.place.turn is not None:
            self.place.turn.model_answered = True
        return self._last_state()

    def failed(self, error: BaseException) -> Facts:
        """The run ended in any other way, or a poll failed."""
        self.failure = self.failure_of(error)
        if self.place.root is not None:
            self.links = tuple(self.place.root.failed_tools)
        return self._last_state()

    def cancelled(self) -> Facts:
        """The state of the run at the last poll."""
        return self._last_state()

    def circumstances(self) -> Circumstances:
        """What the provider says of the run; AutoGen raises an error of its own for it."""
        cause, (code, message) = _cause_of_run(self.run), _error_of_run(self.run)
        description = ": ".join(part for part in (code, message) if part)
        return Circumstances(
            odd_answer=None if cause is None else OddAnswer(cause, description or "the run did not complete")
        )

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """Duration and tokens of the whole run."""
        failed_before = bool(self.attributes.get(names.TOOL_FAILED_BEFORE))
        yield (
            metrics.OPERATION_DURATION,
            seconds,
            {names.CACHE_HIT: False, names.TOOL_FAILED_BEFORE: failed_before},
        )
        yield from token_measurements(self.attributes)

    def _last_state(self) -> Facts:
        code, _ = _error_of_run(self.run)
        return {
            names.ASSISTANT_STATUS: text_or_none(getattr(self.run, "status", None)),
            names.ASSISTANT_ERROR_CODE: code,
            **(usage(self.run) or {}),
        }

    def _release(self) -> None:
        self.run, self.links = None, ()


class WaitForRun(Operation):
    """Reads ``_wait_for_run``, which polls until the run changes its state."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Observe only polls inside a recorded run."""
        return {} if isinstance(self.parent, AssistantRun) else None

    def returned(self, value: Any) -> None:
        """Keep the run as it is now, and the tool calls it asks for."""
        if isinstance(self.parent, AssistantRun):
            self.parent.run = value
        if self.place.turn is not None:
            self.place.turn.run_tool_calls = tuple(_tool_calls(value))

    def failed(self, _error: BaseException) -> None:
        """The run around it records that."""


def _error_of_run(run: Any) -> tuple[str | None, str]:
    """The provider's code and message for why a run did not complete."""
    error = getattr(run, "last_error", None)
    if error is not None:
        return text_or_none(getattr(error, "code", None)), str(getattr(error, "message", ""))
    return text_or_none(getattr(getattr(run, "incomplete_details", None), "reason", None)), ""


def _cause_of_run(run: Any) -> str | None:
    status = getattr(run, "status", None)
    if status != "failed":
        return _BY_STATUS.get(str(status))
    code, message = _error_of_run(run)
    # A code says what was refused, as a status of 400 does; only one of them is the provider's own failure.
    return cause_of_answer(None if code in {None, "server_error"} else 400, ProviderError(message, code))


def _tool_calls(run: Any) -> Iterator[dict[str, Any]]:
    """The tool calls that a run waits for, in the form that they have in messages."""
    outputs = getattr(getattr(run, "required_action", None), "submit_tool_outputs", None)
    for call in getattr(outputs, "tool_calls", ()):
        function = call.function
        yield {"id": call.id, "function": {"name": function.name, "arguments": function.arguments}}
