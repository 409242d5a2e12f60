"""Tools: which fails, how, since when, and which arguments the model gets wrong."""

from __future__ import annotations

from typing import Final

from autogen_otel.dashboards import looks
from autogen_otel.dashboards.charts import bars, heat, lines, stat
from autogen_otel.dashboards.dashboard import Dashboard, Row
from autogen_otel.dashboards.panels import Panel, Query
from autogen_otel.dashboards.promql import (
    FAILED,
    RATE,
    SELECTED,
    STEP,
    WITH_TOOL,
    failing,
    grew,
    quantile,
)
from autogen_otel.dashboards.tables import Column, table
from autogen_otel.dashboards.traces import Search, of_row, of_series
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics as m
from autogen_otel.vocabulary import spans

_TOOL: Final = names.GEN_AI_TOOL_NAME
_CALLED: Final = Search({names.GEN_AI_OPERATION_NAME: spans.EXECUTE_TOOL}, failed=False)
_RAISED: Final = Search({names.GEN_AI_OPERATION_NAME: spans.EXECUTE_TOOL})
_CALLS: Final = m.TOOL_DURATION


def tools() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        "autogen-otel-tools",
        "AutoGen: Tools",
        "Which tools fail, with which exception, and which arguments does the model get wrong? AutoGen turns"
        " a tool's exception into text for the model, so nobody sees these failures elsewhere.",
        [
            Row("", _numbers()),
            Row("Failures", [*_failures(), *_failing_tools()]),
            Row("Arguments that do not fit", _arguments()),
            Row("Duration", _durations()),
        ],
        filters=("agent", "tool"),
    )


def _numbers() -> list[Panel]:
    return [
        stat(
            "Tool calls",
            "How many tool calls were there?",
            grew(_CALLS, SELECTED, filters=WITH_TOOL),
            decimals=0,
            search=_CALLED,
            width=6,
        ),
        stat(
            "Failed",
            "What share of the tool calls failed?",
            failing(_CALLS, SELECTED, filters=WITH_TOOL),
            unit=looks.SHARE,
            thresholds=looks.FAILURES,
            none="no tool calls",
            decimals=1,
            search=_RAISED,
            width=6,
        ),
        stat(
            "Argument problems",
            "How often did the model's arguments not fit the tool, also where the call went through?",
            grew(m.ARGUMENT_PROBLEMS, SELECTED, filters=WITH_TOOL),
            thresholds=looks.ANY_IS_NOTABLE,
            decimals=0,
            search=_CALLED,
            width=6,
        ),
        stat(
            "p95 duration",
            "How long do the slowest 5 % of the tool calls take?",
            quantile(0.95, _CALLS, SELECTED, filters=WITH_TOOL),
            unit=looks.SECONDS,
            none="no tool calls",
            decimals=2,
            search=_CALLED,
            width=6,
        ),
    ]


def _failures() -> list[Panel]:
    error, origin = names.ERROR_TYPE, names.ERROR_ORIGIN
    return [
        bars(
            "Failed calls by exception",
            "Which exception, in which tool, since when? The trace has the whole stack trace.",
            Query(
                grew(_CALLS, STEP, FAILED, by=[_TOOL, error], filters=WITH_TOOL),
                "{{gen_ai_tool_name}}: {{error_type}}",
            ),
            none="no tool failed in this time range",
            search=_RAISED,
            clicked=of_series(_TOOL, error),
        ),
        bars(
            "Failed calls by cause",
            "Did the tool itself raise, or did the model call it with arguments that do not fit?",
            Query(
                grew(_CALLS, STEP, FAILED, by=[origin], filters=WITH_TOOL),
                "{{autogen_error_origin}}",
            ),
            none="no tool failed in this time range",
            search=_RAISED,
            clicked=of_series(origin),
        ),
    ]


def _failing_tools() -> list[Panel]:
    error, origin = names.ERROR_TYPE, names.ERROR_ORIGIN
    return [
        table(
            "Tools",
            "Which tool is the worst?",
            {_TOOL: "Tool"},
            [
                Column("Calls", grew(_CALLS, SELECTED, by=[_TOOL], filters=WITH_TOOL)),
                Column("Failed", grew(_CALLS, SELECTED, FAILED, by=[_TOOL], filters=WITH_TOOL)),
                Column(
                    "Failing",
                    failing(_CALLS, SELECTED, by=[_TOOL], filters=WITH_TOOL),
                    looks.SHARE,
                    looks.FAILURES,
                    gauge=True,
                ),
                Column("p95", quantile(0.95, _CALLS, SELECTED, by=[_TOOL], filters=WITH_TOOL), looks.SECONDS),
            ],
            sort_by="Failing",
            search=_RAISED,
            clicked=of_row(_TOOL, failed=False),
            none="no tool call in this time range",
        ),
        table(
            "Exceptions",
            "Which exceptions do the tools raise, for which agent?",
            {_TOOL: "Tool", names.GEN_AI_AGENT_NAME: "Agent", error: "Exception", origin: "Cause"},
            [
                Column(
                    "Calls",
                    grew(
                        _CALLS,
                        SELECTED,
                        FAILED,
                        by=[_TOOL, names.GEN_AI_AGENT_NAME, error, origin],
                        filters=WITH_TOOL,
                    ),
                )
            ],
            sort_by="Calls",
            search=_RAISED,
            clicked=of_row(_TOOL, error),
            none="no tool failed in this time range",
        ),
    ]


def _arguments() -> list[Panel]:
    problem, problems = m.ARGUMENT_PROBLEM, m.ARGUMENT_PROBLEMS
    return [
        bars(
            "Argument problems by kind",
            "Since when and how does the model get arguments wrong? AutoGen coerces or drops many silently.",
            Query(
                grew(problems, STEP, by=[problem], filters=WITH_TOOL),
                "{{autogen_tool_argument_problem}}",
            ),
            none="all arguments fitted in this time range",
            search=_CALLED,
        ),
        table(
            "Argument problems by tool",
            "Whose arguments does the model get wrong? Mend its schema or description first.",
            {_TOOL: "Tool", names.GEN_AI_AGENT_NAME: "Agent", problem: "Problem"},
            [
                Column(
                    "Times",
                    grew(problems, SELECTED, by=[_TOOL, names.GEN_AI_AGENT_NAME, problem], filters=WITH_TOOL),
                )
            ],
            sort_by="Times",
            search=_CALLED,
            clicked=of_row(_TOOL, failed=False),
            none="all arguments fitted in this time range",
        ),
    ]


def _durations() -> list[Panel]:
    return [
        lines(
            "Duration by tool, p95",
            "Which tool is slow? The dots are single calls: click one to see its trace.",
            Query(
                quantile(0.95, _CALLS, RATE, by=[_TOOL], filters=WITH_TOOL),
                "{{gen_ai_tool_name}}",
                exemplars=True,
            ),
            none="no tool call in this time range",
            search=_CALLED,
            clicked=of_series(_TOOL, failed=False),
        ),
        heat(
            "Spread of durations",
            "Are some calls much slower than the rest? The percentile alone would not show two groups.",
            Query(grew(_CALLS, STEP, end="bucket", filters=WITH_TOOL), "{{le}}", exemplars=True),
            unit=looks.SECONDS,
            search=_CALLED,
        ),
    ]
