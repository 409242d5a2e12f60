"""Decides what the answer of an endpoint means for the entry."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from autogen_otel.causes import chain
from autogen_otel.causes.decision import cause_of_answer
from autogen_otel.causes.provider_error import ProviderError, error_in_answer, error_in_body
from autogen_otel.network import proxy_for, why_unreachable
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
_LONGEST: Final = 400
_SECONDS_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer.

    Args:
        status: status of the answer; ``None`` if there was no answer.
        headers: headers of the answer, by lower-case name.
        body: body of the answer.
        error: the exception that the request ended with instead.
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

    def json_body(self) -> Any:
        """The body as JSON; ``None`` if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(slots=True)
class Ability:
    """Whether an endpoint can do something.

    Args:
        supported: whether it can; ``None`` if that is not known.
        detail: why it cannot, or why that is not known.
    """

    supported: bool | None = None
    detail: str | None = None


@dataclass(slots=True)
class ProbeResult:
    """What is known of an endpoint after asking it.

    Args:
        verdict: one of ``MEANINGS``.
        detail: one sentence, in the endpoint's words or in ours.
        seconds: until the answer was there.
        status: the HTTP status.
        request_id: the id by which the provider finds the request.
        requests: how many requests were sent.
        streaming: whether it can stream.
        tools: whether it calls tools.
        context_size: tokens that the model takes; ``None`` if the server does not say.
        models: a few models that the server lists, if it does not know the one of the entry.
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

    def __post_init__(self) -> None:
        # The difference of two readings of a clock has more digits, which mean nothing.
        if self.seconds is not None:
            self.seconds = round(self.seconds, _SECONDS_DIGITS)


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
        return _judge_error(exchange.error, url)
    assert exchange.status is not None
    if exchange.status in _REDIRECTS:
        return UNREACHABLE, f"it redirects to {_redirect_target(exchange.headers.get('location', ''), url)}"
    if exchange.status in _SUCCESS:
        return _judge_success(exchange, is_chat=is_chat)
    return judge_status(exchange.status, error_in_body(exchange.body, exchange.content_type))


def _judge_success(exchange: Exchange, *, is_chat: bool) -> tuple[str, str | None]:
    provider_error = error_in_answer(exchange.body, exchange.content_type, is_chat=is_chat)
    if provider_error is not None and (
        provider_error.status is not None or provider_error.code or provider_error.type
    ):
        # A gateway that answers with a success status and an error in the body.
        verdict, detail = judge_status(provider_error.status, provider_error)
        return (SERVER_ERROR if verdict == REFUSED and provider_error.status is None else verdict), detail
    if is_chat and exchange.content_type.startswith("text/event-stream"):
        return NONSENSE, f"status {exchange.status}, but a stream, and none was asked for"
    json_body = exchange.json_body()
    if provider_error is not None or not isinstance(json_body, dict):
        message = provider_error.message if provider_error is not None else "no JSON object"
        return NONSENSE, f"status {exchange.status}, but {message}"
    if is_chat and not _is_completion(json_body):
        return NONSENSE, f"status {exchange.status}, but no message in its choices"
    return WORKS, None


def _is_completion(json_body: dict[str, Any]) -> bool:
    choices = json_body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and isinstance(first.get("message"), dict)


def judge_status(status: int | None, provider_error: ProviderError) -> tuple[str, str | None]:  # noqa: PLR0911 - one return for each verdict
    """Say what an answer with this status means.

    Args:
        status: the HTTP status; ``None`` if it says nothing.
        provider_error: the error in the answer's body.
    """
    message = (provider_error.message or "")[:_LONGEST]
    detail = (
        f"{status or provider_error.code or provider_error.type}: {message}"
        if message
        else f"status {status}"
    )
    cause = cause_of_answer(status, provider_error)
    codes = {provider_error.code, provider_error.type}
    if cause == causes.RATE_LIMIT:
        return RATE_LIMITED, detail
    if cause == causes.TIMEOUT:
        return TOO_SLOW, detail
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return UNREACHABLE, detail
    if codes & _KEY_CODES or status == HTTPStatus.UNAUTHORIZED:
        return WRONG_KEY, detail
    if codes & _MODEL_CODES or provider_error.parameter == "model":
        return UNKNOWN_MODEL, detail
    if status == HTTPStatus.FORBIDDEN:
        return FORBIDDEN, detail
    if cause == causes.CONFIG_ENTRY:
        return _judge_entry(status, message, detail)
    is_server = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return SERVER_ERROR if is_server and cause == causes.BACKEND else REFUSED, detail


def _judge_entry(status: int | None, message: str, detail: str) -> tuple[str, str | None]:
    if status == HTTPStatus.NOT_FOUND:
        return (UNKNOWN_MODEL if _MODEL.search(message) else UNREACHABLE), detail
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return UNREACHABLE, detail
    if _KEY.search(message):
        return WRONG_KEY, detail
    if _NO_MODEL.search(message):
        return UNKNOWN_MODEL, detail
    if _NO_TLS.search(message):
        return UNREACHABLE, f"{detail}; the URL must begin with https://"
    return REFUSED, detail


def _judge_error(error: BaseException, url: str) -> tuple[str, str | None]:
    """Say what the exception of an HTTP client means, by its chain of causes."""
    links = tuple(chain(error))
    status = next((code for link in links if (code := _status(link)) is not None), None)
    if status is not None:
        body = next((read(link, "body") for link in links if read(link, "body") is not None), None)
        return judge_status(status, error_in_body(json.dumps(body, default=str).encode()))
    words = " ".join(read_text(link) for link in links)
    kinds = {cls.__name__ for link in links for cls in type(link).__mro__}
    # Some libraries pass on only the message of the cause.
    kinds |= {name for name, pattern in _BY_WORDS.items() if pattern.search(words)}
    if _BAD_LOCATION.search(words):
        # Clients parse the location of a redirect even if they are not to follow it.
        return UNREACHABLE, "it redirects to what is no URL"
    parts = urlsplit(url)
    placeholders = {
        "address": parts.netloc.rpartition("@")[2],
        "host": parts.hostname,
        "message": _error_message(error),
    }
    for names, verdict, detail in _BY_CLASS:
        if names & kinds:
            return verdict, detail.format(**placeholders) + _way(links, url, names)
    return REFUSED, f"{type(error).__name__}: {_error_message(error)}"


def _way(links: Sequence[BaseException], url: str, names: set[str]) -> str:
    """Through which proxy an endpoint was not reached, and which certificate is missing."""
    refused = next((link for link in links if isinstance(link, ssl.SSLCertVerificationError)), None)
    try:
        proxy = proxy_for(url) if names & _ON_THE_WAY else None
    except ValueError:
        # The port is none.
        proxy = None
    if refused is not None:
        return why_unreachable(refused, proxy, option="--ca")
    if proxy is None:
        return ""
    advice = "NO_PROXY names the hosts that are asked without it"
    return f"; it was asked through the proxy {proxy.address}, which {proxy.variable} names; {advice}"


_ON_THE_WAY: Final = frozenset(
    {
        "ProxyError",
        "SSLError",
        "SSLCertVerificationError",
        "gaierror",
        "ConnectTimeout",
        "ConnectionRefusedError",
        "ConnectError",
    }
)
"""Classes of exceptions that a proxy may be to blame for."""


def _status(error: BaseException) -> int | None:
    """The HTTP status in an SDK's exception; boto3 has it in another attribute."""
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
    ({"ProxyError"}, UNREACHABLE, "the proxy on the way to {address} does not let it through: {message}"),
    ({"SSLCertVerificationError"}, UNREACHABLE, "TLS with {address} fails"),
    ({"SSLError"}, UNREACHABLE, "TLS with {address} fails: {message}"),
    ({"gaierror"}, UNREACHABLE, "no host {host} is known"),
    ({"ConnectTimeout"}, UNREACHABLE, "{address} does not accept a connection"),
    ({"ConnectionRefusedError"}, UNREACHABLE, "nothing listens at {address}"),
    ({"ConnectError"}, UNREACHABLE, "no connection to {address}: {message}"),
    ({"TimeoutException", "TimeoutError"}, TOO_SLOW, "{address} did not answer in time"),
    (
        {"LocalProtocolError", "UnicodeEncodeError"},
        WRONG_KEY,
        "the key, or another header, holds characters that cannot be sent",
    ),
    ({"UnsupportedProtocol", "InvalidURL"}, UNREACHABLE, "the URL cannot be used: {message}"),
    (
        {"Disconnected", "ReadError", "WriteError", "CloseError"},
        SERVER_ERROR,
        "{address} hung up without an answer",
    ),
    ({"Cut"}, SERVER_ERROR, "{address} hung up in the middle of its answer"),
    ({"RemoteProtocolError", "DecodingError"}, NONSENSE, "{address} does not speak HTTP as asked: {message}"),
)
"""Verdicts by the class of an exception of httpx, or of its causes, the surest first."""


def _error_message(error: BaseException) -> str:
    return read_text(error)[:_LONGEST] or type(error).__name__


def _redirect_target(location: str, url: str) -> str:
    """Where a redirect leads, without its query."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "what is no URL"
    host = parts.netloc.rpartition("@")[2] or urlsplit(url).netloc
    login = " (a login page)" if _LOGIN.search(location) else ""
    return f"{host}{parts.path}{login}"
