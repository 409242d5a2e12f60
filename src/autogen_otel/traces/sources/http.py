"""A client of a store's HTTP interface for JSON, whose errors are one sentence each."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any, Final, TypeVar

from autogen_otel.network import certificates, proxy_for, why_unreachable
from autogen_otel.plain_text import one_line
from autogen_otel.traces.formats.parsing import MALFORMED
from autogen_otel.traces.source import SourceError

T = TypeVar("T")

SECONDS: Final = 60.0
_TRIES: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 10.0
_BUSY: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}
)
_MESSAGE_CHARACTERS: Final = 200
_PIECE_BYTES: Final = 1 << 18
_MOST_BYTES: Final = 32_000_000
"""Of an answer, or of a line of one that comes by lines: in one piece it is in memory."""
_MOST_SECONDS: Final = 3600.0
"""For all requests of a command: a server may answer for ever that there is more."""
_REDIRECTS: Final = range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST)
_HOST: Final = re.compile(r"[^\s/\\\[\]@%?#]+(?:%\w+)?")
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


class TooMuchError(SourceError):
    """A store answered with more than is read at once."""


class Client:
    """Asks one server, of which it reads so much and waits so long and no more.

    Args:
        product: what it is: ``Jaeger``.
        url: its address, with a path if it has a prefix; a user and a password in it become a header.
        headers: to send with each request; their values are in no message.
        seconds: to wait for an answer, from its first byte to its last.
        authorities: a file or folder of certificates; else those that a variable names, or the system's.

    Attributes:
        url: the address without user and password.
        name: ``Jaeger at http://…``.

    Raises:
        SourceError: the address is not valid, or the certificates are not.
    """

    def __init__(
        self,
        product: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        authorities: str | None = None,
    ) -> None:
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        self._seconds = seconds
        self._product = product
        self.url = self._without_user(product, url)
        self.name = f"{product} at {self.url}"
        self._proxy = proxy_for(self.url)
        self._certificates = None
        self._deadline: float | None = None
        if self.url.startswith("https:"):
            try:
                self._certificates = certificates(authorities)
            except ValueError as error:
                raise SourceError(f"{self.name} cannot be trusted: {error}") from None

    def get(
        self,
        path: str,
        parameters: Mapping[str, str | int] | None = None,
        *,
        read: Callable[[Any], T],
        missing: Any = None,
    ) -> T:
        """What is read of the JSON under a path.

        Args:
            path: below the address of the server.
            parameters: of the query.
            read: takes the parsed answer; it raises one of ``MALFORMED`` if that has another shape.
            missing: the answer to read instead of the status 404; without it, 404 is an error.

        Raises:
            SourceError: it cannot be had, or has another shape; ``RefusedError`` if the server answered with
                an error.
        """
        try:
            answer = self._parsed(self._body(self._address(path, parameters)))
        except RefusedError as refusal:
            if missing is None or refusal.status != HTTPStatus.NOT_FOUND:
                raise
            answer = missing
        try:
            return read(answer)
        except MALFORMED:
            raise SourceError(
                f"{self.name} does not speak {self._product}'s query interface; check host, port and path"
            ) from None

    def exchange(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Send a request once; returns the status, and the JSON of the answer, ``None`` for other content.

        Args:
            method: of HTTP.
            path: below the address of the server.
            document: to send as JSON.

        Raises:
            SourceError: there is no answer, or one that leads to another server.
        """
        body = None if document is None else json.dumps(document).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        request = self._request(self.url + path, body, headers, method)
        with self._explaining():
            try:
                status, answer = HTTPStatus.OK.value, self._send(request)
            except urllib.error.HTTPError as error:
                if error.code in _REDIRECTS:
                    raise
                with error:
                    status, answer = error.code, self._content(error)
        try:
            return status, json.loads(answer)
        except (ValueError, RecursionError):
            return status, None

    def lines(
        self, path: str, parameters: Mapping[str, str], body: bytes, content_type: str = "text/plain"
    ) -> Iterator[bytes]:
        """Post a body, and give the lines of the answer as they come.

        Raises:
            SourceError: it cannot be had; ``RefusedError`` if the server answered with an error.
        """
        headers = {**self._headers, "Accept-Encoding": "identity", "Content-Type": content_type}
        request = self._request(self._address(path, parameters), body, headers)
        with self._explaining(), self._open(request) as answer:
            for line in _lines(answer):
                if len(line) > _MOST_BYTES:
                    raise self._too_much()
                self._demand_time()
                yield line

    def _parsed(self, body: bytearray) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise SourceError(self.foreign_answer(body)) from None

    def _body(self, url: str) -> bytearray:
        request = self._request(url, None, self._headers)
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

    def _request(
        self, url: str, body: bytes | None, headers: Mapping[str, str], method: str | None = None
    ) -> urllib.request.Request:
        return urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - the scheme is checked

    def _open(self, request: urllib.request.Request) -> Any:
        self._demand_time()
        patience = _Patience(self._seconds)
        proxies = {urllib.parse.urlsplit(self.url).scheme: self._proxy.url} if self._proxy is not None else {}
        handlers = (
            urllib.request.ProxyHandler(proxies),
            _SameServer(),
            _Handler(patience, self._certificates),
        )
        return urllib.request.build_opener(*handlers).open(request, timeout=patience.seconds)

    def _demand_time(self) -> None:
        """Refuse to ask once all requests together have taken too long."""
        now = time.monotonic()
        self._deadline = self._deadline or now + _MOST_SECONDS
        if now >= self._deadline:
            raise SourceError(
                f"{self.name} has been asked for {_MOST_SECONDS / 60:g} minutes; "
                "ask for less, with --since or --limit"
            )

    def _send(self, request: urllib.request.Request) -> bytearray:
        with self._open(request) as answer:
            return self._content(answer)

    def _content(self, answer: Any) -> bytearray:
        """The body, decompressed, if it is not too long."""
        is_compressed = answer.headers["Content-Encoding"] == "gzip"
        stream = gzip.GzipFile(fileobj=answer) if is_compressed else answer
        body = bytearray()
        while piece := stream.read(_PIECE_BYTES):
            body += piece
            if len(body) > _MOST_BYTES:
                raise self._too_much()
        # Asked for a piece, it does not tell that the answer breaks off.
        if getattr(answer, "length", None):
            raise IncompleteRead(b"", answer.length)
        return body

    def _too_much(self) -> TooMuchError:
        return TooMuchError(
            f"{self.name} answered with more than {_MOST_BYTES // 1_000_000} MB at once; "
            "ask for less, with --since or --limit"
        )

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
        except (OSError, HTTPException, EOFError, zlib.error, ValueError) as error:
            raise SourceError(self._unreachable(error)) from None

    def _unreachable(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, (TimeoutError, socket.timeout)):
            advice = "ask for less, with --since or --limit"
            return f"{self.name} did not answer within {self._seconds:g} s; {advice}"
        if isinstance(reason, (IncompleteRead, EOFError, gzip.BadGzipFile, zlib.error)):
            return f"{self.name} broke off in the middle of its answer; ask again"
        return f"{self.name} cannot be reached{why_unreachable(error, self._proxy, option='--ca')}"

    def _refusal(self, error: urllib.error.HTTPError) -> str:
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return (
                f"{self.name} does not let you in (HTTP {error.code}); "
                "give credentials with --header 'Authorization: …'"
            )
        if error.code in _REDIRECTS:
            target = one_line((error.headers.get("Location") or "").partition("?")[0], _MESSAGE_CHARACTERS)
            place = f", to {target}" if target else ""
            return f"{self.name} sends you elsewhere (HTTP {error.code}){place}, perhaps to log in"
        message = self._server_message(error)
        return f"{self.name} refused (HTTP {error.code}){': ' if message else ''}{message}"

    def _server_message(self, error: urllib.error.HTTPError) -> str:
        """The message that the server wrote, if it is a sentence and no web page."""
        try:
            text = self._content(error).decode("utf-8", "replace")
        except (OSError, HTTPException, EOFError, zlib.error, TooMuchError):
            return ""
        try:
            document = json.loads(text)
            inner = document.get("error") or document.get("errors") or document
            inner = inner[0] if isinstance(inner, list) else inner
            text = str(inner.get("message") or inner.get("msg") or text if isinstance(inner, dict) else inner)
        except MALFORMED:
            if text.lstrip().startswith("<"):
                return ""
        return one_line(text, _MESSAGE_CHARACTERS)

    def foreign_answer(self, body: bytes | bytearray) -> str:
        """The sentence about an answer that the product would not give."""
        content = "a web page" if body.lstrip()[:1] == b"<" else "no JSON"
        return (
            f"{self.name} answered with {content}: that is not its query interface; check host, port and path"
        )

    def _without_user(self, product: str, url: str) -> str:
        try:
            parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
            # As name servers are asked; what they cannot be asked for, urllib would raise much later.
            host = host and host.encode("idna").decode("ascii")
        except ValueError:
            host, parts = None, urllib.parse.urlsplit("")
        if not host or parts.scheme not in _SCHEMES or not _HOST.fullmatch(host):
            raise SourceError(f"That is no address of {product}: say something like http://HOST:PORT")
        if parts.username is not None:
            user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers.setdefault("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        host_text = f"[{host}]" if ":" in host else host
        address = host_text if port is None else f"{host_text}:{port}"
        path = urllib.parse.quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        return urllib.parse.urlunsplit((parts.scheme, address, path, "", ""))


class _Patience:
    """Seconds that remain to wait for a server; what is done between its bytes takes none of them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class _Received(io.RawIOBase):
    """What comes from a socket, as long as there is patience: a server may send a byte now and then."""

    def __init__(self, connection: socket.socket, patience: _Patience) -> None:
        self._connection, self._patience = connection, patience
        # The socket stays open as long as this.
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._patience.seconds <= 0:
            raise TimeoutError
        self._connection.settimeout(self._patience.seconds)
        began = time.monotonic()
        try:
            return self._raw.readinto(buffer)
        finally:
            self._patience.seconds -= time.monotonic() - began

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PatientSocket:
    """The part of a socket that ``HTTPResponse`` asks for."""

    def __init__(self, connection: socket.socket, patience: _Patience) -> None:
        self._connection, self._patience = connection, patience

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Received(self._connection, self._patience))


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Connects, and reads the answers patiently.

    Args:
        patience: for all of the answers.
        context: the certificates of https.
    """

    def __init__(self, patience: _Patience, context: ssl.SSLContext | None) -> None:
        urllib.request.HTTPSHandler.__init__(self, context=context)
        self._patience, self._certificates = patience, context

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(partial(self._connect, HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        connect = partial(self._connect, HTTPSConnection, context=self._certificates)
        return self.do_open(connect, req)

    def _connect(self, kind: Callable[..., HTTPConnection], host: str, **options: Any) -> HTTPConnection:
        connection = kind(host, **options)
        connection.response_class = self._response  # type: ignore[assignment] # it calls it
        return connection

    def _response(self, connection: socket.socket, *arguments: Any, **options: Any) -> HTTPResponse:
        return HTTPResponse(_PatientSocket(connection, self._patience), *arguments, **options)  # type: ignore[arg-type] # it makes a file of it


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
    length = 0
    # The length of a chunked answer is unknown, but read1 knows whether the answer is complete.
    remaining = answer.length
    while remaining != 0 and (piece := answer.read1(_PIECE_BYTES)):
        remaining = None if remaining is None else remaining - len(piece)
        first, *others = piece.split(b"\n")
        pieces.append(first)
        length += len(first)
        # The caller refuses a line that is too long.
        if others or length > _MOST_BYTES:
            yield b"".join(pieces)
            yield from others[:-1]
            pieces = others[-1:]
            length = sum(map(len, pieces))
    if remaining:
        raise IncompleteRead(b"", remaining)
    if last := b"".join(pieces):
        yield last


def _pause(error: urllib.error.HTTPError, attempt: int) -> float:
    retry_after = error.headers.get("Retry-After", "")
    return min(float(retry_after) if retry_after.isdecimal() else float(attempt), _LONGEST_PAUSE_SECONDS)
