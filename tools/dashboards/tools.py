"""Tools: which fails, how, since when, and which arguments the model gets wrong."""

from __future__ import annotations

from functools import partial
from typing import Final

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics as m
from autogen_otel.vocabulary import spans
from tools.dashboards import promql, style
from tools.dashboards.charts import bars, heat, lines, share_stat, stat
from tools.dashboards.dashboard import Dashboard, Row
from tools.dashboards.links import of_operation, of_row, of_series
from tools.dashboards.panels import Panel, Query
from tools.dashboards.promql import FAILED, RATE, SELECTED, STEP, WITH_TOOL
from tools.dashboards.tables import Column, table

_TOOL: Final = names.GEN_AI_TOOL_NAME
_CALLED: Final = of_operation(spans.EXECUTE_TOOL)
_RAISED: Final = of_operation(spans.EXECUTE_TOOL, failed=True)
_CALLS: Final = m.TOOL_DURATION

_grew: Final = partial(promql.grew, filters=WITH_TOOL)
_failing: Final = partial(promql.failing, filters=WITH_TOOL)
_quantile: Final = partial(promql.quantile, filters=WITH_TOOL)


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
            _grew(_CALLS, SELECTED),
            search=_CALLED,
            width=6,
        ),
        share_stat(
            "Failed",
            "What share of the tool calls failed?",
            _failing(_CALLS, SELECTED),
            none="no tool calls",
            search=_RAISED,
            width=6,
        ),
        stat(
            "Argument problems",
            "How often did the model's arguments not fit the tool, also where the call went through?",
            _grew(m.ARGUMENT_PROBLEMS, SELECTED),
            thresholds=style.ANY_IS_NOTABLE,
            search=_CALLED,
            width=6,
        ),
        stat(
            "p95 duration",
            "How long do the slowest 5 % of the tool calls take?",
            _quantile(0.95, _CALLS, SELECTED),
            unit=style.SECONDS,
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
                _grew(_CALLS, STEP, FAILED, by=[_TOOL, error]),
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
                _grew(_CALLS, STEP, FAILED, by=[origin]),
                "{{autogen_error_origin}}",
            ),
            none="no tool failed in this time range",
            search=_RAISED,
            clicked=of_series(origin),
        ),
        bars(
            "Errors that tools return instead of raising them",
            "Which tools do as they are told and return an error, which counts as no failure anywhere?",
            Query(
                _grew(_CALLS, STEP, (m.TOOL_OUTCOME, "=", m.RETURNED_ERROR), by=[_TOOL]),
                "{{gen_ai_tool_name}}",
            ),
            none="no tool returned an error in this time range",
            search=_CALLED,
            clicked=of_series(_TOOL, failed=False),
            width=24,
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
                Column("Calls", _grew(_CALLS, SELECTED, by=[_TOOL])),
                Column("Failed", _grew(_CALLS, SELECTED, FAILED, by=[_TOOL])),
                Column(
                    "Failing",
                    _failing(_CALLS, SELECTED, by=[_TOOL]),
                    style.SHARE,
                    style.FAILURES,
                    gauge=True,
                ),
                Column("p95", _quantile(0.95, _CALLS, SELECTED, by=[_TOOL]), style.SECONDS),
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
                    _grew(
                        _CALLS,
                        SELECTED,
                        FAILED,
                        by=[_TOOL, names.GEN_AI_AGENT_NAME, error, origin],
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
                _grew(problems, STEP, by=[problem]),
                "{{autogen_tool_argument_problem}}",
            ),
            none="all arguments fitted in this time range",
            search=_CALLED,
        ),
        table(
            "Argument problems by tool",
            "Whose arguments does the model get wrong? Fix its schema or description first.",
            {_TOOL: "Tool", names.GEN_AI_AGENT_NAME: "Agent", problem: "Problem"},
            [
                Column(
                    "Times",
                    _grew(problems, SELECTED, by=[_TOOL, names.GEN_AI_AGENT_NAME, problem]),
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
                _quantile(0.95, _CALLS, RATE, by=[_TOOL]),
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
            Query(_grew(_CALLS, STEP, end="bucket"), "{{le}}", exemplars=True),
            unit=style.SECONDS,
            search=_CALLED,
        ),
    ]
