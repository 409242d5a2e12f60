"""Limits what other providers' clients send: they and AutoGen retry, which would cost more requests.

It runs only in the process that ``asking`` starts, where nothing belongs to the application.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, Final

from autogen_otel.checks.verdicts import Exchange

_LIBRARIES: Final = ("httpx", "httpx2")
_MOST_HTTP_CLIENT_REQUESTS: Final = 5
"""Requests through ``http.client``, whose answers we do not see: boto3 makes as many attempts by itself."""


_MOST_BYTES: Final = 65_536
_ZLIB_ENCODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ANY_WINDOW: Final = 47
"""Tells ``zlib`` to unpack gzip as well as deflate."""
_MOST_SECONDS: Final = 600.0


class NoMoreRequests(BaseException):
    """A client wanted to send another request."""


class _ThreadState(threading.local):
    """The requests of one thread."""

    request_count = 0
    first_exchange: Exchange | None = None
    url = ""
    on_request: Callable[[], None] | None = None


THREAD_STATE: Final = _ThreadState()


def watch() -> None:
    """Install what watches the threads that call ``begin``; call it once in a process."""
    for name in _LIBRARIES:
        module = sys.modules.get(name)
        if module is not None:
            module.Client.send = _send_once(module.Client.send)
    sys.addaudithook(_audit)


def begin(on_request: Callable[[], None]) -> None:
    """Watch this thread from now on.

    Args:
        on_request: is called before each request.
    """
    THREAD_STATE.on_request = on_request


def _send_once(send: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a client's ``send``: a watched thread may call it once, and its response is kept."""

    @functools.wraps(send)
    def watched_send(client: Any, request: Any, **options: Any) -> Any:
        if THREAD_STATE.on_request is None:
            return send(client, request, **options)
        _count(1)
        THREAD_STATE.url = str(request.url)
        try:
            response = send(client, request, **{**options, "stream": True})
        except Exception as error:
            THREAD_STATE.first_exchange = Exchange(error=error)
            raise
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = b""
        if not (options.get("stream") and response.is_success):
            body = read_body(response, time.monotonic() + _MOST_SECONDS)
            response.close()
            response._content = body  # noqa: SLF001 - where the library itself puts what it has read
        THREAD_STATE.first_exchange = Exchange(response.status_code, headers, body)
        return response

    return watched_send


def read_body(response: Any, deadline: float) -> bytes:
    """Read the body, or as much of it as is looked at; of a stream only the first events.

    The body is unpacked here, since HTTP libraries unpack however much there is in a few bytes.
    """
    packed = b""
    is_stream = str(response.headers.get("content-type", "")).startswith("text/event-stream")
    for chunk in response.iter_raw():
        packed += chunk
        is_enough = is_stream and b"data:" in packed and b"\n\n" in packed
        if is_enough or len(packed) >= _MOST_BYTES or time.monotonic() > deadline:
            break
    if response.headers.get("content-encoding", "").lower() not in _ZLIB_ENCODINGS:
        return packed[:_MOST_BYTES]
    try:
        return zlib.decompressobj(_ANY_WINDOW).decompress(packed, _MOST_BYTES)
    except zlib.error:
        return b""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "http.client.send" or THREAD_STATE.on_request is None:
        return
    data = arguments[1]
    # A request's body is sent by itself, after its head.
    if isinstance(data, (bytes, bytearray)) and b" HTTP/1." in bytes(data).partition(b"\r\n")[0]:
        _count(_MOST_HTTP_CLIENT_REQUESTS)


def _count(limit: int) -> None:
    if THREAD_STATE.request_count >= limit:
        raise NoMoreRequests
    THREAD_STATE.request_count += 1
    if THREAD_STATE.on_request is not None:
        THREAD_STATE.on_request()
