"""Loopback receivers of OTLP/HTTP, and finished spans to send them."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HANG = 0


class Receiver:
    """What a receiver was asked, and what it answers: a status, or ``HANG`` for nothing at all."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[bytes] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def span_names(self) -> list[str]:
        """Names of the spans in all requests, decoded as OTLP."""
        decoded = [ExportTraceServiceRequest.FromString(body) for body in self.requests]
        return [
            span.name
            for request in decoded
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.requests.append(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status == HANG:
                receiver.released.wait(30)
                return
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_request: object) -> None:
            """Clients that hang up are part of these tests."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finished(*names: str, attributes: Mapping[str, object] | None = None) -> list[ReadableSpan]:
    """Finished spans of these names below one parent that is not among them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "test"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests", "1")
    with tracer.start_as_current_span("parent"):
        for name in names:
            tracer.start_span(name, attributes=dict(attributes or {})).end()  # type: ignore[arg-type]
    return [span for span in exporter.get_finished_spans() if span.name != "parent"]
