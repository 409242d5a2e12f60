"""What the answer of an endpoint means for the entry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from autogen_otel.causes import chain
from autogen_otel.causes.decision import cause_of_answer
from autogen_otel.causes.provider_error import ProviderError, error_in_answer, error_in_body
from autogen_otel.reading import read, read_text
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary.verdicts import (
    FORBIDDEN,
    NONSENSE,
    RATE_LIMITED,
    REFUSED,
    SERVER_ERROR,
    TOO_SLOW,
    UNKNOWN_MODEL,
    UNREACHABLE,
    WORKS,
    WRONG_KEY,
)

_SUCCESS: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_KEY_CODES: Final = frozenset({
    "invalid_api_key", "account_deactivated", "authentication_error", "UNAUTHENTICATED",
    "UnrecognizedClientException", "API_KEY_INVALID",
})  # fmt: skip
_MODEL_CODES: Final = frozenset({
    "model_not_found", "invalid_model", "unsupported_model", "DeploymentNotFound",
    "ResourceNotFoundException",
})  # fmt: skip
_KEY: Final = re.compile(r"(?i)api[ _-]?key|credential|unauthori[sz]ed|authenticat|invalid.{0,20}token")
_MODEL: Final = re.compile(r"(?i)\bmodels?\b|deployment")
_NO_MODEL: Final = re.compile(
    r"(?i)(?:unknown|invalid|no such) model|model.{0,80}(?:not exist|not found)|not a valid model"
)
_NO_TLS: Final = re.compile(r"(?i)http request was sent|https server|https port")
_LOGIN: Final = re.compile(r"(?i)log-?in|sign-?in|sso|auth")
_SLOW: Final = frozenset({408, 504, 522, 524})
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back.

    Args:
        status: of the answer; ``None`` if none came.
        headers: of the answer, by lower-case name.
        body: of the answer.
        error: what it ended with instead.
        seconds: until the answer was there.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: BaseException | None = None
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the status says that all is well."""
        return self.status in _SUCCESS

    @property
    def content_type(self) -> str:
        """The header's value."""
        return self.headers.get("content-type", "")

    def parsed(self) -> Any:
        """The body as JSON; ``None`` if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(slots=True)
class Ability:
    """Whether an endpoint can do something.

    Args:
        supported: ``None`` if that is not known.
        detail: why not.
    """

    supported: bool | None = None
    detail: str | None = None


@dataclass(slots=True)
class Probe:
    """What is known of an endpoint after asking it.

    Args:
        verdict: one of ``MEANINGS``.
        detail: in its words, or ours; one sentence.
        seconds: until the answer was there.
        status: the HTTP status.
        request_id: by which the provider finds the request.
        requests: how many were sent.
        streaming: whether it can stream.
        tools: whether it calls tools.
        context_size: tokens that the model takes; ``None`` where the server does not tell.
        models: models that it says it has, at most a few, where the one asked for is unknown.
    """

    verdict: str
    detail: str | None = None
    seconds: float | None = None
    status: int | None = None
    request_id: str | None = None
    requests: int = 0
    streaming: Ability = field(default_factory=Ability)
    tools: Ability = field(default_factory=Ability)
    context_size: int | None = None
    models: list[str] = field(default_factory=list)


def judge(exchange: Exchange, url: str, *, is_chat: bool = True) -> tuple[str, str | None]:
    """Say what an answer means.

    Args:
        exchange: the request and its answer.
        url: where it was sent.
        is_chat: whether a chat completion was asked for.

    Returns:
        A verdict and its detail.
    """
    if exchange.error is not None:
        return _of_error(exchange.error, url)
    assert exchange.status is not None
    if exchange.status in _REDIRECTS:
        return UNREACHABLE, f"it redirects to {_place(exchange.headers.get('location', ''), url)}"
    if exchange.status in _SUCCESS:
        return _of_success(exchange, is_chat=is_chat)
    return of_status(exchange.status, error_in_body(exchange.body, exchange.content_type))


def _of_success(exchange: Exchange, *, is_chat: bool) -> tuple[str, str | None]:
    said = error_in_answer(exchange.body, exchange.content_type, is_chat=is_chat)
    if said is not None and (said.status is not None or said.code or said.type):
        # A gateway that says that all is well, and then what is wrong.
        verdict, detail = of_status(said.status, said)
        return (SERVER_ERROR if verdict == REFUSED and said.status is None else verdict), detail
    if is_chat and exchange.content_type.startswith("text/event-stream"):
        return NONSENSE, f"status {exchange.status}, but a stream, and none was asked for"
    parsed = exchange.parsed()
    if said is not None or not isinstance(parsed, dict):
        words = said.message if said is not None else "no JSON object"
        return NONSENSE, f"status {exchange.status}, but {words}"
    if is_chat and not _is_completion(parsed):
        return NONSENSE, f"status {exchange.status}, but no message in its choices"
    return WORKS, None


def _is_completion(parsed: dict[str, Any]) -> bool:
    choices = parsed.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and isinstance(first.get("message"), dict)


def of_status(status: int | None, said: ProviderError) -> tuple[str, str | None]:  # noqa: PLR0911 - one return for each verdict
    """Say what an answer with this status means.

    Args:
        status: the HTTP status; ``None`` where it says nothing.
        said: what the provider says.
    """
    words = (said.message or "")[:_LONGEST]
    detail = f"{status or said.code or said.type}: {words}" if words else f"status {status}"
    cause = cause_of_answer(status, said)
    codes = {said.code, said.type}
    if cause == causes.RATE_LIMIT:
        return RATE_LIMITED, detail
    if status in _SLOW or cause == causes.TIMEOUT:
        return TOO_SLOW, detail
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return UNREACHABLE, detail
    if codes & _KEY_CODES or status == HTTPStatus.UNAUTHORIZED:
        return WRONG_KEY, detail
    if codes & _MODEL_CODES or said.parameter == "model":
        return UNKNOWN_MODEL, detail
    if status == HTTPStatus.FORBIDDEN:
        return FORBIDDEN, detail
    if cause == causes.CONFIG_ENTRY:
        return _of_entry(status, words, detail)
    is_server = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return SERVER_ERROR if is_server and cause == causes.BACKEND else REFUSED, detail


def _of_entry(status: int | None, words: str, detail: str) -> tuple[str, str | None]:
    if status == HTTPStatus.NOT_FOUND:
        return (UNKNOWN_MODEL if _MODEL.search(words) else UNREACHABLE), detail
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return UNREACHABLE, detail
    if _KEY.search(words):
        return WRONG_KEY, detail
    if _NO_MODEL.search(words):
        return UNKNOWN_MODEL, detail
    if _NO_TLS.search(words):
        return UNREACHABLE, f"{detail}; the URL must begin with https://"
    return REFUSED, detail


def _of_error(error: BaseException, url: str) -> tuple[str, str | None]:
    """Say what the exception of an HTTP client means, by what lies behind it."""
    links = tuple(chain(error))
    status = next((one for link in links if (one := _status(link)) is not None), None)
    if status is not None:
        body = next((read(link, "body") for link in links if read(link, "body") is not None), None)
        return of_status(status, error_in_body(json.dumps(body, default=str).encode()))
    words = " ".join(read_text(link) for link in links)
    kinds = {cls.__name__ for link in links for cls in type(link).__mro__}
    # Some libraries pass on no more than the words of what lies behind.
    kinds |= {name for name, pattern in _BY_WORDS.items() if pattern.search(words)}
    if _BAD_LOCATION.search(words):
        # Clients look where a redirect leads to, also when they are not to follow it.
        return UNREACHABLE, "it redirects to what is no URL"
    parts = urlsplit(url)
    told = {"place": parts.netloc.rpartition("@")[2], "host": parts.hostname, "said": _short(error)}
    for names, verdict, detail in _BY_CLASS:
        if names & kinds:
            return verdict, detail.format(**told)
    return REFUSED, f"{type(error).__name__}: {_short(error)}"


def _status(error: BaseException) -> int | None:
    """The HTTP status that an SDK's exception tells; boto3 has it in its own place."""
    status = read(error, "status_code")
    response = read(error, "response")
    if status is None and isinstance(response, Mapping):
        status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else None


