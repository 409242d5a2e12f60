"""Findings of conversations written down span by span: what is one failure, and what goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.findings import Finding, diagnose
from autogen_otel.traces.conversations import summaries
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import ORIGIN, Recorded, exception, spans_of

_ASKED = {"gen_ai__tool__name": "summarize", "gen_ai__tool__call__arguments": '{"what": "all"}'}
_LIMITED = exception("openai.RateLimitError", "Error code: 429 - Slow down")


def found(*recorded: Recorded) -> list[Finding]:
    return list(diagnose(spans_of(*recorded)).findings)


def request(it: Recorded, *statuses: int, cause: str = "rate_limit") -> None:
    """Record the attempts of a request that no model call made."""
    for status in statuses:
        error = None if status == 200 else exception(str(status), f"{status} Slow down")
        more: dict[str, Any] = {} if error is None else {ORIGIN: cause}
        it.post(0.2, status, error, server__address="llm.example", **more)


def asking_tool(*statuses: int, error: dict[str, str] | None = None) -> Recorded:
    """A tool that asks a model by a client of its own."""
    it = Recorded()
    more: dict[str, Any] = {} if error is None else {ORIGIN: "tool_exception"}
    with (
        it.span("invoke_workflow user -> clerk"),
        it.span("invoke_agent user", gen_ai__agent__name="user"),
        it.span("execute_tool summarize", 0.1, error, **_ASKED, **more),
    ):
        request(it, *statuses)
    return it


@pytest.mark.parametrize("statuses", [(429,), (429, 429)])
def test_a_tool_that_raises_what_its_own_request_failed_with_is_one_finding(
    statuses: tuple[int, ...],
) -> None:
    it = asking_tool(*statuses, error=_LIMITED)
    (finding,) = found(it)
    assert (finding.cause, finding.subject["tool"]) == ("tool_exception", "summarize")
    (summary,) = summaries(spans_of(it))
    assert dict(summary.failures) == {"tool_exception": 1}


def test_a_tool_that_raises_the_very_exception_of_its_connection_is_still_the_tool() -> None:
    reset = exception("httpx.ReadError", "reset")
    it = Recorded()
    with it.span("execute_tool summarize", 0.1, reset, **_ASKED, **{ORIGIN: "tool_exception"}):
        it.post(0.2, None, reset, **{ORIGIN: "backend"})
    assert [one.cause for one in found(it)] == ["tool_exception"]


@pytest.mark.parametrize("statuses", [(429, 200), (429, 200, 429)])
def test_a_tool_that_raises_for_another_reason_hides_no_request_that_was_tried_again(
    statuses: tuple[int, ...],
) -> None:
    it = asking_tool(*statuses, error=exception("KeyError", "'summary'"))
    first, second = found(it)
    assert (first.cause, first.subject["exception"]) == ("tool_exception", "KeyError")
    assert (second.cause, second.has_recovered, second.occurrences) == ("rate_limit", True, 1)
    (summary,) = summaries(spans_of(it))
    assert dict(summary.failures) == {"tool_exception": 1, "rate_limit": 1}


def test_what_a_tools_own_client_tried_again_has_recovered() -> None:
    (finding,) = found(asking_tool(429, 429, 200))
    assert (finding.cause, finding.has_recovered, finding.attempts) == ("rate_limit", True, 2)
    assert finding.subject == {"agent": "user", "host": "llm.example", "status_code": 429}
    assert finding.lost_seconds == pytest.approx(0.4)


def test_what_a_tool_makes_do_without_is_swallowed_by_nobody_in_particular() -> None:
    (finding,) = found(asking_tool(429))
    assert not finding.has_recovered
    assert finding.visible_as.endswith("nobody saw an error; the conversation went on without the answer")


def test_a_turn_that_ends_with_the_failure_of_its_request_passes_it_on() -> None:
    it = Recorded()
    gone = exception("openai.InternalServerError", "Error code: 500")
    backend = {ORIGIN: "backend"}
    with (
        it.span("invoke_workflow user -> clerk", 0, gone, **backend),
        it.span("invoke_agent clerk", 0, gone, gen_ai__agent__name="clerk", **backend),
    ):
        request(it, 500, 500, cause="backend")
    (finding,) = found(it)
    assert (finding.cause, finding.ended_conversations, finding.attempts) == ("backend", 1, 2)
    assert finding.subject["host"] == "llm.example"


def running_code(number: int, *, fails: bool, before: int, after: int) -> Recorded:
    """A conversation in which code runs between two model calls."""
    it = Recorded(number, at=number * 60)
    with it.span("invoke_workflow user -> coder", 0.001):
        it.leaf("chat gpt-4o", 0.2, autogen__prompt__chars=before)
        error = exception("KeyError", "'a'") if fails else None
        more: dict[str, Any] = {ORIGIN: "code_execution"} if fails else {}
        it.leaf("execute_code python", 0.1, error, gen_ai__agent__name="user", **more)
        it.leaf("chat gpt-4o", 0.2, autogen__prompt__chars=after, autogen__prompt__carried_messages=2)
    return it


@pytest.mark.parametrize(
    ("before", "after", "named"), [(900, 9000, []), (9000, 9100, ["autogen.prompt.chars"])]
)
def test_what_a_conversation_had_only_after_it_failed_is_no_reason(
    before: int, after: int, named: list[str]
) -> None:
    fine = [running_code(number, fails=False, before=700, after=1000 + number) for number in range(1, 40)]
    failing = [running_code(number, fails=True, before=before, after=after) for number in range(40, 52)]
    (finding,) = found(*fine, *failing)
    assert finding.cause == "code_execution"
    attributes = [one.property.attribute for one in finding.discriminators]
    assert [name for name in attributes if name.startswith("autogen.prompt")] == named


def falling_over(number: int, *, limited: bool) -> Recorded:
    """A model call of three entries, of which the second has a wrong key."""
    it = Recorded(number, at=number * 60)
    with it.span("invoke_workflow user -> clerk"), it.span("chat gpt-4o", autogen__config__count=3):
        for index, status, cause in ((0, 429, "rate_limit"), (1, 401, "config_entry"), (2, 200, "")):
            if index and not limited:
                break
            fails = limited and status != 200
            error = exception("openai.APIStatusError", f"Error code: {status}") if fails else None
            more: dict[str, Any] = {ORIGIN: cause} if fails else {}
            with it.span(f"config_entry {index} gpt-4o", 0, error, autogen__config__index=index, **more):
                request(it, status if fails else 200, cause=cause)
    return it


def test_an_entry_that_can_never_work_comes_before_what_shows_it() -> None:
    first, second = found(*(falling_over(number, limited=number % 4 == 0) for number in range(1, 41)))
    assert (first.cause, first.subject["entry"]) == ("config_entry", 1)
    assert (second.cause, second.subject["entry"]) == ("rate_limit", 0)
    assert first.conversations == second.conversations == 10


def asking(number: int, model: str, *, fails: bool) -> Recorded:
    it = Recorded(number, at=number * 60)
    with it.span("invoke_workflow user -> clerk"):
        named = {"gen_ai__request__model": model, "autogen__config__index": 0}
        error = exception("openai.InternalServerError", "Error code: 500") if fails else None
        more: dict[str, Any] = {ORIGIN: "backend"} if fails else {}
        with it.span(f"chat {model}", 0, error, **named, **more):
            request(it, 500 if fails else 200, cause="backend")
    return it


@pytest.mark.parametrize(
    ("failing", "named"),
    [(("large",), [["gen_ai.request.model"]]), (("large", "small"), [[], []])],
    ids=["one model", "both models"],
)
def test_a_model_sets_failures_apart_only_if_others_do_not_fail(
    failing: tuple[str, ...], named: list[list[str]]
) -> None:
    recorded = [
        asking(number, model, fails=model in failing and number % 8 == 0)
        for number, model in enumerate(["large", "small"] * 8 + ["small", "large"] * 64, start=1)
    ]
    findings = found(*recorded)
    assert [[one.property.attribute for one in finding.discriminators] for finding in findings] == named


@pytest.mark.parametrize(
    ("incident", "when"),
    [
        ("each day at seven", "hour 7, UTC"),
        ("from one moment on", "since 2026-11-22T"),
        ("an outage", "2026-"),
    ],
)
def test_when_it_happens_is_said_in_words(incident: str, when: str) -> None:
    (finding, *_) = diagnose(spans_of(*journal(incidents()[incident], 1))).findings
    assert f"It happens at a certain time ({when}" in finding.advice


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("ModuleNotFoundError", "Install what is missing"),
        ("timeout", "Raise the executor's timeout"),
        ("unknown_language", "Tell the model which languages"),
        ("exit_code_2", "look at what the code printed"),
    ],
)
def test_advice_about_code_fits_how_it_failed(kind: str, advice: str) -> None:
    it = Recorded()
    it.leaf("execute_code sh", 1, exception(kind, "it failed"), **{ORIGIN: "code_execution"})
    (finding,) = document_of(diagnose(spans_of(it)), "a test")["findings"]
    assert advice in finding["advice"]


def test_an_exception_of_the_model_client_is_called_so_whatever_status_came() -> None:
    it = Recorded()
    lost = exception("openai.APIConnectionError", "Connection error.")
    broken: dict[str, Any] = {ORIGIN: "stream_interrupted"}
    with (
        it.span("invoke_workflow user -> clerk", 0, lost, **broken),
        it.span("chat gpt-4o", 0, lost, gen_ai__request__model="gpt-4o", **broken),
    ):
        it.post(0.2, 200)
    (finding,) = found(it)
    assert finding.visible_as == "1 conversation ended with an exception of the model client"


def answered_200(error: dict[str, str], **said: Any) -> Recorded:
    """A model call that fails on an answer whose status says that all is well."""
    it = Recorded()
    with it.span("chat gpt-4o", 0, error, gen_ai__request__model="gpt-4o", **{ORIGIN: "backend"}):
        it.post(0.2, 200, **said)
    return it


_EVENT = exception("openai.APIError", "The server is overloaded.")
_NOT_JSON = exception("json.decoder.JSONDecodeError", "Unterminated string")


@pytest.mark.parametrize(
    ("it", "problem", "advice"),
    [
        (answered_200(_EVENT), "an error inside the answer", "Send the operators"),
        (answered_200(_LIMITED, autogen__http__error__code="502"), "an error inside the answer", "Send the"),
        (answered_200(_NOT_JSON), None, "answers 200 with something that is no completion"),
    ],
    ids=["an event of a stream", "an object", "cut off"],
)
def test_an_error_that_a_provider_reports_under_200_is_no_wrong_address(
    it: Recorded, problem: str | None, advice: str
) -> None:
    (finding,) = found(it)
    assert finding.subject.get("problem") == problem
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ({"autogen__http__error__code": "insufficient_quota"}, "The quota is used up"),
        ({"autogen__http__error__type": "billing_error"}, "The quota is used up"),
        ({"autogen__http__error__code": "rate_limit_exceeded"}, "Send fewer calls at once"),
    ],
)
def test_a_quota_that_is_used_up_is_no_matter_of_waiting(said: dict[str, str], advice: str) -> None:
    it = Recorded()
    origin = {ORIGIN: "rate_limit"}
    with it.span("chat gpt-4o", 0, _LIMITED, gen_ai__request__model="gpt-4o", **origin):
        it.post(0.2, 429, exception("429", "429 Too Many Requests"), **said, **origin)
    (finding,) = found(it)
    assert finding.advice.startswith(advice)
