"""The dashboard to begin with: is it failing, what, since when, and what does it cost."""

from __future__ import annotations

from typing import Final

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics as m
from autogen_otel.vocabulary import spans
from tools.dashboards import style
from tools.dashboards.charts import bars, lines, share_stat, stat
from tools.dashboards.dashboard import Dashboard, Row
from tools.dashboards.links import of_operation, of_series
from tools.dashboards.panels import Panel, Query
from tools.dashboards.prometheus import SERVICE_NAME
from tools.dashboards.promql import (
    RATE,
    SELECTED,
    STEP,
    failing,
    grew,
    quantile,
    series,
    share,
)
from tools.dashboards.tables import Column, compared, table, traces_from_tempo

_FAILED: Final = (m.CONVERSATION_OUTCOME, "=", m.FAILED)
_RECOVERED: Final = (m.CONVERSATION_OUTCOME, "=", m.RECOVERED)
_CONVERSATION: Final = of_operation(spans.INVOKE_WORKFLOW)
_FAILED_CONVERSATION: Final = of_operation(spans.INVOKE_WORKFLOW, failed=True)
_CHAT: Final = of_operation(spans.CHAT)
_ENDED: Final = m.CONVERSATION_DURATION


def overview() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        "autogen-otel-overview",
        "AutoGen: Overview",
        "Are conversations failing, of what, since when, and what do they cost? Start here.",
        [
            Row("", [*_outcomes(), *_amounts()]),
            Row("Conversations", [*_conversations(), *_endings()]),
            Row("Model calls and what they cost", [*_model_calls(), *_spending()]),
            Row("Services", _services()),
            Row("Failing conversations (from Tempo)", [_from_tempo()], closed=True),
        ],
    )


def _outcomes() -> list[Panel]:
    recovered = share(grew(_ENDED, SELECTED, _RECOVERED), grew(_ENDED, SELECTED))
    return [
        stat(
            "Conversations",
            "How many conversations ended in this time range? Those nested in others are part of these.",
            grew(_ENDED, SELECTED),
            search=_CONVERSATION,
        ),
        share_stat(
            "Failed",
            "What share of the conversations died with an exception that reached your program?",
            failing(_ENDED, SELECTED, failed=_FAILED),
            none="no conversations",
            search=_FAILED_CONVERSATION,
        ),
        share_stat(
            "Recovered",
            "In what share did something fail (a tool, an attempt, an entry) and the conversation went on?"
            " These are the failures nobody sees until they get worse.",
            recovered,
            thresholds=style.HANDLED,
            none="no conversations",
        ),
    ]


def _amounts() -> list[Panel]:
    return [
        stat(
            "Tokens",
            "How many tokens, input and output, did providers report?",
            grew(m.TOKEN_USAGE, SELECTED, end="sum"),
            decimals=1,
            search=_CHAT,
        ),
        stat(
            "Cost",
            "What did the model calls cost? An estimate; the docs say where the prices come from.",
            grew(m.MODEL_COST, SELECTED),
            unit=style.MONEY,
            none="unknown",
            decimals=2,
            search=_CHAT,
        ),
        stat(
            "p95 duration",
            "How long do the slowest 5 % of the conversations take?",
            quantile(0.95, _ENDED, SELECTED),
            unit=style.SECONDS,
            none="no conversations",
            decimals=1,
            search=_CONVERSATION,
        ),
    ]


def _conversations() -> list[Panel]:
    outcome, origin = m.CONVERSATION_OUTCOME, names.ERROR_ORIGIN
    return [
        bars(
            "Conversations by outcome",
            "Since when do conversations fail? Recovered ones went on in spite of a failure.",
            Query(grew(_ENDED, STEP, by=[outcome]), "{{autogen_conversation_outcome}}"),
            colours=style.OUTCOME_COLOURS,
            none="no conversation ended in this time range",
        ),
        bars(
            "What failed, by cause",
            "What breaks: tools, their arguments, an entry, the backend, a rate limit, the prompt's size?"
            " Counts every failed tool call and HTTP attempt, also those that were recovered from.",
            Query(
                grew(m.TOOL_DURATION, STEP, (origin, "!=", ""), by=[origin]),
                "tools: {{autogen_error_origin}}",
            ),
            Query(
                grew(m.MODEL_ATTEMPTS, STEP, (origin, "!=", ""), by=[origin]),
                "attempts: {{autogen_error_origin}}",
            ),
            none="nothing failed in this time range",
            clicked=of_series(origin),
        ),
    ]


def _endings() -> list[Panel]:
    origin, ended = names.ERROR_ORIGIN, names.CONVERSATION_TERMINATION
    return [
        bars(
            "Failed conversations, by cause",
            "Which failure did conversations die of? This is the exception that reached your program.",
            Query(
                grew(_ENDED, STEP, _FAILED, by=[origin, names.ERROR_TYPE]),
                "{{autogen_error_origin}}: {{error_type}}",
            ),
            none="no conversation failed in this time range",
            search=_FAILED_CONVERSATION,
            clicked=of_series(origin, names.ERROR_TYPE),
            width=8,
        ),
        lines(
            "Duration of conversations",
            "Do conversations get slower? The dots are single conversations: click one to see its trace.",
            Query(quantile(0.5, _ENDED, RATE), "half take less"),
            Query(quantile(0.95, _ENDED, RATE), "95 % take less", exemplars=True),
            none="no conversation ended in this time range",
            search=_CONVERSATION,
            width=8,
        ),
        compared(
            "Why conversations end",
            "Do they reach their end, or do they run into a limit of turns, or die?",
            Query(grew(_ENDED, SELECTED, by=[ended]), "{{autogen_conversation_termination}}"),
            unit=style.COUNT,
            thresholds=style.PLAIN,
            most=None,
            none="no conversation ended in this time range",
            search=_CONVERSATION,
            width=8,
        ),
    ]


