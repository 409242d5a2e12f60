"""Why a call failed: only this module decides the cause of a failure, from all that is known of it.

Exceptions of the SDK are recognised by their fields, not by class: three generations of the openai package
and two of httpx raise different classes with the same fields and names.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from autogen_otel.causes import server_messages
from autogen_otel.causes.blame import (
    callback_of,
    in_cache,
    in_function,
    in_model_client,
    raised_by,
    raised_in,
)
from autogen_otel.causes.failure import Callback, Failure
from autogen_otel.causes.links import chain
from autogen_otel.causes.provider_error import ProviderError
from autogen_otel.causes.request_part import refused_part
from autogen_otel.causes.sdk_exception import error_of, status_of
from autogen_otel.reading import read, read_text
from autogen_otel.vocabulary import causes

CANCELLED = "cancelled"
"""Instead of a cause: the program itself has ended the call."""
FIRST_FAILED_STATUS = 300
"""The SDK treats a redirect that its HTTP client does not follow as an error, too."""
_FIRST_ERROR_STATUS = 400
_FIRST_SERVER_STATUS = 500
_REFUSED_STATUSES = (None, 400, 422)
_ORDER_STATUSES = (*_REFUSED_STATUSES, 500)
"""Local servers answer with 500 where the template of the model cannot make a prompt of the messages."""
_FILTER_STATUSES = (*_REFUSED_STATUSES, 403)

_VAGUE_STATUSES = (None, 500)
"""Statuses that gateways answer with for any kind of error."""
_PROXY_STATUS = re.compile(r"^\s*(\d{3})\b")

_BY_CLASS_NAME = {
    "APITimeoutError": causes.TIMEOUT,
    "TimeoutException": causes.TIMEOUT,
    "TimeoutError": causes.TIMEOUT,
    "ReadTimeout": causes.TIMEOUT,
    "ConnectTimeout": causes.TIMEOUT,
    "WriteTimeout": causes.TIMEOUT,
    "PoolTimeout": causes.TIMEOUT,
    "UnsupportedProtocol": causes.CONFIG_ENTRY,
    "InvalidURL": causes.CONFIG_ENTRY,
    "LocalProtocolError": causes.CONFIG_ENTRY,
    "TooManyRedirects": causes.CONFIG_ENTRY,
    "NetworkError": causes.BACKEND,
    "ConnectError": causes.BACKEND,
    "ReadError": causes.BACKEND,
    "WriteError": causes.BACKEND,
    "RemoteProtocolError": causes.BACKEND,
    "DecodingError": causes.BACKEND,
    "APIConnectionError": causes.BACKEND,
    "APIResponseValidationError": causes.BACKEND,
    "LengthFinishReasonError": causes.BACKEND,
    "ContentFilterFinishReasonError": causes.CONTENT_FILTER,
    "ModelToolNotSupportedError": causes.CONFIG_ENTRY,
    "NoEligibleSpeaker": causes.ORCHESTRATION,
    "NoEligibleSpeakerError": causes.ORCHESTRATION,
}
_TOKEN_COUNT = "autogen.token_count_utils"  # noqa: S105 - a module
"""AutoGen 0.2 and 0.9 count a stream's tokens here after its end, with a table that tiktoken downloads."""
_WRAPPER = "autogen.oai.client"
_HANDOFF_RULES = (
    "autogen.agentchat.group.context_expression",
    "autogen.agentchat.group.context_condition",
    "autogen.agentchat.group.available_condition",
    "autogen.agentchat.contrib.swarm_agent",
)
"""Where AG2 evaluates the conditions of handoffs."""
_NO_VARIABLE = "a template names a variable that the context lacks"
_NO_TERMINAL = ("lost sys.stdin", "reading from stdin", "does not support input requests")
"""How Python, pytest and Jupyter say that nobody can answer; ``input()`` itself raises ``EOFError``."""
_HOST_AND_SDK = ("autogen", "ag2", "openai", "pydantic", "pydantic_core", "fast_depends")
_TRIP_ERRORS = (TypeError, AttributeError, LookupError)
_AGENT = "autogen.agentchat.conversable_agent"
_HANG_UPS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class Scene(Enum):
    """What kind of call an exception left."""

    REQUEST = auto()
    """The call of one entry, with its requests and attempts: a failure there is about the entry."""
    MODEL_CALL = auto()
    """The logical model call around the entries: prices, filters, the cache."""
    CHAT = auto()
    """Turns, conversations and their parts: AutoGen calls functions of the application's here."""
    SELECTION = auto()
    """Selection of the next speaker."""
    HUMAN = auto()
    """The wait for a human's input."""
    CODE = auto()
    """Execution of code that a model wrote."""