_BAD_LOCATION: Final = re.compile(r"(?i)\blocation header\b")
_BY_WORDS: Final = {
    "SSLError": re.compile(r"\bSSL\b|\bTLS\b|certificate verify"),
    "gaierror": re.compile(
        r"(?i)name or service not known|nodename nor servname|getaddrinfo failed|name resolution"
        r"|no address associated"
    ),
    "ConnectionRefusedError": re.compile(r"(?i)connection refused|actively refused"),
    "Disconnected": re.compile(r"(?i)server disconnected|without sending a"),
    "Cut": re.compile(r"(?i)without sending complete message|incomplete chunked read"),
}
_BY_CLASS: Final = (
    ({"ProxyError"}, UNREACHABLE, "the proxy on the way to {place} does not let it through: {said}"),
    ({"SSLError"}, UNREACHABLE, "TLS with {place} fails: {said}"),
    ({"gaierror"}, UNREACHABLE, "no host {host} is known"),
    ({"ConnectTimeout"}, UNREACHABLE, "{place} does not accept a connection"),
    ({"ConnectionRefusedError"}, UNREACHABLE, "nothing listens at {place}"),
    ({"ConnectError"}, UNREACHABLE, "no connection to {place}: {said}"),
    ({"TimeoutException", "TimeoutError"}, TOO_SLOW, "{place} did not answer in time"),
    (
        {"LocalProtocolError", "UnicodeEncodeError"},
        WRONG_KEY,
        "the key, or another header, holds characters that cannot be sent",
    ),
    ({"UnsupportedProtocol", "InvalidURL"}, UNREACHABLE, "the URL cannot be used: {said}"),
    (
        {"Disconnected", "ReadError", "WriteError", "CloseError"},
        SERVER_ERROR,
        "{place} hung up without an answer",
    ),
    ({"Cut"}, SERVER_ERROR, "{place} hung up in the middle of its answer"),
    ({"RemoteProtocolError", "DecodingError"}, NONSENSE, "{place} does not speak HTTP as asked: {said}"),
)
"""By the class of an exception of httpx, or of what lies behind it, the surest first."""


def _short(error: BaseException) -> str:
    return read_text(error)[:_LONGEST] or type(error).__name__


def _place(location: str, url: str) -> str:
    """Where a redirect leads, without its query."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "what is no URL"
    host = parts.netloc.rpartition("@")[2] or urlsplit(url).netloc
    login = " (a login page)" if _LOGIN.search(location) else ""
    return f"{host}{parts.path}{login}"
