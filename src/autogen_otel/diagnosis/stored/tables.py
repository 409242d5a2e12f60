"""What is read of the table of spans: the calls of a kind that worked, and the conversation around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import STEPS
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL
from autogen_otel.diagnosis.evidence.population import INSTANCES
from autogen_otel.diagnosis.stored.columns import START, Around, Columns, short_id
from autogen_otel.traces.sources.clickhouse import IS_ERROR, OPERATION, SUBJECT, Condition, has_operation
from autogen_otel.traces.trace import HTTP
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

WORKFLOW: Final = (
    f"if(SpanAttributes['{names.GEN_AI_WORKFLOW_NAME}'] != '',"
    f" SpanAttributes['{names.GEN_AI_WORKFLOW_NAME}'], {SUBJECT})"
)
_END: Final = f"{START} + toInt64(Duration)"
_STEPS: Final = ", ".join(f"'{operation}'" for operation in sorted(STEPS))
_PROCESS: Final = (
    "concat(" + ", '/', ".join(f"ResourceAttributes['{name}']" for name in INSTANCES) + ", ServiceName)"
)
_AGENT: Final = f"SpanAttributes['{names.GEN_AI_AGENT_NAME}']"
_SENDER: Final = f"SpanAttributes['{names.SENDER_NAME}']"


class Tables:
    """Makes the ``FROM`` of questions about some conversations.

    Args:
        table: of spans.
        condition: which spans count.
    """

    def __init__(self, table: str, condition: Condition) -> None:
        self._table = table
        self._where = condition.sql

        self.values: Mapping[str, Any] = condition.values

    def spans(self, *conditions: str) -> str:
        """The spans that count, if they meet further conditions."""
        return f"FROM {self._table} WHERE {' AND '.join((self._where, *conditions))}"

    def calls(self, kind: str, columns: Columns) -> str:
        """The calls of a kind that worked, with what is needed of the conversations around them.

        Values beside those of the columns: ``tool`` for calls of a tool, and for conversations ``failed``,
        the ids of those that do not count as having worked.
        """
        if kind == CONVERSATION:
            worked = self._conversations()
        elif kind == MODEL:
            worked = self._model_calls()
        else:
            worked = [
                has_operation(span_names.EXECUTE_TOOL),
                f"{SUBJECT} = {{tool:String}}",
                f"NOT {IS_ERROR}",
                f"SpanAttributes['{names.CANCELLED}'] != 'true'",
            ]
        calls = self.spans(*worked)
        for number, need in enumerate(sorted(columns.needs, key=lambda one: one.name)):
            around = self._around(need)
            joined = f"ANY LEFT JOIN ({around}) AS with{number} USING (TraceId)"
            calls = f"FROM (SELECT * {calls}) AS call{number} {joined}"
        return calls

    def _around(self, need: Around) -> str:
        """What the features of a call need of the other spans of its conversation, as one row for each."""
        return {
            Around.STEPS: self._steps,
            Around.TURNS: self._turns,
            Around.CHATS: self._chats,
            Around.NUMBERS: self.numbers,
        }[need]()

    def _steps(self) -> str:
        is_tool = f"operation = '{span_names.EXECUTE_TOOL}'"
        is_turn = f"operation = '{span_names.INVOKE_AGENT}' AND NOT is_helper"
        spans = self.spans(has_operation(span_names.INVOKE_AGENT, *sorted(STEPS)))
        each = (
            f"TraceId, SpanName, Duration, {START} AS start, {_END} AS end, {OPERATION} AS operation,"
            f" {SUBJECT} AS tool, mapContains(SpanAttributes, '{names.HELPER_ROLE}') AS is_helper"
        )
        return (
            "SELECT TraceId,"
            f" arraySort(groupArrayIf(start, {is_turn})) AS turns,"
            f" arraySort(groupArrayIf(end, operation IN ({_STEPS}))) AS ends,"
            f" arraySort(one -> one.1, groupArrayIf((end, tool, toInt64(Duration)), {is_tool})) AS tools,"
            f" groupUniqArrayIf(tool, {is_tool}) AS tools_used"
            f" FROM (SELECT {each} {spans}) GROUP BY TraceId"
        )

    def _turns(self) -> str:
        turns = self.spans(has_operation(span_names.INVOKE_AGENT))
        # Nothing that calls are counted of happens in a model call or in what is below it.
        others = self.spans(
            f"{OPERATION} NOT IN ('{HTTP}', '{span_names.CONFIG_ENTRY}', '{span_names.CHAT}',"
            f" '{span_names.INVOKE_AGENT}')"
        )
        agent = f"if(mapContains(SpanAttributes, '{names.GEN_AI_AGENT_NAME}'), {_AGENT}, 'None')"
        is_told = f"mapContains(SpanAttributes, '{names.SENDER_NAME}')"
        pair = f"if({is_told}, concat({_SENDER}, ' -> ', {agent}), '')"
        each = (
            f"SELECT TraceId, {short_id('SpanId')} AS id, {pair} AS pair, toUInt64(0) AS above, 1 AS is_turn"
            f" {turns} UNION ALL SELECT TraceId, {short_id('SpanId')} AS id, '' AS pair,"
            f" {short_id('ParentSpanId')} AS above, 0 AS is_turn {others}"
        )
        return (
            "SELECT TraceId,"
            " mapFromArrays(groupArrayIf(id, is_turn = 1), groupArrayIf(pair, is_turn = 1)) AS pairs,"
            " mapFromArrays(groupArrayIf(id, is_turn = 0), groupArrayIf(above, is_turn = 0)) AS parents"
            f" FROM ({each}) GROUP BY TraceId"
        )

    def _chats(self) -> str:
        chars = f"toFloat64OrNull(SpanAttributes['{names.PROMPT_CHARS}'])"
        carried = f"toFloat64OrNull(SpanAttributes['{names.PROMPT_CARRIED_MESSAGES}'])"
        chats = self.spans(has_operation(span_names.CHAT))
        return (
            f"SELECT TraceId, max({chars}) AS largest_prompt, max({carried}) AS most_carried"
            f" {chats} GROUP BY TraceId"
        )

    def numbers(self) -> str:
        """Which conversation of its process each one is, from 1; only of those whose own span is there."""
        workflows = self.spans(has_operation(span_names.INVOKE_WORKFLOW))
        began = f"SELECT TraceId, min(Timestamp) AS began, any({_PROCESS}) AS process {workflows}"
        return (
            "SELECT TraceId, row_number() OVER (PARTITION BY process ORDER BY began, TraceId) AS number"
            f" FROM ({began} GROUP BY TraceId)"
        )

    def _conversations(self) -> list[str]:
        roots = self.spans(has_operation(span_names.INVOKE_WORKFLOW))
        return [
            has_operation(span_names.INVOKE_WORKFLOW),
            f"(TraceId, Timestamp) IN (SELECT TraceId, min(Timestamp) {roots} GROUP BY TraceId)",
            "TraceId NOT IN {failed:Array(String)}",
        ]

    def _model_calls(self) -> list[str]:
        failed = f"SELECT TraceId, ParentSpanId {self.spans(f'{OPERATION} = {_HTTP}', IS_ERROR)}"
        # The entry that answered did so only when it was asked again.
        retried = self.spans(
            has_operation(span_names.CONFIG_ENTRY),
            f"NOT {IS_ERROR}",
            f"(TraceId, SpanId) IN ({failed})",
        )
        return [
            has_operation(span_names.CHAT),
            f"NOT {IS_ERROR}",
            f"SpanAttributes['{names.CANCELLED}'] != 'true'",
            f"SpanAttributes['{names.CACHE_HIT}'] != 'true'",
            f"(TraceId, SpanId) NOT IN ({failed})",
            f"(TraceId, SpanId) NOT IN (SELECT TraceId, ParentSpanId {retried})",
        ]


_HTTP: Final = f"'{HTTP}'"
