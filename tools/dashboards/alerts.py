"""Prometheus alert rules with their runbook: what each means, where to look, and the traces behind it."""

from __future__ import annotations

from typing import Final

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, spans
from autogen_otel.vocabulary import metrics as m
from tools.dashboards.alert import Alert, RecordingRule, counted, large_share, of_label, traces_with
from tools.dashboards.collector import collector_alerts
from tools.dashboards.links import Search, of_operation
from tools.dashboards.prometheus import SERVICE_NAME
from tools.dashboards.promql import FAILED, UNFILTERED, Matcher, label, quantile

LARGE_PROMPT_CHARACTERS: Final = 256_000
"""About 64 000 tokens, half of what many models take. A bound of a bucket: between two nothing is known."""

_FLAPPING: Final = "15m"
"""An entry that fails every few minutes is one incident, and wakes nobody twice."""
_CONVERSATIONS: Final = of_operation(spans.INVOKE_WORKFLOW)


def alerts() -> tuple[Alert, ...]:
    """Every alert."""
    return (
        _conversations_failing(),
        _entry_failing(),
        _fallback_surge(),
        _retries_rising(),
        _tool_failing(),
        _argument_problems(),
        _prompt_near_limit(),
        _telemetry_dropped(),
        *collector_alerts(),
    )


def _conversations_failing() -> Alert:
    ended, by = m.CONVERSATION_DURATION, [SERVICE_NAME]
    failed = counted("conversations_failed", ended, "30m", (m.CONVERSATION_OUTCOME, "=", m.FAILED), by=by)
    every = counted("conversations", ended, "30m", by=by)
    return Alert(
        "AutoGenConversationsFailing",
        (failed, every),
        large_share(failed, every, 0.05, 2),
        "5m",
        "critical",
        f"Conversations of {of_label(ended, SERVICE_NAME)} are failing",
        "{{ $value | humanizePercentage }} of the conversations of the last 30 minutes died.",
        "More than 5 % of the conversations, and at least two, ended with an exception that reached the"
        " program.",
        (
            "Overview, *Failed conversations, by cause*: which exception, since when.",
            (
                "`backend`, `rate_limit`, `timeout`: go on with AutoGenEntryFailing. `tool_exception`:"
                " AutoGenToolFailing. `prompt_too_large`: AutoGenPromptNearLimit."
            ),
            "Open a trace: the deepest red span has the exception that began it, with its stack trace.",
        ),
        "autogen-otel-overview",
        of_operation(spans.INVOKE_WORKFLOW, failed=True),
    )


def _entry_failing() -> Alert:
    attempts = m.MODEL_ATTEMPTS
    by = [SERVICE_NAME, names.CONFIG_INDEX, names.GEN_AI_REQUEST_MODEL, names.SERVER_ADDRESS]
    failed = counted("entry_attempts_failed", attempts, "15m", FAILED, by=by)
    every = counted("entry_attempts", attempts, "15m", by=by)
    index, model = of_label(attempts, names.CONFIG_INDEX), of_label(attempts, names.GEN_AI_REQUEST_MODEL)
    return Alert(
        "AutoGenEntryFailing",
        (failed, every),
        large_share(failed, every, 0.2, 3),
        "5m",
        "critical",
        f"Config entry {index} ({model}) of {of_label(attempts, SERVICE_NAME)} is failing",
        "{{ $value | humanizePercentage }} of the attempts of the last 15 minutes at"
        f" {of_label(attempts, names.SERVER_ADDRESS)} failed.",
        "More than 20 % of the HTTP attempts of one entry of `config_list`, and at least three, failed."
        " Retries and fallbacks may still hide it from users.",
        (
            (
                "Intermittent 500s, *Attempts by status*: 401, 403, 404: the entry is wrong; 429: its quota;"
                " 5xx or no answer: the backend."
            ),
            "Intermittent 500s, *By entry*: do the others work? Then take this one out until it is fixed.",
            (
                "*Failing model calls by prompt size* and *after a failed tool*: 500s that come only with"
                " large prompts or after failed tools are not the backend's fault."
            ),
            "In a trace the red `POST` has the provider's own words and a request id to quote to it.",
        ),
        "autogen-otel-500s",
        traces_with(attempts, names.CONFIG_INDEX, names.SERVER_ADDRESS),
        keep=_FLAPPING,
    )


