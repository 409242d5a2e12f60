"""What a failure is of: the tool and the line, the entry and its host, the agent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import MOST_AROUND, NOT_JSON, plain, plain_problem
from autogen_otel.traces.failures import stack_of, what_was_raised
from autogen_otel.traces.stacktrace import chained_exceptions, raising_user_frame
from autogen_otel.traces.trace import HTTP, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, responses
from autogen_otel.vocabulary import spans as span_names

_QUOTA: Final = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error", "Arrearage"}
)
_OK: Final = 200
_LONGEST_SAID: Final = 240
_LONGEST_CAUSE: Final = 100
_RAISED: Final = (names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE)
_NO_OBJECT: Final = "expected object, got"
_WHOLE: Final = "arguments"
"""How problems call the arguments as a whole."""
UNKNOWN_TOOL: Final = "unknown tool"
MADE_UP: Final = "unknown tool, not offered to the model"
OF_CACHE: Final = "unknown tool, in an answer from the cache"
NOT_OFFERED: Final = (MADE_UP, OF_CACHE)
ERROR_INSIDE: Final = "an error inside the answer"
"""The problem of an answer whose status says that all is well, and in which the provider reports an error."""
_ERROR_EVENT: Final = "APIError"
"""What the SDK raises for an error event inside of a stream, and no subclass of it."""
CUT: Final = "cut at the model's token limit"
"""The problem of arguments that are no JSON because the answer with them ended too early."""


def tool_subject(span: Span, problems: tuple[str, ...], asked_by: Span | None = None) -> dict[str, Any]:
    """What the failure of a tool call is of.

    Args:
        span: the tool call.
        problems: how its arguments do not fit.
        asked_by: the model call that asked for it, where that is known.
    """
    subject: dict[str, Any] = {"tool": tool_name(span)}
    if problems:
        subject.update(problem_subject(problems[0]))
    problem = subject.get("problem")
    if problem == UNKNOWN_TOOL:
        if asked_by is not None and not _offers(asked_by, subject["tool"]):
            is_cached = asked_by.attributes.get(names.CACHE_HIT) is True
            subject["problem"] = OF_CACHE if is_cached else MADE_UP
        return subject
    if problem == NOT_JSON and asked_by is not None:
        was_cut = asked_by.attributes.get(names.RESPONSE_PROBLEM) == responses.CUT_AT_TOKEN_LIMIT
        subject["problem"] = CUT if was_cut else problem
    return {**subject, **raised_subject(span)}


def tool_name(span: Span) -> str:
    """The tool that a call is of."""
    return str(span.attributes.get(names.GEN_AI_TOOL_NAME) or span.subject)


def _offers(chat: Span, tool: str) -> bool:
    """Whether a model call offers a tool, or may do so: of very many not all names are recorded."""
    offered, count = (chat.attributes.get(key) for key in (names.PROMPT_TOOL_NAMES, names.PROMPT_TOOLS))
    known = offered if isinstance(offered, list) else []
    return not isinstance(count, int) or count > len(known) or tool in known


def problem_subject(problem: str) -> dict[str, Any]:
    """Argument and problem, of a plain problem."""
    argument, _, words = plain_problem(problem).partition(": ")
    return {"argument": argument, "problem": words or argument}


def is_no_object(subject: Mapping[str, Any]) -> bool:
    """Whether arguments are meant that are no JSON object, so that none of them has a name."""
    problem = str(subject.get("problem"))
    is_whole = problem in {NOT_JSON, CUT} or problem.startswith(_NO_OBJECT)
    return is_whole and subject.get("argument") == _WHOLE


def raised_subject(span: Span) -> dict[str, Any]:
    """What was raised, and where in the user's code."""
    subject: dict[str, Any] = {}
    event = span.exception
    kind = str(span.attributes.get(names.ERROR_TYPE) or "")
    if event is not None:
        kind = str(event.attributes.get(names.EXCEPTION_TYPE) or kind)
        # The model's code is another file each time.
        is_models = span.operation == span_names.EXECUTE_CODE
        frame = raising_user_frame(str(event.attributes.get(names.EXCEPTION_STACKTRACE, "")))
        if frame is not None and not is_models:
            subject["location"] = frame.location.replace(" in ", " ", 1)
    # An HTTP attempt has its status there.
    if kind and not kind.isdigit():
        module, _, name = kind.rpartition(".")
        # ``struct.error`` says more than ``error``.
        full = f"{module.rpartition('.')[2]}.{name}"
        subject = {"exception": full if module and name.lower() == "error" else name, **subject}
    return subject


def said_by(span: Span) -> str:
    """What a failing call reports, with what that began with, in one line."""
    event = span.exception
    said, cause = what_was_raised(span), ""
    first = _began_with(stack_of(event))
    if event is not None and first:
        raised, message = (str(event.attributes.get(name, "")) for name in _RAISED)
        kind, _, words = first.partition(": ")
        # The HTTP client of the SDK raises again, in its words, what the one below it raised. Of a tool whose
        # content is kept out only the kinds are there.
        is_same = message.startswith(words) and (words or kind == raised.removeprefix("__main__."))
        cause = "" if is_same else f" (caused by {_line(first, _LONGEST_CAUSE)})"
    return _line(said, _LONGEST_SAID - len(cause)) + cause