def _model_calls() -> list[Panel]:
    call, model = m.OPERATION_DURATION, names.GEN_AI_REQUEST_MODEL
    return [
        lines(
            "Duration of model calls, p95",
            "Which model is slow? With all retries and fallbacks; the dots are single calls.",
            Query(quantile(0.95, call, RATE, by=[model]), "{{gen_ai_request_model}}", exemplars=True),
            none="no model call in this time range",
            search=_CHAT,
            clicked=of_series(model, failed=False),
        ),
        lines(
            "Failing model calls",
            "What share of the model calls failed for good, after all retries and fallbacks?",
            Query(failing(call, RATE, by=[model]), "{{gen_ai_request_model}}"),
            unit=style.SHARE,
            thresholds=style.FAILURES,
            none="no model call in this time range",
            search=of_operation(spans.CHAT, failed=True),
            clicked=of_series(model),
        ),
    ]


def _spending() -> list[Panel]:
    usage, kind, model = m.TOKEN_USAGE, m.TOKEN_TYPE, names.GEN_AI_REQUEST_MODEL
    return [
        bars(
            "Tokens by type",
            "Where do the tokens go? Cached ones are part of the input, reasoning ones of the output.",
            Query(grew(usage, STEP, (kind, "=", m.INPUT), end="sum"), "input"),
            Query(grew(usage, STEP, (kind, "=", m.OUTPUT), end="sum"), "output"),
            none="no provider reported tokens in this time range",
            search=_CHAT,
            width=8,
        ),
        lines(
            "Cached and reasoning share",
            "How much of the input came from the provider's cache, how much of the output was reasoning?",
            Query(
                share(grew(m.CACHE_READ_TOKENS, RATE), grew(usage, RATE, (kind, "=", m.INPUT), end="sum")),
                "cached, of the input",
            ),
            Query(
                share(grew(m.REASONING_TOKENS, RATE), grew(usage, RATE, (kind, "=", m.OUTPUT), end="sum")),
                "reasoning, of the output",
            ),
            unit=style.SHARE,
            none="no provider reported tokens in this time range",
            search=_CHAT,
            width=8,
        ),
        bars(
            "Cost by model",
            "Which model costs the money?",
            Query(grew(m.MODEL_COST, STEP, by=[model]), "{{gen_ai_request_model}}"),
            unit=style.MONEY,
            decimals=4,
            none="no known price in this time range",
            search=_CHAT,
            clicked=of_series(model, failed=False),
            width=8,
        ),
    ]


def _services() -> list[Panel]:
    by = [SERVICE_NAME]
    columns = [
        Column("Conversations", grew(_ENDED, SELECTED, by=by)),
        Column(
            "Failed",
            failing(_ENDED, SELECTED, failed=_FAILED, by=by),
            style.SHARE,
            style.FAILURES,
            gauge=True,
        ),
        Column(
            "Recovered",
            share(grew(_ENDED, SELECTED, _RECOVERED, by=by), grew(_ENDED, SELECTED, by=by)),
            style.SHARE,
            style.HANDLED,
        ),
        Column("p95 duration", quantile(0.95, _ENDED, SELECTED, by=by), style.SECONDS),
        Column("Tokens", grew(m.TOKEN_USAGE, SELECTED, by=by, end="sum")),
        Column("Cost", grew(m.MODEL_COST, SELECTED, by=by), style.MONEY),
    ]
    dropped = m.TELEMETRY_DROPPED
    return [
        table(
            "Services",
            "Which service is it? The worst is on top.",
            {SERVICE_NAME: "Service"},
            columns,
            sort_by="Failed",
            search=_FAILED_CONVERSATION,
            none="no conversation ended in this time range",
            width=16,
        ),
        bars(
            "Telemetry that was dropped",
            "Can you trust this page? Anything here means that spans, metrics or logs are missing.",
            Query(
                grew(dropped, STEP, by=[m.TELEMETRY_SIGNAL, m.TELEMETRY_REASON]) + " > 0",
                "{{autogen_telemetry_signal}}: {{autogen_telemetry_reason}}",
            ),
            none="nothing was dropped",
            search=_CONVERSATION,
            width=8,
        ),
        bars(
            "Telemetry by the way it took",
            "Does it arrive? What is journaled waits in files for the endpoint, and is forwarded later.",
            *(
                Query(grew(metric, STEP), name)
                for metric, name in (
                    (m.TELEMETRY_EXPORTED, "exported at once"),
                    (m.TELEMETRY_JOURNALED, "journaled"),
                    (m.TELEMETRY_FORWARDED, "forwarded"),
                )
            ),
            search=_CONVERSATION,
        ),
        lines(
            "Telemetry that waits in memory",
            "Does a program make more than its endpoint takes? Its queue has room for 2,048.",
            Query(
                f"max by (service_name, autogen_telemetry_signal) ({series(m.TELEMETRY_QUEUED)})",
                "{{service_name}}: {{autogen_telemetry_signal}}",
            ),
            unit=style.COUNT,
            search=_CONVERSATION,
        ),
    ]


def _from_tempo() -> Panel:
    return traces_from_tempo(
        "Failing conversations",
        "Which conversations died? Needs Tempo; with Jaeger use the links in the corner of the panels.",
        '{ resource.service.name =~ "${service:regex}" && status = error'
        f' && span.{names.GEN_AI_OPERATION_NAME} = "{spans.INVOKE_WORKFLOW}" }}',
    )