def _fallback_surge() -> Alert:
    calls, by = m.OPERATION_DURATION, [SERVICE_NAME]
    fallbacks = counted("fallbacks", m.MODEL_FALLBACKS, "15m", by=by)
    every = counted("model_calls", calls, "15m", by=by)
    return Alert(
        "AutoGenFallbackSurge",
        (fallbacks, every),
        large_share(fallbacks, every, 0.1, 3),
        "5m",
        "warning",
        f"{of_label(calls, SERVICE_NAME)} falls over to other config entries",
        "{{ $value | humanizePercentage }} as many fallbacks as model calls in the last 15 minutes.",
        "AutoGen went on to another entry of `config_list` in more than 10 % of the model calls, and at least"
        " three times. Users get slower answers, perhaps of another model; an entry is broken.",
        (
            "Intermittent 500s, *Fallbacks, from entry to entry*: which entry fails, with which error.",
            f"Error `{m.REJECTED}`: the entry answered, and your `filter_func` did not want the answer.",
            "May the entry that takes over take all the traffic (quota, price)?",
        ),
        "autogen-otel-500s",
    )


def _retries_rising() -> Alert:
    attempts, by = m.MODEL_ATTEMPTS, [SERVICE_NAME, names.CONFIG_INDEX]
    resent: Matcher = (m.ATTEMPT_RESENT, "=", "true")
    retries = counted("retries", attempts, "30m", resent, by=by)
    every = counted("attempts", attempts, "30m", by=by)
    retries_before = counted("retries", attempts, "6h", resent, by=by, before="30m")
    every_before = counted("attempts", attempts, "6h", by=by, before="30m")
    return Alert(
        "AutoGenSilentRetriesRising",
        (retries, every, retries_before, every_before),
        f"{large_share(retries, every, 0.05, 3)}\n"
        f"unless {retries} / {every} <= 2 * {retries_before} / {every_before}",
        "10m",
        "warning",
        f"The SDK retries more at entry {of_label(attempts, names.CONFIG_INDEX)}"
        f" of {of_label(attempts, SERVICE_NAME)}",
        "{{ $value | humanizePercentage }} of the attempts of the last 30 minutes were silent retries.",
        "The OpenAI SDK sends failed requests again and tells no one, in more than 5 % of the attempts,"
        " and more than twice as often as in the six hours before. Nobody has seen an error yet; once the"
        " retries run out, these become 500s.",
        (
            "Intermittent 500s, *Silent retries by entry* and *Attempts by status*: what is retried, where.",
            "429: the quota is running out. 5xx or no answer: the backend is getting worse.",
            "Retries take time: Overview, *Duration of model calls, p95*, shows how long users wait.",
        ),
        "autogen-otel-500s",
        Search({names.HTTP_REQUEST_RESEND_COUNT: "1"}, failed=False),
    )


def _tool_failing() -> Alert:
    calls, by = m.TOOL_DURATION, [SERVICE_NAME, names.GEN_AI_TOOL_NAME]
    failed = counted("tool_calls_failed", calls, "30m", FAILED, by=by)
    every = counted("tool_calls", calls, "30m", by=by)
    return Alert(
        "AutoGenToolFailing",
        (failed, every),
        large_share(failed, every, 0.1, 3),
        "5m",
        "warning",
        f"Tool {of_label(calls, names.GEN_AI_TOOL_NAME)} of {of_label(calls, SERVICE_NAME)} is failing",
        "{{ $value | humanizePercentage }} of its calls in the last 30 minutes failed.",
        "More than 10 % of the calls of one tool, and at least three, failed. AutoGen gives the exception to"
        " the model as text and carries on, so the program does not see it.",
        (
            "Tools, *Failed calls by exception*: which exception, since when.",
            (
                "Tools, *Failed calls by cause*: `tool_arguments` is the model's mistake, `tool_exception`"
                " the tool's."
            ),
            "In a trace the red `execute_tool` has the arguments and the whole stack trace.",
        ),
        "autogen-otel-tools",
        traces_with(calls, names.GEN_AI_TOOL_NAME),
    )


def _argument_problems() -> Alert:
    calls, by = m.TOOL_DURATION, [SERVICE_NAME, names.GEN_AI_TOOL_NAME]
    problems = counted("argument_problems", m.ARGUMENT_PROBLEMS, "30m", by=by)
    every = counted("tool_calls", calls, "30m", by=by)
    return Alert(
        "AutoGenArgumentProblems",
        (problems, every),
        large_share(problems, every, 0.1, 3),
        "5m",
        "warning",
        f"Wrong arguments for {of_label(calls, names.GEN_AI_TOOL_NAME)} in {of_label(calls, SERVICE_NAME)}",
        "{{ $value | humanizePercentage }} as many argument problems as calls in the last 30 minutes.",
        "The model's arguments did not fit the tool in more than 10 % of its calls, and at least three times:"
        " missing, unknown, of another type, not JSON. AutoGen coerces or drops many of them silently.",
        (
            f"Tools, *Argument problems by tool*: which kind. Tool `{m.OTHER}`: names that models made up.",
            (
                f"`{names.TOOL_ARGUMENTS_PROBLEMS}` on the `execute_tool` spans says what was expected"
                " and what came."
            ),
            "Fix the tool's description or schema; after a change of the model, look there first.",
        ),
        "autogen-otel-tools",
        traces_with(calls, names.GEN_AI_TOOL_NAME, failed=False),
    )


