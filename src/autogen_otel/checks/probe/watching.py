"""Watching what other providers' clients send: they and AutoGen try again, which would cost more requests.

Only in the process that ``asking`` starts, where nothing is the application's.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from autogen_otel.checks.probe.verdicts import Exchange

_LIBRARIES: Final = ("httpx", "httpx2")
_MOST: Final = 5
"""Of what is sent through ``http.client``, whose answers are not seen: boto3 tries so often by itself."""


class NoMoreRequests(BaseException):
    """A client wanted to ask again."""


class _Watched(threading.local):
    """What the client of one thread has sent."""

    requests = 0
    first: Exchange | None = None
    url = ""
    counted: Callable[[], None] | None = None


WATCHED: Final = _Watched()


def watch() -> None:
    """Begin to watch all threads that say so; once in a process."""
    for name in _LIBRARIES:
        module = sys.modules.get(name)
        if module is not None:
            module.Client.send = _counted(module.Client.send)
    sys.addaudithook(_look)


def begin(counted: Callable[[], None]) -> None:
    """Watch this thread from now on.

    Args:
        counted: is called before each request.
    """
    WATCHED.counted = counted


def _counted(send: Callable[..., Any]) -> Callable[..., Any]:
    """A client's ``send`` of which a watched thread may make use once, and that keeps what came back."""

    @functools.wraps(send)
    def once(client: Any, request: Any, **options: Any) -> Any:
        if WATCHED.counted is None:
            return send(client, request, **options)
        _count(1)
        WATCHED.url = str(request.url)
        try:
            response = send(client, request, **options)
        except Exception as error:
            WATCHED.first = Exchange(error=error)
            raise
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = b"" if options.get("stream") and response.is_success else response.read()
        WATCHED.first = Exchange(response.status_code, headers, body)
        return response

    return once


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "http.client.send" or WATCHED.counted is None:
        return
    data = arguments[1]
    # The body of a request is sent by itself, behind its head.
    if isinstance(data, (bytes, bytearray)) and b" HTTP/1." in bytes(data).partition(b"\r\n")[0]:
        _count(_MOST)


def _count(most: int) -> None:
    if WATCHED.requests >= most:
        raise NoMoreRequests
    WATCHED.requests += 1
    if WATCHED.counted is not None:
        WATCHED.counted()
