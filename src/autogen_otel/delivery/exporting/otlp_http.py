"""Export over OTLP/HTTP: each batch in one request, and no more of the answer than says what became of it.

The SDK's own exporters retry for up to a minute, with random numbers of the global ``random``, read whatever
an endpoint sends, and take a login page for success. Spans that are not exported at once go to the journal,
which is a better place to wait than the memory of a process that wants to end; metrics are in the next one.
Loaded with the first batch, because requests is slow.
"""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import entry_points
from pkgutil import resolve_name
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from urllib3.exceptions import HTTPError, ReadTimeoutError

from autogen_otel import distribution
from autogen_otel.delivery.exporting.outcome import PAUSE_SECONDS, ExportResult, Outcome
from autogen_otel.delivery.otlp_json import StoredSpan, json_of, message_of
from autogen_otel.delivery.signals import SPANS, Signal

_CREDENTIALS: Final = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"
_CREDENTIAL_PROVIDERS: Final = "opentelemetry_otlp_credential_provider"
_COMPRESSIONS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
_CONNECT_SECONDS: Final = 3.0
_MOST_ANSWER_BYTES: Final = 64 * 1024
_GZIP_OR_ZLIB: Final = 47
"""The window bits by which zlib knows both."""
_TIMED_OUT: Final = "no answer in time"
_RETRYABLE: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""OTLP's list; after any other error the same batch is not to be sent again."""
_ABOUT_THE_BATCH: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""The batch is wrong. All other codes, such as 401 or 404, say that the endpoint takes nothing now."""
_ABOUT_JSON: Final = _ABOUT_THE_BATCH | {
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.NOT_IMPLEMENTED,
}
"""OTLP lets a receiver take protobuf only, and one may say so in any of these ways, or hang up."""
_NO_CONNECTION: Final = "no connection"
_MOST_SECONDS_TO_WAIT: Final = 600.0
"""A longer Retry-After is a mistake: telemetry must not stay away for a day."""
_PLAIN_SUCCESS: Final = frozenset({b"", b"ok", b"accepted", b"success"})
_PAGE: Final = "HTTP {} with an answer that is not OTLP's: is that a proxy or a login page?"
_UNSUPPORTED: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
_paused_until: Final[dict[str, float]] = {}
"""Hosts that took a request and did not respond. The signals share them: else each would wait for its whole
timeout, one after the other, at the end of a script."""


class HttpExporter:
    """Exports one signal to one URL.

    Args:
        url: where to.
        signal: that is sent.
        seconds: how long an answer may take.
        headers: to send with each request.
        compression: ``gzip``, ``deflate`` or nothing.
        tls: the arguments ``verify`` and ``cert`` of requests.

    Raises:
        RuntimeError: the credential provider that the environment names is not installed.
    """

    def __init__(
        self,
        url: str,
        signal: Signal,
        seconds: float,
        *,
        headers: Mapping[str, str],
        compression: str,
        tls: Mapping[str, Any],
    ) -> None:
        self.url, self._signal, self._seconds, self._tls = url, signal, seconds, tls
        self._compress = _COMPRESSIONS.get(compression)
        self._headers = {
            "User-Agent": f"{distribution.NAME}/{distribution.version()}",
            **headers,
            "Accept-Encoding": "identity",
            **({} if self._compress is None else {"Content-Encoding": compression}),
        }
        self._session = _session(signal)
        self._takes_json: bool | None = None

    def export(self, batch: Any) -> ExportResult:
        """Export a batch in a single attempt; spans of the journal as they stand, unless JSON is refused.

        Raises:
            Exception: whatever the encoder raises for an item that it cannot take.
        """
        is_stored = bool(batch) and self._signal is SPANS and isinstance(batch[0], StoredSpan)
        if is_stored and self._takes_json is not False:
            result = self._send(json_of(batch), "application/json")
            self._takes_json = self._takes_json or result.outcome is Outcome.EXPORTED or None
            is_about_json = result.status in _ABOUT_JSON or result.reason == _NO_CONNECTION
            if self._takes_json or not is_about_json:
                return result
        message = message_of(batch) if is_stored else resolve_name(self._signal.encoder)(batch)
        result = self._send(message.SerializeToString(), "application/x-protobuf")
        if is_stored and result.outcome is Outcome.EXPORTED:
            self._takes_json = False
        return result

    def _send(self, body: bytes, content_type: str) -> ExportResult:
        """Send an encoded batch in a single attempt.

        Args:
            body: of the request, not compressed.
            content_type: of the body.
        """
        host = urlsplit(self.url).netloc
        if time.monotonic() < _paused_until.get(host, 0.0):
            return ExportResult(Outcome.FAILED, _TIMED_OUT)
        deadline = time.monotonic() + self._seconds
        try:
            with self._post(
                body if self._compress is None else self._compress(body), content_type
            ) as response:
                _paused_until.pop(host, None)
                if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
                    return self._refusal(response)
                return self._success(response, deadline)
        except (requests.exceptions.ReadTimeout, ReadTimeoutError, TimeoutError):
            _paused_until[host] = time.monotonic() + PAUSE_SECONDS
            return ExportResult(Outcome.FAILED, _TIMED_OUT)
        except Exception as error:  # noqa: BLE001 - whatever a server, a proxy or a plugin's session does
            return ExportResult(Outcome.FAILED, _reason(error))

    def force_flush(self, _timeout_millis: float = 30_000) -> bool:
        """Do nothing: nothing is buffered here."""
        return True

    def shutdown(self) -> None:
        """Close the connections."""
        self._session.close()

    def _post(self, body: bytes, content_type: str) -> requests.Response:
        options: dict[str, Any] = {
            **self._tls,
            "headers": {**self._headers, "Content-Type": content_type},
            "timeout": (min(self._seconds, _CONNECT_SECONDS), self._seconds),
            # A redirect turns the request into a GET, which the target throws away with a status of success.
            "allow_redirects": False,
            "stream": True,
        }
        try:
            return self._session.post(self.url, body, **options)
        except requests.exceptions.Timeout:
            raise
        except requests.exceptions.ConnectionError:
            # Mostly a kept-alive connection that the server closed meanwhile; a new one works.
            return self._session.post(self.url, body, **options)

    def _success(self, response: requests.Response, deadline: float) -> ExportResult:
        try:
            rejected_items, message = _partial_success(response, self._signal, deadline)
        except ValueError:
            return ExportResult(Outcome.FAILED, _PAGE.format(response.status_code), is_final=True)
        return ExportResult(Outcome.EXPORTED, message, rejected_items=rejected_items)

    def _refusal(self, response: requests.Response) -> ExportResult:
        status = response.status_code
        outcome = Outcome.FAILED
        if self._signal is not SPANS and status in _UNSUPPORTED:
            outcome = Outcome.UNSUPPORTED
        elif status in _ABOUT_THE_BATCH:
            outcome = Outcome.REFUSED
        elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            outcome = Outcome.TOO_LARGE
        is_final = status not in _RETRYABLE
        wait = None if is_final else _seconds_to_wait(response.headers.get("Retry-After", ""))
        reason = f"HTTP {status} {response.reason or ''}".rstrip()
        return ExportResult(
            outcome, reason, is_final=is_final, is_retryable=not is_final, retry_after=wait, status=status
        )


def _session(signal: Signal) -> requests.Session:
    """Our session, or that of a plugin that brings credentials, where the environment names one."""
    names = (os.environ.get(_CREDENTIALS.format(word)) for word in ("", f"{signal.word}_"))
    name = next(filter(None, names), None)
    if name is None:
        return _Session()
    plugins = list(entry_points(group=_CREDENTIAL_PROVIDERS, name=name))
    session = plugins[0].load()() if plugins else None
    if not isinstance(session, requests.Session):
        raise RuntimeError(f"no installed package has the credential provider {name}")  # noqa: TRY004
    return session


class _Session(requests.Session):
    def resolve_redirects(self, *_response: Any, **_options: Any) -> Iterator[Any]:
        """Look for no redirect: requests would read the whole answer for it."""
        return iter(())


# ---------------------------------------------------------------- answers
def _seconds_to_wait(retry_after: str) -> float | None:
    """The seconds that a ``Retry-After`` asks for, which is a number or a date (RFC 9110, 10.2.3)."""
    text = retry_after.strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MOST_SECONDS_TO_WAIT)


def _body(response: requests.Response, deadline: float) -> bytes:
    """The decoded body of an answer.

    Raises:
        ValueError: it is longer than an answer of a receiver, or encoded in another way.
        TimeoutError: it comes in drops.
    """
    raw, body = response.raw, b""
    # An older urllib3 waits until it has all of what is asked for.
    read, size = (raw.read1, _MOST_ANSWER_BYTES) if hasattr(raw, "read1") else (raw.read, 1)
    while chunk := read(size):
        body += chunk
        if len(body) > _MOST_ANSWER_BYTES:
            raise ValueError("too long")
        if time.monotonic() > deadline:
            raise TimeoutError
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in {"gzip", "deflate"} and body:
        # A proxy may compress although it was told not to.
        decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        body = decoder.decompress(body, _MOST_ANSWER_BYTES)
        if decoder.unconsumed_tail:
            raise ValueError("too long")
    elif encoding not in {"identity", ""}:
        raise ValueError("an encoding that was not asked for")
    return body


def _partial_success(response: requests.Response, signal: Signal, deadline: float) -> tuple[int, str]:
    """How many items the endpoint did not take, and what it says about that.

    Raises:
        ValueError: the answer is not that of an OTLP receiver.
        TimeoutError: it comes in drops.
    """
    try:
        body = _body(response, deadline)
    except zlib.error as error:
        raise ValueError("a damaged answer") from error
    if body.strip().lower() in _PLAIN_SUCCESS:
        return 0, ""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    answer: Any = resolve_name(signal.http_response)()
    try:
        if kind == "application/json" or body.lstrip()[:1] == b"{":
            # Some say `{"status": "ok"}`.
            json_format.Parse(body, answer, ignore_unknown_fields=True)
            is_answer = body.lstrip()[:1] == b"{"
        else:
            answer.ParseFromString(body)
            answer.DiscardUnknownFields()
            is_answer = answer.ByteSize() > 0
    except (json_format.ParseError, DecodeError, RecursionError) as error:
        raise ValueError("no answer of a receiver") from error
    if not is_answer:
        raise ValueError("an answer to something else")
    partial = answer.partial_success
    return max(getattr(partial, signal.rejected_field), 0), partial.error_message


def _reason(error: Exception) -> str:
    """Why a request failed, in a few words without its URL, which may contain secrets."""
    if isinstance(error, requests.exceptions.Timeout):
        return _TIMED_OUT
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, (requests.exceptions.ConnectionError, HTTPError)):
        return _NO_CONNECTION
    return type(error).__name__
