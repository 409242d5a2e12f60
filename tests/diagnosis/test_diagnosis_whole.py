"""Findings of conversations written down span by span: what is one failure, and what goes with it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from autogen_otel.cli.wording import lines, title
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.findings import Finding, diagnose
from autogen_otel.traces.conversations import summaries
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import ORIGIN, RecordedTrace, exception, spans_of

_ASKED = {"gen_ai__tool__name": "summarize", "gen_ai__tool__call__arguments": '{"what": "all"}'}
_LIMITED = exception("openai.RateLimitError", "Error code: 429 - Slow down")


def found(*recorded: RecordedTrace) -> list[Finding]:
    return list(diagnose(spans_of(*recorded)).findings)


def request(it: RecordedTrace, *statuses: int, cause: str = "rate_limit") -> None:
    """Record the attempts of a request that no model call made."""
    for status in statuses:
        error = None if status == 200 else exception(str(status), f"{status} Slow down")
        more: dict[str, Any] = {} if error is None else {ORIGIN: cause}
        it.post(0.2, status, error, server__address="llm.example", **more)


def asking_tool(*statuses: int, error: dict[str, str] | None = None) -> RecordedTrace:
    """A tool that asks a model by a client of its own."""
    it = RecordedTrace()
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
    it = RecordedTrace()
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
    it = RecordedTrace()
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


def running_code(number: int, *, fails: bool, before: int, after: int) -> RecordedTrace:
    """A conversation in which code runs between two model calls."""
    it = RecordedTrace(number, at=number * 60)
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


def falling_over(number: int, *, limited: bool) -> RecordedTrace:
    """A model call of three entries, of which the second has a wrong key."""
    it = RecordedTrace(number, at=number * 60)
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


def asking(number: int, model: str, *, fails: bool) -> RecordedTrace:
    it = RecordedTrace(number, at=number * 60)
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


def refused(
    number: int, status: int, cause: str, *, fails: bool, index: int = 0, **more: Any
) -> RecordedTrace:
    """A call of an entry, which this status refuses or which works."""
    it = RecordedTrace(number, at=number * 60)
    named = {
        "gen_ai__request__model": "gpt-4o",
        "autogen__config__index": index,
        "server__address": "llm.example",
        **more,
    }
    with it.span("invoke_workflow user -> clerk"):
        error = exception("openai.APIStatusError", f"Error code: {status}") if fails else None
        origin: dict[str, Any] = {ORIGIN: cause} if fails else {}
        with it.span("chat gpt-4o", 0, error, **named, **origin):
            it.post(
                0.2,
                status if fails else 200,
                exception(str(status), f"{status} No") if fails and status != 200 else None,
                server__address=named["server__address"],
                **(origin if status != 200 else {}),
            )
    return it


_REFUSALS = [
    (401, "config_entry", "Fix or remove entry 0", "its key is refused (401) at times or since lately"),
    (403, "config_entry", "Fix or remove entry 0", "it is refused (403) at times or since lately"),
    (
        404,
        "config_entry",
        "Fix or remove entry 0",
        "model gpt-4o is not there (404) at times or since lately",
    ),
    (400, "config_entry", "Fix or remove entry 0", "nothing is wrong with it for good"),
    (
        402,
        "rate_limit",
        "The quota is used up: raise it or pay",
        "the quota is used up at times or since lately",
    ),
    (200, "backend", "check base_url of entry 0", "base_url is right"),
]


@pytest.mark.parametrize(("status", "cause", "for_good", "at_times"), _REFUSALS)
def test_of_an_entry_that_works_most_of_the_time_nothing_is_wrong_for_good(
    status: int, cause: str, for_good: str, at_times: str
) -> None:
    (seldom,) = found(*(refused(number, status, cause, fails=number % 9 == 0) for number in range(1, 60)))
    assert for_good not in seldom.advice
    assert at_times in seldom.advice
    (often,) = found(*(refused(number, status, cause, fails=number % 9 != 0) for number in range(1, 60)))
    assert for_good in often.advice


def test_an_entry_that_works_only_for_other_agents_or_was_right_before_is_wrong() -> None:
    def hold(number: int) -> RecordedTrace:
        return refused(number, 401, "config_entry", fails=number > 160)

    (since,) = found(*map(hold, range(1, 200)))
    assert since.advice.startswith("Fix or remove entry 0")
    assert "since 2026-" in since.advice
    (here,) = found(
        *(
            refused(number, 401, "config_entry", fails=number % 9 == 0, gen_ai__agent__name=f"a{number % 9}")
            for number in range(1, 100)
        )
    )
    assert here.advice.startswith("Fix or remove entry 0")


def test_what_fails_by_chance_with_all_else_of_the_entry_the_same_is_not_wrong_for_good() -> None:
    (finding,) = diagnose(spans_of(*journal(incidents()["a key that is refused at times"], 1))).findings
    assert finding.works_otherwise
    (dead, *_) = diagnose(spans_of(*journal(incidents()["a dead backup"], 1))).findings
    assert not dead.works_otherwise


def test_the_same_place_in_the_list_of_another_program_does_not_make_the_one_that_fails_right() -> None:
    (finding,) = found(
        *(
            refused(number, 401, "config_entry", fails=number < 3, server__address=f"llm{number < 3}.example")
            for number in range(1, 7)
        )
    )
    assert not finding.works_otherwise
    assert finding.advice.startswith("Fix or remove entry 0")


def test_another_entry_that_works_does_not_make_the_one_that_fails_right() -> None:
    (finding,) = found(
        *(
            refused(number, 401, "config_entry", fails=number % 9 == 0, index=number % 9)
            for number in range(90)
        )
    )
    assert finding.advice.startswith("Fix or remove entry 0")


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
        ("exit_code_127", "Install what is missing"),
        ("timeout", "Raise the executor's timeout"),
        ("unknown_language", "Tell the model which languages"),
        ("exit_code_2", "look at what the code printed"),
    ],
)
def test_advice_about_code_fits_how_it_failed(kind: str, advice: str) -> None:
    it = RecordedTrace()
    it.leaf("execute_code sh", 1, exception(kind, "it failed"), **{ORIGIN: "code_execution"})
    (finding,) = document_of(diagnose(spans_of(it)), "a test")["findings"]
    assert advice in finding["advice"]


def test_an_exception_of_the_model_client_is_called_so_whatever_status_came() -> None:
    it = RecordedTrace()
    lost = exception("openai.APIConnectionError", "Connection error.")
    broken: dict[str, Any] = {ORIGIN: "stream_interrupted"}
    with (
        it.span("invoke_workflow user -> clerk", 0, lost, **broken),
        it.span("chat gpt-4o", 0, lost, gen_ai__request__model="gpt-4o", **broken),
    ):
        it.post(0.2, 200)
    (finding,) = found(it)
    assert finding.visible_as == "1 conversation ended with an exception of the model client"


def answered_200(error: dict[str, str], **said: Any) -> RecordedTrace:
    """A model call that fails on an answer whose status says that all is well."""
    it = RecordedTrace()
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
    it: RecordedTrace, problem: str | None, advice: str
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
    it = RecordedTrace()
    origin = {ORIGIN: "rate_limit"}
    with it.span("chat gpt-4o", 0, _LIMITED, gen_ai__request__model="gpt-4o", **origin):
        it.post(0.2, 429, exception("429", "429 Too Many Requests"), **said, **origin)
    (finding,) = found(it)
    assert finding.advice.startswith(advice)


@pytest.mark.parametrize(
    ("speaker", "subject", "advice"),
    [("search", {"tool": "search"}, "what search returned"), ("user", {}, "limit what tools return")],
)
def test_a_tool_that_makes_prompts_too_large_is_named(
    speaker: str, subject: dict[str, Any], advice: str
) -> None:
    def ask(number: int, chars: int, error: dict[str, str] | None = None) -> RecordedTrace:
        it = RecordedTrace(number)
        said: dict[str, Any] = {
            "autogen__prompt__chars": chars,
            "autogen__prompt__tool_names": ["lookup", "search"],
            "autogen__prompt__largest_message__from": speaker,
        }
        origin: dict[str, Any] = {} if error is None else {ORIGIN: "prompt_too_large"}
        it.leaf("chat gpt-4o", 0.2, error, **said, **origin)
        return it

    too_long = exception("openai.BadRequestError", "Error code: 400 - maximum context length")
    (finding,) = found(
        *(ask(1 + number, 900) for number in range(9)), *(ask(n, 40_000, too_long) for n in (20, 21))
    )
    assert {name: finding.subject[name] for name in finding.subject.keys() & {"tool"}} == subject
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("incident", "hint"),
    [
        ("a model that writes bad JSON", "It goes with the model small"),
        ("a tool that another one locks out", "It follows calls of search"),
        ("a rate limit at the same minutes of each hour", "of each hour)"),
    ],
)
def test_advice_says_what_goes_before_a_failure(incident: str, hint: str) -> None:
    (finding, *_) = diagnose(spans_of(*journal(incidents()[incident], 1))).findings
    assert hint in finding.advice


def test_prompts_that_are_too_large_with_old_history_had_better_begin_anew() -> None:
    def ask(number: int, carried: int) -> RecordedTrace:
        it = RecordedTrace(number)
        error = exception("openai.BadRequestError", "Error code: 400") if carried > 20 else None
        origin: dict[str, Any] = {} if error is None else {ORIGIN: "prompt_too_large"}
        it.leaf("chat gpt-4o", 0.2, error, autogen__prompt__carried_messages=carried, **origin)
        return it

    (finding,) = found(*(ask(1 + number, number % 30) for number in range(90)))
    assert "clear_history=True" in finding.advice


def made_up(name: object) -> RecordedTrace:
    """A model calls a tool that nobody offered, whose name AutoGen changed."""
    it = RecordedTrace()
    unknown: dict[str, Any] = {
        "gen_ai__tool__name": name,
        "gen_ai__tool__call__id": "call_1",
        "autogen__tool__arguments__problems": ["functions_lookup: unknown tool"],
        ORIGIN: "tool_arguments",
    }
    offered: dict[str, Any] = {"autogen__prompt__tool_names": ["lookup"], "autogen__prompt__tools": 1}
    with it.span("invoke_workflow user -> clerk"):
        it.leaf("chat gpt-4o", 0.1, autogen__response__tool_calls=["functions.lookup call_1"], **offered)
        it.leaf("execute_tool functions_lookup", 0.1, exception("unknown_tool", "not found"), **unknown)
    return it


# Another tracer may record a list, which has no hash.
@pytest.mark.parametrize("name", ["functions_lookup", ["functions_lookup"]])
def test_a_tool_whose_name_autogen_changed_was_made_up_all_the_same(name: object) -> None:
    (finding,) = found(made_up(name))
    assert finding.subject["problem"].endswith("not offered to the model")


def circling(number: int, agents: Sequence[str]) -> RecordedTrace:
    """A conversation that goes round until its limit, or one that ends."""
    it = RecordedTrace(number)
    with it.span("invoke_workflow user -> clerk", autogen__conversation__termination="max_round") as root:
        for index in range(9 if agents else 0):
            source, target = agents[index % 2], agents[(index + 1) % 2]
            more = {"autogen__handoff__from": source, "autogen__handoff__to": target}
            it.leaf(f"handoff {source} -> {target}", 0.1, autogen__handoff__reason="auto", **more)
    if not agents:
        root["attributes"] = []
    return it


def test_a_circle_is_the_same_wherever_it_was_when_the_limit_came() -> None:
    (finding,) = found(
        *(circling(number, ()) for number in range(1, 9)),
        circling(10, ("coder", "critic")),
        circling(11, ("critic", "coder")),
    )
    assert finding.conversations == 2


def test_a_human_who_cannot_answer_is_told_apart_from_a_selection_that_failed() -> None:
    it = RecordedTrace()
    origin: dict[str, Any] = {ORIGIN: "orchestration"}
    with it.span("invoke_agent eve", 0, exception("EOFError", "EOF when reading a line"), **origin):
        it.leaf("await_human_input eve", 1, exception("EOFError", "EOF when reading a line"), **origin)
    (finding,) = found(it)
    assert "where there is no terminal" in finding.advice
    assert "no terminal" in title(finding.cause, finding.subject)


@pytest.mark.parametrize(
    ("cause", "kind", "status", "advice"),
    [
        ("client", "requests.exceptions.ConnectionError", 200, "TIKTOKEN_CACHE_DIR"),
        ("client", "openai.BadRequestError", 400, "llm.example refuses these requests as they are (400)"),
        ("client", "KeyError", None, "Fix the request"),
        ("unknown", "EOFError", None, "where there is no terminal"),
        ("unknown", "WeirdError", None, "Look at the stack trace of WeirdError"),
    ],
)
def test_advice_about_what_has_no_usual_reason_fits_how_it_failed(
    cause: str, kind: str, status: int | None, advice: str
) -> None:
    it = RecordedTrace()
    origin: dict[str, Any] = {ORIGIN: cause}
    with it.span("chat gpt-4o", 0, exception(kind, "it failed"), **origin):
        if status is not None:
            refusal = None if status == 200 else exception(str(status), "400 Bad Request")
            it.post(
                0.2, status, refusal, server__address="llm.example", **({} if refusal is None else origin)
            )
    (finding,) = found(it)
    assert advice in finding.advice


def test_answers_that_are_empty_until_the_limit_of_the_only_conversation_are_told() -> None:
    it = RecordedTrace()
    limit = "max_consecutive_auto_reply"
    with it.span("invoke_workflow user -> clerk", autogen__conversation__termination=limit):
        for _ in range(3):
            it.leaf("chat m", 0.1, gen_ai__agent__name="clerk", autogen__response__problem="empty")
    (finding,) = found(it)
    assert (finding.cause, finding.subject["agent"]) == ("orchestration", "clerk")
    assert "without text" in finding.subject["problem"]
    assert "max_tokens" in finding.advice


@pytest.mark.parametrize("operation", ["invoke_agent", "execute_tool", "chat", "handoff"])
def test_a_chain_of_spans_is_read_as_one_failure_however_long(operation: str) -> None:
    length = 3000
    spans = [
        Span(
            trace_id="1",
            span_id=str(number),
            parent_id=str(number - 1) if number else None,
            name=f"{operation} a" if number else "invoke_workflow user -> a",
            start_ns=number + 1,
            end_ns=2 * length - number,
            status_code=2,
            attributes={ORIGIN: "backend"} if number else {},
        )
        for number in range(length)
    ]
    (finding,) = diagnose(spans).findings
    assert (finding.cause, finding.occurrences) == ("backend", 1)


ODD_VALUES: list[Any] = [
    math.inf, -math.inf, math.nan, 1e308, 10**400, -(10**400), 2**63, -1, True, "", "\ud800", b"\xff",
    [], [10**400, math.nan, None, [1], {"a": 1}], {}, {"a": {"b": math.inf}}, None,
]  # fmt: skip


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: f"{type(value).__name__} {value!r:.12}")
def test_whatever_attributes_hold_is_diagnosed_and_is_json(value: Any) -> None:
    recorded = journal(incidents()["three things at once"], 1, 40)
    spans = spans_of(*recorded)
    keys = sorted(set(names.KINDS) - {ORIGIN})
    for span in spans[::2]:
        span.attributes = {**span.attributes, **dict.fromkeys(keys, value)}
    for diagnosis in (diagnose(spans), diagnose([replace(span, status_code=2) for span in spans])):
        document = document_of(diagnosis, "a test")
        assert document["conversations"] == len(recorded)
        json.dumps(document, allow_nan=False)


@pytest.mark.parametrize("outer", ["chat gpt-4o", "invoke_agent clerk"])
@pytest.mark.parametrize("below", [False, True], ids=["alone", "below a span of the program's own"])
@pytest.mark.parametrize("is_handled", [False, True], ids=["raised", "handled"])
def test_a_call_of_the_programs_own_that_raises_ended_it(outer: str, below: bool, is_handled: bool) -> None:
    it = RecordedTrace()
    gone, backend = exception("openai.InternalServerError", "Error code: 500"), {ORIGIN: "backend"}
    with ExitStack() as stack:
        if below:
            stack.enter_context(it.span("request", 0))
        if is_handled:
            stack.enter_context(it.span("invoke_agent clerk", 0.1))
        elif outer != "chat gpt-4o":
            stack.enter_context(it.span(outer, 0.1, gone, **backend))
        with it.span("chat gpt-4o", 0.2, gone, **backend):
            it.post(0.3, 500, **backend)
    (finding,) = found(it)
    ended = finding.visible_as.startswith("1 conversation ended with")
    assert ended is not is_handled, finding.visible_as


def asked(number: int, *statuses: int, entry: int = 0, chars: int = 900, carried: int = 0) -> RecordedTrace:
    """A conversation with a model call; an entry is asked first, then each of the next."""
    it = RecordedTrace(number, at=number)
    errors = [
        exception("openai.InternalServerError", f"Error code: {status}") if status != 200 else None
        for status in statuses
    ]
    prompt = {"autogen__prompt__chars": chars, "autogen__prompt__carried_messages": carried or None}
    agents = {"gen_ai__agent__name": "clerk", "autogen__sender__name": "user"}
    last = entry + len(statuses) - 1
    with (
        it.span("invoke_workflow user -> clerk", 0.1, errors[-1]),
        it.span("invoke_agent clerk", 0.1, errors[-1], **agents),
        it.span("chat m", 0.1, errors[-1], autogen__config__index=last, gen_ai__request__model="m", **prompt),
    ):
        for index, (status, error) in enumerate(zip(statuses, errors, strict=True), entry):
            of_entry = {"autogen__config__index": index, "gen_ai__request__model": "m"}
            with it.span(f"config_entry {index} m", 0.1, error, **of_entry):
                it.post(0.2, status, error, **({ORIGIN: "backend"} if error else {}), **of_entry)
    return it


def test_an_entry_that_never_answered_while_others_did_is_the_one_to_fix_and_both_rates_are_said() -> None:
    working = [asked(number, 200, entry=number % 2 * 2) for number in range(1, 211)]
    (finding,) = found(*working, *(asked(number, 500, entry=1) for number in range(301, 310)))
    assert (finding.cause, finding.subject["entry"], finding.occurrences) == ("config_entry", 1, 9)
    assert [(one.values, one.failed, one.calls) for one in finding.rates] == [((1,), 9, 9), ((0, 2), 0, 210)]
    assert "did not answer once" in finding.advice
    said = dict(lines(finding, 219, "today"))
    assert said["goes with"] == "entry 1: 9 of 9 calls fail; entries 0, 2: 0 of 210"


def test_a_failure_that_is_confined_to_an_entry_goes_with_that_entry() -> None:
    calls = [asked(number, 500 if number % 9 == 1 else 200, entry=number % 3) for number in range(1, 211)]
    (finding,) = found(*calls)
    assert (finding.cause, finding.subject["entry"]) == ("backend", 1)
    own, others = finding.rates
    assert (own.values, own.failed, own.calls) == ((1,), 24, 70)
    assert (others.values, others.failed, others.calls) == ((0, 2), 0, 140)
    assert [one.property.attribute for one in finding.discriminators] == ["autogen.config.index"]


def test_a_model_that_fails_more_often_than_another_says_both_rates() -> None:
    spans = [
        (replace(span, attributes={**span.attributes, "gen_ai.request.model": model}))
        for number in range(1, 121)
        for model in (("large", "small")[number % 2],)
        for span in spans_of(asked(number, 500 if number % 6 == 0 else 200))
    ]
    (finding,) = diagnose(spans).findings
    assert finding.subject["model"] == "large"
    assert [(one.values, one.failed, one.calls) for one in finding.rates] == [
        (("large",), 20, 60),
        (("small",), 0, 60),
    ]
    assert "model large: 20 of 60 calls fail; model small: 0 of 60" in dict(lines(finding, 120, "")).values()


def test_errors_that_come_at_the_same_rate_at_every_entry_are_one_finding() -> None:
    calls = [asked(number, 500 if number % 10 == 0 else 200, entry=number % 3) for number in range(1, 211)]
    (finding,) = found(*calls)
    assert (finding.cause, finding.occurrences, finding.rates) == ("backend", 21, ())
    assert "entry" not in finding.subject


def test_errors_that_set_in_with_the_size_of_the_prompt_at_every_entry_are_one_finding() -> None:
    calls = [
        asked(
            number,
            500 if number % 8 == 0 else 200,
            entry=number % 3,
            chars=40_000 if number % 8 == 0 else 900,
        )
        for number in range(1, 121)
    ]
    (finding,) = found(*calls)
    assert (finding.cause, finding.occurrences) == ("prompt_too_large", 15)
    assert "entry" not in finding.subject


def test_a_request_that_every_entry_refuses_makes_no_entry_wrong() -> None:
    calls = [asked(number, *((500, 500) if number % 10 == 0 else (200,))) for number in range(1, 121)]
    assert {one.cause for one in found(*calls)} == {"backend"}


def test_stale_state_names_the_two_agents() -> None:
    calls = [
        asked(number, 500 if number % 8 == 0 else 200, carried=6 if number % 8 == 0 else 0)
        for number in range(1, 121)
    ]
    (finding,) = found(*calls)
    assert (finding.cause, finding.subject["agent"]) == ("stale_state", "user, clerk")
    assert title(finding.cause, finding.subject).endswith("an earlier conversation between user and clerk")
