"""Loopback receivers of OTLP/HTTP, and finished spans to send them."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.otlp_receiver import as_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message
    from typing import Any

HANG = 0


class Receiver:
    """What a receiver was asked, and what it answers: a status, or ``HANG`` for nothing at all."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.statuses: dict[str, int] = {}
        """Statuses for single paths, before the one for all."""
        self.empty_status = 0
        """The status for a request without anything in it; 0 for no other."""
        self.breaks = b""
        """The name of a span whose batch gets a 500."""
        self.most_bytes = 0
        """Of a request: a larger one gets a 413; 0 for no limit."""
        self.too_large = 0
        """How many requests were larger."""
        self.taken: list[tuple[str, bytes]] = []
        """Path and body of each request that was not beyond ``most_bytes``."""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.phrase: str | None = None
        """The words beside the status."""
        self.drops = 0
        """Of how many bytes, one by one, an answer without a body is made."""
        self.request_headers: list[Message] = []
        """Of each request."""
        self.content_types: list[str] = []
        """Of each request."""
        self.json_status = 0
        """The status for a request with JSON; 0 for no other."""
        self.keeps_alive = False
        """Whether connections stay open for further requests."""
        self.connections = 0
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[bytes]:
        """The bodies of all requests."""
        return [body for _, body in self.taken]

    @property
    def span_names(self) -> list[str]:
        """Names of the spans in all requests."""
        return [span.name for span in self.spans]

    @staticmethod
    def names(body: bytes) -> list[bytes]:
        """Names of the spans in a request with spans."""
        return [
            span.name.encode()
            for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]

    @property
    def spans(self) -> list[Any]:
        """The spans in all requests, decoded as OTLP."""
        decoded = [
            ExportTraceServiceRequest.FromString(body)
            for path, body in self.taken
            if path not in {"/v1/metrics", "/v1/logs"}
        ]
        return [
            span
            for request in decoded
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics by name, decoded as OTLP; of several exports the last one's."""
        return {
            metric.name: metric
            for resource_metrics in self.resource_metrics
            for scope_metrics in resource_metrics.scope_metrics
            for metric in scope_metrics.metrics
        }

    @property
    def resource_metrics(self) -> list[Any]:
        """What all requests with metrics hold, by resource."""
        return [
            resource_metrics
            for body in self.bodies("/v1/metrics")
            for resource_metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics
        ]

    @property
    def log_records(self) -> list[Any]:
        """All log records, decoded as OTLP."""
        return [
            record
            for body in self.bodies("/v1/logs")
            for resource_logs in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope_logs in resource_logs.scope_logs
            for record in scope_logs.log_records
        ]

    def take(self, path: str, body: bytes) -> int:
        """Note a request, and return the status to answer it with."""
        status = self.statuses.get(path, self.status)
        if not body and self.empty_status:
            status = self.empty_status
        if self.most_bytes and len(body) > self.most_bytes:
            status, self.too_large = 413, self.too_large + 1
        if self.breaks and self.breaks in Receiver.names(body):
            status = 500
        if status != 413 or not self.most_bytes:
            self.taken.append((path.partition("?")[0], body))
        return status

    def bodies(self, path: str) -> list[bytes]:
        """Requests to one path."""
        return [body for where, body in self.taken if where == path]

    def instances(self) -> dict[str, set[str]]:
        """The service instances that each path heard of."""
        decoders: dict[str, Any] = {
            "/v1/traces": lambda body: ExportTraceServiceRequest.FromString(body).resource_spans,
            "/v1/metrics": lambda body: ExportMetricsServiceRequest.FromString(body).resource_metrics,
            "/v1/logs": lambda body: ExportLogsServiceRequest.FromString(body).resource_logs,
        }
        result: dict[str, set[str]] = {}
        for path, body in self.taken:
            for holder in decoders[path](body):
                result.setdefault(path, set()).update(
                    pair.value.string_value
                    for pair in holder.resource.attributes
                    if pair.key == "service.instance.id"
                )
        return result


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            super().setup()
            self.protocol_version = "HTTP/1.1" if receiver.keeps_alive else "HTTP/1.0"
            receiver.connections += 1

        def do_POST(self) -> None:
            receiver.request_headers.append(self.headers)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers["Content-Type"]
            receiver.content_types.append(kind)
            if kind == "application/json" and receiver.json_status:
                status = receiver.json_status
            else:
                status = receiver.take(self.path, as_protobuf(body) if kind == "application/json" else body)
            if status == HANG:
                receiver.released.wait(30)
                return
            self.send_response(status, receiver.phrase)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(receiver.drops or len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)
            self._drip()

        def _drip(self) -> None:
            for _ in range(receiver.drops):
                self.wfile.write(b"\x00")
                receiver.released.wait(0.001)

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


_TAKEN: list[socket.socket] = []
"""They stay: a port that is given back may soon be that of another test's server, which would get spans."""


def closed_port() -> int:
    """A loopback port on which nothing listens, as long as this process runs."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _TAKEN.append(taken)
    return int(taken.getsockname()[1])


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
