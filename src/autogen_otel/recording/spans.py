"""From an observation to its span: name, kind and attributes, still as raw values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanKind

from autogen_otel.observations import (
    AgentTurn,
    AssistantRun,
    CodeRun,
    Conversation,
    Entry,
    EntryTried,
    Exchange,
    Handoff,
    HttpAttempt,
    HumanInput,
    ModelCall,
    Observation,
    PromptSize,
    StreamRead,
    ToolCall,
    Usage,
)
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans

Raw = Mapping[str, Any]
"""Attribute values before the capture room has seen them; ``None`` means unknown."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a span is to look like."""

    name: str
    kind: SpanKind
    attributes: Raw


def describe(observation: Observation) -> Description | None:
    """The span of an observation, or ``None`` for those that have none of their own.

    The chats and turns of agents that AutoGen makes for itself have none (their model calls hang below what
    they serve), nor has an entry that is the only one: its attributes stand on the logical call.
    """
    builder = _BUILDERS.get(type(observation))
    return None if builder is None else builder(observation)


def merged(observation: Observation) -> Raw:
    """Attributes that an observation without a span gives to the span around it."""
    return entry_attributes(observation.entry) if isinstance(observation, EntryTried) else {}


def _conversation(o: Conversation) -> Description | None:
    if o.helper_role is not None:
        return None
    return Description(
        spans.workflow(o.initiator, o.recipient),
        SpanKind.INTERNAL,
        {
            names.GEN_AI_OPERATION_NAME: spans.INVOKE_WORKFLOW,
            names.GEN_AI_WORKFLOW_NAME: spans.workflow_name(o.initiator, o.recipient),
            names.GEN_AI_CONVERSATION_ID: o.conversation_id,
            names.CONVERSATION_TURNS: o.turns,
            names.CONVERSATION_TERMINATION: o.termination,
            names.ERRORS_HANDLED: o.errors_handled,
            names.ERRORS_ORIGINS: o.errors_origins or None,
        },
    )


def _agent_turn(o: AgentTurn) -> Description | None:
    if o.helper_role is not None:
        return None
    return Description(
        spans.agent(o.agent),
        SpanKind.INTERNAL,
        {
            names.GEN_AI_OPERATION_NAME: spans.INVOKE_AGENT,
            names.GEN_AI_AGENT_NAME: o.agent,
            names.SENDER_NAME: o.sender,
        },
    )


def _handoff(o: Handoff) -> Description | None:
    if o.hidden:
        return None
    return Description(
        spans.handoff(o.source, o.target, ends_chat=o.ends_chat),
        SpanKind.INTERNAL,
        {
            names.GEN_AI_OPERATION_NAME: spans.HANDOFF,
            names.HANDOFF_FROM: o.source,
            names.HANDOFF_TO: o.target,
            names.HANDOFF_REASON: o.reason,
            names.HANDOFF_RULE: o.rule,
            names.HANDOFF_CANDIDATES: o.candidates or None,
        },
    )


def _model_call(o: ModelCall) -> Description:
    attributes: dict[str, Any] = {
        names.GEN_AI_OPERATION_NAME: spans.CHAT,
        names.GEN_AI_AGENT_NAME: o.agent,
        names.HELPER_ROLE: o.helper_role,
        names.GEN_AI_REQUEST_TEMPERATURE: o.options.temperature,
        names.GEN_AI_REQUEST_TOP_P: o.options.top_p,
        names.GEN_AI_REQUEST_MAX_TOKENS: o.options.max_tokens,
        names.GEN_AI_REQUEST_STREAM: o.options.stream,
        names.GEN_AI_RESPONSE_ID: o.response_id,
        names.GEN_AI_RESPONSE_MODEL: o.response_model,
        names.GEN_AI_RESPONSE_FINISH_REASONS: o.finish_reasons or None,
        names.CACHE_HIT: o.cache_hit,
        names.CONFIG_COUNT: o.entry.count,
        names.CONFIG_REJECTED: o.rejected or None,
        names.TOOL_FAILED_BEFORE: o.tool_failed_before or None,
    }
    attributes.update(entry_attributes(o.entry))
    attributes.update(_stream(o.stream))
    attributes.update(_usage(o.usage))
    attributes.update(_prompt(o.prompt))
    attributes.update(exchange_attributes(o.exchange))
    if o.cost is not None:
        attributes[names.COST_USD] = o.cost.usd
        attributes[names.COST_SOURCE] = o.cost.source
    return Description(spans.chat(o.entry.model), SpanKind.CLIENT, attributes)


def _entry_tried(o: EntryTried) -> Description | None:
    if o.entry.count < 2:  # noqa: PLR2004 - an only entry is not a choice
        return None
    attributes = {**entry_attributes(o.entry), **_stream(o.stream)}
    return Description(spans.config_entry(o.entry.index, o.entry.model), SpanKind.INTERNAL, attributes)


def _http_attempt(o: HttpAttempt) -> Description:
    return Description(
        o.method,
        SpanKind.CLIENT,
        {
            names.HTTP_REQUEST_METHOD: o.method,
            names.URL_FULL: o.url,
            names.SERVER_ADDRESS: o.address,
            names.SERVER_PORT: o.port,
            # The convention sets it from the first resend on.
            names.HTTP_REQUEST_RESEND_COUNT: o.resend_count or None,
            names.HTTP_REQUEST_BODY_SIZE: o.body_size,
            names.HTTP_RESPONSE_STATUS_CODE: o.status_code,
            names.HTTP_REQUEST_ID: o.request_id,
            names.HTTP_RETRY_AFTER_SECONDS: o.retry_after,
            # A search for failed attempts of an entry looks at one span.
            names.CONFIG_INDEX: None if o.entry is None else o.entry.index,
        },
    )


