"""The subject of a failure: the tool and the line, the entry and its host, the agent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import MOST_NEIGHBOURS, NOT_JSON, plain, plain_problem
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
_LONGEST_MESSAGE: Final = 240
_LONGEST_CAUSE: Final = 100
_REFUSED: Final = {
    "status_code": names.HTTP_RESPONSE_STATUS_CODE,
    "agent": names.REFUSED_AGENT,
    "tool": names.REFUSED_TOOL,
}
_EXCEPTION_KEYS: Final = (names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE)
_NO_OBJECT: Final = "expected object, got"
_ALL_ARGUMENTS: Final = "arguments"
"""The name that problems give to the arguments as a whole."""
UNKNOWN_TOOL: Final = "unknown tool"
INVENTED_TOOL: Final = "unknown tool, not offered to the model"
TOOL_OF_CACHE: Final = "unknown tool, in an answer from the cache"
UNAVAILABLE_TOOLS: Final = (INVENTED_TOOL, TOOL_OF_CACHE)
ERROR_INSIDE: Final = "an error inside the answer"
"""The problem of an answer with status 200 in which the provider reports an error."""
_ERROR_EVENT: Final = "APIError"
"""The exact class that the SDK raises for an error event inside a stream."""
CUT_AT_LIMIT: Final = "cut at the model's token limit"
"""The problem of arguments that are no JSON because the model's answer ended too early."""


def tool_subject(span: Span, problems: tuple[str, ...], chat: Span | None = None) -> dict[str, Any]:
    """The subject of a failed tool call.

    Args:
        span: the tool call.
        problems: how its arguments do not fit.
        chat: the model call that requested it, if that is known.
    """
    subject: dict[str, Any] = {"tool": tool_name(span)}
    if problems:
        subject.update(problem_subject(problems[0]))
    problem = subject.get("problem")
    if problem == UNKNOWN_TOOL:
        if chat is not None and not _offers(chat, subject["tool"]):
            is_cached = chat.attributes.get(names.CACHE_HIT) is True
            subject["problem"] = TOOL_OF_CACHE if is_cached else INVENTED_TOOL
        return subject
    if problem == NOT_JSON and chat is not None:
        was_cut = chat.attributes.get(names.RESPONSE_PROBLEM) == responses.CUT_AT_TOKEN_LIMIT
        subject["problem"] = CUT_AT_LIMIT if was_cut else problem
    return {**subject, **raised_subject(span)}


def tool_name(span: Span) -> str:
    """The name of the tool that a span calls."""
    return str(span.attributes.get(names.GEN_AI_TOOL_NAME) or span.subject)


def _offers(chat: Span, tool: str) -> bool:
    """Whether a model call offers a tool, or may do so: a span does not have the names of very many tools."""
    tool_names, count = (chat.attributes.get(key) for key in (names.PROMPT_TOOL_NAMES, names.PROMPT_TOOLS))
    recorded_names = tool_names if isinstance(tool_names, list) else []
    return not isinstance(count, int) or count > len(recorded_names) or tool in recorded_names


def problem_subject(problem: str) -> dict[str, Any]:
    """The argument and the problem with it."""
    argument, _, words = plain_problem(problem).partition(": ")
    return {"argument": argument, "problem": words or argument}


def is_no_object(subject: Mapping[str, Any]) -> bool:
    """Whether the arguments are no JSON object, so that no single one has a name."""
    problem = str(subject.get("problem"))
    is_whole = problem in {NOT_JSON, CUT_AT_LIMIT} or problem.startswith(_NO_OBJECT)
    return is_whole and subject.get("argument") == _ALL_ARGUMENTS


def raised_subject(span: Span) -> dict[str, Any]:
    """The exception, and where the user's code raised it."""
    subject: dict[str, Any] = {}
    event = span.exception
    kind = str(span.attributes.get(names.ERROR_TYPE) or "")
    if event is not None:
        kind = str(event.attributes.get(names.EXCEPTION_TYPE) or kind)
        # The file of the model's code differs each time.
        is_models = span.operation == span_names.EXECUTE_CODE
        frame = raising_user_frame(str(event.attributes.get(names.EXCEPTION_STACKTRACE, "")))
        if frame is not None and not is_models:
            subject["location"] = frame.location.replace(" in ", " ", 1)
    # The error type of an HTTP attempt is its status.
    if kind and not kind.isdigit():
        module, _, name = kind.rpartition(".")
        # ``struct.error`` says more than ``error``.
        full = f"{module.rpartition('.')[2]}.{name}"
        subject = {"exception": full if module and name.lower() == "error" else name, **subject}
    return subject


