"""Tables made of the table of spans: conversations, working calls of a kind, and the spans around them.

Each is made of all spans once and then read by many queries: as a temporary table of one session, if the user
may create one. Ids of traces and spans are numbers, which are faster to compare and copy than their texts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.diagnosis.evidence.features import LONGEST_TEXT, STEPS
from autogen_otel.diagnosis.evidence.loops import LIMITS
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, tool_kind
from autogen_otel.diagnosis.evidence.population import INSTANCES
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.clickhouse import (
    IS_ERROR,
    IS_OURS,
    LONGEST_LIST,
    OPERATION,
    SUBJECT,
    TEMPORARY,
    ClickHouse,
    Condition,
    attribute,
    has_operation,
)
from autogen_otel.traces.sources.http import RefusedError
from autogen_otel.traces.trace import HTTP
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import responses
from autogen_otel.vocabulary import spans as span_names

if TYPE_CHECKING:
    from typing_extensions import Self

_BULKY: Final = (
    names.GEN_AI_TOOL_CALL_RESULT,
    names.GEN_AI_INPUT_MESSAGES,
    names.GEN_AI_OUTPUT_MESSAGES,
    names.GEN_AI_SYSTEM_INSTRUCTIONS,
    names.GEN_AI_TOOL_DEFINITIONS,
)
BULKY: Final = ", ".join(f"'{name}'" for name in _BULKY)
"""Large attributes that no question is about, as a list in SQL."""
_START: Final = "toUnixTimestamp64Nano(Timestamp)"
_TRACE: Final = "reinterpretAsUInt128(unhex(TraceId)) AS trace"
_ID: Final = "reinterpretAsUInt64(unhex(SpanId)) AS id"
_ABOVE: Final = "reinterpretAsUInt64(unhex(ParentSpanId)) AS above"
_WORKFLOW: Final = (
    f"if({attribute(names.GEN_AI_WORKFLOW_NAME)} != '', {attribute(names.GEN_AI_WORKFLOW_NAME)}, {SUBJECT})"
)
_ENDED_BY: Final = attribute(names.CONVERSATION_TERMINATION)
_LIMITS: Final = ", ".join(f"'{limit}'" for limit in sorted(LIMITS))
_STEPS: Final = ", ".join(f"'{operation}'" for operation in sorted(STEPS))
_PROCESS: Final = (
    "concat(" + ", '/', ".join(f"ResourceAttributes['{name}']" for name in INSTANCES) + ", ServiceName)"
)
_BEGAN: Final = f"min(Timestamp) AS began, argMin({_PROCESS}, Timestamp) AS process"
_AGENT: Final = (
    f"if(mapContains(SpanAttributes, '{names.GEN_AI_AGENT_NAME}'),"
    f" {attribute(names.GEN_AI_AGENT_NAME)}, 'None')"
)
_PAIR: Final = (
    f"if(mapContains(SpanAttributes, '{names.SENDER_NAME}'),"
    f" concat({attribute(names.SENDER_NAME)}, ' -> ', {_AGENT}), '')"
)
_IS_FILTERED: Final = f"{attribute(names.RESPONSE_PROBLEM)} = '{responses.CONTENT_FILTER}'"
_NOT_AROUND: Final = f"'{HTTP}', '{span_names.CONFIG_ENTRY}', '{span_names.INVOKE_AGENT}'"
"""No call that we count happens inside a model call or below it."""
_MOST_ABOVE: Final = 6
"""The most spans between a call and its turn."""


class IntermediateResults:
    """Intermediate results of one diagnosis, in a ``with`` block, which drops them when it ends.

    Args:
        clickhouse: the database.
        values: the values of parameters that any of them may use, by name.
        progress: gets a warning if the user may not create temporary tables: then each query computes again
            what it reads, with the same result.
    """

    def __init__(self, clickhouse: ClickHouse, values: Mapping[str, Any], progress: Progress) -> None:
        self._clickhouse = clickhouse
        self._values: dict[str, Any] = dict(values)
        self._progress = progress
        self._session = uuid.uuid4().hex
        self._sources: dict[str, str] = {}
        self._tables: list[str] = []
        self._is_refused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for table in self._tables:
                self._clickhouse.run(f"DROP TEMPORARY TABLE {table}", session=self._session)

    def source(self, name: str, select: str, values: Mapping[str, Any] | None = None) -> str:
        """The table, or subquery, from which a ``FROM`` reads the rows of a ``SELECT``.

        Args:
            name: the name of the rows; the same name stands for the same rows.
            select: the query that makes them.
            values: the values of its own parameters, whose names no other query uses.

        Raises:
            SourceError: the database cannot be queried.
        """
        if name not in self._sources:
            self._sources[name] = self._create_or_inline(name, select, values or {})
        return self._sources[name]

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[list[Any]]:
        """The rows of a query, as from ``ClickHouse.rows``; it may read the intermediate results."""
        return self._clickhouse.rows(sql, {**self._values, **(values or {})}, self._session)

    def _create_or_inline(self, name: str, select: str, values: Mapping[str, Any]) -> str:
        if not self._is_refused:
            try:
                return self._create(f"{TEMPORARY}{name}", select, values)
            except RefusedError as error:
                self._is_refused = True
                # Raises if the user may not read at all.
                list(self.rows("SELECT 1"))
                self._progress.warn(
                    f"{error} - no temporary table was made, so that each question is counted from the "
                    "beginning, which takes two to three times as long: where the user may make none, "
                    "GRANT CREATE TEMPORARY TABLE ON *.*, and readonly = 2 instead of 1 in the profile"
                )
        self._values.update(values)
        return f"({select})"

    def _create(self, table: str, select: str, values: Mapping[str, Any]) -> str:
        statement = f"CREATE TEMPORARY TABLE {table} ENGINE = Memory SETTINGS compress = 1 AS {select}"
        self._clickhouse.run(statement, {**self._values, **values}, self._session)
        self._tables.append(table)
        return table


class Tables(IntermediateResults):
    """The sources of a ``FROM``, each made once.

    Args:
        clickhouse: the database with the table of spans.
        condition: which spans count.
        progress: as for ``IntermediateResults``.
    """

    def __init__(self, clickhouse: ClickHouse, condition: Condition, progress: Progress) -> None:
        super().__init__(clickhouse, condition.values, progress)
        self._table = clickhouse.table
        self._where = condition.sql
        self._kinds: list[str] = []

    def spans(self, *conditions: str) -> str:
        """The spans that count, if they meet further conditions."""
        return f"FROM {self._table} WHERE {' AND '.join((self._where, *conditions))}"

    def conversations(self) -> str:
        """Conversations: ``TraceId``, when each ``began``, and whether something in it ``has_failed``."""
        return self.source(
            "conversations",
            f"SELECT TraceId, min(Timestamp) AS began, countIf({IS_ERROR}) > 0 AS has_failed"
            f" {self.spans()} GROUP BY TraceId HAVING countIf({IS_OURS}) > 0",
        )

    def filtered_conversations(self) -> str:
        """Conversations with an answer that a filter of the provider emptied or cut: their ``TraceId``."""
        return self.source(
            "filtered",
            f"SELECT DISTINCT TraceId {self.spans(has_operation(span_names.CHAT), _IS_FILTERED)}",
        )

    def ends(self) -> str:
        """The ends of conversations whose own span is there.

        ``TraceId``, the ``workflow``, what it was ``ended_by``, the workflows in it that were ``limited``,
        and when it ``began`` in which ``process``.
        """
        return self.source(
            "ends",
            f"SELECT TraceId, argMin({_WORKFLOW}, Timestamp) AS workflow,"
            f" argMin({_ENDED_BY}, Timestamp) AS ended_by,"
            f" groupUniqArrayIf({_WORKFLOW}, {_ENDED_BY} IN ({_LIMITS})) AS limited, {_BEGAN}"
            f" {self.spans(has_operation(span_names.INVOKE_WORKFLOW))} GROUP BY TraceId",
        )

    def numbers(self) -> str:
        """The ``number`` of each conversation, by ``TraceId``, among those of its process, from 1."""
        workflow_starts = f"SELECT TraceId, began, process FROM {self.ends()}"
        # Replies outside of a chat have no span of the conversation itself.
        bare_ids = (
            f"SELECT TraceId FROM {self.conversations()}"
            f" WHERE TraceId NOT IN (SELECT TraceId FROM {self.ends()})"
        )
        other_starts = f"SELECT TraceId, {_BEGAN} {self.spans(f'TraceId IN ({bare_ids})')} GROUP BY TraceId"
        return self.source(
            "numbers",
            "SELECT TraceId, rank() OVER (PARTITION BY process ORDER BY began) AS number"
            f" FROM ({workflow_starts} UNION ALL {other_starts})",
        )

    def calls(self, kind: str, failed_ids: Sequence[str]) -> str:
        """The calls of a kind that worked: ids, time, service and attributes.

        Args:
            kind: the kind of the calls.
            failed_ids: conversations that do not count as working ones, if that is the kind.
        """
        number = self._number(kind)
        values: dict[str, Any] = {}
        if kind == CONVERSATION:
            conditions = self._worked_conversations()
            for index, at in enumerate(range(0, len(failed_ids), LONGEST_LIST)):
                conditions.append(f"TraceId NOT IN {{failed{index}:Array(String)}}")
                values[f"failed{index}"] = failed_ids[at : at + LONGEST_LIST]
        elif kind == MODEL:
            conditions = self._worked_model_calls()
        else:
            conditions = [
                has_operation(span_names.EXECUTE_TOOL),
                f"{SUBJECT} = {{tool{number}:String}}",
                f"NOT {IS_ERROR}",
                f"{attribute(names.CANCELLED)} != 'true'",
            ]
            values[f"tool{number}"] = kind.removeprefix(tool_kind(""))
        is_needed = (
            f"(length(text) <= {LONGEST_TEXT} OR startsWith(text, '[') OR lengthUTF8(text) <= {LONGEST_TEXT}"
            f" OR name = '{names.GEN_AI_TOOL_CALL_ARGUMENTS}') AND name NOT IN ({BULKY})"
        )
        return self.source(
            f"calls{number}",
            f"WITH mapFilter((name, text) -> {is_needed}, SpanAttributes) AS attributes"
            f" SELECT {_TRACE}, {_ID}, {_ABOVE}, Timestamp, ServiceName,"
            " mapKeys(attributes) AS names, mapValues(attributes) AS texts,"
            " mapKeys(ResourceAttributes) AS resource_names, mapValues(ResourceAttributes) AS resource_texts"
            f" {self.spans(*conditions)}",
            values,
        )

    def around(self, kind: str, calls: str) -> str:
        """Features of calls from the other spans of their conversations, by ``trace`` and ``id``.

        Args:
            kind: the kind of the calls.
            calls: the result of ``calls`` for them.
        """
        above = "above"
        for _ in range(_MOST_ABOVE - 1):
            above = f"above_them[indexOf(places, {above})]"
        joins = f"ANY LEFT JOIN {self._conversation()} AS conversation USING (trace)"
        more_columns = ""
        if kind == CONVERSATION:
            joins += f" ANY LEFT JOIN ({self._prompts()}) AS prompts USING (trace)"
            more_columns = ", largest_prompt, most_carried, arrayDistinct(tools) AS tools_used"
        elif kind.startswith(tool_kind("")):
            more_columns = (
                ", arrayDistinct(arraySlice(tools, 1, tool)) AS tools_used,"
                " arrayCount(moment -> moment <= start, model_ends) AS chat,"
                " if(chat > 0, models[chat], NULL) AS model"
            )
        return self.source(
            f"around{self._number(kind)}",
            "SELECT trace, id, number, arrayCount(moment -> moment <= start, turns) AS turn,"
            " arrayCount(moment -> moment <= start, ends) AS steps,"
            " arrayCount(moment -> moment <= start, tool_ends) AS tool,"
            " if(steps > 0, (start - ends[steps]) / 1e9, NULL) AS gap, tools[tool] AS previous_tool,"
            " if(tool > 0, durations[tool] / 1e9, NULL) AS previous_seconds,"
            f" pairs[indexOf(places, {above})] AS agent_pair{more_columns}"
            f" FROM (SELECT trace, id, above, {_START} AS start FROM {calls}) AS call {joins}",
        )

    def _number(self, kind: str) -> int:
        """A number for each kind, since its name may not be valid in SQL."""
        if kind not in self._kinds:
            self._kinds.append(kind)
        return self._kinds.index(kind)

    def _conversation(self) -> str:
        """What the features of calls need from their conversations, as one row for each conversation.

        The starts of ``turns`` and the ``ends`` of steps; ``tools`` in the order of their ``tool_ends``, with
        their ``durations``; the ``models`` of model calls in the order of their ``model_ends``; the
        ``places`` where calls happen, with the span ``above_them``, which for a turn is the turn itself, and
        their ``pairs`` of sender and agent.
        """
        turns = (
            f"SELECT {_TRACE}, {_ID}, id AS above, {_START} AS start, toInt64(0) AS duration,"
            f" NOT mapContains(SpanAttributes, '{names.HELPER_ROLE}') AS is_turn, '' AS operation,"
            f" '' AS tool, '' AS model, {_PAIR} AS pair {self.spans(has_operation(span_names.INVOKE_AGENT))}"
        )
        is_tool, is_chat = (
            f"operation = '{operation}'" for operation in (span_names.EXECUTE_TOOL, span_names.CHAT)
        )
        # The second condition is weaker, but lets the database skip parts of the table with turns only.
        condition = (
            f"{OPERATION} NOT IN ({_NOT_AROUND}) AND NOT startsWith(SpanName, '{span_names.INVOKE_AGENT} ')"
        )
        other_spans = (
            f"SELECT {_TRACE}, {_ID}, {_ABOVE}, {_START} AS start, toInt64(Duration) AS duration,"
            f" 0 AS is_turn, {OPERATION} AS operation, if({is_tool}, {SUBJECT}, '') AS tool,"
            f" if({is_chat}, {SUBJECT}, '') AS model, '' AS pair"
            f" {self.spans(condition)}"
        )
        is_place = f"operation != '{span_names.CHAT}'"
        rows_by_trace = (
            "SELECT trace,"
            " arraySort(groupArrayIf(start, is_turn)) AS turns,"
            f" arraySort(groupArrayIf(start + duration, operation IN ({_STEPS}))) AS ends,"
            f" groupArrayIf(start + duration, {is_tool}) AS ended,"
            " arraySort(ended) AS tool_ends,"
            f" arraySort((_, moment) -> moment, groupArrayIf(tool, {is_tool}), ended) AS tools,"
            f" arraySort((_, moment) -> moment, groupArrayIf(duration, {is_tool}), ended) AS durations,"
            f" groupArrayIf(start + duration, {is_chat}) AS answered, arraySort(answered) AS model_ends,"
            f" arraySort((_, moment) -> moment, groupArrayIf(model, {is_chat}), answered) AS models,"
            f" groupArrayIf(id, {is_place}) AS places, groupArrayIf(above, {is_place}) AS above_them,"
            f" groupArrayIf(pair, {is_place}) AS pairs"
            f" FROM ({turns} UNION ALL {other_spans}) GROUP BY trace"
        )
        numbers = f"SELECT {_TRACE}, number FROM {self.numbers()}"
        return self.source(
            "around",
            f"SELECT * FROM ({rows_by_trace}) AS one ANY LEFT JOIN ({numbers}) AS numbered USING (trace)",
        )

    def _prompts(self) -> str:
        chars = f"toFloat64OrNull({attribute(names.PROMPT_CHARS)})"
        carried = f"toFloat64OrNull({attribute(names.PROMPT_CARRIED_MESSAGES)})"
        return (
            f"SELECT {_TRACE}, max({chars}) AS largest_prompt, max({carried}) AS most_carried"
            f" {self.spans(has_operation(span_names.CHAT))} GROUP BY trace"
        )

    def _worked_conversations(self) -> list[str]:
        roots = self.spans(has_operation(span_names.INVOKE_WORKFLOW))
        return [
            has_operation(span_names.INVOKE_WORKFLOW),
            f"(TraceId, Timestamp) IN (SELECT TraceId, min(Timestamp) {roots} GROUP BY TraceId)",
        ]

    def _worked_model_calls(self) -> list[str]:
        return [
            has_operation(span_names.CHAT),
            f"NOT {IS_ERROR}",
            f"{attribute(names.CANCELLED)} != 'true'",
            f"{attribute(names.CACHE_HIT)} != 'true'",
            f"NOT {_IS_FILTERED}",
            f"(trace, id) NOT IN (SELECT * FROM {self._retried()})",
        ]

    def _retried(self) -> str:
        """Entries and model calls with an attempt that failed, by ``trace`` and ``id``."""
        attempts = self.spans(f"{OPERATION} = '{HTTP}'", IS_ERROR)
        failed_attempts = self.source("failed", f"SELECT {_TRACE}, {_ABOVE} {attempts}")
        # The entry answered only after a retry.
        answered_entries = self.spans(
            has_operation(span_names.CONFIG_ENTRY),
            f"NOT {IS_ERROR}",
            f"(trace, id) IN (SELECT * FROM {failed_attempts})",
        )
        return self.source(
            "retried",
            f"SELECT * FROM {failed_attempts}"
            f" UNION ALL SELECT trace, above FROM (SELECT {_TRACE}, {_ID}, {_ABOVE} {answered_entries})",
        )
