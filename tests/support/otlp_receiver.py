"""A receiver of OTLP/HTTP as a process of its own, with every fault that an endpoint can have.

``python -m tests.support.otlp_receiver FOLDER PORT`` makes ``FOLDER/ready`` once it listens, reads what is
wrong with it from ``FOLDER/fault`` before each answer, and appends the id of each span that it is offered to
``FOLDER/offered``, of each that it takes to ``FOLDER/taken``, and then, once it has said so, to
``FOLDER/answered``.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).parents[2]
_PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
_PROTOBUF = "application/x-protobuf"


def as_protobuf(body: bytes) -> bytes:
    """OTLP JSON, in which ids are in hex, as protobuf."""
    document = json.loads(body)
    for resource_spans in document["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                for holder in (span, *span.get("links", ())):
                    for key in {"traceId", "spanId", "parentSpanId"} & set(holder):
                        holder[key] = base64.b64encode(bytes.fromhex(holder[key])).decode()
    return ParseDict(document, ExportTraceServiceRequest()).SerializeToString()


class Handler(BaseHTTPRequestHandler):
    """Answers as the fault says."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.headers["Content-Type"] == "application/json":
            body = as_protobuf(body)
        request = ExportTraceServiceRequest.FromString(body) if self.path == "/v1/traces" else None
        ids = [] if request is None else _ids(request)
        self._note("offered", ids)
        fault, _, more = (self.folder / "fault").read_text().partition(" ")
        getattr(self, f"_{fault}")(ids, more)

    def _none(self, ids: list[str], _more: str) -> None:
        self._take(ids)

    def _slow(self, ids: list[str], seconds: str) -> None:
        time.sleep(float(seconds))
        self._take(ids)

    def _hang(self, _ids: list[str], _more: str) -> None:
        time.sleep(60)

    def _trickle(self, _ids: list[str], _more: str) -> None:
        for _ in range(600):
            self.wfile.write(b"H")
            time.sleep(0.1)

    def _status(self, _ids: list[str], more: str) -> None:
        status, _, retry_after = more.partition(" ")
        self._answer(int(status), b"", {"Retry-After": retry_after, "Location": "https://login.example/"})

    def _page(self, _ids: list[str], _more: str) -> None:
        self._answer(200, _PAGE, {"Content-Type": "text/html"})

    def _garbage(self, _ids: list[str], _more: str) -> None:
        self._answer(200, b"\xff\x00 garbage", {"Content-Type": _PROTOBUF})

    def _nonsense(self, _ids: list[str], _more: str) -> None:
        self.wfile.write(b"what?\r\n\r\n")
        self.close_connection = True

    def _reset(self, _ids: list[str], _more: str) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _half(self, ids: list[str], _more: str) -> None:
        second_half = ids[len(ids) // 2 :]
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = len(ids) - len(second_half)
        answer.partial_success.error_message = "half is enough"
        self._take(second_half, answer.SerializeToString())

    def _take(self, ids: list[str], answer: bytes = b"") -> None:
        self._note("taken", ids)
        self._answer(200, answer, {"Content-Type": _PROTOBUF})
        self._note("answered", ids)

    def _note(self, name: str, ids: list[str]) -> None:
        with (self.folder / name).open("a") as file:
            file.write("".join(f"{span_id}\n" for span_id in ids))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def handle_error(self, *_request: object) -> None:
        """Clients that hang up are part of the tests."""


def _ids(request: ExportTraceServiceRequest) -> list[str]:
    return [
        span.span_id.hex()
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


class ReceiverProcess:
    """A receiver that a test starts, spoils, kills and starts again on the same port; a context manager.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        # Bound and never listening: nobody else gets the port while the receiver does not run.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reservation.bind(("127.0.0.1", 0))
        self.port: int = self._reservation.getsockname()[1]
        self.fault("none")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()
        self._reservation.close()

    def start(self) -> None:
        """Run it, and wait until it listens."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", __name__, str(self.folder), str(self.port)], cwd=ROOT
        )
        until(ready.exists)

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def fault(self, words: str) -> None:
        """Say what is wrong from now on: a fault's name and its arguments; ``none`` for nothing."""
        new = self.folder / "fault.new"
        new.write_text(words)
        new.replace(self.folder / "fault")

    def taken(self) -> Counter[str]:
        """How often it took each span."""
        return self._read("taken")

    def answered(self) -> Counter[str]:
        """How often it said that it has taken each span."""
        return self._read("answered")

    def offered(self) -> Counter[str]:
        """How often it was offered each span."""
        return self._read("offered")

    def _read(self, name: str) -> Counter[str]:
        path = self.folder / name
        return Counter(path.read_text().split()) if path.exists() else Counter()


def until(is_so: object, seconds: float = 60) -> None:
    """Wait until a function returns something true; the time only ends a test that hangs."""
    assert callable(is_so)
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it does not come true"
        time.sleep(0.02)


if __name__ == "__main__":
    Handler.folder = Path(sys.argv[1])
    server = _Server(("127.0.0.1", int(sys.argv[2])), Handler)
    (Handler.folder / "ready").touch()
    server.serve_forever()
