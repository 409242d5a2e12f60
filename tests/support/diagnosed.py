"""Incidents for ``diagnose``: a hundred conversations with one thing wrong, or several, or nothing.

Each is drawn from a seed. What every conversation has (agents, hours, processes, sizes) varies
beside what is wrong, so that much merely goes along with it. ``python -m tests.support.diagnosed 20``
diagnoses all of them with twenty seeds and prints what was not found.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from autogen_otel.diagnosis.findings import Diagnosis, Finding, diagnose
from tests.support.incidents import API_TRACE
from tests.support.recorded import NS, ORIGIN, START, RecordedTrace, end_fields, exception, spans_of

CONVERSATIONS = 100
_SECONDS = 42_000
"""In which so many, or fewer, are held."""
_MODEL = "gpt-4o"
_HOSTS = ("eu.llm.example", "us.llm.example")
_AGENTS = ("planner", "researcher", "clerk")
_CITIES = ("Lisbon", "Leeds", "Hartford", "Porto")
_SECRET_WORDS = "the customer said that the windscreen"
"""Stands in what tools return and models say: it must never be in a diagnosis."""

Error = dict[str, str]


@dataclass(frozen=True)
class Truth:
    """What is wrong.

    Args:
        cause: the true cause.
        subject: what the finding's subject must say at least.
        attribute: what the failures go with, if they go with something.
        value: its value; ``None`` for any.
    """

    cause: str
    subject: Mapping[str, Any] = field(default_factory=dict)
    attribute: str | None = None
    value: str | None = None


@dataclass
class Call:
    """A model call that is about to be made, or a tool call.

    Args:
        rng: decides what happens by chance.
        agent: who makes it.
        hour: of the day, UTC.
        worker: which process it is in.
        minute: since the beginning.
        host: where the model is.
        chars: of the prompt.
        carried: messages that an earlier conversation left.
        turn: of the conversation.
        gap: seconds since the call before.
        tool: the tool to call.
        arguments: of that tool.
        model: that is asked.
        last_tool: the tool called before.
        used: all tools called before.
        tool_failed: whether a tool failed before.
    """

    rng: random.Random
    agent: str
    hour: int
    minute: float
    host: str
    chars: int
    carried: int
    worker: str = ""
    turn: int = 0
    gap: float = 1.0
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    model: str = _MODEL
    last_tool: str = ""
    used: tuple[str, ...] = ()
    tool_failed: bool = False


@dataclass(frozen=True)
class Fault:
    """Answers of a model call that goes wrong.

    Args:
        cause: as it is recorded.
        statuses: of its attempts; ``None`` for no answer.
        kind: class of the exception if the call fails.
        code: the provider's own.
        seconds: that each attempt takes.
        message: what the provider says.
        after_answer: whether the attempt itself went well.
        problem: what is recorded of an answer that raises nothing.
    """

    cause: str
    statuses: tuple[int | None, ...]
    kind: str = "InternalServerError"
    code: str | None = None
    seconds: float = 0.4
    message: str = "The server had an error"
    after_answer: bool = False
    problem: str | None = None

    @property
    def recovers(self) -> bool:
        """Whether the last attempt worked."""
        return self.statuses[-1] == 200 and not self.after_answer


FaultOf = Callable[[Call], Fault | None]
ErrorOf = Callable[[Call], tuple[str, Error, list[str]] | None]


@dataclass(frozen=True)
class Incident:
    """How conversations go in it.

    Args:
        truths: what is wrong, in any order; none for a healthy population.
        model: what goes wrong with a model call.
        tool: what goes wrong with a tool call: cause, exception, problems of the arguments.
        second: what goes wrong with the second entry of a list of two.
        entries: how many entries there are.
        dress: changes a call before it is made.
        end: what happens at the end of a conversation; may say why it ended.
        termination: why conversations end otherwise.
        seconds: in which they are held.
    """

    truths: tuple[Truth, ...]
    model: FaultOf = lambda _: None
    tool: ErrorOf = lambda _: None
    second: FaultOf = lambda _: None
    entries: int = 1
    dress: Callable[[Call], None] = lambda _: None
    end: Callable[[RecordedTrace, random.Random], str | None] = lambda _it, _rng: None
    termination: str = "termination_message"
    seconds: int = _SECONDS


def journal(incident: Incident, seed: int, count: int = CONVERSATIONS) -> list[RecordedTrace]:
    """Hold the conversations of an incident."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    apart = incident.seconds / min(count, CONVERSATIONS)
    return [_conversation(incident, rng, seed * 1000 + number, apart) for number in range(1, count + 1)]


def _conversation(incident: Incident, rng: random.Random, number: int, apart: float) -> RecordedTrace:
    at = (number % 1000) * apart + rng.random() * apart * 5 / 7
    it = RecordedTrace(
        number,
        at=at,
        **{"service.instance.id": f"worker-{rng.randrange(3)}", "host.name": f"node-{rng.randrange(4)}"},
    )
    call = Call(
        rng,
        rng.choice(_AGENTS),
        int((START + at) // 3600) % 24,
        at / 60,
        rng.choice(_HOSTS),
        rng.randrange(800, 9000),
        rng.choice((0, 0, 0, 4, 6)),
        it.resource["service.instance.id"],
    )
    workflow: dict[str, Any] = {"gen_ai.workflow.name": f"user -> {call.agent}"}
    state: dict[str, Any] = {"failed": None}
    with it.span(f"invoke_workflow user -> {call.agent}", 0.002) as root:
        for turn in range(rng.randrange(1, 5)):
            call.turn, call.gap = turn, rng.expovariate(1 / 3)
            call.tool, call.arguments = "", {}
            incident.dress(call)
            it.now_ns += int(call.gap * 1e9)
            if not _model_turn(it, incident, call, state):
                break
            _tool_turn(it, incident, call, state)
            call.chars += rng.randrange(200, 6000)
        else:
            call.gap = 1.0
            _model_turn(it, incident, call, state)
        ended_by = incident.end(it, rng) if state["failed"] is None else None
    failed = state["failed"]
    workflow["autogen.conversation.turns"] = 2 * call.turn + 1
    workflow["autogen.conversation.termination"] = "error" if failed else ended_by or incident.termination
    _finish(root, workflow, failed)
    return it


def _finish(raw: dict[str, Any], attributes: dict[str, Any], failed: tuple[str, Error] | None) -> None:
    error = None if failed is None else failed[1]
    if failed is not None:
        attributes[ORIGIN] = failed[0]
    raw.update(end_fields(raw["name"], START * NS, error, attributes))


def _model_turn(it: RecordedTrace, incident: Incident, call: Call, state: dict[str, Any]) -> bool:
    fault = incident.model(call)
    second = incident.second(call) if fault is not None and incident.entries > 1 else None
    last = second if incident.entries > 1 else fault
    fails = fault is not None and not fault.recovers and not (incident.entries > 1 and second is None)
    failed = None
    if fails:
        assert last is not None
        message = f"Error code: {last.statuses[-1]} - {last.message}"
        error = exception(
            f"openai.{last.kind}", message, API_TRACE.format(error=f"openai.{last.kind}: {message}")
        )
        failed = (last.cause, error)
    with it.span(f"invoke_agent {call.agent}", 0.001) as turn:
        with it.span(f"chat {call.model}", 0.002) as chat:
            if incident.entries == 1:
                _attempts(it, call, fault, 0, call.host)
            else:
                _entry(it, call, fault, 0)
                if fault is not None and not fault.recovers:
                    _entry(it, call, second, 1)
        if call.tool_failed and fails:
            chat["links"] = [{"traceId": it.trace_id, "spanId": state["tool"]}] if state.get("tool") else []
        answering = 1 if incident.entries > 1 and fault is not None and not fault.recovers else 0
        attributes = _chat_attributes(call, incident.entries, answering)
        attributes["autogen.response.problem"] = None if fault is None else fault.problem
        _finish(chat, attributes, failed)
    _finish(turn, {"gen_ai.agent.name": call.agent, "autogen.sender.name": "user"}, failed)
    state["failed"] = failed
    return failed is None


def _chat_attributes(call: Call, entries: int, answering: int) -> dict[str, Any]:
    return {
        "gen_ai.agent.name": call.agent,
        "gen_ai.request.model": call.model,
        "autogen.config.count": entries,
        "autogen.config.index": answering,
        "server.address": call.host if answering == 0 else "backup.llm.example",
        "autogen.prompt.chars": call.chars,
        "autogen.prompt.messages": 2 + 2 * call.turn + call.carried,
        "autogen.prompt.carried_messages": call.carried or None,
        "autogen.prompt.new_chars": call.rng.randrange(50, 900),
        "autogen.prompt.tool_names": ["lookup_policy", "pay", "search"],
        "autogen.tool.failed_before": True if call.tool_failed else None,
        "autogen.request.timeout_seconds": 600.0,
        "gen_ai.response.id": f"chatcmpl-{call.rng.random()}",
    }


def _entry(it: RecordedTrace, call: Call, fault: Fault | None, index: int) -> None:
    host = call.host if index == 0 else "backup.llm.example"
    failed = None
    if fault is not None and not fault.recovers:
        message = f"Error code: {fault.statuses[-1]} - {fault.message}"
        failed = (fault.cause, exception(f"openai.{fault.kind}", message))
    with it.span(f"config_entry {index} {_MODEL}", 0.001) as entry:
        _attempts(it, call, fault, index, host)
    attributes = {
        "autogen.config.index": index,
        "gen_ai.request.model": _MODEL,
        "server.address": host,
    }
    _finish(entry, attributes, failed)


def _attempts(it: RecordedTrace, call: Call, fault: Fault | None, index: int, host: str) -> None:
    statuses = fault.statuses if fault is not None else (200,)
    for resend, status in enumerate(statuses):
        error = None
        more: dict[str, Any] = {}
        if fault is not None and status != 200:
            error = exception(str(status or "APITimeoutError"), fault.message)
            more = {ORIGIN: fault.cause, "autogen.http.error.code": fault.code}
        it.post(
            fault.seconds if fault is not None else 0.5 + call.rng.random(),
            status,
            error,
            server__address=host,
            autogen__config__index=index,
            http__request__resend_count=resend or None,
            http__request__body__size=call.chars + 900,
            **more,
        )


def _tool_turn(it: RecordedTrace, incident: Incident, call: Call, state: dict[str, Any]) -> None:
    rng = call.rng
    call.tool = rng.choice(("lookup_policy", "lookup_policy", "pay", "search"))
    if call.tool == "lookup_policy":
        call.arguments = {
            "policy_id": f"P-{rng.randrange(900)}",
            "region": rng.choice(("EU", "UK", "US")),
        }
    elif call.tool == "pay":
        call.arguments = {"amount": rng.randrange(1, 5000), "to": {"name": rng.choice(_CITIES)}}
    else:
        years = [{"year": rng.randrange(2000, 2026)} for _ in range(rng.randrange(3))]
        call.arguments = {"query": f"hail in {rng.choice(_CITIES)}", "filters": years}
    incident.dress(call)
    wrong = incident.tool(call)
    seconds = call.arguments.pop("#seconds", rng.random())
    error, attributes = None, {}
    if wrong is not None:
        cause, error, problems = wrong
        attributes = {ORIGIN: cause, "autogen.tool.arguments.problems": problems or None}
    with it.span("invoke_agent user", 0.001, **{"gen_ai.agent.name": "user"}):
        span_id = it.leaf(
            f"execute_tool {call.tool}",
            seconds,
            error,
            **{
                "gen_ai.tool.name": call.tool,
                "gen_ai.agent.name": "user",
                "gen_ai.tool.call.arguments": json.dumps(call.arguments, ensure_ascii=False),
                "gen_ai.tool.call.result": f"Error: {_SECRET_WORDS}",
                "autogen.tool.returned_error": "not found" if call.arguments.pop("#returns", False) else None,
                **attributes,
            },
        )
    call.last_tool, call.used = call.tool, (*call.used, call.tool)
    if wrong is not None:
        call.tool_failed = True
        state["tool"] = span_id


def raised(kind: str, line: int, function: str, message: str = "no such thing") -> Error:
    """What a tool of the user's raised."""
    trace = (
        "Traceback (most recent call last):\n"
        '  File "/venv/lib/python3.12/site-packages/autogen/agent.py", line 9, in execute_function\n'
        f'  File "/home/eve/claims/policies.py", line {line}, in {function}\n    return it\n'
        f"{kind}: {message}\n"
    )
    return exception(kind, message, trace)


# ---------------------------------------------------------------- the incidents
def _sometimes(rate: float, then: Fault) -> FaultOf:
    return lambda call: then if call.rng.random() < rate else None


def _where(test: Callable[[Call], bool], then: Fault, rate: float = 1.0) -> FaultOf:
    return lambda call: then if test(call) and call.rng.random() < rate else None


_DOWN = Fault("backend", (500, 500, 500))
_RETRIED = Fault("backend", (500, 500, 200))
_LIMITED = Fault("rate_limit", (429, 429, 200), code="rate_limit_exceeded")
_LIMITED_OUT = Fault("rate_limit", (429, 429, 429), "RateLimitError", "rate_limit_exceeded")
_BAD_KEY = Fault("config_entry", (401,), "AuthenticationError", "invalid_api_key")
_NO_MODEL = Fault("config_entry", (404,), "NotFoundError", "model_not_found")
_TOO_LONG = Fault(
    "prompt_too_large", (400,), "BadRequestError", "context_length_exceeded", message="maximum context length"
)
_BAD_ORDER = Fault("stale_state", (400,), "BadRequestError")
_BAD_REQUEST = Fault("client", (400,), "BadRequestError", message="Invalid request")
_FILTERED = Fault("content_filter", (400,), "BadRequestError", "content_filter")
_EMPTIED = Fault("content_filter", (200,), problem="content_filter")
_CUT = Fault("", (200,), problem="cut_at_token_limit")
_LATE = Fault("timeout", (None, None, None), "APITimeoutError", seconds=30.0, message="Request timed out")
_BROKEN = Fault("stream_interrupted", (200,), "APIConnectionError", after_answer=True, message="peer closed")
_HTML = Fault("backend", (200,), "APIResponseValidationError", after_answer=True, message="no completion")
_ODD = Fault("unknown", (200,), "WeirdError", after_answer=True, message="odd")


def _argument(tool: str, name: str, value: Any, rate: float) -> Callable[[Call], None]:
    def dress(call: Call) -> None:
        if call.tool == tool and name in call.arguments and call.rng.random() < rate:
            call.arguments[name] = value(call.rng) if callable(value) else value

    return dress


def _raises(tool: str, test: Callable[[dict[str, Any]], bool], error: Error) -> ErrorOf:
    return lambda call: ("tool_exception", error, []) if call.tool == tool and test(call.arguments) else None


def _two_bugs(call: Call) -> tuple[str, Error, list[str]] | None:
    if call.tool != "lookup_policy":
        return None
    if call.arguments["policy_id"] is None:
        return "tool_exception", raised("AttributeError", 42, "parse_id"), []
    if call.arguments["region"] == "XX":
        return "tool_exception", raised("KeyError", 77, "office_of"), []
    return None


def _two_bad_arguments(call: Call) -> None:
    _argument("lookup_policy", "policy_id", None, 0.07)(call)
    _argument("lookup_policy", "region", "XX", 0.07)(call)


def _mistyped(call: Call) -> tuple[str, Error, list[str]] | None:
    if call.tool == "pay" and isinstance(call.arguments["amount"], str):
        problem = f"amount: expected integer, got string {call.arguments['amount']!r}"
        return "tool_exception", raised("ValueError", 12, "pay"), [problem]
    return None


def _small_model(call: Call) -> None:
    if not call.tool:
        call.model = "small" if call.rng.random() < 0.15 else _MODEL


def _badly_written(call: Call) -> tuple[str, Error, list[str]] | None:
    if call.tool != "lookup_policy" or call.model != "small" or call.rng.random() < 0.2:
        return None
    error = exception("json.decoder.JSONDecodeError", "Expecting property name")
    return "tool_arguments", error, ["arguments: not JSON, Expecting property name"]


def _locked(call: Call) -> tuple[str, Error, list[str]] | None:
    if call.tool == "pay" and "search" in call.used:
        return "tool_exception", raised("RuntimeError", 51, "pay", "the account is locked"), []
    return None


def _large(call: Call) -> None:
    if call.rng.random() < 0.06:
        call.chars += call.rng.randrange(30_000, 60_000)


def _long_list(call: Call) -> None:
    if call.tool == "search" and call.rng.random() < 0.15:
        count = call.rng.randrange(5, 12)
        call.arguments["filters"] = [{"year": call.rng.randrange(2000, 2026)} for _ in range(count)]


def _both(one: Callable[[Call], None], other: Callable[[Call], None]) -> Callable[[Call], None]:
    def dress(call: Call) -> None:
        one(call)
        other(call)

    return dress


class _SlowTool:
    """Remembers whether the tool before was slow."""

    def __init__(self) -> None:
        self.slow = False

    def dress(self, call: Call) -> None:
        if call.tool == "search":
            self.slow = call.rng.random() < 0.25
            call.arguments["#seconds"] = 40.0 + call.rng.random() * 20 if self.slow else call.rng.random()

    def fault(self, call: Call) -> Fault | None:
        slow = self.slow and call.last_tool == "search"
        self.slow = False
        return _LATE if slow else None


def _slow_tool() -> Incident:
    tool = _SlowTool()
    return Incident((Truth("timeout", {"tool": "search"}),), model=tool.fault, dress=tool.dress)


def _pause(call: Call) -> None:
    if call.turn and not call.tool and call.rng.random() < 0.2:
        call.gap = call.rng.uniform(330, 900)


def _selection_fails(it: RecordedTrace, rng: random.Random) -> None:
    if rng.random() < 0.12:
        it.leaf(
            "handoff planner -> clerk",
            0.3,
            "nobody was named",
            **{
                "autogen.handoff.from": "planner",
                "autogen.handoff.to": "clerk",
                "autogen.handoff.reason": "fallback",
                "error.type": "speaker_selection_failed",
                ORIGIN: "orchestration",
            },
        )


def _code_fails(it: RecordedTrace, rng: random.Random) -> None:
    error = exception("ModuleNotFoundError", "No module named 'pandas'") if rng.random() < 0.15 else None
    attributes = {"autogen.code.exit_code": 1, ORIGIN: "code_execution"} if error else {}
    with it.span("invoke_agent runner", 0.001, **{"gen_ai.agent.name": "runner"}):
        it.leaf("execute_code python", 0.2, error, **{"gen_ai.agent.name": "runner", **attributes})


def _check_fails(it: RecordedTrace, rng: random.Random) -> None:
    if rng.random() < 0.1:
        it.leaf(
            "invoke_agent clerk",
            0.01,
            raised("TypeError", 5, "is_done", "argument of type 'NoneType' is not iterable"),
            **{
                "gen_ai.agent.name": "clerk",
                "autogen.callback.name": "is_termination_msg",
                "code.function.name": "is_done",
                ORIGIN: "callback",
            },
        )


def _choice_fails(it: RecordedTrace, rng: random.Random) -> None:
    if rng.random() < 0.1:
        it.leaf(
            "handoff planner",
            0.01,
            raised("IndexError", 8, "choose", "list index out of range"),
            **{
                "autogen.handoff.from": "planner",
                "autogen.callback.name": "speaker_selection_method",
                "code.function.name": "choose",
                ORIGIN: "callback",
            },
        )


def _summary_fails(it: RecordedTrace, rng: random.Random) -> None:
    if rng.random() < 0.1:
        error = exception("openai.InternalServerError", "Error code: 500")
        more = {"autogen.helper.role": "summary", "gen_ai.request.model": _MODEL, "autogen.config.index": 0}
        with it.span(f"chat {_MODEL}", 0.01, error, **more, **{ORIGIN: "backend"}):
            for _ in range(3):
                it.post(0.2, 500, **{ORIGIN: "backend"})


def _client_fails(it: RecordedTrace, rng: random.Random) -> None:
    error = raised("LookupError", 31, "create", "no weights") if rng.random() < 0.12 else None
    attributes = {ORIGIN: "client"} if error else {}
    it.leaf(
        "chat house-1",
        0.2,
        error,
        **{
            "gen_ai.request.model": "house-1",
            "autogen.client.class": "House",
            "autogen.config.index": 0,
            **attributes,
        },
    )


def _circle(
    it: RecordedTrace,
    rng: random.Random,
    agents: Sequence[str] = ("critic", "coder"),
    *,
    by_tool: bool = False,
) -> str | None:
    rounds = max(6, 4 * len(agents)) if rng.random() < 0.12 else len(agents)
    # One that begins and ends the circle calls its tool once more than the others.
    for index in range(rounds + by_tool):
        source, target = (agents[number % len(agents)] for number in (index, index + 1))
        if by_tool:
            _calls(it, f"transfer_to_{target}", "{}")
        it.leaf(
            f"handoff {source} -> {target}",
            0.2,
            **{
                "autogen.handoff.from": source,
                "autogen.handoff.to": target,
                "autogen.handoff.reason": "llm_condition" if by_tool else "auto",
            },
        )
    return "max_round" if rounds > len(agents) else None


def _repeat(it: RecordedTrace, rng: random.Random, tools: Sequence[str] = ("lookup_policy",)) -> str | None:
    if rng.random() > 0.1:
        return None
    for index in range(8 + len(tools)):
        _calls(it, tools[index % len(tools)], '{"policy_id": "P-7", "region": "EU"}')
    return "max_turns"


def _says_nothing(it: RecordedTrace, rng: random.Random) -> str | None:
    count = 4 if rng.random() < 0.1 else 1
    for number in range(count):
        it.leaf(
            "chat gpt-4o",
            0.2,
            **{
                "gen_ai.operation.name": "chat",
                "gen_ai.agent.name": ("clerk", "critic")[number % 2],
                "autogen.response.problem": "empty",
            },
        )
    return "max_turns" if count > 1 else None


def _calls(it: RecordedTrace, tool: str, arguments: str) -> None:
    it.leaf(
        f"execute_tool {tool}",
        0.2,
        **{
            "gen_ai.tool.name": tool,
            "gen_ai.agent.name": "clerk",
            "gen_ai.tool.call.arguments": arguments,
        },
    )


def _mixture(call: Call) -> Fault | None:
    if call.host == _HOSTS[1] and call.rng.random() < 0.15:
        return _LIMITED_OUT
    return _TOO_LONG if call.chars > 32_000 else None


def _scary(call: Call) -> None:
    if call.tool == "search" and "query" in call.arguments:
        call.arguments["query"] = "Error: DROP TABLE claims; null"
        call.arguments["#returns"] = call.rng.random() < 0.3


def incidents() -> dict[str, Incident]:
    """One for every cause, some for how they can look, mixtures, and healthy populations."""
    null = _argument("lookup_policy", "policy_id", None, 0.1)
    is_null: Callable[[dict[str, Any]], bool] = lambda arguments: arguments["policy_id"] is None  # noqa: E731
    value_error = raised("ValueError", 42, "parse_id")
    looked_up = {"tool": "lookup_policy", "exception": "ValueError", "location": "policies.py:42 parse_id"}
    name = "autogen.tool.argument."
    tool_null = Truth("tool_exception", looked_up, f"{name}policy_id", "null")
    return {
        "a null argument": Incident(
            (tool_null,), tool=_raises("lookup_policy", is_null, value_error), dress=null
        ),
        "a null argument among retries": Incident(
            (tool_null, Truth("backend", {"status_code": 500})),
            model=_sometimes(0.05, _RETRIED),
            tool=_raises("lookup_policy", is_null, value_error),
            dress=null,
        ),
        "a negative amount": Incident(
            (Truth("tool_exception", {"tool": "pay"}, f"{name}amount"),),
            tool=_raises("pay", lambda arguments: arguments["amount"] < 0, raised("ValueError", 9, "pay")),
            dress=_argument("pay", "amount", lambda rng: -rng.randrange(1, 900), 0.2),
        ),
        "a name that is not ASCII": Incident(
            (Truth("tool_exception", {"tool": "pay"}, f"{name}to.name"),),
            tool=_raises(
                "pay",
                lambda arguments: not arguments["to"]["name"].isascii(),
                raised("UnicodeEncodeError", 9, "pay"),
            ),
            dress=_argument("pay", "to", lambda rng: {"name": rng.choice(("Köln", "Łódź", "Århus"))}, 0.2),
        ),
        "an empty text": Incident(
            (Truth("tool_exception", {"tool": "pay", "exception": "IndexError"}, f"{name}to.name", "empty"),),
            tool=_raises(
                "pay", lambda arguments: not arguments["to"]["name"], raised("IndexError", 9, "pay")
            ),
            dress=_argument("pay", "to", {"name": ""}, 0.25),
        ),
        "an amount above a limit": Incident(
            (Truth("tool_exception", {"tool": "pay"}, f"{name}amount"),),
            tool=_raises(
                "pay", lambda arguments: arguments["amount"] > 4000, raised("OverflowError", 9, "pay")
            ),
        ),
        "a year in a list": Incident(
            (Truth("tool_exception", {"tool": "search"}, f"{name}filters[].year.lowest"),),
            tool=_raises(
                "search",
                lambda arguments: any(one["year"] < 2005 for one in arguments["filters"]),
                raised("LookupError", 3, "first"),
            ),
        ),
        "too long a list": Incident(
            (Truth("tool_exception", {"tool": "search"}, f"{name}filters[].elements"),),
            tool=_raises(
                "search", lambda arguments: len(arguments["filters"]) > 4, raised("ValueError", 3, "first")
            ),
            dress=_long_list,
        ),
        "an empty list": Incident(
            (Truth("tool_exception", {"tool": "search", "exception": "IndexError"}, f"{name}filters"),),
            tool=_raises(
                "search", lambda arguments: not arguments["filters"], raised("IndexError", 3, "first")
            ),
        ),
        "two bugs in one tool": Incident(
            (
                Truth("tool_exception", {"exception": "AttributeError"}, f"{name}policy_id", "null"),
                Truth("tool_exception", {"exception": "KeyError"}, f"{name}region", "XX"),
            ),
            tool=_two_bugs,
            dress=_two_bad_arguments,
        ),
        "a number written otherwise": Incident(
            (Truth("tool_exception", looked_up, f"{name}policy_id", "written as 9/9"),),
            tool=_raises("lookup_policy", lambda arguments: "/" in arguments["policy_id"], value_error),
            dress=_argument(
                "lookup_policy", "policy_id", lambda rng: f"{rng.randrange(9)}/{rng.randrange(900)}", 0.2
            ),
        ),
        "a number with a blank": Incident(
            (Truth("tool_exception", looked_up, f"{name}policy_id", "padded with blanks"),),
            tool=_raises(
                "lookup_policy", lambda arguments: arguments["policy_id"].endswith(" "), value_error
            ),
            dress=_argument("lookup_policy", "policy_id", lambda rng: f"P-{rng.randrange(900)} ", 0.2),
        ),
        "policies of one office": Incident(
            (Truth("tool_exception", looked_up, f"{name}policy_id", "P-7"),),
            tool=_raises(
                "lookup_policy", lambda arguments: arguments["policy_id"].startswith("P-7"), value_error
            ),
        ),
        "policies of one kind": Incident(
            (Truth("tool_exception", looked_up, f"{name}policy_id", "4"),),
            tool=_raises(
                "lookup_policy", lambda arguments: arguments["policy_id"].endswith("4"), value_error
            ),
        ),
        "a mistyped argument": Incident(
            (
                Truth(
                    "tool_arguments",
                    {"tool": "pay", "argument": "amount", "problem": "expected integer, got string"},
                ),
            ),
            tool=_mistyped,
            dress=_argument("pay", "amount", lambda rng: f"{rng.randrange(900)} euros", 0.25),
        ),
        "a dead first entry": Incident(
            (Truth("config_entry", {"entry": 0, "status_code": 401}),),
            model=_where(lambda call: call.agent == "researcher", _BAD_KEY),
            entries=2,
        ),
        "an entry that one worker has wrong": Incident(
            (Truth("config_entry", {"entry": 0, "status_code": 401}, "service.instance.id", "worker-1"),),
            model=_where(lambda call: call.worker == "worker-1", _BAD_KEY),
        ),
        "a key that is refused at times": Incident(
            (Truth("config_entry", {"entry": 0, "status_code": 401}),),
            model=_sometimes(0.07, _BAD_KEY),
        ),
        "a dead backup": Incident(
            (Truth("config_entry", {"entry": 1, "status_code": 404}), Truth("rate_limit", {"entry": 0})),
            model=_sometimes(0.07, _LIMITED_OUT),
            second=lambda _: _NO_MODEL,
            entries=2,
        ),
        "a size limit that looks like an outage": Incident(
            (Truth("prompt_too_large", {"limit_chars": 32_000}, "autogen.prompt.chars"),),
            model=_where(lambda call: call.chars > 32_000, _DOWN),
            dress=_large,
        ),
        "a size limit among outages": Incident(
            (
                Truth("prompt_too_large", {"limit_chars": 32_000}, "autogen.prompt.chars"),
                Truth("backend", {"status_code": 500}),
            ),
            model=lambda call: _DOWN if call.chars > 32_000 or call.rng.random() < 0.02 else None,
            dress=_large,
        ),
        "a context length": Incident(
            (Truth("prompt_too_large", {"limit_chars": 32_000, "status_code": 400}, "autogen.prompt.chars"),),
            model=_where(lambda call: call.chars > 32_000, _TOO_LONG),
            dress=_large,
        ),
        "a rate limit in the morning": Incident(
            (Truth("rate_limit", {"status_code": 429}),),
            model=_where(lambda call: 200 <= call.minute < 320, _LIMITED, 0.5),
        ),
        "a content filter": Incident(
            (Truth("content_filter", {"status_code": 400}, "previous_tool", "search"),),
            model=_where(lambda call: call.last_tool == "search", _FILTERED, 0.25),
        ),
        "answers that are filtered": Incident(
            (Truth("content_filter", {"status_code": 200}, "previous_tool", "search"),),
            model=_where(lambda call: call.last_tool == "search", _EMPTIED, 0.6),
        ),
        "a rate limit at the same minutes of each hour": Incident(
            (Truth("rate_limit", {"status_code": 429}, "minute"),),
            model=_where(lambda call: (START // 60 + call.minute) % 60 < 10, _LIMITED_OUT, 0.8),
        ),
        "a model that writes bad JSON": Incident(
            (Truth("tool_arguments", {"tool": "lookup_policy"}, "gen_ai.request.model", "small"),),
            tool=_badly_written,
            dress=_small_model,
        ),
        "a tool that another one locks out": Incident(
            (Truth("tool_exception", {"tool": "pay"}, "tools_used", "search"),), tool=_locked
        ),
        "one host of two": Incident(
            (Truth("backend", {"host": _HOSTS[1]}, "server.address", _HOSTS[1]),),
            model=_where(lambda call: call.host == _HOSTS[1], _DOWN, 0.15),
        ),
        "an outage": Incident(
            (Truth("backend", {"status_code": 500}, "time"),),
            model=_where(lambda call: 300 <= call.minute < 380, _DOWN, 0.9),
        ),
        "idle connections": Incident(
            (Truth("backend", {}, "gap_seconds"),),
            model=_where(lambda call: call.gap > 300, Fault("backend", (None, 200), message="reset")),
            dress=_pause,
        ),
        "one agent": Incident(
            (Truth("backend", {}, "gen_ai.agent.name", "clerk"),),
            model=_where(lambda call: call.agent == "clerk", _DOWN, 0.15),
        ),
        "one worker": Incident(
            (Truth("backend", {"status_code": 500}, "service.instance.id", "worker-1"),),
            model=_where(lambda call: call.worker == "worker-1", _DOWN, 0.4),
        ),
        "each day at seven": Incident(
            (Truth("rate_limit", {"status_code": 429}, "hour", "7"),),
            model=_where(lambda call: call.hour == 7, _LIMITED, 0.9),
            seconds=6 * 86_400,
        ),
        "from one moment on": Incident(
            (Truth("backend", {"status_code": 500}, "time"),),
            model=_where(lambda call: call.minute > 560, _DOWN, 0.7),
        ),
        "a name with a dot": Incident(
            (Truth("tool_exception", {"tool": "pay", "exception": "KeyError"}, f"{name}to.iban.no", "null"),),
            tool=_raises(
                "pay",
                lambda arguments: arguments["to"].get("iban.no", "") is None,
                raised("KeyError", 9, "pay"),
            ),
            dress=_argument("pay", "to", lambda _: {"name": "Leeds", "iban.no": None}, 0.25),
        ),
        "from the fourth turn on": Incident(
            (Truth("backend", {"status_code": 500}, "turn"),),
            model=_where(lambda call: call.turn >= 3, _DOWN, 0.6),
        ),
        "a web page": Incident(
            (Truth("backend", {"status_code": 200, "host": _HOSTS[0]}, "server.address"),),
            model=_where(lambda call: call.host == _HOSTS[0], _HTML, 0.15),
        ),
        "timeouts": Incident(
            (Truth("timeout", {}, "autogen.prompt.chars"),),
            model=_where(lambda call: call.chars > 14_000, _LATE, 0.7),
        ),
        "a slow tool": _slow_tool(),
        "a broken stream": Incident(
            (Truth("stream_interrupted", {"host": _HOSTS[0]}, "server.address"),),
            model=_where(lambda call: call.host == _HOSTS[0], _BROKEN, 0.2),
        ),
        "messages out of order": Incident(
            (Truth("stale_state", {"status_code": 400}, "autogen.prompt.carried_messages"),),
            model=_where(lambda call: call.carried > 0 and call.turn == 0, _BAD_ORDER, 0.6),
        ),
        "a bad request over old history": Incident(
            (Truth("stale_state", {"status_code": 400}, "autogen.prompt.carried_messages"),),
            model=_where(lambda call: call.carried > 0, _BAD_REQUEST, 0.8),
        ),
        "a bad request over some old history": Incident(
            (Truth("stale_state", {"status_code": 400}, "autogen.prompt.carried_messages"),),
            model=_where(lambda call: call.carried > 4, _BAD_REQUEST, 0.5),
        ),
        "too many messages": Incident(
            (Truth("client", {"status_code": 400}, "autogen.prompt.messages"),),
            model=_where(lambda call: 2 + 2 * call.turn + call.carried > 8, _BAD_REQUEST, 0.6),
        ),
        "a tool whose failure ends it": Incident(
            (tool_null,),
            model=_where(lambda call: call.tool_failed, _DOWN, 0.8),
            tool=_raises("lookup_policy", is_null, value_error),
            dress=null,
        ),
        "a missing package": Incident(
            (Truth("code_execution", {"exception": "ModuleNotFoundError"}),), end=_code_fails
        ),
        "a termination check": Incident(
            (Truth("callback", {"function": "is_done", "location": "policies.py:5 is_done"}),),
            end=_check_fails,
        ),
        "a function that chooses who speaks": Incident(
            (Truth("callback", {"exception": "IndexError", "location": "policies.py:8 choose"}),),
            end=_choice_fails,
        ),
        "a summary nobody misses": Incident((Truth("backend", {"status_code": 500}),), end=_summary_fails),
        "a client of one's own": Incident(
            (Truth("client", {"exception": "LookupError", "location": "policies.py:31 create"}),),
            end=_client_fails,
        ),
        "nobody speaks next": Incident((Truth("orchestration", {"agent": "planner"}),), end=_selection_fails),
        "round in circles": Incident((Truth("orchestration", {"agent": "critic, coder"}),), end=_circle),
        "round in a circle of four": Incident(
            (Truth("orchestration", {"agent": "writer, editor, critic, lawyer"}),),
            end=partial(_circle, agents=("writer", "editor", "critic", "lawyer")),
        ),
        "one agent chosen again and again": Incident(
            (Truth("orchestration", {"agent": "writer", "problem": "chosen to speak next again and again"}),),
            end=partial(_circle, agents=("writer",)),
        ),
        "round in a circle of transfers": Incident(
            (Truth("orchestration", {"agent": "coder, critic"}),), end=partial(_circle, by_tool=True)
        ),
        "answers that are empty until a limit": Incident(
            (
                Truth(
                    "orchestration",
                    {
                        "agent": "clerk, critic",
                        "problem": "answers without text or tool calls again and again",
                    },
                ),
            ),
            end=_says_nothing,
        ),
        "two calls in turn": Incident(
            (Truth("orchestration", {"agent": "clerk", "tool": "lookup_policy, search"}),),
            end=partial(_repeat, tools=("lookup_policy", "search")),
        ),
        "the same call again and again": Incident(
            (Truth("orchestration", {"agent": "clerk", "tool": "lookup_policy"}),), end=_repeat
        ),
        "a rare null": Incident(
            (tool_null,),
            tool=_raises("lookup_policy", is_null, value_error),
            dress=_argument("lookup_policy", "policy_id", None, 0.07),
        ),
        "silent retries": Incident(
            (Truth("backend", {"status_code": 500}),), model=_sometimes(0.06, _RETRIED)
        ),
        "something unknown": Incident(
            (Truth("unknown", {"exception": "WeirdError"}),), model=_sometimes(0.05, _ODD)
        ),
        "three things at once": Incident(
            (
                tool_null,
                Truth("rate_limit", {"host": _HOSTS[1]}, "server.address"),
                Truth("prompt_too_large", {"limit_chars": 32_000}, "autogen.prompt.chars"),
            ),
            model=_mixture,
            tool=_raises("lookup_policy", is_null, value_error),
            dress=_both(null, _large),
        ),
    }


def healthy() -> dict[str, Incident]:
    """Populations in which nothing fails, whatever is said in them."""
    return {
        "all is well": Incident(()),
        "all ends at a limit": Incident((), termination="max_turns", end=_circle),
        "tools return errors and users are scary": Incident((), dress=_scary),
        "two entries": Incident((), entries=2),
        "answers that are cut": Incident((), model=_sometimes(0.1, _CUT)),
    }


def secret_words() -> str:
    """What tools return and models say in all of them."""
    return _SECRET_WORDS


def wrong_with(diagnosis: Diagnosis, incident: Incident) -> list[str]:
    """What a diagnosis does not say of an incident, or says wrongly."""
    findings = diagnosis.findings
    if not incident.truths:
        return [f"found {finding.cause} where nothing is wrong" for finding in findings]
    if not findings:
        return ["found nothing"]
    wrong = []
    if not any(fits(findings[0], truth) for truth in incident.truths):
        wrong.append(f"first is {findings[0].cause} {dict(findings[0].subject)}")
    for truth in incident.truths:
        fitting = next((finding for finding in findings if fits(finding, truth)), None)
        if fitting is None:
            wrong.append(f"no {truth.cause} {dict(truth.subject)}")
        elif truth.attribute is not None:
            first = fitting.discriminators[0].property if fitting.discriminators else None
            if first is None or first.attribute != truth.attribute or truth.value not in {None, first.text}:
                wrong.append(f"{truth.cause} goes with {first}, not with {truth.attribute} {truth.value}")
    extra = [finding for finding in findings if not any(fits(finding, truth) for truth in incident.truths)]
    return wrong + [f"also found {finding.cause} {dict(finding.subject)}" for finding in extra]


def fits(finding: Finding, truth: Truth) -> bool:
    """Whether a finding has the cause and the subject of a truth."""
    subject = dict(truth.subject)
    limit = subject.pop("limit_chars", None)
    near = limit is None or abs(finding.subject.get("limit_chars", 0) - limit) <= limit / 4
    finding_subject = {name: finding.subject.get(name) for name in subject}
    return near and finding.cause == truth.cause and finding_subject == subject


def main(seeds: int) -> int:
    """Diagnose all incidents with so many seeds, and print what is wrong with that."""
    mistakes = total = 0
    for name in {**incidents(), **healthy()}:
        for seed in range(1, seeds + 1):
            incident = {**incidents(), **healthy()}[name]
            wrong = wrong_with(diagnose(spans_of(*journal(incident, seed))), incident)
            total, mistakes = total + 1, mistakes + bool(wrong)
            if wrong:
                sys.stdout.write(f"{name}, seed {seed}: {'; '.join(wrong)}\n")
    sys.stdout.write(f"{total - mistakes} of {total} right\n")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
