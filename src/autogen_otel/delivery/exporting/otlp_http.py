"""The OTLP/HTTP exporters without their retries. Loaded with the first batch, because requests is slow."""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pkgutil import resolve_name
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from autogen_otel.delivery.exporting.exporters import PAUSE_SECONDS, ExportResult, Outcome
from autogen_otel.delivery.signals import SPANS, Signal

_CREDENTIALS: Final = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"
_CONNECT_SECONDS: Final = 3.0
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


def make_exporter(url: str, signal: Signal) -> Any:
    """Return the signal's exporter; ``single_attempt_session`` is its session, if that is ours."""
    session = None
    # A plugin can bring a session with its credentials, which the exporter then has to use.
    if not any(os.environ.get(_CREDENTIALS.format(word)) for word in ("", f"{signal.word}_")):
        session = SingleAttemptSession(signal)
    exporter = resolve_name(signal.http_exporter)(endpoint=url, session=session)
    exporter.single_attempt_session = session
    return exporter


class ExportError(Exception):
    """A request did not lead to an export. Its text has no URL, which may contain secrets."""


class SingleAttemptSession(requests.Session):
    """Raises ``ExportError`` where the exporter would retry for up to a minute, or take a page for success.

    Spans that are not exported at once go to the journal, which is a better place to wait than the memory of
    a process that wants to end; metrics are in the next export too.

    Args:
        signal: that is sent; a receiver may support spans only.
    """

    def __init__(self, signal: Signal = SPANS) -> None:
        super().__init__()
        self._signal = signal
        self._result: ExportResult | None = None

    def take_result(self) -> ExportResult | None:
        """The result of the last request; newer exporters swallow the error, and all a partial success.

        Only once: the next batch may fail without a request, because it cannot be encoded.
        """
        result, self._result = self._result, None
        return result

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request once.

        Raises:
            ExportError: there was no connection, no response in time or none that says that all is well.
        """
        self._result = None
        host = urlsplit(str(url)).netloc
        if time.monotonic() < _paused_until.get(host, 0.0):
            raise self._error(Outcome.FAILED, _TIMED_OUT)
        seconds = kwargs.pop("timeout", None)
        kwargs["timeout"] = (_CONNECT_SECONDS if seconds is None else min(seconds, _CONNECT_SECONDS), seconds)
        # A redirect turns the request into a GET, which the target throws away with a status of success.
        kwargs["allow_redirects"] = False
        try:
            response = self._send_once(method, url, *args, **kwargs)
        except Exception as error:
            if isinstance(error, requests.exceptions.ReadTimeout):
                _paused_until[host] = time.monotonic() + PAUSE_SECONDS
            raise self._error(Outcome.FAILED, _reason(error)) from error
        _paused_until.pop(host, None)
        status = response.status_code
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._refusal(response)
        try:
            rejected_items, message = _partial_success(response, self._signal)
        except ValueError as error:
            raise self._error(Outcome.FAILED, _PAGE.format(status), is_final=True) from error
        self._result = ExportResult(Outcome.EXPORTED, message, rejected_items=rejected_items)
        return response

    def _send_once(self, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super().request(*args, **kwargs)
        except requests.exceptions.Timeout:
            raise
        except requests.exceptions.ConnectionError:
            # Mostly a kept-alive connection that the server closed meanwhile; a new one works.
            return super().request(*args, **kwargs)

    def _refusal(self, response: requests.Response) -> ExportError:
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
        return self._error(outcome, reason, is_final=is_final, is_retryable=not is_final, retry_after=wait)

    def _error(self, outcome: Outcome, reason: str, **details: Any) -> ExportError:
        self._result = ExportResult(outcome, reason, **details)
        return ExportError(reason)


def _seconds_to_wait(retry_after: str) -> float | None:
    """The seconds that a ``Retry-After`` asks for, which is a number or a date (RFC 9110, 10.2.3)."""
    text = retry_after.strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MOST_SECONDS_TO_WAIT)


def _partial_success(response: requests.Response, signal: Signal) -> tuple[int, str]:
    """How many items the endpoint did not take, and what it says about that.

    Raises:
        ValueError: the answer is not that of an OTLP receiver.
    """
    body = response.content
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
    except (json_format.ParseError, DecodeError) as error:
        raise ValueError("no answer of a receiver") from error
    if not is_answer:
        raise ValueError("an answer to something else")
    partial = answer.partial_success
    return max(getattr(partial, signal.rejected_field), 0), partial.error_message


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return _TIMED_OUT
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    return type(error).__name__
