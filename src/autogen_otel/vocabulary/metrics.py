"""The metrics: names, units in UCUM, histogram buckets, and the closed set of labels of each.

No label is an id or free text. What models and users make up (names of tools that do not exist) is
``OTHER``, and so is everything beyond ``MOST_VALUES`` different values of a label.
"""

from typing import Final, Literal, NamedTuple

from autogen_otel.vocabulary import attributes as names

OTHER: Final = "_OTHER"
MOST_VALUES: Final = 200
"""Different values of one label of one metric; each is a time series for the whole life of the process."""

# --- labels that are no span attributes
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - no password
TOKEN_MODALITY: Final = "gen_ai.token.modality"  # noqa: S105 - no password
ATTEMPT_RESENT: Final = "autogen.attempt.resent"
"""Whether the SDK sent the same request before: a silent retry."""
FALLBACK_INDEX: Final = "autogen.fallback.index"
"""Index of the entry tried instead of the one that failed."""
ARGUMENT_PROBLEM: Final = "autogen.tool.argument.problem"
CONVERSATION_OUTCOME: Final = "autogen.conversation.outcome"
TOOL_OUTCOME: Final = "autogen.tool.outcome"
TELEMETRY_SIGNAL: Final = "autogen.telemetry.signal"
TELEMETRY_REASON: Final = "autogen.telemetry.reason"

LABELS: Final = (
    TOKEN_TYPE,
    TOKEN_MODALITY,
    ATTEMPT_RESENT,
    FALLBACK_INDEX,
    ARGUMENT_PROBLEM,
    CONVERSATION_OUTCOME,
    TOOL_OUTCOME,
    TELEMETRY_SIGNAL,
    TELEMETRY_REASON,
)

# --- closed lists of values
INPUT, OUTPUT = "input", "output"
TOKEN_TYPES: Final = (INPUT, OUTPUT)
UNKNOWN_MODALITY: Final = "unknown"
OK, RECOVERED, FAILED, CANCELLED = "ok", "recovered", "failed", "cancelled"
OUTCOMES: Final = (OK, RECOVERED, FAILED, CANCELLED)
"""``recovered``: something failed inside, and the conversation went on to its end in spite of it."""
RETURNED_ERROR: Final = "returned_error"
TOOL_OUTCOMES: Final = (OK, RETURNED_ERROR, FAILED, CANCELLED)
"""``returned_error``: the tool did as it was told, and returned an object that says that it failed."""
REJECTED: Final = "rejected"
"""``error.type`` of an entry that answered and whose answer the user's ``filter_func`` did not want."""
PROBLEMS: Final = ("missing", "unknown", "mistyped", "not_json", "not_object", "unknown_tool")
SPANS, METRICS, LOGS = "spans", "metrics", "logs"
SIGNALS: Final = (SPANS, METRICS, LOGS)
QUEUE_FULL, NOT_ENCODED, NOT_DELIVERED, INTERNAL_ERROR = (
    "queue_full",
    "not_encoded",
    "not_delivered",
    "internal_error",
)
REFUSED, JOURNAL_LIMIT, AFTER_SHUTDOWN = "refused", "journal_limit", "after_shutdown"
DROP_REASONS: Final = (
    QUEUE_FULL,
    NOT_ENCODED,
    NOT_DELIVERED,
    REFUSED,
    JOURNAL_LIMIT,
    AFTER_SHUTDOWN,
    INTERNAL_ERROR,
)
"""``refused`` counts items that the endpoint rejected, ``journal_limit`` those that left the journal before
they were delivered, ``after_shutdown`` those that ended when their provider exported no more, and
``internal_error`` calls that could not be observed because of an error of our own."""

_MODEL = (
    names.GEN_AI_OPERATION_NAME,
    names.GEN_AI_PROVIDER_NAME,
    names.GEN_AI_REQUEST_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.GEN_AI_AGENT_NAME,
    names.CONFIG_INDEX,
)
_FAILURE = (names.ERROR_TYPE, names.ERROR_ORIGIN)
_CALL_SECONDS = tuple(round(0.01 * 2**power, 2) for power in range(14))
_CONVERSATION_SECONDS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_TOKENS = tuple(float(4**power) for power in range(14))
_CHARACTERS = tuple(1000.0 * 2**power for power in range(-1, 13))
_TURNS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 50.0, 100.0, 200.0)


class Metric(NamedTuple):
    """One instrument.

    Args:
        name: its name.
        kind: its kind in the metrics API; a callback gives the values of the observed ones.
        unit: in UCUM.
        description: one sentence.
        labels: every attribute key that its measurements may have.
        buckets: upper bounds of a histogram.
    """

    name: str
    kind: Literal["histogram", "counter", "observed_counter", "observed_gauge"]
    unit: str
    description: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