def message_of(span: Span) -> str:
    """The error message of a failed call, with the first exception of its chain, in one line."""
    event = span.exception
    message, cause = what_was_raised(span), ""
    first = _first_exception(stack_of(event))
    if event is not None and first:
        exception_type, exception_message = (str(event.attributes.get(name, "")) for name in _EXCEPTION_KEYS)
        kind, _, words = first.partition(": ")
        # The HTTP client of the SDK wraps the exception of the client below it, with the same message. A tool
        # whose content is excluded has only the exception types.
        is_same = exception_message.startswith(words) and (
            words or kind == exception_type.removeprefix("__main__.")
        )
        cause = "" if is_same else f" (caused by {_line(first, _LONGEST_CAUSE)})"
    return _line(message, _LONGEST_MESSAGE - len(cause)) + cause


def _line(text: str, longest: int) -> str:
    line = " ".join(text[: 2 * longest].split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


@lru_cache(maxsize=256)
def _first_exception(stacktrace: str) -> str:
    """The first exception of a stack trace, or an empty text. Retries repeat the same stack trace."""
    return next(iter(chained_exceptions(stacktrace)), "")


def model_subject(chat: Span, entry: Span, attempt: Span | None) -> dict[str, Any]:
    """The entry of a failed model call, and the status that the provider answered.

    Args:
        chat: the model call.
        entry: the entry that was tried; the call itself if there is only one.
        attempt: the HTTP attempt that says most.
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
    # A client whose attempts are not observed has the status in its exception.
    holder = entry if attempt is None else attempt
    for key, name in _REFUSED.items():
        if name in holder.attributes:
            subject[key] = plain(holder.attributes[name])
    return subject


def request_subject(attempt: Span, trace: Trace) -> dict[str, Any]:
    """The agent, the location and the host of a request that no model call made."""
    subject = other_subject(attempt, trace)
    for key, name in (("host", names.SERVER_ADDRESS), ("status_code", names.HTTP_RESPONSE_STATUS_CODE)):
        if name in attempt.attributes:
            subject[key] = plain(attempt.attributes[name])
    return subject


def has_error_inside(failed_span: Span, attempt: Span | None) -> bool:
    """Whether a provider reported an error in an answer with status 200."""
    status = None if attempt is None else attempt.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    if attempt is None or status != _OK:
        return False
    # A proxy's page has neither a code nor a type.
    has_error = names.HTTP_ERROR_CODE in attempt.attributes or names.HTTP_ERROR_TYPE in attempt.attributes
    return has_error or raised_subject(failed_span).get("exception") == _ERROR_EVENT


def model_detail(
    cause: str, attempt: Span | None, subject: Mapping[str, Any], client: object = None
) -> dict[str, Any]:
    """What separates failures of the same cause and entry.

    Args:
        cause: their cause.
        attempt: the HTTP attempt that says most.
        subject: their subject.
        client: the class of the application's own model client, if one was called.
    """
    status = subject.get("status_code")
    code, kind = (
        None if attempt is None else attempt.attributes.get(key)
        for key in (names.HTTP_ERROR_CODE, names.HTTP_ERROR_TYPE)
    )
    if cause in {causes.CONFIG_ENTRY, causes.CLIENT}:
        return {"status_code": status, "code": code, "client": client}
    if cause == causes.RATE_LIMIT:
        return {"quota": not _QUOTA.isdisjoint((str(code), str(kind)))}
    if cause == causes.CONTENT_FILTER:
        # The filter emptied an answer: that differs from a refused prompt.
        return {"no_error": status == _OK}
    if cause == causes.BACKEND:
        # A status of 200 without a completion points to a wrong address rather than to an outage.
        return {"no_completion": status == _OK}
    return {}


def other_subject(span: Span, trace: Trace) -> dict[str, Any]:
    """The subject of a failed turn, handoff, code block or callback."""
    attributes = span.attributes
    subject: dict[str, Any] = {}
    agent = attributes.get(names.GEN_AI_AGENT_NAME) or attributes.get(names.HANDOFF_FROM)
    if agent is None:
        ancestors = islice(trace.up_from(trace.span(span.parent_id)), MOST_NEIGHBOURS)
        agents = (ancestor.attributes.get(names.GEN_AI_AGENT_NAME) for ancestor in ancestors)
        agent = next((ancestor for ancestor in agents if ancestor is not None), None)
    if agent is not None:
        subject["agent"] = str(agent)
    if names.REFUSED_TOOL in attributes:
        # What the tool returned failed only on the way to the model.
        subject = {"tool": str(attributes[names.REFUSED_TOOL])}
    # A selection that chose nobody raised nothing; the application's own selection function may raise.
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