def _tool_call(o: ToolCall) -> Description:
    place = o.location
    return Description(
        spans.tool(o.name),
        SpanKind.INTERNAL,
        {
            names.GEN_AI_OPERATION_NAME: spans.EXECUTE_TOOL,
            names.GEN_AI_TOOL_NAME: o.name,
            names.GEN_AI_TOOL_TYPE: "function",
            names.GEN_AI_TOOL_CALL_ID: o.call_id,
            names.GEN_AI_AGENT_NAME: o.agent,
            names.GEN_AI_TOOL_CALL_ARGUMENTS: o.arguments,
            names.GEN_AI_TOOL_CALL_RESULT: o.result,
            names.TOOL_ARGUMENTS_PROBLEMS: o.problems or None,
            names.CODE_FUNCTION_NAME: place.function if place else None,
            names.CODE_FILE_PATH: place.file if place else None,
            names.CODE_LINE_NUMBER: place.line if place else None,
        },
    )


def _code_run(o: CodeRun) -> Description | None:
    if o.told_below:
        return None
    return Description(
        spans.code(o.language),
        SpanKind.INTERNAL,
        {
            names.GEN_AI_OPERATION_NAME: spans.EXECUTE_CODE,
            names.GEN_AI_AGENT_NAME: o.agent,
            names.CODE_LANGUAGE: o.language or None,
            names.CODE_BLOCKS: o.blocks if o.blocks > 1 else None,
            names.CODE_EXIT_CODE: o.exit_code,
            names.CODE_OUTPUT: o.output,
        },
    )


def _human_input(o: HumanInput) -> Description:
    return Description(
        spans.human_input(o.agent),
        SpanKind.INTERNAL,
        {
            names.GEN_AI_OPERATION_NAME: spans.AWAIT_HUMAN_INPUT,
            names.GEN_AI_AGENT_NAME: o.agent,
            names.HUMAN_REPLY: o.reply,
        },
    )


def _assistant_run(o: AssistantRun) -> Description:
    attributes: dict[str, Any] = {
        names.GEN_AI_OPERATION_NAME: spans.CHAT,
        names.GEN_AI_PROVIDER_NAME: o.provider,
        names.GEN_AI_AGENT_NAME: o.agent,
        names.GEN_AI_REQUEST_MODEL: o.model,
        names.SERVER_ADDRESS: o.address,
        names.SERVER_PORT: o.port,
        names.ASSISTANT_ID: o.assistant_id,
        names.ASSISTANT_THREAD_ID: o.thread_id,
        names.ASSISTANT_RUN_ID: o.run_id,
        names.ASSISTANT_STATUS: o.status,
        names.ASSISTANT_ERROR_CODE: o.error_code,
    }
    attributes.update(_usage(o.usage))
    return Description(spans.chat(o.model), SpanKind.CLIENT, attributes)


def entry_attributes(entry: Entry) -> dict[str, Any]:
    """What tells a ``config_list`` entry, on spans and in measurements."""
    return {
        names.GEN_AI_PROVIDER_NAME: entry.provider,
        names.GEN_AI_REQUEST_MODEL: entry.model,
        names.CONFIG_INDEX: entry.index,
        names.CONFIG_API_TYPE: entry.api_type,
        names.SERVER_ADDRESS: entry.address,
        names.SERVER_PORT: entry.port,
    }


def _prompt(prompt: PromptSize | None) -> dict[str, Any]:
    if prompt is None:
        return {}
    return {
        names.PROMPT_MESSAGES: prompt.messages,
        names.PROMPT_NEW_MESSAGES: prompt.new_messages,
        names.PROMPT_CARRIED_MESSAGES: prompt.carried_messages,
        names.PROMPT_CHARS: prompt.chars,
        names.PROMPT_NEW_CHARS: prompt.new_chars,
        names.PROMPT_LARGEST_CHARS: prompt.largest_chars,
        names.PROMPT_LARGEST_FROM: prompt.largest_from,
        names.PROMPT_TOOLS: prompt.tools,
        names.PROMPT_TOOLS_CHARS: prompt.tools_chars,
    }


def exchange_attributes(exchange: Exchange | None) -> dict[str, Any]:
    """What was said to a model and by it, on spans and in events."""
    if exchange is None:
        return {}
    return {
        names.GEN_AI_SYSTEM_INSTRUCTIONS: exchange.instructions,
        names.GEN_AI_TOOL_DEFINITIONS: exchange.tools,
        names.GEN_AI_INPUT_MESSAGES: exchange.input,
        names.GEN_AI_OUTPUT_MESSAGES: exchange.output,
    }


def _stream(stream: StreamRead | None) -> dict[str, Any]:
    if stream is None:
        return {}
    return {
        names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: stream.first_chunk_seconds,
        names.STREAM_CHUNKS: stream.chunks,
        names.STREAM_RECEIVED_CHARS: stream.received_chars,
    }


def _usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    return {
        names.GEN_AI_USAGE_INPUT_TOKENS: usage.input_tokens,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: usage.output_tokens,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: usage.cached_input_tokens,
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: usage.reasoning_output_tokens,
    }


_BUILDERS: dict[type[Observation], Callable[[Any], Description | None]] = {
    Conversation: _conversation,
    AgentTurn: _agent_turn,
    Handoff: _handoff,
    ModelCall: _model_call,
    EntryTried: _entry_tried,
    HttpAttempt: _http_attempt,
    ToolCall: _tool_call,
    CodeRun: _code_run,
    HumanInput: _human_input,
    AssistantRun: _assistant_run,
}
