"""ClickHouse as a source: the table that the Collector's exporter writes, over the HTTP interface.

The exporter writes all attributes as text. The vocabulary says what type they had; for attributes of others,
the form of the text does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from autogen_otel.traces.formats.parsing import MALFORMED, checked_id, decoded, loads, moment
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import NO_PROGRESS, Progress, SourceError
from autogen_otel.traces.sources.http import Client, RefusedError, form
from autogen_otel.traces.trace import (
    HTTP,
    KINDS,
    NS,
    SPAN_ID_DIGITS,
    STATUSES,
    TRACE_ID_DIGITS,
    Event,
    Link,
    Span,
)
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names
from autogen_otel.vocabulary.attributes import Kind

TABLE: Final = "otel_traces"
SECONDS: Final = 600.0
"""To wait for an answer; a query over many millions of spans takes long."""
LONGEST_FIELD: Final = 128 * 1024
"""Bytes of a field of a form, the query itself among them: ``http_max_field_value_size``."""
_LONGEST_IN_ADDRESS: Final = 2000
"""Characters of values: proxies take addresses of 8 kB. Newer servers take values as a form as well."""
_PADDING_NS: Final = 86_400 * NS
"""How long a conversation lasts at most, for the partitions that have to be read for a window of time."""

IS_ERROR: Final = "StatusCode IN ('Error', 'STATUS_CODE_ERROR')"
_FIRST_WORD: Final = "substringIndex(SpanName, ' ', 1)"
OPERATION: Final = f"if(has(SpanAttributes.keys, '{names.HTTP_REQUEST_METHOD}'), '{HTTP}', {_FIRST_WORD})"
"""``Span.operation``, by names alone: the values of attributes, most of the stored data, are not read."""
SUBJECT: Final = "substring(toString(SpanName), position(SpanName, ' ') + 1)"
"""``Span.subject`` of a span that is named by its operation."""
_OPERATIONS: Final = ", ".join(f"'{operation}'" for operation in span_names.OPERATIONS)
IS_OURS: Final = f"{_FIRST_WORD} IN ({_OPERATIONS})"
"""Whether a span makes its trace a conversation."""
SPAN: Final = (
    "TraceId, SpanId, ParentSpanId, toString(SpanName), toString(SpanKind), toUnixTimestamp64Nano(Timestamp),"
    " Duration, toString(StatusCode), StatusMessage, SpanAttributes,"
    " arrayMap(moment -> toUnixTimestamp64Nano(moment), Events.Timestamp), Events.Name, Events.Attributes,"
    " Links.TraceId, Links.SpanId, ScopeName, toString(ServiceName),"
    " toLowCardinality(toJSONString(ResourceAttributes))"
)
"""The columns that ``spans_of`` reads."""


def _numbers(prefix: str, words: Sequence[str]) -> dict[str, int]:
    """Numbers by the words of the exporter, and of older ones: ``Client``, ``SPAN_KIND_CLIENT``."""
    return {
        text: number
        for number, word in enumerate(words)
        for text in (word.capitalize(), f"{prefix}_{word.upper()}")
    }


_KINDS: Final = _numbers("SPAN_KIND", KINDS)
_STATUSES: Final = _numbers("STATUS_CODE", STATUSES)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of SQL with ``{name:Type}`` where a value belongs, and the values by name."""

    sql: str = "1"
    values: Mapping[str, Any] = field(default_factory=dict)


