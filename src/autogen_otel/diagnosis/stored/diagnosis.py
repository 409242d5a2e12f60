"""The diagnosis of conversations in ClickHouse."""

from __future__ import annotations

from functools import cache
from typing import Final

from autogen_otel.diagnosis.changes import Changes, Side, changes_of
from autogen_otel.diagnosis.evidence.loops import LIMITS
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.evidence.reading import ODD_PROBLEMS
from autogen_otel.diagnosis.findings import Diagnosis, conclude
from autogen_otel.diagnosis.stored.calls import StoredCalls
from autogen_otel.diagnosis.stored.tables import BULKY, Tables
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import NO_PROGRESS, Progress
from autogen_otel.traces.sources.clickhouse import (
    IS_ERROR,
    SPAN,
    SUBJECT,
    ClickHouse,
    attribute,
    by_trace,
    has_operation,
    spans_of,
)
from autogen_otel.traces.trace import NS
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_MOST_IDS: Final = 20_000
"""The most ids of conversations in a query: proxies accept bodies of 1 MB."""
_MOST_NUMBERED: Final = 500_000
"""If more conversations fail, their features have no number of the conversation in its process."""
_SELECTED_COLUMNS: Final = SPAN.replace(
    " SpanAttributes,", f" mapFilter((name, _) -> name NOT IN ({BULKY}), SpanAttributes),"
)


def diagnose_stored(
    clickhouse: ClickHouse,
    selection: Selection = EVERYTHING,
    limit: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Diagnosis:
    """Say what fails in conversations and why; only those with a failure are read.

    Args:
        clickhouse: the database.
        selection: which conversations count.
        limit: the most conversations, the oldest first; 0 for all.
        progress: shows how many conversations have been read.

    Raises:
        SourceError: the database cannot be queried.
    """
    condition = clickhouse.selecting(selection, oldest=limit)
    with Tables(clickhouse, condition, progress) as tables:
        population = Population()
        _count(population, tables)
        failed_ids = _read(population, tables, progress)

        @cache
        def calls_of(kind: str) -> StoredCalls:
            return StoredCalls(tables, kind, failed_ids)

        return conclude(population, calls_of)


def compare_stored(
    clickhouse: ClickHouse, sides: tuple[Side, Side], limit: int = 0, progress: Progress = NO_PROGRESS
) -> Changes:
    """Diagnose conversations of two kinds and compare them; other arguments as for ``diagnose_stored``.

    Args:
        clickhouse: the database.
        sides: which conversations count as before, and which as after; one may be on both sides.
        limit: the most conversations of each side.
        progress: shows the progress of both.

    Raises:
        SourceError: the database cannot be queried.
    """
    before, after = (diagnose_stored(clickhouse, side.selection, limit, progress) for side in sides)
    compared = sides[0].selection.attribute
    attribute_values: tuple[str, ...] = ()
    if compared is not None and not (before.conversations and after.conversations):
        attribute_values = clickhouse.values(compared[0])
    return changes_of(sides, before, after, attribute_values)


def _count(population: Population, tables: Tables) -> None:
    """Count conversations, their ends, and the errors that tools returned."""
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
        for number, count in tables.rows(counts, {"width": width}):
            over_time.add(int(number) * width, int(count))
    counts = "SELECT workflow, count(), countIf(ended_by IN {limits:Array(String)})"
    rows = tables.rows(f"{counts} FROM {tables.ends()} GROUP BY workflow", {"limits": sorted(LIMITS)})
    for workflow, ended, at_limit in rows:
        population.ended_conversations[workflow] = int(ended)
        population.ended_at_limit[workflow] = int(at_limit)
    spans_with_error = tables.spans(
        has_operation(span_names.EXECUTE_TOOL), f"mapContains(SpanAttributes, '{names.TOOL_RETURNED_ERROR}')"
    )
    tools = f"SELECT {SUBJECT} AS tool, count(), uniqExact(TraceId) {spans_with_error} GROUP BY tool"
    for tool, times, conversations in tables.rows(tools):
        population.returned_errors[tool] = int(times)
        population.returned_conversations[tool] = int(conversations)
    problem = attribute(names.RESPONSE_PROBLEM)
    odd_answers = tables.spans(
        has_operation(span_names.CHAT), f"NOT {IS_ERROR}", f"{problem} IN {{problems:Array(String)}}"
    )
    models = f"SELECT {SUBJECT} AS model, {problem} AS problem, count(), uniqExact(TraceId) {odd_answers}"
    rows = tables.rows(f"{models} GROUP BY model, problem", {"problems": list(ODD_PROBLEMS)})
    for model, name, times, conversations in rows:
        population.odd_answers[model, name] = int(times)
        population.odd_conversations[model, name] = int(conversations)


def _read(population: Population, tables: Tables, progress: Progress) -> list[str]:
    """Read the conversations with a failure, and those that a limit ended where few end so.

    Returns:
        The ids of the conversations that failed as a whole.
    """
    unusual_workflows = [
        workflow
        for workflow, at_limit in population.ended_at_limit.items()
        if at_limit and population.seldom_at_limit(workflow)
    ]
    limited_ids = f"SELECT TraceId FROM {tables.ends()} WHERE hasAny(limited, {{unusual:Array(String)}})"
    filtered_ids = f"SELECT TraceId FROM {tables.filtered_conversations()}"
    failing = (
        f"FROM {tables.conversations()}"
        f" WHERE has_failed OR TraceId IN ({limited_ids}) OR TraceId IN ({filtered_ids})"
    )
    values = {"unusual": unusual_workflows}
    ((count,),) = tables.rows(f"SELECT count() {failing}", values)
    progress.expect(int(count), "conversations")
    numbers: dict[str, int] = {}
    if int(count) <= _MOST_NUMBERED:
        numbers_query = (
            f"SELECT TraceId, number FROM {tables.numbers()} WHERE TraceId IN (SELECT TraceId {failing})"
        )
        numbers = {trace_id: int(number) for trace_id, number in tables.rows(numbers_query, values)}
    spans = tables.spans(f"TraceId GLOBAL IN (SELECT TraceId {failing})")
    rows = tables.rows(f"SELECT {_SELECTED_COLUMNS} {spans} ORDER BY TraceId, Timestamp", values)
    failed_ids: list[str] = []
    for conversation in by_trace(spans_of(rows, progress)):
        trace_id = conversation[0].trace_id
        if population.add_failing(conversation, numbers.get(trace_id, 0)) and len(failed_ids) < _MOST_IDS:
            failed_ids.append(trace_id)
        progress.advance(1)
    return failed_ids
