"""A scripted OpenAI-compatible server on loopback: it answers by script and records what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from autogen_otel.testing import replies
from autogen_otel.testing.replies import BrokenStream, Completion, Drop, Hang, Raw, Reply, error, raw
from autogen_otel.testing.wire import ChatRequest, completion_body, event, model_list, stream_chunks

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

DEMO_KEY = "sk-demo-0000FAKE0000KEY0000NOT0000REAL0000"
_CLOSING_SECONDS = 5.0
_REPLIES = frozenset(
    {"drop", "function_call", "hang", "html", "malformed", "stream_drop", "stream_error"}
    | {"text", "tool_call", "tool_calls"}
)

Script: TypeAlias = Iterable[Reply] | Callable[[ChatRequest], Reply]


def __getattr__(name: str) -> Any:
    """Give a reply to tests that import it from here, where all were before ``replies`` was."""
    if name not in _REPLIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(replies, name)


class ScriptError(AssertionError):
    """The script did not fit what the server was asked."""


class ScriptedServer:
    """An OpenAI-compatible server for one ``with`` block.

    Args:
        script: replies in order, or a function from the request to its reply, called by one thread at a time.

    Raises:
        ScriptError: at the end of the block, if a request came for which the script had no reply.
    """

    def __init__(self, script: Script) -> None:
        self.requests: list[ChatRequest] = []
        self._problems: list[str] = []
        self._next = script if callable(script) else _in_order(script)
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._http = _Server(self)
        self._thread = threading.Thread(target=self._serve, name="scripted-server", daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port; what Azure clients take as ``azure_endpoint``."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def base_url(self) -> str:
        """What OpenAI clients take as ``base_url``."""
        return f"{self.origin}/v1"

    @property
    def llm_config(self) -> dict[str, Any]:
        """What agents take: the one entry that leads here, and no cache, which 0.2 would keep on disk."""
        return {"config_list": [entry(self)], "cache_seed": None}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        # The thread waits for a connection; this connection ends the wait, so that nothing has to poll.
        socket.create_connection(("127.0.0.1", self._http.server_port)).close()
        self._thread.join(_CLOSING_SECONDS)
        self._http.server_close()
        self._http.hang_up()
        if self._problems and exception is None:
            raise ScriptError("; ".join(self._problems))

    def receive(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[ChatRequest, Reply]:
        """Record a request and find its reply."""
        with self._lock:
            request = ChatRequest(len(self.requests) + 1, method, path, headers, _parse_body(body))
            self.requests.append(request)
            return request, self._reply(request)

    def _serve(self) -> None:
        while not self.stopping.is_set():
            self._http.handle_request()

    def _reply(self, request: ChatRequest) -> Reply:
        route = request.path.partition("?")[0]
        if request.method == "GET" and route.endswith("/models"):
            return raw(200, {"content-type": "application/json"}, json.dumps(model_list()).encode())
        if request.method != "POST" or not route.endswith("/chat/completions"):
            return error(404, f"Invalid URL ({request.method} {route})", code="unknown_url")
        try:
            return self._next(request)
        except Exception as problem:  # noqa: BLE001 - told when the block ends; here it would only vanish in a thread
            self._problems.append(f"no reply for request {request.ordinal}: {problem!r}")
            # 400, because the SDK does not try such a request again.
            return error(400, self._problems[-1], code="script_error")


def entry(server: ScriptedServer, model: str = "gpt-4o", **extra: Any) -> dict[str, Any]:
    """Make the ``config_list`` entry that leads to the server; ``extra`` are further keys of it."""
    return {"model": model, "api_key": DEMO_KEY, "base_url": server.base_url, **extra}


def _in_order(script: Iterable[Reply]) -> Callable[[ChatRequest], Reply]:
    replies = iter(script)

    def next_reply(_request: ChatRequest) -> Reply:
        for reply in replies:
            return reply
        raise ScriptError("the script has ended")

    return next_reply


def _parse_body(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class _Server(ThreadingHTTPServer):
    """Keeps hold of open connections: clients keep them alive, and the end of the block has to close them."""

    daemon_threads = True
    block_on_close = False
    # Of more clients at once than wait here, the system cuts some off.
    request_queue_size = 128

    def __init__(self, scripted_server: ScriptedServer) -> None:
        self.scripted_server = scripted_server
        self._connections: set[socket.socket] = set()
        self._condition = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Handler)

    def verify_request(self, *_connection: Any) -> bool:
        return not self.scripted_server.stopping.is_set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._condition:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._condition:
            self._connections.discard(request)
            self._condition.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up early is part of many scripts."""

    def hang_up(self) -> None:
        """End every open connection and wait for their threads to have closed them."""
        with self._condition:
            for connection in self._connections:
                _cut(connection)
            self._condition.wait_for(lambda: not self._connections, timeout=_CLOSING_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Say nothing: the output belongs to the test or the demo."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request, reply = self._scripted_server.receive(self.command, self.path, headers, body)
        self._send(request, reply)

    @property
    def _scripted_server(self) -> ScriptedServer:
        return cast("_Server", self.server).scripted_server

    do_GET = do_DELETE = do_POST  # noqa: N815 - the parent's names

    def _send(self, request: ChatRequest, reply: Reply) -> None:
        if isinstance(reply, Hang):
            self._scripted_server.stopping.wait(reply.seconds)
            self._send(request, reply.then)
        elif isinstance(reply, Drop):
            self._hang_up()
        elif isinstance(reply, BrokenStream):
            self._send_broken(request, reply)
        elif isinstance(reply, Raw):
            self._send_whole(request, reply)
        elif request.stream:
            self._send_stream(request, reply)
        else:
            body = json.dumps(completion_body(request, reply)).encode()
            self._send_whole(request, raw(200, {"content-type": "application/json"}, body))

    def _send_whole(self, request: ChatRequest, reply: Raw) -> None:
        self._send_head(request, reply.status, {**reply.headers, "content-length": str(len(reply.body))})
        self.wfile.write(reply.body)

    def _send_stream(self, request: ChatRequest, completion: Completion) -> None:
        self._send_stream_head(request)
        for chunk in stream_chunks(request, completion):
            self._send_event(event(chunk))
        self._send_event(event("[DONE]"))
        self._send_event(b"")

    def _send_broken(self, request: ChatRequest, reply: BrokenStream) -> None:
        self._send_stream_head(request)
        for chunk in stream_chunks(request, reply.completion)[: reply.after_chunks]:
            self._send_event(event(chunk))
        if reply.message is None:
            self._hang_up()
            return
        self._send_event(event({"error": {"message": reply.message, "type": "server_error", "code": None}}))
        self._send_event(b"")

    def _send_stream_head(self, request: ChatRequest) -> None:
        self._send_head(request, 200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})

    def _send_event(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _send_head(self, request: ChatRequest, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"x-request-id": request.request_id, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _hang_up(self) -> None:
        self.close_connection = True
        _cut(self.connection)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster
