"""Stores of traces on loopback that answer as they are documented: Tempo, and Jaegers of several kinds."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.recorded import RecordedTrace

_NS = 1_000_000_000
_TEST = re.compile(r'(\S+) (=|!=) (?:"((?:[^"\\]|\\.)*)"|(\w+))')


@dataclass(frozen=True)
class Answer:
    """What a server says."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Ask = Callable[[str, dict[str, str], Mapping[str, str]], Answer]
"""Takes path, parameters and headers, whose names are in lower case."""


CERTIFICATE = Path(__file__).with_name("certificate.pem")
"""Of loopback, signed by itself, with its key."""


@contextmanager
def serving(ask: Ask, *, tls: bool = False) -> Iterator[str]:
    """Answer requests to the address that is given while the block runs, over TLS if asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = ask(parts.path, dict(parse_qsl(parts.query)), headers)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            # The handshake is made where the request is read, in a thread of its own.
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _StoredTraces:
    """The batches and the spans of each trace, and the requests for them."""

    def __init__(self, traces: tuple[RecordedTrace, ...]) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.batches: dict[str, list[Any]] = defaultdict(list)
        self.spans: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for trace in traces:
            self.batches[trace.trace_id] += trace.document["resourceSpans"]
            self.spans[trace.trace_id] += [(trace.service, raw) for raw in trace.spans]

    def start(self, trace_id: str) -> int:
        return min(int(raw["startTimeUnixNano"]) for _, raw in self.spans[trace_id])

    def end(self, trace_id: str) -> int:
        return max(int(raw["endTimeUnixNano"]) for _, raw in self.spans[trace_id])


def _attributes(raw: Any) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in raw.get("attributes") or ()}


# ---------------------------------------------------------------- Tempo
class ScriptedTempo(_StoredTraces):
    """Answers ``/api/search`` and the traces by id; of TraceQL it knows what is asked here.

    Args:
        traces: all of them.
        knows_v2: whether it is as new as 2.7.
    """

    def __init__(self, *traces: RecordedTrace, knows_v2: bool = True) -> None:
        super().__init__(traces)
        self._knows_v2 = knows_v2

    def __call__(self, path: str, parameters: dict[str, str], _headers: Mapping[str, str]) -> Answer:
        self.requests.append((path, parameters))
        if path == "/api/search":
            return Answer(body=self._search(parameters))
        *route, trace_id = path.split("/")
        if trace_id not in self.batches or (route == ["", "api", "v2", "traces"] and not self._knows_v2):
            return Answer(404, b"trace not found")
        if route == ["", "api", "v2", "traces"]:
            return Answer(body={"trace": {"resourceSpans": self.batches[trace_id]}})
        return Answer(body={"batches": self.batches[trace_id]})

    def _search(self, parameters: dict[str, str]) -> Any:
        start, end = int(parameters["start"]) * _NS, int(parameters["end"]) * _NS
        spansets = re.findall(r"\{ (.*?) \}", parameters["q"])
        matches = [
            {
                "traceID": trace_id.lstrip("0"),
                "rootServiceName": spans[-1][0],
                "rootTraceName": spans[-1][1]["name"],
                "startTimeUnixNano": str(self.start(trace_id)),
                "durationMs": 1,
            }
            for trace_id, spans in self.spans.items()
            if self.start(trace_id) <= end
            and self.end(trace_id) >= start
            and all(any(_matches(spanset, *span) for span in spans) for spanset in spansets)
        ]
        return {"traces": matches[: int(parameters["limit"])], "metrics": {"totalBlocks": 1}}


def _matches(spanset: str, service: str, raw: Any) -> bool:
    values: dict[str, Any] = {f"span.{key}": value for key, value in _attributes(raw).items()}
    values["resource.service.name"] = service
    values["status"] = {2: "error"}.get(raw["status"].get("code"), "unset")
    for name, sign, quoted, word in _TEST.findall(spanset):
        value = None if word == "nil" else word or re.sub(r"\\(.)", r"\1", quoted)
        if (values.get(name) == value) != (sign == "="):
            return False
    return True


# ---------------------------------------------------------------- Jaeger
class ScriptedJaeger(_StoredTraces):
    """Answers the v3 query interface.

    Args:
        traces: all of them.
        has_v1: whether it answers the searches of v1 as well, as it did before 2.21.
        finds_errors: whether it finds ``error=true``, which memory storage does not.
        searches_attributes: whether v3 searches attributes.
    """

    def __init__(
        self,
        *traces: RecordedTrace,
        has_v1: bool = False,
        finds_errors: bool = True,
        searches_attributes: bool = True,
    ) -> None:
        super().__init__(traces)
        self._has_v1 = has_v1
        self._finds_errors = finds_errors
        self._searches_attributes = searches_attributes

    def __call__(self, path: str, parameters: dict[str, str], _headers: Mapping[str, str]) -> Answer:
        self.requests.append((path, parameters))
        trace_id = path.removeprefix("/api/v3/traces/")
        answers: dict[str, Callable[[], Answer]] = {
            "/api/v3/services": lambda: Answer(body={"services": self._services()}),
            "/api/v3/operations": lambda: Answer(
                body={"operations": self._operations(parameters["service"])}
            ),
            "/api/v3/traces": lambda: self._traces(self._search_v3(parameters)),
            f"/api/v3/traces/{trace_id}": lambda: self._traces([trace_id] if trace_id in self.spans else []),
        }
        if self._has_v1:
            answers["/api/services"] = lambda: Answer(body={"data": self._services()})
            answers["/api/traces"] = lambda: Answer(
                body={"data": list(map(self._v1, self._search_v1(parameters)))}
            )
        page = Answer(body=b"<!doctype html><title>Jaeger UI</title>", headers={"Content-Type": "text/html"})
        return answers.get(path, lambda: page)()

    def _services(self) -> list[str]:
        return sorted({service for spans in self.spans.values() for service, _ in spans})

    def _operations(self, service: str) -> list[Any]:
        spans = (span for spans in self.spans.values() for span in spans)
        names = {raw["name"] for span_service, raw in spans if span_service == service}
        return [{"name": name, "spanKind": "internal"} for name in names]

    def _traces(self, trace_ids: list[str]) -> Answer:
        if not trace_ids:
            return Answer(404, {"error": {"httpCode": 404, "message": "No traces found"}})
        batches = [batch for trace_id in trace_ids for batch in self.batches[trace_id]]
        return Answer(body={"result": {"resourceSpans": batches}})

    def _search_v3(self, parameters: dict[str, str]) -> list[str]:
        tags = json.loads(parameters.get("query.attributes", "{}")) if self._searches_attributes else {}
        start, end = (_moment(parameters[f"query.start_time_{bound}"]) for bound in ("min", "max"))
        operation = parameters.get("query.operation_name")
        trace_ids = self._search(parameters["query.service_name"], operation, tags, (start, end))
        return trace_ids[: int(parameters["query.num_traces"])]

    def _search_v1(self, parameters: dict[str, str]) -> list[str]:
        start, end = int(parameters["start"]) * 1000, int(parameters["end"]) * 1000 + 999
        tags = json.loads(parameters["tags"])
        return self._search(parameters["service"], None, tags, (start, end))[: int(parameters["limit"])]

    def _search(
        self, service: str, operation: str | None, tags: dict[str, str], time: tuple[int, int]
    ) -> list[str]:
        def fits(span_service: str, raw: Any) -> bool:
            return (
                span_service == service
                and operation in {None, raw["name"]}
                and time[0] <= int(raw["startTimeUnixNano"]) <= time[1]
                and all(self._tag(raw, key) == value for key, value in tags.items())
            )

        return [trace_id for trace_id, spans in self.spans.items() if any(fits(*span) for span in spans)]

    def _tag(self, raw: Any, key: str) -> str | None:
        if key == "error":
            return "true" if self._finds_errors and raw["status"].get("code") == 2 else None
        value = _attributes(raw).get(key)
        return None if value is None else str(value)

    def _v1(self, trace_id: str) -> Any:
        spans = [
            {
                "traceID": trace_id,
                "spanID": raw["spanId"],
                "operationName": raw["name"],
                "references": [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": raw["parentSpanId"]}]
                if raw["parentSpanId"]
                else [],
                "startTime": int(raw["startTimeUnixNano"]) // 1000,
                "duration": 1,
                "tags": [
                    {"key": key, "type": "string", "value": value} for key, value in _attributes(raw).items()
                ]
                + (
                    [{"key": "error", "type": "bool", "value": True}]
                    if raw["status"].get("code") == 2
                    else []
                ),
                "processID": service,
            }
            for service, raw in self.spans[trace_id]
        ]
        processes = {service: {"serviceName": service} for service, _ in self.spans[trace_id]}
        return {"traceID": trace_id, "spans": spans, "processes": processes}


def _moment(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    whole = round(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * _NS + int(fraction.ljust(9, "0"))
