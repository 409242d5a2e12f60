"""Agents and handoffs: who hands over to whom, how long it goes on, and how the prompts grow."""

from __future__ import annotations

from typing import Final

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics as m
from autogen_otel.vocabulary import spans
from tools.dashboards import style
from tools.dashboards.charts import bars, heat, lines, stat
from tools.dashboards.dashboard import Dashboard, Row
from tools.dashboards.links import of_operation, of_row, of_series
from tools.dashboards.panels import Panel, Query
from tools.dashboards.promql import FAILED, RATE, SELECTED, STEP, grew, mean, quantile
from tools.dashboards.tables import Column, matrix, table

_AGENT: Final = names.GEN_AI_AGENT_NAME
_CONVERSATION: Final = of_operation(spans.INVOKE_WORKFLOW)
_CHAT: Final = of_operation(spans.CHAT)
_HANDOFF: Final = of_operation(spans.HANDOFF)


def agents() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        "autogen-otel-agents",
        "AutoGen: Agents and handoffs",
        "Who hands over to whom, do conversations go round in circles, whose prompts grow to the limit?",
        [
            Row("", _numbers()),
            Row("Handoffs", _handoffs()),
            Row("Turns and calls", _turns()),
            Row("How prompts grow", [*_prompts(), *_prompts_of_agents()]),
        ],
    )


def _numbers() -> list[Panel]:
    calls, ended = grew(m.OPERATION_DURATION, SELECTED), grew(m.CONVERSATION_DURATION, SELECTED)
    return [
        stat(
            "Handoffs",
            "How often did control pass from one agent to another?",
            grew(m.HANDOFFS, SELECTED),
            search=_HANDOFF,
            width=6,
        ),
        stat(
            "Mean turns",
            "How many turns does a conversation take on average?",
            mean(m.CONVERSATION_TURNS, SELECTED),
            none="no conversations",
            decimals=1,
            search=_CONVERSATION,
            width=6,
        ),
        stat(
            "Model calls per conversation",
            "How many model calls does a conversation take? A rise means loops, or repeated tool calls.",
            f"{calls} / ({ended} > 0)",
            none="no conversations",
            decimals=1,
            search=_CONVERSATION,
            width=6,
        ),
        stat(
            "Largest prompt",
            "How large was the largest prompt, in characters? Rounded up to its bucket.",
            quantile(1, m.PROMPT_SIZE, SELECTED),
            none="no model calls",
            search=_CHAT,
            width=6,
        ),
    ]


def _handoffs() -> list[Panel]:
    source, target, reason = names.HANDOFF_FROM, names.HANDOFF_TO, names.HANDOFF_REASON
    return [
        matrix(
            "Who hands over to whom",
            "Does control go where you meant it to go? Rows hand over to columns.",
            grew(m.HANDOFFS, SELECTED, by=[source, target]),
            row=source,
            column=target,
            search=_HANDOFF,
            width=14,
        ),
        bars(
            "Handoffs by reason",
            "Who decides? `fallback`: the choice came to nothing, so the next in the list was taken.",
            Query(grew(m.HANDOFFS, STEP, by=[reason]), "{{autogen_handoff_reason}}"),
            none="no handoff in this time range",
            search=_HANDOFF,
            clicked=of_series(reason, failed=False),
            width=10,
        ),
        table(
            "Failed handoffs",
            "Where did choosing the next agent fail?",
            {source: "From", reason: "Reason", names.ERROR_TYPE: "Error"},
            [Column("Times", grew(m.HANDOFFS, SELECTED, FAILED, by=[source, reason, names.ERROR_TYPE]))],
            sort_by="Times",
            search=of_operation(spans.HANDOFF, failed=True),
            clicked=of_row(source),
            none="no handoff failed in this time range",
            width=24,
            height=6,
        ),
    ]


def _turns() -> list[Panel]:
    return [
        lines(
            "Turns per conversation",
            "Do conversations get longer? Turns that rise without end are a loop.",
            Query(quantile(0.5, m.CONVERSATION_TURNS, RATE), "half take less"),
            Query(quantile(0.95, m.CONVERSATION_TURNS, RATE), "95 % take less", exemplars=True),
            unit=style.COUNT,
            none="no conversation ended in this time range",
            search=_CONVERSATION,
            width=8,
        ),
        heat(
            "Spread of turns",
            "Is there a second group of conversations that go on for much longer?",
            Query(grew(m.CONVERSATION_TURNS, STEP, end="bucket"), "{{le}}", exemplars=True),
            unit=style.COUNT,
            search=_CONVERSATION,
            width=8,
        ),
        bars(
            "Model calls by agent",
            "Which agent does the calling? One that calls far more than the others may be stuck.",
            Query(grew(m.OPERATION_DURATION, STEP, by=[_AGENT]), "{{gen_ai_agent_name}}"),
            none="no model call in this time range",
            search=_CHAT,
            clicked=of_series(_AGENT, failed=False),
            width=8,
        ),
    ]


def _prompts() -> list[Panel]:
    size = m.PROMPT_SIZE
    return [
        lines(
            "Prompt size by agent, p95",
            "Whose prompts grow towards the model's limit? In characters, about four to a token.",
            Query(quantile(0.95, size, RATE, by=[_AGENT]), "{{gen_ai_agent_name}}", exemplars=True),
            unit=style.COUNT,
            none="no model call in this time range",
            search=_CHAT,
            clicked=of_series(_AGENT, failed=False),
        ),
        heat(
            "Spread of prompt sizes",
            "How far do prompts grow before the conversation ends or dies?",
            Query(grew(size, STEP, end="bucket"), "{{le}}", exemplars=True),
            unit=style.COUNT,
            search=_CHAT,
        ),
    ]


def _prompts_of_agents() -> list[Panel]:
    size, entry = m.PROMPT_SIZE, names.CONFIG_INDEX
    return [
        table(
            "Prompt size by agent and entry",
            "Which agent sends how much to which entry? The largest is rounded up to its bucket.",
            {_AGENT: "Agent", entry: "Entry", names.GEN_AI_REQUEST_MODEL: "Model"},
            [
                Column("Calls", grew(size, SELECTED, by=[_AGENT, entry, names.GEN_AI_REQUEST_MODEL])),
                *(
                    Column(
                        title,
                        quantile(portion, size, SELECTED, by=[_AGENT, entry, names.GEN_AI_REQUEST_MODEL]),
                    )
                    for title, portion in (("p50", 0.5), ("p95", 0.95), ("Largest", 1))
                ),
            ],
            sort_by="p95",
            search=_CHAT,
            clicked=of_row(_AGENT, failed=False),
            none="no model call in this time range",
        ),
        table(
            "Tokens by agent",
            "Who spends the tokens?",
            {_AGENT: "Agent"},
            [
                Column(
                    "Input",
                    grew(m.TOKEN_USAGE, SELECTED, (m.TOKEN_TYPE, "=", m.INPUT), by=[_AGENT], end="sum"),
                ),
                Column(
                    "Output",
                    grew(m.TOKEN_USAGE, SELECTED, (m.TOKEN_TYPE, "=", m.OUTPUT), by=[_AGENT], end="sum"),
                ),
                Column("Cost", grew(m.MODEL_COST, SELECTED, by=[_AGENT]), style.MONEY),
            ],
            sort_by="Input",
            search=_CHAT,
            clicked=of_row(_AGENT, failed=False),
            none="no provider reported tokens in this time range",
        ),
    ]
