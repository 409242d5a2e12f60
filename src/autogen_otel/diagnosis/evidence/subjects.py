"""What a failure is of: the tool and the line, the entry and its host, the agent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import MOST_AROUND, plain, plain_problem
from autogen_otel.traces.stacktrace import raising_user_frame
from autogen_otel.traces.trace import HTTP, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_QUOTA: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_OK: Final = 200
_UNKNOWN_TOOL: Final = "unknown tool"


def tool_subject(span: Span, problems: tuple[str, ...]) -> dict[str, Any]:
    """What the failure of a tool call is of."""
    subject: dict[str, Any] = {"tool": str(span.attributes.get(names.GEN_AI_TOOL_NAME) or span.subject)}
    if problems:
        subject.update(problem_subject(problems[0]))
    if subject.get("problem") != _UNKNOWN_TOOL:
        subject.update(raised_subject(span))
    return subject


def problem_subject(problem: str) -> dict[str, Any]:
    """Argument and problem, of a plain problem."""
    argument, _, words = plain_problem(problem).partition(": ")
    return {"argument": argument, "problem": words or argument}


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
    if kind:
        subject = {"exception": kind.rpartition(".")[2], **subject}
    return subject


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


def model_detail(cause: str, attempt: Span | None, subject: Mapping[str, Any]) -> dict[str, Any]:
    """What separates failures of the same cause and entry."""
    status = subject.get("status_code")
    code = attempt.attributes.get(names.HTTP_ERROR_CODE) if attempt is not None else None
    if cause in {causes.CONFIG_ENTRY, causes.CLIENT}:
        return {"status_code": status, "code": code}
    if cause == causes.RATE_LIMIT:
        return {"quota": str(code) in _QUOTA}
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