class Stream(Protocol):
    """What is known of a streamed answer."""

    chunks: int
    finished: bool
    exhausted: bool
    error: BaseException | None
    provider_error: ProviderError | None


class OddAnswer(NamedTuple):
    """What is odd about a model's answer that a host may trip over.

    Args:
        cause: the cause that it stands for.
        words: what is odd, in a few words.
        type: ``error.type``, if the model call failed because of it.
    """

    cause: str
    words: str
    type: str | None = None

    def failure(self, error: BaseException | None = None) -> Failure:
        """The failure of a call that got such an answer, or of a call that tripped over it."""
        repeats_inner = self.type is not None
        return Failure(self.cause, error, type=self.type, message=self.words, repeats_inner=repeats_inner)


class Circumstances(NamedTuple):
    """What is known of a call beside the exception that left it.

    Args:
        scene: what kind of call it is.
        carried_messages: messages of the prompt that an earlier conversation left.
        stream: the streamed answer, if there was one.
        was_answered: whether a model had answered before.
        odd_answer: what was odd about that answer.
        has_tool_calls: whether the answer asked for tool calls.
        lost_failure: the failure of the tool whose exception the host has lost.
        has_custom_client: whether the model client is one of the application's.
        has_odd_price: whether the entry's ``price`` is no pair of numbers.
    """

    scene: Scene = Scene.CHAT
    carried_messages: int = 0
    stream: Stream | None = None
    was_answered: bool = False
    odd_answer: OddAnswer | None = None
    has_tool_calls: bool = False
    lost_failure: Failure | None = None
    has_custom_client: bool = False
    has_odd_price: bool = False


Errors = tuple[BaseException, ...]
"""An exception that left a call, and those that it was raised from, nearest first."""


def decide(links: Iterable[BaseException], case: Circumstances) -> Failure:
    """Decide why a call failed whose failure no call inside it explains.

    Args:
        links: the exception that left it, and those that it was raised from, nearest first.
        case: what else is known of the call.
    """
    errors = tuple(links)
    if case.scene is Scene.CODE:
        return Failure(causes.CODE_EXECUTION, errors[0])
    callback = callback_of(errors[0], is_strict=case.scene is Scene.REQUEST)
    if case.scene is Scene.REQUEST:
        cause = next(_of_request(errors, case, callback))
        return Failure(cause, errors[0], callback=callback if cause == causes.CLIENT else None)
    odd_answer = case.odd_answer
    if (
        callback is not None
        and odd_answer is not None
        and odd_answer.type is not None
        and isinstance(errors[0], _TRIP_ERRORS)
    ):
        # Code that reads an answer trips over one that is an error.
        return odd_answer.failure(errors[0])._replace(callback=callback)
    if callback is not None:
        is_clients = in_model_client(errors[0], has_client=case.has_custom_client)
        return Failure(causes.CLIENT if is_clients else causes.CALLBACK, errors[0], callback=callback)
    return next(_READINGS.get(case.scene, _of_chat)(errors, case), None) or Failure(causes.UNKNOWN, errors[0])


def cause_of_answer(status: int | None, error: ProviderError, carried_messages: int = 0) -> str:
    """Cause of an answer that is an error.

    Args:
        status: the HTTP status; ``None`` where it says nothing, as for an error inside a stream.
        error: what the provider says.
        carried_messages: messages of the prompt that an earlier conversation left.
    """
    if status is None or status < FIRST_FAILED_STATUS:
        # A gateway that answers with success may yet pass on the status of the server behind it in the body.
        status = error.status
    elif status < _FIRST_ERROR_STATUS:
        # A redirect that was not followed leads nowhere.
        status = HTTPStatus.NOT_FOUND
    return next(_of_answer(status, error, carried_messages))


def cause_of_break(error: BaseException, carried_messages: int = 0) -> str:
    """Cause of the end of a stream: an error event is read like an error body; without one, it broke.

    Args:
        error: the exception that ended the stream.
        carried_messages: messages of the prompt that an earlier conversation left.
    """
    # The SDK raises its APIError itself, and no subclass of it, for an error event inside a stream.
    is_event = type(error).__name__ == "APIError" and read(error, "status_code") is None
    if not is_event:
        return causes.STREAM_INTERRUPTED
    return cause_of_answer(None, error_of(error), carried_messages)


