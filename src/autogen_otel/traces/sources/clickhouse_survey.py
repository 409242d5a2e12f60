"""What a diagnosis asks ClickHouse: counts of all conversations, and those that it reads.

The engine counts, chooses and fetches; what failed, and what it goes with, Python finds as for any other
source. A choice is random, and the same each time: the place of a conversation is a hash of its id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import INSTANCES, Progress
from autogen_otel.traces.sources.clickhouse import (
    IS_ERROR,
    IS_OURS,
    SPAN,
    SUBJECT,
    ClickHouse,
    attribute,
    by_trace,
    has_operation,
    spans_of,
)
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import responses, terminations
from autogen_otel.vocabulary import spans as span_names

_PLACE: Final = "cityHash64(TraceId)"
_LAST_PLACE: Final = 2**64 - 1
_BULKY: Final = (
    names.GEN_AI_TOOL_CALL_RESULT,
    names.GEN_AI_INPUT_MESSAGES,
    names.GEN_AI_OUTPUT_MESSAGES,
    names.GEN_AI_SYSTEM_INSTRUCTIONS,
    names.GEN_AI_TOOL_DEFINITIONS,
)
"""Large attributes that no diagnosis reads."""
_COLUMNS: Final = SPAN.replace(
    " SpanAttributes,", f" mapFilter((name, _) -> name NOT IN {_BULKY}, SpanAttributes),"
)
_WORKFLOW: Final = (
    f"if({attribute(names.GEN_AI_WORKFLOW_NAME)} != '', {attribute(names.GEN_AI_WORKFLOW_NAME)}, {SUBJECT})"
)
_IS_WORKFLOW: Final = has_operation(span_names.INVOKE_WORKFLOW)
_IS_CHAT: Final = has_operation(span_names.CHAT)
_IS_TOOL: Final = has_operation(span_names.EXECUTE_TOOL)
_ENDED_BY: Final = attribute(names.CONVERSATION_TERMINATION)
_PROBLEM: Final = attribute(names.RESPONSE_PROBLEM)
_IS_FILTERED: Final = f"{_PROBLEM} = '{responses.CONTENT_FILTER}'"
_PROCESS: Final = (
    "concat(" + ", '/', ".join(f"ResourceAttributes['{name}']" for name in INSTANCES) + ", ServiceName)"
)
_IS_EMPTY: Final = f"{_PROBLEM} = '{responses.EMPTY}'"
_IS_AT_LIMIT: Final = f"{_ENDED_BY} IN {terminations.LIMITS}"
_COUNTS: Final = "count(), uniqExact(TraceId)"
_HAS_WORKED: Final = f"NOT {IS_ERROR} AND {attribute(names.CANCELLED)} != 'true'"
_MOST_NAMES: Final = 1000
"""Names in one question."""


class Count(NamedTuple):
    """How often something was, and in how many conversations."""

    times: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group of conversations, of which those up to a place are read.

    Args:
        size: how many there are.
        last_place: the last place that is read.
        read: how many are read.
    """

    size: int
    last_place: int
    read: int

    @classmethod
    def of(cls, size: int, last_place: int, most: int) -> Group:
        """A group of which at most so many are read; ``last_place`` is of the last of them, 0 if all are."""
        return cls(size, last_place or _LAST_PLACE, min(size, most))

    def weight(self, place: int) -> float:
        """How many conversations the one at a place stands for; 0 if it is not read."""
        return self.size / self.read if self.read and place <= self.last_place else 0.0


@dataclass(frozen=True, slots=True)
class Conversations:
    """The conversations of a selection.

    Args:
        all: all of them.
        failing: those with a failure, or with a limit at their end that is unusual for their workflow.
        first_ns: when the first of them began.
        last_ns: when the last of them began.
        by_interval: how many began in each interval, by its number from 1970 on.
        has_failed: whether one is of ``failing``, in SQL.
    """

    all: Group
    failing: Group
    first_ns: int
    last_ns: int
    by_interval: Mapping[int, int]
    has_failed: str


class ChosenConversation(NamedTuple):
    """A conversation that is read, its place, and its number in its process, from 1."""

    spans: list[Span]
    place: int
    number: int


