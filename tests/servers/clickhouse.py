"""ClickHouse, and writing spans into it as the Collector's exporter does."""

from __future__ import annotations

import base64
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autogen_otel.traces.trace import KINDS, STATUSES, Span
from tests.servers.clickhouse_access import PASSWORD, USER
from tests.servers.process import Server, free_port

_ROOT = Path(__file__).parents[2]
_NS = 1_000_000_000
TABLE = """
CREATE TABLE {name} (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
"""Columns, indexes, order and partitions of the table that the exporter makes (``traces_table.sql``)."""


class ClickHouse(Server):
    """The engine of ClickHouse behind its HTTP interface.

    Args:
        folder: its own; a later one finds there what this one stored.
        settings: of each query, as ``SET`` takes them.
        python: has the engine.
    """

    def __init__(self, folder: Path, *settings: str, python: Path = Path(sys.executable)) -> None:
        super().__init__(folder)
        self._port = free_port()
        self._settings = settings
        self._python = python

    def command(self) -> Sequence[str]:
        return [
            str(self._python),
            "-m",
            "tests.servers.clickhouse_front",
            str(self.folder / "data"),
            str(self._port),
            *self._settings,
        ]

    @property
    def environ(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(_ROOT), "TZ": "America/New_York"}

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/ping"

    @property
    def url(self) -> str:
        """The address with user and password in it."""
        return f"http://{USER}:{urllib.parse.quote(PASSWORD)}@127.0.0.1:{self._port}"

    def do(self, sql: str) -> str:
        """Run a statement, and return what it answers."""
        words = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/", sql.encode(), {"Authorization": f"Basic {words}"}
        )
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())

    def store(self, table: str, spans: Iterable[Span]) -> None:
        """Make a table of spans, in the place of one of that name."""
        self.do(f"DROP TABLE IF EXISTS {table}")
        self.do(TABLE.format(name=table))
        self.insert(table, spans)

    def insert(self, table: str, spans: Iterable[Span]) -> None:
        """Write spans into a table."""
        path = self.folder / "rows.json"
        with path.open("w", encoding="utf-8") as file:
            for span in spans:
                file.write(json.dumps(_row(span), ensure_ascii=False) + "\n")
        self.do(f"INSERT INTO {table} FROM INFILE '{path}' FORMAT JSONEachRow")


def _row(span: Span) -> dict[str, Any]:
    return {
        "Timestamp": _moment(span.start_ns),
        "TraceId": span.trace_id,
        "SpanId": span.span_id,
        "ParentSpanId": span.parent_id or "",
        "SpanName": span.name,
        "SpanKind": KINDS[span.kind].capitalize(),
        "ServiceName": span.service,
        "ResourceAttributes": _texts(span.resource),
        "ScopeName": span.scope,
        "SpanAttributes": _texts(span.attributes),
        "Duration": span.duration_ns,
        "StatusCode": STATUSES[span.status_code].capitalize(),
        "StatusMessage": span.status_message,
        "Events.Timestamp": [_moment(event.time_ns) for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [_texts(event.attributes) for event in span.events],
        "Links.TraceId": [link.trace_id for link in span.links],
        "Links.SpanId": [link.span_id for link in span.links],
        "Links.TraceState": ["" for _ in span.links],
        "Links.Attributes": [_texts(link.attributes) for link in span.links],
    }


def _moment(nanoseconds: int) -> str:
    # A number is seconds since 1970, whatever the time zone of the server.
    return f"{nanoseconds // _NS}.{nanoseconds % _NS:09d}"


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in attributes.items()}


def _text(value: Any) -> str:
    """As ``pcommon.Value.AsString`` of the Collector has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)