def was_lost(error: BaseException) -> bool:
    """Whether AG2 has lost the exception of an asynchronous tool in a thread of its own."""
    return isinstance(error, KeyError) and in_function(error, _AGENT, "_in_thread")


# Each of these yields possible causes or failures, the surest first.


def _of_answer(status: int | None, error: ProviderError, carried_messages: int) -> Iterator[str]:
    by_code = server_messages.BY_CODE.get(error.code or "") or server_messages.BY_CODE.get(error.type or "")
    words = error.message or ""
    if by_code == causes.PROMPT_TOO_LARGE or server_messages.mentions(server_messages.SIZE_WORDINGS, words):
        yield causes.PROMPT_TOO_LARGE
    if (
        by_code in {None, causes.BACKEND}
        and status in _FILTER_STATUSES
        and server_messages.mentions(server_messages.FILTER_WORDINGS, words)
    ):
        yield causes.CONTENT_FILTER
    if status in _ORDER_STATUSES and server_messages.mentions(server_messages.ABILITY_WORDINGS, words):
        yield causes.CONFIG_ENTRY
    if (
        by_code in {None, causes.BACKEND}
        and status in _ORDER_STATUSES
        and server_messages.mentions(server_messages.ORDER_WORDINGS, words)
    ):
        yield causes.STALE_STATE if carried_messages else causes.CLIENT
    # What is wrong with a message or a tool is no option of the entry.
    is_of_part = refused_part(error) is not None
    if by_code not in {None, causes.BACKEND, causes.CONFIG_ENTRY if is_of_part else None}:
        yield str(by_code)
    if status in server_messages.BY_STATUS:
        yield server_messages.BY_STATUS[status]
    is_refusal = status is None or status < _FIRST_SERVER_STATUS
    is_option = error.parameter in server_messages.ENTRY_PARAMETERS or (
        not is_of_part and server_messages.mentions(server_messages.CONFIG_WORDINGS, words)
    )
    if is_refusal and is_option:
        yield causes.CONFIG_ENTRY
    if server_messages.mentions(server_messages.RATE_WORDINGS, words):
        yield causes.RATE_LIMIT
    if status in _VAGUE_STATUSES and server_messages.mentions(server_messages.TIMEOUT_WORDINGS, words):
        yield causes.TIMEOUT
    yield causes.CLIENT if status is not None and is_refusal else causes.BACKEND


def _of_request(errors: Errors, case: Circumstances, callback: Callback | None) -> Iterator[str]:
    error = errors[0]
    if case.stream is not None:
        yield from _of_stream(errors, case.stream, case.carried_messages)
    yield from _of_links(errors, case.carried_messages)
    if isinstance(error, UnicodeEncodeError) and raised_by(error, "httpx", "httpx2", "openai"):
        # A key or header with characters that cannot be sent; what is said is sent as UTF-8, which only half
        # of a surrogate pair does not fit.
        yield causes.CLIENT if error.encoding == "utf-8" else causes.CONFIG_ENTRY
    if case.has_custom_client:
        yield causes.CLIENT
    if isinstance(error, TypeError) and "unexpected keyword argument" in read_text(error):
        yield causes.CONFIG_ENTRY
    if callback is None and case.was_answered:
        # The provider said 200 and sent something that is no completion.
        yield causes.BACKEND
    # No request was sent, or a hook, an auth or a transport of the application's HTTP client raised.
    yield causes.CLIENT


def _of_stream(errors: Errors, stream: Stream, carried_messages: int) -> Iterator[str]:
    stream_error = stream.error
    if stream.provider_error is not None:
        yield cause_of_answer(None, stream.provider_error, carried_messages)
    if stream_error is not None and any(link is stream_error for link in errors):
        yield cause_of_break(stream_error, carried_messages)
    if not (stream.chunks or stream.exhausted):
        # A client that cannot stream took the stream for the answer.
        yield causes.CONFIG_ENTRY
    if in_function(errors[0], _TOKEN_COUNT):
        yield causes.CLIENT
    if stream.exhausted and not stream.finished:
        yield causes.STREAM_INTERRUPTED
    yield causes.BACKEND if raised_by(errors[0], *_HOST_AND_SDK) else causes.CLIENT


