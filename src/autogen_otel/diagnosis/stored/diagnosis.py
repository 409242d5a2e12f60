"""The diagnosis of conversations in ClickHouse."""

from __future__ import annotations

from functools import cache
from typing import Final

from autogen_otel.diagnosis.changes import Changes, Side, changes_of
from autogen_otel.diagnosis.evidence.loops import LIMITS
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.findings import Diagnosis, conclude
from autogen_otel.diagnosis.stored.calls import StoredCalls
from autogen_otel.diagnosis.stored.tables import BULKY, Tables
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import NO_PROGRESS, Progress
from autogen_otel.traces.sources.clickhouse import SPAN, SUBJECT, ClickHouse, by_trace, has_operation, span_of
from autogen_otel.traces.trace import NS
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_MOST_NAMED: Final = 20_000
"""Conversations that are named in a question: proxies take bodies of 1 MB."""
_MOST_NUMBERED: Final = 500_000
"""Of more failing conversations nobody knows which one of their process each was."""
_NEEDED: Final = SPAN.replace(
    " SpanAttributes,", f" mapFilter((name, _) -> name NOT IN ({BULKY}), SpanAttributes),"
)


def diagnose_stored(
    clickhouse: ClickHouse,
    selection: Selection = EVERYTHING,
    limit: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Diagnosis:
    """Say what fails in conversations and why, of which only those that fail are read.

    Args:
        clickhouse: where they are.
        selection: which of them count.
        limit: at most so many, the oldest; 0 for all.
        progress: is told how many of those that fail have been read.

    Raises:
        SourceError: it cannot be asked.
    """
    condition = clickhouse.selecting(selection, oldest=limit)
    with Tables(clickhouse, condition, progress) as tables:
        population = Population()
        _count(population, tables)
        failed = _read(population, tables, progress)

        @cache
        def calls_of(kind: str) -> StoredCalls:
            return StoredCalls(tables, kind, failed)

        return conclude(population, calls_of)


def compare_stored(
    clickhouse: ClickHouse, sides: tuple[Side, Side], limit: int = 0, progress: Progress = NO_PROGRESS
) -> Changes:
    """Diagnose conversations of two kinds and compare them; other arguments as for ``diagnose_stored``.

    Args:
        clickhouse: where they are.
        sides: which ones count as before, and which as after; what both take counts on both sides.
        limit: so many of either at most.
        progress: is told of both.

    Raises:
        SourceError: it cannot be asked.
    """
    was, now = (diagnose_stored(clickhouse, one.selection, limit, progress) for one in sides)
    attribute = sides[0].selection.attribute
    known: tuple[str, ...] = ()
    if attribute is not None and not (was.conversations and now.conversations):
        known = clickhouse.values(attribute[0])
    return changes_of(sides, was, now, known)


def _count(population: Population, tables: Tables) -> None:
    """Count conversations, how they ended, and errors that tools returned."""
    conversations = f"FROM {tables.conversations()}"
    moments = "toUnixTimestamp64Nano(min(began)), toUnixTimestamp64Nano(max(began))"
    ((count, first, last),) = tables.rows(f"SELECT count(), {moments} {conversations}")
    population.conversations = int(count)
    if population.conversations:
        over_time = population.over_time
        population.first_ns, population.last_ns = int(first), int(last)
        over_time.cover(population.first_ns, population.last_ns)
        width = over_time.seconds * NS
        interval = "intDiv(toUnixTimestamp64Nano(began), {width:Int64}) AS interval"
        counts = f"SELECT {interval}, count() {conversations} GROUP BY interval"
        for number, began in tables.rows(counts, {"width": width}):
            over_time.add(int(number) * width, int(began))
    counts = "SELECT workflow, count(), countIf(ended_by IN {limits:Array(String)})"
    rows = tables.rows(f"{counts} FROM {tables.ends()} GROUP BY workflow", {"limits": sorted(LIMITS)})
    for workflow, ended, at_limit in rows:
        population.ended[workflow] = int(ended)
        population.ended_at_limit[workflow] = int(at_limit)
    returned = tables.spans(
        has_operation(span_names.EXECUTE_TOOL), f"mapContains(SpanAttributes, '{names.TOOL_RETURNED_ERROR}')"
    )
    asked = f"SELECT {SUBJECT} AS tool, count(), uniqExact(TraceId) {returned} GROUP BY tool"
    for tool, times, conversations in tables.rows(asked):
        population.returned_errors[tool] = int(times)
        population.returned_conversations[tool] = int(conversations)


def _read(population: Population, tables: Tables, progress: Progress) -> list[str]:
    """Read the conversations in which something failed, and those that a limit ended where few end so.

    Returns:
        The ids of those that failed as a whole.
    """
    unusual = [
        workflow
        for workflow, at_limit in population.ended_at_limit.items()
        if at_limit and population.seldom_at_limit(workflow)
    ]
    limited = f"SELECT TraceId FROM {tables.ends()} WHERE hasAny(limited, {{unusual:Array(String)}})"
    filtered = f"SELECT TraceId FROM {tables.filtered()}"
    failing = (
        f"FROM {tables.conversations()} WHERE has_failed OR TraceId IN ({limited}) OR TraceId IN ({filtered})"
    )
    values = {"unusual": unusual}
    ((count,),) = tables.rows(f"SELECT count() {failing}", values)
    progress.expect(int(count), "conversations")
    numbers: dict[str, int] = {}
    if int(count) <= _MOST_NUMBERED:
        numbered = (
            f"SELECT TraceId, number FROM {tables.numbers()} WHERE TraceId IN (SELECT TraceId {failing})"
        )
        numbers = {trace_id: int(number) for trace_id, number in tables.rows(numbered, values)}
    spans = tables.spans(f"TraceId GLOBAL IN (SELECT TraceId {failing})")
    rows = tables.rows(f"SELECT {_NEEDED} {spans} ORDER BY TraceId, Timestamp", values)
    failed: list[str] = []
    for gathered in by_trace(map(span_of, rows)):
        trace_id = gathered[0].trace_id
        if population.add_failing(gathered, numbers.get(trace_id, 0)) and len(failed) < _MOST_NAMED:
            failed.append(trace_id)
        progress.advance(1)
    return failed