OPERATION_DURATION: Final = Metric(
    "gen_ai.client.operation.duration",
    "histogram",
    "s",
    "Duration of logical model calls, with all their retries and fallbacks; failed ones too.",
    (
        *_MODEL,
        names.GEN_AI_RESPONSE_MODEL,
        names.CACHE_HIT,
        names.TOOL_FAILED_BEFORE,
        names.RESPONSE_PROBLEM,
        *_FAILURE,
    ),
    _CALL_SECONDS,
)
TOKEN_USAGE: Final = Metric(
    "gen_ai.client.token.usage",
    "histogram",
    "{token}",
    "Tokens of model calls as the provider reported them; answers from the cache have none.",
    (*_MODEL, names.GEN_AI_RESPONSE_MODEL, TOKEN_TYPE),
    _TOKENS,
)
CACHE_READ_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    "counter",
    "{token}",
    "The part of the input tokens that the provider read from its prompt cache.",
    (*_MODEL, names.GEN_AI_RESPONSE_MODEL, TOKEN_MODALITY),
)
REASONING_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.reasoning.output_tokens",
    "counter",
    "{token}",
    "The part of the output tokens that the model spent on reasoning.",
    (*_MODEL, names.GEN_AI_RESPONSE_MODEL, TOKEN_MODALITY),
)
MODEL_COST: Final = Metric(
    "autogen.model.cost",
    "counter",
    "{USD}",
    "Estimated cost of model calls in US dollars; answers from the cache cost nothing.",
    (*_MODEL, names.GEN_AI_RESPONSE_MODEL, names.COST_SOURCE),
)
MODEL_ATTEMPTS: Final = Metric(
    "autogen.model.attempts",
    "counter",
    "{attempt}",
    "HTTP attempts of model calls, silent retries included; for other clients, entries tried.",
    (*_MODEL[1:], names.HTTP_RESPONSE_STATUS_CODE, ATTEMPT_RESENT, *_FAILURE),
)
MODEL_FALLBACKS: Final = Metric(
    "autogen.model.fallbacks",
    "counter",
    "{fallback}",
    "Times that AutoGen went on from a config_list entry that failed to another one.",
    (*_MODEL[1:], FALLBACK_INDEX, *_FAILURE),
)
PROMPT_SIZE: Final = Metric(
    "autogen.prompt.size",
    "histogram",
    "{character}",
    "Characters in the messages of model calls.",
    (names.GEN_AI_AGENT_NAME, names.CONFIG_INDEX, names.GEN_AI_REQUEST_MODEL, *_FAILURE),
    _CHARACTERS,
)
TOOL_DURATION: Final = Metric(
    "autogen.tool.duration",
    "histogram",
    "s",
    "Duration of tool calls; failed ones too.",
    (names.GEN_AI_TOOL_NAME, names.GEN_AI_AGENT_NAME, TOOL_OUTCOME, *_FAILURE),
    _CALL_SECONDS,
)
ARGUMENT_PROBLEMS: Final = Metric(
    "autogen.tool.argument_problems",
    "counter",
    "{problem}",
    "Ways in which arguments that models made did not fit the tool, also where the call went through.",
    (names.GEN_AI_TOOL_NAME, names.GEN_AI_AGENT_NAME, ARGUMENT_PROBLEM),
)
HANDOFFS: Final = Metric(
    "autogen.handoffs",
    "counter",
    "{handoff}",
    "Times that control passed from one agent to another.",
    (names.HANDOFF_FROM, names.HANDOFF_TO, names.HANDOFF_REASON, *_FAILURE),
)
CONVERSATION_DURATION: Final = Metric(
    "autogen.conversation.duration",
    "histogram",
    "s",
    "Duration of conversations; those nested in others are part of these.",
    (names.GEN_AI_WORKFLOW_NAME, CONVERSATION_OUTCOME, names.CONVERSATION_TERMINATION, *_FAILURE),
    _CONVERSATION_SECONDS,
)
CONVERSATION_TURNS: Final = Metric(
    "autogen.conversation.turns",
    "histogram",
    "{turn}",
    "Agent turns of conversations.",
    (names.GEN_AI_WORKFLOW_NAME, CONVERSATION_OUTCOME),
    _TURNS,
)
OF_TELEMETRY: Final = "autogen.telemetry."
"""Prefix of the names of metrics about the delivery itself."""
TELEMETRY_DROPPED: Final = Metric(
    "autogen.telemetry.dropped",
    "observed_counter",
    "{item}",
    "Spans, metric points and log records that were lost, and calls that could not be observed.",
    (TELEMETRY_SIGNAL, TELEMETRY_REASON),
)
TELEMETRY_EXPORTED: Final = Metric(
    "autogen.telemetry.exported",
    "observed_counter",
    "{item}",
    "Spans and log records that the endpoint took when they were new.",
    (TELEMETRY_SIGNAL,),
)
TELEMETRY_JOURNALED: Final = Metric(
    "autogen.telemetry.journaled",
    "observed_counter",
    "{item}",
    "Spans that went into the journal because the endpoint did not take them.",
    (TELEMETRY_SIGNAL,),
)
TELEMETRY_FORWARDED: Final = Metric(
    "autogen.telemetry.forwarded",
    "observed_counter",
    "{item}",
    "Spans that the endpoint took from the journal, also from that of another program in the same folder.",
    (TELEMETRY_SIGNAL,),
)
TELEMETRY_QUEUED: Final = Metric(
    "autogen.telemetry.queued",
    "observed_gauge",
    "{item}",
    "Spans and log records that wait in memory to be exported.",
    (TELEMETRY_SIGNAL,),
)

ALL: Final = tuple(one for one in list(globals().values()) if isinstance(one, Metric))
