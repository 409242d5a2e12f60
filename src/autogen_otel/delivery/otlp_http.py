"""The OTLP/HTTP exporters without their retries. Loaded with the first batch, because requests is slow."""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from pkgutil import resolve_name
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from autogen_otel.delivery.exporters import PAUSE_SECONDS, SPANS, ExportResult, Outcome, Signal

_CREDENTIALS: Final = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"
_CONNECT_SECONDS: Final = 3.0
_TIMED_OUT: Final = "no answer in time"
_RETRYABLE: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
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
        session = SingleAttemptSession(is_optional=signal is not SPANS)
    exporter = resolve_name(signal.http_exporter)(endpoint=url, session=session)
    exporter.single_attempt_session = session
    return exporter


class ExportError(Exception):
    """A request did not lead to an export. Its text has no URL, which may contain secrets."""

    def __init__(self, result: ExportResult) -> None:
        super().__init__(result.reason)
        self.result = result


class SingleAttemptSession(requests.Session):
    """Raises ``ExportError`` where the exporter would retry for up to a minute.

    Spans that are not exported at once go to the journal, which is a better place to wait than the memory of
    a process that wants to end; metrics are in the next export too.

    Args:
        is_optional: whether a receiver may do without the signal.
    """

    def __init__(self, *, is_optional: bool = False) -> None:
        super().__init__()
        self._is_optional = is_optional
        self._failure: ExportResult | None = None

    def take_failure(self) -> ExportResult | None:
        """Why the last request failed; newer exporters swallow the error.

        Only once: the next batch may fail without a request, because it cannot be encoded.
        """
        failure, self._failure = self._failure, None
        return failure

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request once.

        Raises:
            ExportError: there was no connection, no response in time or none with a status of success.
        """
        self._failure = None
        host = urlsplit(str(url)).netloc
        if time.monotonic() < _paused_until.get(host, 0.0):
            raise self._failed(Outcome.FAILED, _TIMED_OUT)
        seconds = kwargs.pop("timeout", None)
        kwargs["timeout"] = (_CONNECT_SECONDS if seconds is None else min(seconds, _CONNECT_SECONDS), seconds)
        # A redirect turns the request into a GET, which the target throws away with a status of success.
        kwargs["allow_redirects"] = False
        try:
            response = self._send_once(method, url, *args, **kwargs)
        except Exception as error:
            if isinstance(error, requests.exceptions.ReadTimeout):
                _paused_until[host] = time.monotonic() + PAUSE_SECONDS
            raise self._failed(Outcome.FAILED, _reason(error)) from error
        _paused_until.pop(host, None)
        if response.ok and not response.is_redirect:
            return response
        status = response.status_code
        raise self._failed(self._outcome(status), f"HTTP {status} {response.reason or ''}".rstrip())

    def _send_once(
        self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any
    ) -> requests.Response:
        try:
            return super().request(method, url, *args, **kwargs)
        except requests.exceptions.Timeout:
            raise
        except requests.exceptions.ConnectionError:
            # Mostly a kept-alive connection that the server closed meanwhile; a new one works.
            return super().request(method, url, *args, **kwargs)

    def _outcome(self, status: int) -> Outcome:
        if self._is_optional and status in _UNSUPPORTED:
            return Outcome.UNSUPPORTED
        is_temporary = status in _RETRYABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return Outcome.FAILED if is_temporary else Outcome.REFUSED

    def _failed(self, outcome: Outcome, reason: str) -> ExportError:
        self._failure = ExportResult(outcome, reason)
        return ExportError(self._failure)


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
