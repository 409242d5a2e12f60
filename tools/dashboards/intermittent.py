"""Works five times and dies the sixth: what the failing model calls have in common."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics as m
from autogen_otel.vocabulary import spans
from tools.dashboards import style
from tools.dashboards.charts import bars, lines, share_stat, stat
from tools.dashboards.dashboard import Dashboard, Row
from tools.dashboards.links import Search, of_operation, of_row, of_series
from tools.dashboards.panels import Panel, Query
from tools.dashboards.promql import (
    FAILED,
    RATE,
    SELECTED,
    STEP,
    WORKED,
    failing,
    failing_between,
    grew,
    quantile,
    share,
)
from tools.dashboards.tables import Column, compared, table

_STATUS: Final = names.HTTP_RESPONSE_STATUS_CODE
_RESENT: Final = (m.ATTEMPT_RESENT, "=", "true")
_RETRIES: Final = Search({names.HTTP_REQUEST_RESEND_COUNT: "1"}, failed=False)
_FELL_OVER: Final = of_operation(spans.CHAT, failed=True)
_BANDS: Final = (4_000.0, 8_000.0, 16_000.0, 32_000.0, 64_000.0, 128_000.0, 256_000.0, 512_000.0)
_ENTRY: Final = [names.CONFIG_INDEX, names.GEN_AI_REQUEST_MODEL, names.SERVER_ADDRESS]


def intermittent() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        "autogen-otel-500s",
        "AutoGen: Intermittent 500s",
        "Why does the same prompt work five times and die with a 500 the sixth? What the failing model calls"
        " have in common: an entry, a model, an agent, the size of the prompt, a tool that failed before.",
        [
            Row("", _numbers()),
            Row("Attempts: what the SDK retries and AutoGen falls over from in silence", _attempts()),
            Row("Answers that are no failure, and no help", _answers()),
            Row("What do the failing calls have in common?", [*_in_common(), *_by_label(), *_by_time()]),
        ],
    )


def _numbers() -> list[Panel]:
    attempts = m.MODEL_ATTEMPTS
    return [
        stat(
            "Attempts",
            "How many HTTP attempts did the model calls take, silent retries included?",
            grew(attempts, SELECTED),
            search=Search(failed=False),
        ),
        share_stat(
            "Failed attempts",
            "What share of the attempts failed? Most of these nobody ever sees.",
            failing(attempts, SELECTED),
            none="no attempts",
        ),
        stat(
            "Silent retries",
            "How many attempts did the SDK send again without telling anyone?",
            grew(attempts, SELECTED, _RESENT),
            thresholds=style.ANY_IS_NOTABLE,
            search=_RETRIES,
        ),
        stat(
            "Fallbacks",
            "How often did AutoGen go on to another entry of config_list because one failed?",
            grew(m.MODEL_FALLBACKS, SELECTED),
            thresholds=style.ANY_IS_NOTABLE,
        ),
        share_stat(
            "Failed model calls",
            "What share of the model calls failed for good, after all retries and fallbacks?",
            failing(m.OPERATION_DURATION, SELECTED),
            none="no model calls",
            search=_FELL_OVER,
        ),
        stat(
            "p95 prompt",
            "How large are the largest 5 % of the prompts, in characters (about four to a token)?",
            quantile(0.95, m.PROMPT_SIZE, SELECTED),
            none="no model calls",
            search=of_operation(spans.CHAT),
        ),
    ]


def _attempts() -> list[Panel]:
    attempts, fallbacks = m.MODEL_ATTEMPTS, m.MODEL_FALLBACKS
    return [
        bars(
            "Attempts by status",
            "Since when does the backend answer with 5xx or 429, or not at all?",
            Query(grew(attempts, STEP, (_STATUS, "!=", ""), by=[_STATUS]), "{{http_response_status_code}}"),
            Query(grew(attempts, STEP, (_STATUS, "=", ""), FAILED), "no answer"),
            Query(grew(attempts, STEP, (_STATUS, "=", ""), WORKED), "answered, not HTTP"),
            colours=style.STATUS_COLOURS,
            none="no attempt in this time range",
            clicked=of_series(_STATUS, failed=False),
            clickable="/^[0-9]/",
        ),
        bars(
            "Failed attempts by entry",
            "Is it one entry of config_list that fails, or all of them? The number is its place in the list.",
            Query(
                grew(attempts, STEP, FAILED, by=[*_ENTRY, names.ERROR_TYPE]),
                "entry {{autogen_config_index}} {{gen_ai_request_model}} at {{server_address}}:"
                " {{error_type}}",
            ),
            none="no attempt failed in this time range",
            clicked=of_series(names.CONFIG_INDEX, names.SERVER_ADDRESS),
        ),
        bars(
            "Silent retries by entry",
            "Which entry makes the SDK try again? Retries that rise are the first sign of a 500 to come.",
            Query(
                grew(attempts, STEP, _RESENT, by=_ENTRY),
                "entry {{autogen_config_index}} {{gen_ai_request_model}} at {{server_address}}",
            ),
            none="no retry in this time range",
            search=_RETRIES,
        ),
        bars(
            "Fallbacks, from entry to entry",
            "From which entry to which does AutoGen fall over, and because of what?",
            Query(
                grew(fallbacks, STEP, by=[names.CONFIG_INDEX, m.FALLBACK_INDEX, names.ERROR_TYPE]),
                "entry {{autogen_config_index}} -> entry {{autogen_fallback_index}}: {{error_type}}",
            ),
            none="no fallback in this time range",
            clicked=of_series(names.CONFIG_INDEX, names.ERROR_TYPE),
        ),
    ]


def _answers() -> list[Panel]:
    problem, call = names.RESPONSE_PROBLEM, m.OPERATION_DURATION
    wrong = (problem, "!=", "")
    return [
        bars(
            "Answers that are cut, filtered, refused or empty",
            "Which answers end a conversation badly although every call is green?",
            Query(grew(call, STEP, wrong, by=[problem]), "{{autogen_response_problem}}"),
            none="no such answer in this time range",
            clicked=of_series(problem, failed=False),
        ),
        bars(
            "The same by model and agent",
            "Is it one model that answers so, or one agent whose prompt asks for it?",
            Query(
                grew(call, STEP, wrong, by=[names.GEN_AI_REQUEST_MODEL, names.GEN_AI_AGENT_NAME, problem]),
                "{{gen_ai_request_model}}, {{gen_ai_agent_name}}: {{autogen_response_problem}}",
            ),
            none="no such answer in this time range",
            clicked=of_series(names.GEN_AI_REQUEST_MODEL, problem, failed=False),
        ),
    ]


def _in_common() -> list[Panel]:
    call, before = m.OPERATION_DURATION, names.TOOL_FAILED_BEFORE
    return [
        _by_prompt_size(),
        compared(
            "Failing model calls after a failed tool, and otherwise",
            "Do model calls fail because a tool failed before and its error text is in the prompt?",
            Query(failing(call, SELECTED, (before, "=", "true")), "after a tool failed"),
            Query(failing(call, SELECTED, (before, "!=", "true")), "no tool failed before"),
            none="no model call in this time range",
            search=Search({before: "true"}),
        ),
    ]


def _by_label() -> list[Panel]:
    call, attempts = m.OPERATION_DURATION, m.MODEL_ATTEMPTS
    return [
        table(
            "By entry",
            "Which entry of config_list fails how often? Attempts, silent retries included.",
            dict(zip(_ENTRY, ("Entry", "Model", "Server"), strict=True)),
            [
                *_failing_columns("Attempts", attempts, _ENTRY),
                Column("Retries", grew(attempts, SELECTED, _RESENT, by=_ENTRY)),
            ],
            sort_by="Failing",
            clicked=of_row(names.CONFIG_INDEX, names.SERVER_ADDRESS),
        ),
        table(
            "By error",
            "What exactly do the failing attempts say?",
            {names.ERROR_TYPE: "Error", names.ERROR_ORIGIN: "Cause", _STATUS: "Status"},
            [
                Column(
                    "Attempts",
                    grew(attempts, SELECTED, FAILED, by=[names.ERROR_TYPE, names.ERROR_ORIGIN, _STATUS]),
                )
            ],
            sort_by="Attempts",
            clicked=of_row(names.ERROR_TYPE),
            none="no attempt failed in this time range",
        ),
        table(
            "By model",
            "Which model fails, after all retries and fallbacks?",
            {names.GEN_AI_REQUEST_MODEL: "Model"},
            _failing_columns("Calls", call, [names.GEN_AI_REQUEST_MODEL]),
            sort_by="Failing",
            clicked=of_row(names.GEN_AI_REQUEST_MODEL),
        ),
        table(
            "By agent",
            "Whose model calls fail? An agent that fails alone has its own prompt, tools or history.",
            {names.GEN_AI_AGENT_NAME: "Agent"},
            _failing_columns("Calls", call, [names.GEN_AI_AGENT_NAME]),
            sort_by="Failing",
            clicked=of_row(names.GEN_AI_AGENT_NAME),
        ),
    ]


def _by_time() -> list[Panel]:
    call, attempts = m.OPERATION_DURATION, m.MODEL_ATTEMPTS
    return [
        lines(
            "Duration of failing and working calls, p95",
            "Do calls fail at once, or after a timeout? The dots are single calls: click one for its trace.",
            Query(quantile(0.95, call, RATE, FAILED), "failing", exemplars=True),
            Query(quantile(0.95, call, RATE, WORKED), "working"),
            colours={"failing": style.RED, "working": style.GREEN},
            none="no model call in this time range",
            search=_FELL_OVER,
        ),
        lines(
            "Share of attempts that are retries",
            "Is the backend getting worse before anyone sees an error?",
            Query(
                share(
                    grew(attempts, RATE, _RESENT, by=[names.CONFIG_INDEX]),
                    grew(attempts, RATE, by=[names.CONFIG_INDEX]),
                ),
                "entry {{autogen_config_index}}",
            ),
            unit=style.SHARE,
            none="no attempt in this time range",
            search=_RETRIES,
        ),
    ]


def _by_prompt_size() -> Panel:
    bounds = [None, *_BANDS, None]
    return compared(
        "Failing model calls by prompt size",
        "Do calls fail from a certain size of the prompt on? In characters, about four to a token.",
        *(
            Query(failing_between(m.PROMPT_SIZE, SELECTED, low, high), _band(low, high))
            for low, high in pairwise(bounds)
        ),
        none="no model call in this time range",
        search=_FELL_OVER,
    )


def _band(low: float | None, high: float | None) -> str:
    if low is None:
        return f"up to {high or 0:,.0f}"
    return f"over {low:,.0f}" if high is None else f"{low:,.0f} to {high:,.0f}"


def _failing_columns(title: str, metric: m.Metric, by: list[str]) -> list[Column]:
    return [
        Column(title, grew(metric, SELECTED, by=by)),
        Column("Failed", grew(metric, SELECTED, FAILED, by=by)),
        Column("Failing", failing(metric, SELECTED, by=by), style.SHARE, style.FAILURES, gauge=True),
    ]
