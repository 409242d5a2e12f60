"""A session without the OTLP/HTTP exporters' retry loop. Loaded with the first batch: requests is slow."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import requests

_CONNECT_SECONDS: Final = 3.0
_NO_ANSWER: Final = "no answer in time"
_PAUSE_SECONDS: Final = 5.0
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


_hanging: Final[dict[str, float]] = {}
"""Until when hosts that took a request and never answered are left alone: the signals share them, and each
would wait for as long as its timeout says, at the end of a script one after the other."""


class NotTaken(Exception):  # noqa: N818 - a refusal by the other side, not an error of ours
    """The endpoint did not take a request.

    Args:
        reason: a few words; never the text of the original error, which holds the URL with its secrets.
        lasting: whether the next request would fare the same.
        status: of the answer, if there was one.
    """

    def __init__(self, reason: str, *, lasting: bool, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting
        self.status = status


class OneTrySession(requests.Session):
    """Raises ``NotTaken`` where the exporter would retry for up to a minute.

    Spans that are not taken at once go to the journal, which is a better place to wait than the memory of a
    process that wants to end; metrics are in the next export too. ``failure`` tells of the last request,
    because the exporter swallows it.
    """

    failure: NotTaken | None = None

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request once.

        Raises:
            NotTaken: there was no connection, no answer or another answer than yes.
        """
        self.failure = None
        host = urlsplit(str(url)).netloc
        if time.monotonic() < _hanging.get(host, 0.0):
            raise self._failed(_NO_ANSWER, lasting=True)
        seconds = kwargs.pop("timeout", None)
        kwargs["timeout"] = (_CONNECT_SECONDS if seconds is None else min(seconds, _CONNECT_SECONDS), seconds)
        # A redirect turns the request into a GET that the target answers with "fine" and throws away.
        kwargs["allow_redirects"] = False
        try:
            response = self._sent(method, url, *args, **kwargs)
        except Exception as error:
            if isinstance(error, requests.exceptions.ReadTimeout):
                _hanging[host] = time.monotonic() + _PAUSE_SECONDS
            raise self._failed(_why(error), lasting=True) from error
        _hanging.pop(host, None)
        if response.ok and not response.is_redirect:
            return response
        status = response.status_code
        raise self._failed(
            f"HTTP {status} {response.reason or ''}".rstrip(),
            lasting=status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            status=status,
        )

    def _sent(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super().request(method, url, *args, **kwargs)
        except requests.exceptions.Timeout:
            raise
        except requests.exceptions.ConnectionError:
            # Mostly a kept-alive connection that the server closed meanwhile; a new one works.
            return super().request(method, url, *args, **kwargs)

    def _failed(self, reason: str, *, lasting: bool, status: int | None = None) -> NotTaken:
        self.failure = NotTaken(reason, lasting=lasting, status=status)
        return self.failure


def _why(error: Exception) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return _NO_ANSWER
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    return type(error).__name__