def _prompt_near_limit() -> Alert:
    size, model, agent = m.PROMPT_SIZE, names.GEN_AI_REQUEST_MODEL, names.GEN_AI_AGENT_NAME
    refusal: Matcher = (names.ERROR_ORIGIN, "=", causes.PROMPT_TOO_LARGE)
    large = RecordingRule(
        "autogen:prompt_size:p95_30m",
        quantile(0.95, size, "30m", by=[SERVICE_NAME, agent, model], filters=UNFILTERED),
    )
    refused = RecordingRule(
        "autogen:prompt_size_refused:p50_1d",
        quantile(0.5, size, "1d", refusal, by=[SERVICE_NAME, model], filters=UNFILTERED),
    )
    shared = f"{label(size, SERVICE_NAME)}, {label(size, model)}"
    return Alert(
        "AutoGenPromptNearLimit",
        (large, refused),
        f"{large} > {LARGE_PROMPT_CHARACTERS}\nor {large} > on ({shared}) group_left () 0.8 * {refused}",
        "5m",
        "warning",
        f"Prompts of {of_label(size, agent)} in {of_label(size, SERVICE_NAME)} come near the limit",
        "5 % of its prompts of the last 30 minutes are larger than about {{ $value | humanize }} characters.",
        f"The largest prompts of an agent are over {LARGE_PROMPT_CHARACTERS:,} characters (edit this number"
        " to suit your model, to a bound of the histogram's buckets), or within 20 % of the size at which"
        " this model refused prompts as too large within the last day.",
        (
            "Agents and handoffs, *How prompts grow*: whose, and since when.",
            (
                f"`{names.PROMPT_LARGEST_FROM}` on the `chat` spans names who sent the largest message:"
                " mostly a tool that returns too much."
            ),
            (
                f"`{names.PROMPT_CARRIED_MESSAGES}`: messages carried over from an earlier conversation;"
                " `clear_history=True` drops them."
            ),
        ),
        "autogen-otel-agents",
        traces_with(size, agent, failed=False),
    )


def _telemetry_dropped() -> Alert:
    dropped = m.TELEMETRY_DROPPED
    by = [SERVICE_NAME, m.TELEMETRY_SIGNAL, m.TELEMETRY_REASON]
    increase = counted("telemetry_dropped", dropped, "15m", by=by)
    return Alert(
        "AutoGenTelemetryDropped",
        (increase,),
        f"{increase} > 0",
        "0m",
        "warning",
        f"{of_label(dropped, SERVICE_NAME)} loses {of_label(dropped, m.TELEMETRY_SIGNAL)}",
        "{{ $value | humanize }} were dropped in the last 15 minutes:"
        f" {of_label(dropped, m.TELEMETRY_REASON)}.",
        "Telemetry was lost, so the dashboards show less than what happened.",
        (
            f"`{m.QUEUE_FULL}`: the program makes more than it can send. Is the endpoint slow?",
            (
                f"`{m.NOT_DELIVERED}`: neither the endpoint nor the journal took it."
                " `autogen-otel doctor` says why."
            ),
            (
                f"`{m.REFUSED}`: the endpoint did not want it; its log says why. Spans are in the journal:"
                " `autogen-otel push --refused` sends them once it is fixed."
            ),
            (
                f"`{m.JOURNAL_LIMIT}`: the endpoint was away for longer than the journal lasts. Give it more:"
                " AUTOGEN_OTEL_JOURNAL_MAX_BYTES, AUTOGEN_OTEL_JOURNAL_MAX_AGE_HOURS."
            ),
            (
                f"`{m.AFTER_SHUTDOWN}`: a thread ended its spans when the program had shut its provider down."
                " Wait for it before."
            ),
            (
                f"`{m.NOT_ENCODED}`, `{m.INTERNAL_ERROR}`: a mistake of autogen-otel; please report it"
                " with its log lines."
            ),
        ),
        "autogen-otel-overview",
        _CONVERSATIONS,
        command="autogen-otel doctor",
    )