class Survey:
    """Counts and reads the conversations of a selection.

    Every method raises ``SourceError`` if the database cannot be queried.

    Args:
        clickhouse: the database.
        selection: which conversations count.
        limit: the most conversations, the oldest first; 0 for all.
        progress: is told of damaged spans.
    """

    def __init__(self, clickhouse: ClickHouse, selection: Selection, limit: int, progress: Progress) -> None:
        condition = clickhouse.selecting(selection, oldest=limit)
        self._clickhouse, self._progress = clickhouse, progress
        self._where, self._values = condition.sql, condition.values

    # ------------------------------------------------------------ counts
    def period(self) -> tuple[int, int]:
        """When the first and the last span of ours began; 0 if there is none."""
        moments = "toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp))"
        with self._clickhouse.understanding():
            ((first, last),) = self._rows(f"SELECT {moments} {self._spans(IS_OURS)}")
            return int(first), int(last)

    def ends(self) -> dict[str, Count]:
        """How many conversations of each workflow a limit ended, of how many."""
        ends = (
            f"SELECT argMin({_WORKFLOW}, Timestamp) AS workflow, argMin({_ENDED_BY}, Timestamp) AS ended_by"
            f" {self._spans(_IS_WORKFLOW)} GROUP BY TraceId"
        )
        at_limit = f"countIf(ended_by IN {terminations.LIMITS})"
        return self._counts(f"SELECT workflow, {at_limit}, count() FROM ({ends}) GROUP BY workflow")

    def returned_errors(self) -> dict[str, Count]:
        """How many errors each tool returned, instead of raising them."""
        has_error = f"mapContains(SpanAttributes, '{names.TOOL_RETURNED_ERROR}')"
        return self._counts(
            f"SELECT {SUBJECT} AS tool, {_COUNTS} {self._spans(_IS_TOOL, has_error)} GROUP BY tool"
        )

    def answer_problems(self) -> dict[tuple[str, str], Count]:
        """How many answers of each model had which problem, those of failed calls left out."""
        spans = self._spans(_IS_CHAT, f"NOT {IS_ERROR}", "key.2 != ''")
        return self._counts(f"SELECT ({SUBJECT}, {_PROBLEM}) AS key, {_COUNTS} {spans} GROUP BY key")

    def answered(self) -> dict[tuple[int | str | None, str | None], int]:
        """How many model calls each entry of a ``config_list`` answered, by its index and model."""
        index, model = attribute(names.CONFIG_INDEX), attribute(names.GEN_AI_REQUEST_MODEL)
        has_answered = f"{_HAS_WORKED} AND NOT ({_IS_FILTERED}) AND {attribute(names.CACHE_HIT)} != 'true'"
        rows = self._rows(
            f"SELECT {index} AS index, {model} AS model, count() {self._spans(_IS_CHAT, has_answered)}"
            " GROUP BY index, model"
        )
        return {
            (int(index) if index.isdecimal() else index or None, model or None): int(count)
            for index, model, count in rows
        }

    def conversations(
        self, interval_ns: int, *, limited: Sequence[str], problems: Collection[str], failing: int, most: int
    ) -> Conversations:
        """Count the conversations, and choose those that are read.

        Args:
            interval_ns: the length of an interval.
            limited: workflows for which it is unusual that a limit ends them.
            problems: of answers: those that were filtered, or empty until a limit, are failures without an
                error.
            failing: how many of those that failed are read at most.
            most: how many of all are read at most.
        """
        has_failed = f"countIf({IS_ERROR}) > 0"
        others = []
        if responses.CONTENT_FILTER in problems:
            others.append(f"SELECT TraceId {self._spans(_IS_CHAT, _IS_FILTERED)}")
        if limited:
            self._values = {**self._values, "limited": list(limited[:_MOST_NAMES])}
            is_unusual = f"{_WORKFLOW} IN {{limited:Array(String)}}"
            others.append(f"SELECT TraceId {self._spans(_IS_WORKFLOW, _IS_AT_LIMIT, is_unusual)}")
        if responses.EMPTY in problems:
            empty = f"TraceId GLOBAL IN (SELECT TraceId {self._spans(_IS_CHAT, _IS_EMPTY)})"
            others.append(f"SELECT TraceId {self._spans(_IS_WORKFLOW, _IS_AT_LIMIT, empty)}")
        if others:
            has_failed += f" OR TraceId GLOBAL IN ({' UNION ALL '.join(others)})"
        began = "toUnixTimestamp64Nano(began)"
        rows = self._rows(
            f"SELECT count(), countIf(has_failed), {_nth('groupArray(place)', most)},"
            f" {_nth('groupArrayIf(place, has_failed)', failing)}, min({began}), max({began}),"
            f" sumMap([intDiv({began}, {interval_ns})], [toUInt64(1)])"
            f" FROM ({self._by_conversation(has_failed)})"
        )
        with self._clickhouse.understanding():
            ((count, failed, last_place, last_failing, first_ns, last_ns, (numbers, counts)),) = rows
            return Conversations(
                Group.of(int(count), int(last_place), most),
                Group.of(int(failed), int(last_failing), failing),
                int(first_ns),
                int(last_ns),
                dict(zip(map(int, numbers), map(int, counts), strict=True)),
                has_failed,
            )

    def tools(self, tools: Iterable[str], most: int) -> dict[str, Group]:
        """For each tool, the conversations with a call of it that worked, and the choice that is read."""
        self._values = {**self._values, "tools": list(tools)[:_MOST_NAMES]}
        rows = self._rows(
            f"SELECT {SUBJECT} AS tool, uniqExact(TraceId), {_nth(f'groupUniqArray({_PLACE})', most)}"
            f" {self._spans(_IS_TOOL, _HAS_WORKED, 'tool IN {tools:Array(String)}')} GROUP BY tool"
        )
        with self._clickhouse.understanding():
            return {tool: Group.of(int(size), int(last_place), most) for tool, size, last_place in rows}

    # ------------------------------------------------------------ conversations
    def read(self, conversations: Conversations, *, bare: bool) -> Iterator[ChosenConversation]:
        """Read the conversations that are chosen, in no order.

        Args:
            conversations: with the choice.
            bare: whether some of all have no span of the conversation itself.
        """
        last, last_failing = conversations.all.last_place, conversations.failing.last_place
        chosen = self._by_conversation(conversations.has_failed, f"{_PLACE} <= {max(last, last_failing)}")
        is_chosen = f"place <= {last} OR (has_failed AND place <= {last_failing})"
        return self._read(f"SELECT TraceId FROM ({chosen}) WHERE {is_chosen}", bare=bare)

    def read_tools(self, groups: Mapping[str, Group], *, bare: bool) -> Iterator[ChosenConversation]:
        """Read the conversations of several tools that are chosen; arguments as for ``read``."""
        self._values = {**self._values, "tools": list(groups)}
        places = f"[{', '.join(f'toUInt64({group.last_place})' for group in groups.values())}]"
        is_chosen = f"{_PLACE} <= {places}[indexOf({{tools:Array(String)}}, {SUBJECT})]"
        return self._read(f"SELECT TraceId {self._spans(_IS_TOOL, _HAS_WORKED, is_chosen)}", bare=bare)

    def _read(self, trace_ids: str, *, bare: bool) -> Iterator[ChosenConversation]:
        chosen = f"TraceId GLOBAL IN ({trace_ids})"
        rows = self._rows(
            f"SELECT TraceId, {_PLACE}, number FROM ({self._numbers(bare=bare)}) WHERE {chosen}"
        )
        with self._clickhouse.understanding():
            numbers = {trace_id.lower(): (int(place), int(number)) for trace_id, place, number in rows}
        rows = self._rows(f"SELECT {_COLUMNS} {self._spans(chosen)} ORDER BY TraceId, Timestamp")
        for spans in by_trace(spans_of(rows, self._progress)):
            if spans[0].trace_id in numbers:
                yield ChosenConversation(spans, *numbers[spans[0].trace_id])

    # ------------------------------------------------------------ SQL
    def _rows(self, sql: str) -> Iterator[list[Any]]:
        return self._clickhouse.rows(sql, self._values)

    def _counts(self, sql: str) -> dict[Any, Count]:
        """The counts of each key, the largest first."""
        with self._clickhouse.understanding():
            return {
                tuple(key) if isinstance(key, list) else key: Count(int(times), int(conversations))
                for key, times, conversations in self._rows(f"{sql} ORDER BY 2 DESC, 1")
            }

    def _spans(self, *conditions: str) -> str:
        return f"FROM {self._clickhouse.table} WHERE {' AND '.join((self._where, *conditions))}"

    def _by_conversation(self, has_failed: str, *conditions: str) -> str:
        """A row for each conversation: its id and place, when it began, and whether something failed."""
        return (
            f"SELECT TraceId, {_PLACE} AS place, min(Timestamp) AS began, {has_failed} AS has_failed"
            f" {self._spans(*conditions)} GROUP BY TraceId HAVING countIf({IS_OURS}) > 0"
        )

    def _numbers(self, *, bare: bool) -> str:
        """The number of each conversation among those of its process, in the order they began."""
        began = f"SELECT TraceId, min(Timestamp) AS began, argMin({_PROCESS}, Timestamp) AS process"
        starts = f"{began} {self._spans(_IS_WORKFLOW)} GROUP BY TraceId"
        if bare:
            # Replies outside of a chat have no span of the conversation itself.
            is_bare = (
                f"TraceId GLOBAL IN (SELECT TraceId FROM ({self._by_conversation('0')}))"
                f" AND TraceId GLOBAL NOT IN (SELECT TraceId {self._spans(_IS_WORKFLOW)})"
            )
            starts = f"{starts} UNION ALL {began} {self._spans(is_bare)} GROUP BY TraceId"
        return f"SELECT TraceId, rank() OVER (PARTITION BY process ORDER BY began) AS number FROM ({starts})"


def _nth(places: str, number: int) -> str:
    """The place of that number in order; 0 if there are no more."""
    return f"if(length({places}) > {number}, arraySort({places})[{number}], 0)"