def _of_model_call(errors: Errors, case: Circumstances) -> Iterator[Failure]:
    error = errors[0]
    if case.has_odd_price and in_function(error, _WRAPPER, "price"):
        yield Failure(causes.CONFIG_ENTRY, error, message="the entry's price is no pair of numbers")
    if in_cache(error):
        yield Failure(causes.CALLBACK, error)
    if in_function(error, _WRAPPER, "instantiate"):
        yield Failure(causes.CALLBACK, error, message=_NO_VARIABLE)
    if case.was_answered and case.has_custom_client:
        yield Failure(causes.CLIENT, error)
    yield from (Failure(cause, error) for cause in _of_links(errors, case.carried_messages))
    if case.odd_answer is not None:
        yield case.odd_answer.failure(error)
    if case.was_answered:
        yield Failure(causes.BACKEND if raised_by(error, *_HOST_AND_SDK) else causes.CLIENT, error)


def _of_selection(errors: Errors, case: Circumstances) -> Iterator[Failure]:
    yield from (Failure(cause, errors[0]) for cause in _of_links(errors, case.carried_messages))
    yield Failure(causes.ORCHESTRATION, errors[0])


def _of_human_input(errors: Errors, case: Circumstances) -> Iterator[Failure]:
    if isinstance(errors[0], EOFError) or any(words in read_text(errors[0]) for words in _NO_TERMINAL):
        yield Failure(causes.ORCHESTRATION, errors[0], message="a human is asked, and there is no terminal")
    yield from _of_chat(errors, case)


def _of_chat(errors: Errors, case: Circumstances) -> Iterator[Failure]:
    error = errors[0]
    if in_function(error, _WRAPPER, "instantiate"):
        yield Failure(causes.CALLBACK, error, message=_NO_VARIABLE)
    if raised_in(error, *_HANDOFF_RULES):
        yield Failure(causes.ORCHESTRATION, error, message="a condition of a handoff cannot be evaluated")
    yield from (Failure(cause, error) for cause in _of_links(errors, case.carried_messages))
    if not raised_by(error, *_HOST_AND_SDK):
        return
    if case.lost_failure is not None and case.lost_failure.cause != CANCELLED and was_lost(error):
        yield case.lost_failure._replace(error=error, repeats_inner=True)
    if case.odd_answer is not None:
        yield case.odd_answer.failure(error)
    if case.was_answered:
        yield Failure(causes.BACKEND, error)
    if case.has_tool_calls and (in_function(error, _AGENT, "tool") or in_function(error, _AGENT, "function")):
        yield Failure(causes.TOOL_ARGUMENTS, error)


_READINGS: Final = {
    Scene.MODEL_CALL: _of_model_call,
    Scene.SELECTION: _of_selection,
    Scene.HUMAN: _of_human_input,
}


def _of_links(links: Errors, carried_messages: int) -> Iterator[str]:
    for link in links:
        yield from _of_link(link, carried_messages)


def _of_link(error: BaseException, carried_messages: int) -> Iterator[str]:
    """Causes by an exception's own fields, class and message, and by the exceptions hidden behind it."""
    status = status_of(error)
    if status is not None and status >= FIRST_FAILED_STATUS:
        yield cause_of_answer(status, error_of(error), carried_messages)
    for origin in _origins(error):
        if isinstance(origin, socket.gaierror):
            yield causes.CONFIG_ENTRY
        elif isinstance(origin, ssl.SSLError):
            # The entry is not to blame for a peer that hangs up in the middle.
            yield causes.BACKEND if isinstance(origin, _HANG_UPS) else causes.CONFIG_ENTRY
    kinds = {cls.__name__ for cls in type(error).__mro__}
    if "ProxyError" in kinds:
        status_match = _PROXY_STATUS.match(read_text(error))
        yield cause_of_answer(int(status_match[1]), ProviderError()) if status_match else causes.BACKEND
    yield from (cause for name, cause in _BY_CLASS_NAME.items() if name in kinds)
    if "APIError" in kinds:
        yield cause_of_answer(None, error_of(error))
    elif "OpenAIError" in kinds:
        # No credentials, or two kinds of them, or an endpoint that goes with neither.
        yield causes.CONFIG_ENTRY


def _origins(error: BaseException) -> Iterator[BaseException]:
    """The exceptions behind an exception, also those that a library only passed as an argument of its own."""
    for link in chain(error):
        yield link
        arguments = read(link, "args")
        for argument in arguments if isinstance(arguments, tuple) else ():
            if isinstance(argument, BaseException):
                yield argument