def _line(text: str, longest: int) -> str:
    line = " ".join(text[: 2 * longest].split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


@lru_cache(maxsize=256)
def _began_with(stacktrace: str) -> str:
    """The key of the exception that a stack trace begins with; empty if there is none. Retries repeat it."""
    return next(iter(chained_exceptions(stacktrace)), "")


def model_subject(chat: Span, entry: Span, attempt: Span | None) -> dict[str, Any]:
    """Which entry it is of, and what the provider answered.

    Args:
        chat: the model call.
        entry: the entry tried; the call itself where there is only one.
        attempt: the HTTP attempt that tells most.
    """
    subject: dict[str, Any] = {}
    for key, name in (
        ("entry", names.CONFIG_INDEX),
        ("model", names.GEN_AI_REQUEST_MODEL),
        ("host", names.SERVER_ADDRESS),
    ):
        holders = (entry, chat) if attempt is None else (entry, attempt, chat)
        value = next((span.attributes[name] for span in holders if name in span.attributes), None)
        if value is not None:
            subject[key] = plain(value)
    status = attempt.attributes.get(names.HTTP_RESPONSE_STATUS_CODE) if attempt is not None else None
    if status is not None:
        subject["status_code"] = plain(status)
    return subject


def request_subject(attempt: Span, trace: Trace) -> dict[str, Any]:
    """Who asked, from where and whom, of a request that no model call made."""
    subject = other_subject(attempt, trace)
    for key, name in (("host", names.SERVER_ADDRESS), ("status_code", names.HTTP_RESPONSE_STATUS_CODE)):
        if name in attempt.attributes:
            subject[key] = plain(attempt.attributes[name])
    return subject


def has_error_inside(failed: Span, attempt: Span | None) -> bool:
    """Whether a provider has reported an error in an answer with a status that says that all is well."""
    status = None if attempt is None else attempt.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    if attempt is None or status != _OK:
        return False
    # A page of a proxy has neither.
    is_named = names.HTTP_ERROR_CODE in attempt.attributes or names.HTTP_ERROR_TYPE in attempt.attributes
    return is_named or raised_subject(failed).get("exception") == _ERROR_EVENT


def model_detail(cause: str, attempt: Span | None, subject: Mapping[str, Any]) -> dict[str, Any]:
    """What separates failures of the same cause and entry."""
    status = subject.get("status_code")
    code, kind = (
        None if attempt is None else attempt.attributes.get(key)
        for key in (names.HTTP_ERROR_CODE, names.HTTP_ERROR_TYPE)
    )
    if cause in {causes.CONFIG_ENTRY, causes.CLIENT}:
        return {"status_code": status, "code": code}
    if cause == causes.RATE_LIMIT:
        return {"quota": not _QUOTA.isdisjoint((str(code), str(kind)))}
    if cause == causes.CONTENT_FILTER:
        # An answer that was emptied is another thing than a prompt that was refused.
        return {"no_error": status == _OK}
    if cause == causes.BACKEND:
        # An answer that says all is well and is none points to a wrong address rather than to an outage.
        return {"no_completion": status == _OK}
    return {}


def other_subject(span: Span, trace: Trace) -> dict[str, Any]:
    """What the failure of a turn, a handoff, code or a callback is of."""
    attributes = span.attributes
    subject: dict[str, Any] = {}
    agent = attributes.get(names.GEN_AI_AGENT_NAME) or attributes.get(names.HANDOFF_FROM)
    if agent is None:
        around = islice(trace.up_from(trace.span(span.parent_id)), MOST_AROUND)
        agents = (one.attributes.get(names.GEN_AI_AGENT_NAME) for one in around)
        agent = next((one for one in agents if one is not None), None)
    if agent is not None:
        subject["agent"] = str(agent)
    # A selection that chose nobody raised nothing; a function of the application's that chooses may raise.
    if span.operation == span_names.HANDOFF and span.exception is None:
        return subject
    subject.update(raised_subject(span))
    if names.CALLBACK_NAME in attributes:
        subject["callback"] = plain(attributes[names.CALLBACK_NAME])
        if names.CODE_FUNCTION_NAME in attributes:
            subject["function"] = plain(attributes[names.CODE_FUNCTION_NAME])
        path, line = attributes.get(names.CODE_FILE_PATH), attributes.get(names.CODE_LINE_NUMBER)
        if "location" not in subject and isinstance(path, str):
            file = path.replace("\\", "/").rpartition("/")[2]
            subject["location"] = f"{file}:{line}" if line is not None else file
    return subject


def is_attempt(span: Span) -> bool:
    """Whether it is an HTTP attempt."""
    return span.operation == HTTP