class ClickHouse:
    """A table of spans in ClickHouse.

    Args:
        client: of the server.
        table: its name, with its database before a dot if that is not the user's own.
    """

    lookback_ns = None

    def __init__(self, client: Client, table: str = TABLE) -> None:
        self._client = client
        database, dot, name = table.rpartition(".")
        self._names = {"table": name, "database": database} if dot else {"table": name}
        self.table = "{database:Identifier}.{table:Identifier}" if dot else "{table:Identifier}"
        self.name = f"{client.name}, table {table}"
        self.option = ("--clickhouse", client.url, *(("--table", table) if table != TABLE else ()))

    def spans(
        self, selection: Selection, *, newest: int = 0, progress: Progress = NO_PROGRESS
    ) -> Iterator[Span]:
        """Read conversations trace by trace, or one trace of any kind.

        Raises:
            SourceError: it cannot be asked.
        """
        progress.expect(None, "conversations")
        # One more, so that the caller sees that there are more.
        condition = self.selecting(selection, newest=newest and newest + 1)
        # The caller selects again, so that more conversations may come than are wanted.
        sql = f"SELECT {SPAN} FROM {self.table} WHERE {condition.sql} ORDER BY TraceId, Timestamp"
        for spans in by_trace(spans_of(self.rows(sql, condition.values), progress)):
            yield from spans
            progress.advance(1)

    def link(self, trace_id: str, span_id: str) -> None:
        """It has no page for a trace."""

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[list[Any]]:
        """Ask in SQL.

        Args:
            sql: a ``SELECT`` with ``{name:Type}`` where a value belongs.
            values: text, numbers, and lists of them, by name.

        Yields:
            The rows.

        Raises:
            SourceError: there is no answer.
        """
        for line in self._answer(f"{sql}\nFORMAT JSONCompactEachRow", values):
            yield self._row(line)

    def _answer(self, sql: str, values: Mapping[str, Any] | None) -> Iterator[bytes]:
        parameters = {
            f"param_{name}": _parameter(value) for name, value in {**self._names, **(values or {})}.items()
        }
        try:
            if sum(map(len, parameters.values())) <= _LONGEST_IN_ADDRESS:
                yield from self._client.lines("/", parameters, sql.encode())
            else:
                fields = {"query": sql, **parameters}
                self._demand_short(fields)
                yield from self._client.lines("/", {}, *form(fields))
        except RefusedError as error:
            if any(code in str(error) for code in _NO_TABLE):
                raise SourceError(
                    f"{self.name} does not exist: name the table that your Collector writes, "
                    "such as --table otel.otel_traces"
                ) from None
            raise

    def _demand_short(self, fields: Mapping[str, str]) -> None:
        longest = max(len(value.encode()) for value in fields.values())
        if longest > LONGEST_FIELD:
            raise SourceError(
                f"{self._client.name} takes no question as long as this one ({longest // 1024:,} KiB, and"
                f" {LONGEST_FIELD // 1024} is the most): names or values in these traces are too long, or"
                " too many; read fewer of them (--since, --service), or from a journal (--journal)"
            )

    def values(self, attribute: str) -> tuple[str, ...]:
        """Values that an attribute of programs or spans has; not all of very many.

        Raises:
            SourceError: it cannot be asked.
        """
        all_values = f"SELECT arrayJoin([{', '.join(_ATTRIBUTE_COLUMNS)}]) AS value FROM {self.table}"
        sql = f"SELECT DISTINCT value FROM ({all_values}) WHERE value != '' LIMIT {_MOST_VALUES}"
        with self.understanding():
            return tuple(str(value) for (value,) in self.rows(sql, {"key": attribute}))

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Take rows apart.

        Raises:
            SourceError: they have another shape than was asked for.
        """
        try:
            yield
        except MALFORMED:
            raise SourceError(
                f"{self._client.name} does not answer as a ClickHouse; check host and port"
            ) from None

    def selecting(self, selection: Selection, *, newest: int = 0, oldest: int = 0) -> Condition:
        """The condition for the spans of the conversations that are wanted, and of few others.

        Args:
            selection: which conversations. The reader checks its text and outcome.
            newest: how many are enough, the newest; 0 for all.
            oldest: how many are enough, the oldest; 0 for all.
        """
        if selection == EVERYTHING and not newest and not oldest:
            return Condition()
        within, having, values = _conditions(selection)
        if selection.trace:
            # A whole id is looked up in the index of the table.
            is_whole = selection.is_one_trace
            within.append("TraceId = {trace:String}" if is_whole else "startsWith(TraceId, {trace:String})")
            values["trace"] = selection.trace
        else:
            having.append(f"countIf({IS_OURS}) > 0")
        condition = " AND ".join(within) or "1"
        if not having:
            return Condition(condition, values)
        order = ""
        count = newest or oldest
        if count and selection.text is None and selection.outcome is None:
            order = f" ORDER BY min(Timestamp) {'DESC' if newest else 'ASC'}, TraceId LIMIT {{count:UInt64}}"
            values["count"] = count
        traces = (
            f"SELECT TraceId FROM {self.table} WHERE {condition} GROUP BY TraceId"
            f" HAVING {' AND '.join(having)}{order}"
        )
        return Condition(f"{condition} AND TraceId IN ({traces})", values)

    def _row(self, line: bytes) -> list[Any]:
        try:
            row = loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, list):
            return row
        if line.lstrip()[:1] == b"<":
            raise SourceError(self._client.foreign_answer(line))
        # The server writes an error after the first rows between them.
        message = " ".join(line.decode("utf-8", "replace").split())
        raise SourceError(f"{self.name} broke off: {message[:_MESSAGE_CHARACTERS]}")


_MESSAGE_CHARACTERS: Final = 200
_MOST_VALUES: Final = 100
_ATTRIBUTE_COLUMNS: Final = ("ResourceAttributes[{key:String}]", "SpanAttributes[{key:String}]")
"""The columns that may have an attribute."""
_NO_TABLE: Final = ("Code: 60.", "Code: 81.")
"""UNKNOWN_TABLE and UNKNOWN_DATABASE."""


def _conditions(selection: Selection) -> tuple[list[str], list[str], dict[str, Any]]:
    """Conditions for spans and for conversations, which any of their spans may meet, with their values."""
    spans, conversations = [], []
    values: dict[str, Any] = {}
    if selection.since is not None:
        spans.append("Timestamp >= fromUnixTimestamp64Nano({earliest:Int64})")
        conversations.append("min(Timestamp) >= fromUnixTimestamp64Nano({since:Int64})")
        values |= {"since": selection.since, "earliest": selection.since - _PADDING_NS}
    if selection.until is not None:
        spans.append("Timestamp < fromUnixTimestamp64Nano({latest:Int64})")
        conversations.append("min(Timestamp) < fromUnixTimestamp64Nano({until:Int64})")
        values |= {"until": selection.until, "latest": selection.until + _PADDING_NS}
    if selection.service is not None:
        conversations.append("countIf(ServiceName = {service:String}) > 0")
        values["service"] = selection.service
    if selection.failing:
        conversations.append(f"countIf({IS_ERROR}) > 0")
    for number, (key, value) in enumerate(selection.span_attributes.items()):
        conversations.append(f"countIf({attribute(key)} = {{wanted{number}:String}}) > 0")
        values[f"wanted{number}"] = value
    if selection.attribute is not None:
        conversations.append(
            f"countIf({' OR '.join(f'{column} = {{value:String}}' for column in _ATTRIBUTE_COLUMNS)}) > 0"
        )
        values["key"], values["value"] = selection.attribute
    return spans, conversations, values


def attribute(name: str) -> str:
    """The text of an attribute of a span; empty if it has none."""
    return f"SpanAttributes['{name}']"


def has_operation(*operations: str) -> str:
    """Whether ``OPERATION`` is one of these; asked by the name, by which the table is in order."""
    by_name = " OR ".join(
        f"SpanName = '{operation}' OR startsWith(SpanName, '{operation} ')" for operation in operations
    )
    return f"(({by_name}) AND NOT mapContains(SpanAttributes, '{names.HTTP_REQUEST_METHOD}'))"


def by_trace(spans: Iterator[Span]) -> Iterator[list[Span]]:
    """The spans of each trace together, each once, of spans in the order of traces."""
    trace_spans: dict[str, Span] = {}
    trace_id = ""
    for span in spans:
        if span.trace_id != trace_id and trace_spans:
            yield list(trace_spans.values())
            trace_spans = {}
        trace_id = span.trace_id
        # The Collector writes a batch again if it does not hear that it arrived.
        trace_spans.setdefault(span.span_id, span)
    if trace_spans:
        yield list(trace_spans.values())


def spans_of(rows: Iterable[Sequence[Any]], progress: Progress) -> Iterator[Span]:
    """The spans of rows with the columns of ``SPAN``; damaged ones are passed over.

    Args:
        rows: the attributes in them become those of the spans.
        progress: is told that some are damaged.
    """
    has_damaged = False
    for row in rows:
        span = decoded(_span_of, row)
        if isinstance(span, Span):
            yield span
        else:
            has_damaged = True
    if has_damaged:
        progress.warn_damaged_spans("ClickHouse")


def _span_of(row: Sequence[Any]) -> Span:
    start_ns = moment(row[5])
    moments, links = row[10], row[13]
    return Span(
        trace_id=checked_id(row[0], TRACE_ID_DIGITS),
        span_id=checked_id(row[1], SPAN_ID_DIGITS),
        parent_id=checked_id(row[2], SPAN_ID_DIGITS) if row[2] else None,
        name=row[3],
        kind=_KINDS.get(row[4], 0),
        start_ns=start_ns,
        end_ns=moment(start_ns + int(row[6])),
        status_code=_STATUSES.get(row[7], 0),
        status_message=row[8],
        attributes=_decode_attributes(row[9]),
        events=tuple(map(_event, row[11], moments, row[12])) if moments else (),
        links=tuple(map(_link, links, row[14])) if links else (),
        scope=row[15],
        service=row[16],
        resource=_resource(row[17]),
    )


def _link(trace_id: str, span_id: str) -> Link:
    return Link(checked_id(trace_id, TRACE_ID_DIGITS), checked_id(span_id, SPAN_ID_DIGITS))


def _event(name: str, time_ns: Any, attributes: dict[str, Any]) -> Event:
    return Event(name, moment(time_ns), _decode_attributes(attributes))


@lru_cache(maxsize=1024)
def _resource(text: str) -> Mapping[str, Any]:
    """The attributes of a program; its spans share them."""
    return _decode_attributes(loads(text))


def _decode_attributes(texts: dict[str, Any]) -> dict[str, Any]:
    """Attributes as they were before they became texts, in the same dict; most of them are texts."""
    for name in texts.keys() & _DECODERS.keys():
        texts[name] = _DECODERS[name](texts[name])
    for name in texts.keys() - _KNOWN_ATTRIBUTES:
        texts[name] = _guess(texts[name])
    return texts


def _guess(text: str) -> Any:
    """Guess from its text the value of an attribute that the vocabulary does not know."""
    if text in {"true", "false"}:
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return _parse_list(text) if text.startswith("[") else text


def _if_possible(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Parses a text, or leaves it as it is."""

    def parse_or_keep(text: str) -> Any:
        try:
            return parse(text)
        except (ValueError, RecursionError):
            return text

    return parse_or_keep


_parse_list: Final = _if_possible(loads)
_OF_KIND: Final[Mapping[Kind, Callable[[str], Any]]] = {
    Kind.INTEGER: _if_possible(int),
    Kind.NUMBER: _if_possible(float),
    Kind.BOOLEAN: lambda text: text == "true",
    Kind.NAMES: _parse_list,
    Kind.INTEGERS: _parse_list,
    Kind.PROBLEMS: _parse_list,
}
_DECODERS: Final[Mapping[str, Callable[[str], Any]]] = {
    name: _OF_KIND[kind] for name, kind in names.KINDS.items() if kind in _OF_KIND
}
_KNOWN_ATTRIBUTES: Final = {
    *names.KINDS,
    names.EXCEPTION_TYPE,
    names.EXCEPTION_MESSAGE,
    names.EXCEPTION_STACKTRACE,
}


def _parameter(value: Any) -> str:
    """A value as ClickHouse reads it from the address: in its format for files with tabs."""
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_quote(item) if isinstance(item, str) else repr(item) for item in value) + "]"
    return value.translate(_ESCAPES) if isinstance(value, str) else repr(value)


def _quote(text: str) -> str:
    return "'" + text.translate(_ESCAPES).replace("'", "\\'") + "'"


_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
