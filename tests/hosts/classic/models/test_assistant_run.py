"""Runs of assistants by hand: which are ours, and what each end means."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.classic.models.assistant_run import AssistantRun, WaitForRun
from autogen_otel.operations.operation import Operation
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from tests.support.calls import known, operation, raised_in


def run(status: str = "queued", **fields: Any) -> Any:
    return SimpleNamespace(
        assistant_id="asst_1", id="run_1", thread_id="t_1", model="m", status=status, **fields
    )


def begun(given: Any) -> AssistantRun:
    call = operation(AssistantRun, SimpleNamespace(name="helper"), run=given)
    assert call.begin() is not None
    return call


def test_a_run_says_which_it_is() -> None:
    call = operation(AssistantRun, SimpleNamespace(name="helper"), run=run())
    assert known(call.begin()) == {
        names.GEN_AI_PROVIDER_NAME: "openai",
        names.GEN_AI_AGENT_NAME: "helper",
        names.GEN_AI_REQUEST_MODEL: "m",
        names.ASSISTANT_ID: "asst_1",
        names.ASSISTANT_THREAD_ID: "t_1",
        names.ASSISTANT_RUN_ID: "run_1",
    }
    assert call.name == "chat m"


def test_another_method_of_that_name_is_not_ours() -> None:
    assert operation(AssistantRun).begin() is None
    assert operation(AssistantRun, run="run").begin() is None
    assert operation(AssistantRun, parent=begun(run()), run=run()).begin() is None
    assert operation(WaitForRun).begin() is None
    assert operation(WaitForRun, parent=operation(Operation)).begin() is None


def test_the_last_look_says_how_it_went() -> None:
    call = begun(run())
    waiting = operation(WaitForRun, parent=call)
    assert waiting.begin() == {}
    waiting.returned(run("completed", usage={"prompt_tokens": 5, "completion_tokens": 1}))
    assert known(call.returned(None)) == {
        names.ASSISTANT_STATUS: "completed",
        names.GEN_AI_USAGE_INPUT_TOKENS: 5,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 1,
    }


def _last_error(code: Any, message: str = "No.") -> Any:
    return SimpleNamespace(code=code, message=message)


@pytest.mark.parametrize(
    ("seen", "cause", "code"),
    [
        (run("failed", last_error=_last_error("server_error")), causes.BACKEND, "server_error"),
        (
            run("failed", last_error=_last_error("rate_limit_exceeded")),
            causes.RATE_LIMIT,
            "rate_limit_exceeded",
        ),
        (run("failed"), causes.BACKEND, None),
        (run("failed", last_error=_last_error(7)), causes.BACKEND, None),
        (run("expired"), causes.TIMEOUT, None),
        (run("cancelled"), causes.CLIENT, None),
        (
            run("incomplete", incomplete_details=SimpleNamespace(reason="max_prompt_tokens")),
            causes.PROMPT_TOO_LARGE,
            "max_prompt_tokens",
        ),
        (run("new_to_us"), causes.UNKNOWN, None),
        (run(status=None), causes.UNKNOWN, None),  # type: ignore[arg-type]
    ],
)
def test_each_end_has_its_cause(seen: Any, cause: str, code: str | None) -> None:
    call = begun(seen)
    facts = call.failed(raised_in("autogen.agentchat"))
    assert call.failure is not None
    assert (call.failure.cause, facts[names.ASSISTANT_ERROR_CODE]) == (cause, code)


def test_a_failure_with_a_cause_of_its_own_keeps_it() -> None:
    call = begun(run("expired"))
    call.failed(type("ReadError", (Exception,), {})())
    assert call.failure is not None
    assert call.failure.cause == causes.BACKEND
