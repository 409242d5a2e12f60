"""A client of a store's HTTP interface for JSON, whose errors are one sentence each."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final

from autogen_otel.traces.source import SourceError

SECONDS: Final = 60.0
_TRIES: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 10.0
_BUSY: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}
)
_MESSAGE_CHARACTERS: Final = 200
_PIECE_BYTES: Final = 1 << 18
_SCHEMES: Final = ("http", "https")


class RefusedError(SourceError):
    """A store answered with an error.

    Args:
        status: of HTTP.
        sentence: what to tell the user.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def form(fields: Mapping[str, str]) -> tuple[bytes, str]:
    """Fields, whose names are plain words, as the body of a request, and its content type: RFC 7578."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = f"{''.join(parts)}--{boundary}--\r\n"
    return body.encode(), f"multipart/form-data; boundary={boundary}"


class Client:
    """Asks one server.

    Args:
        product: what it is: ``Jaeger``.
        url: its address, with a path if it has a prefix; a user and a password in it become a header.
        headers: to send with each request; their values are in no message.
        seconds: to wait for an answer.

    Attributes:
        url: the address without user and password.
        name: ``Jaeger at http://…``.

    Raises:
        SourceError: the address is not valid.
    """

    def __init__(
        self, product: str, url: str, headers: Mapping[str, str] | None = None, seconds: float = SECONDS
    ) -> None:
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        self._seconds = seconds
        self.url = self._without_user(product, url)
        self.name = f"{product} at {self.url}"
        self._opener = urllib.request.build_opener(_SameServer)

    def get(
        self, path: str, parameters: Mapping[str, str | int] | None = None, *, missing: Any = None
    ) -> Any:
        """The JSON under a path.

        Args:
            path: below the address of the server.
            parameters: of the query.
            missing: the value to return for the answer 404; without it, 404 is an error.

        Raises:
            SourceError: it cannot be had; ``RefusedError`` if the server answered with an error.
        """
        try:
            body = self._body(self._address(path, parameters))
        except RefusedError as refusal:
            if missing is None or refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return missing
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise SourceError(self.foreign_answer(body)) from None

    def lines(
        self, path: str, parameters: Mapping[str, str], body: bytes, content_type: str = "text/plain"
    ) -> Iterator[bytes]:
        """Post a body, and give the lines of the answer as they come.

        Raises:
            SourceError: it cannot be had; ``RefusedError`` if the server answered with an error.
        """
        headers = {**self._headers, "Accept-Encoding": "identity", "Content-Type": content_type}
        address = self._address(path, parameters)
        request = urllib.request.Request(address, body, headers)  # noqa: S310 - the scheme is checked
        with self._explaining(), self._opener.open(request, timeout=self._seconds) as answer:
            yield from _lines(answer)

    def _body(self, url: str) -> bytes:
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310 - the scheme is checked
        with self._explaining():
            for attempt in range(1, _TRIES):
                try:
                    return self._send(request)
                except urllib.error.HTTPError as error:
                    if error.code not in _BUSY:
                        raise
                    with error:
                        pause = _pause(error, attempt)
                time.sleep(pause)
            return self._send(request)

    def _send(self, request: urllib.request.Request) -> bytes:
        with self._opener.open(request, timeout=self._seconds) as answer:
            body: bytes = answer.read()
            return gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body

    def _address(self, path: str, parameters: Mapping[str, str | int] | None) -> str:
        return f"{self.url}{path}" + (f"?{urllib.parse.urlencode(parameters)}" if parameters else "")

    # ------------------------------------------------------------ what went wrong
    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, self._refusal(error)) from None
        except (OSError, HTTPException, EOFError, zlib.error) as error:
            raise SourceError(self._unreachable(error)) from None

    def _unreachable(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, (TimeoutError, socket.timeout)):
            advice = "ask for less, with --since or --limit"
            return f"{self.name} did not answer within {self._seconds:g} s; {advice}"
        if isinstance(reason, ssl.SSLError):
            return f"{self.name} cannot be reached: {reason.reason or reason}; is it https that it speaks?"
        if isinstance(reason, IncompleteRead):
            return f"{self.name} broke off in the middle of its answer; ask again"
        if isinstance(reason, ConnectionRefusedError):
            return f"{self.name} cannot be reached: nothing listens there"
        message = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
        return f"{self.name} cannot be reached: {message or type(reason).__name__}"

    def _refusal(self, error: urllib.error.HTTPError) -> str:
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return (
                f"{self.name} does not let you in (HTTP {error.code}); "
                "give credentials with --header 'Authorization: …'"
            )
        if HTTPStatus.MULTIPLE_CHOICES <= error.code < HTTPStatus.BAD_REQUEST:
            return f"{self.name} sends you elsewhere (HTTP {error.code}), perhaps to log in"
        message = _server_message(error)
        return f"{self.name} refused (HTTP {error.code}){': ' if message else ''}{message}"

    def foreign_answer(self, body: bytes) -> str:
        """The sentence about an answer that the product would not give."""
        content = "a web page" if body.lstrip()[:1] == b"<" else "no JSON"
        return (
            f"{self.name} answered with {content}: that is not its query interface; check host, port and path"
        )

    def _without_user(self, product: str, url: str) -> str:
        try:
            parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urllib.parse.urlsplit("")
        if not host or parts.scheme not in _SCHEMES:
            raise SourceError(f"That is no address of {product}: say something like http://HOST:PORT")
        if parts.username is not None:
            user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers.setdefault("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        host_text = f"[{host}]" if ":" in host else host
        address = host_text if port is None else f"{host_text}:{port}"
        return urllib.parse.urlunsplit((parts.scheme, address, parts.path.rstrip("/"), "", ""))


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows redirects within a server only: credentials must not go to another one."""

    def redirect_request(  # noqa: PLR0917 - the signature is urllib's
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old_url, new_url = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if (old_url.scheme, old_url.netloc) != (new_url.scheme, new_url.netloc):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _lines(answer: HTTPResponse) -> Iterator[bytes]:
    """The answer by lines. ``readline`` takes far longer, and overlooks that an answer breaks off."""
    pieces: list[bytes] = []
    # The length of a chunked answer is unknown, but read1 knows whether the answer is complete.
    remaining = answer.length
    while remaining != 0 and (piece := answer.read1(_PIECE_BYTES)):
        remaining = None if remaining is None else remaining - len(piece)
        first, *others = piece.split(b"\n")
        pieces.append(first)
        if others:
            yield b"".join(pieces)
            yield from others[:-1]
            pieces = others[-1:]
    if remaining:
        raise IncompleteRead(b"", remaining)
    if last := b"".join(pieces):
        yield last


def _pause(error: urllib.error.HTTPError, attempt: int) -> float:
    retry_after = error.headers.get("Retry-After", "")
    return min(float(retry_after) if retry_after.isdecimal() else float(attempt), _LONGEST_PAUSE_SECONDS)


def _server_message(error: urllib.error.HTTPError) -> str:
    """The message that the server wrote, if it is a sentence and no web page."""
    try:
        text = error.read(_MESSAGE_CHARACTERS * 20).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return ""
    try:
        document = json.loads(text)
        inner = document.get("error") or document.get("errors") or document
        inner = inner[0] if isinstance(inner, list) else inner
        text = (
            str(inner.get("message") or inner.get("msg") or text) if isinstance(inner, dict) else str(inner)
        )
    except (ValueError, AttributeError, LookupError):
        if text.lstrip().startswith("<"):
            return ""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:_MESSAGE_CHARACTERS]
