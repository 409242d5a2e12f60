"""Attribute keys, each with the kind of value it has: the standard ones, and our own under ``autogen.``.

The ``gen_ai.*`` keys are copied, not imported: every constant of that group in
``opentelemetry-semantic-conventions`` is deprecated because the group moved to its own repository,
which has no Python package yet.
"""

from enum import Enum, auto
from typing import Final


class Kind(Enum):
    """What the value of an attribute is, which decides how it is rendered."""

    NAME = auto()
    """A short identifier on one line: the name of an agent, a model, a reason from a closed list."""
    TEXT = auto()
    """Text of any length that is no content: ids and paths."""
    URL = auto()
    INTEGER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    NAMES = auto()
    INTEGERS = auto()
    PROBLEMS = auto()
    """How arguments do not fit a tool: one line of text for each problem."""
    ARGUMENTS = auto()
    """What a tool is called with, as JSON; recorded unless tool content is switched off."""
    RESULT = auto()
    """What a tool returned, as JSON; recorded unless tool content is switched off."""
    OUTPUT = auto()
    """What code printed; recorded unless tool content is switched off."""
    SOURCE = auto()
    """Code that was run; recorded unless tool content is switched off."""
    RETURNED_ERROR = auto()
    """What a tool says of an error that it returned; without its words where tool content is switched off."""
    INPUT_MESSAGES = auto()
    OUTPUT_MESSAGES = auto()
    INSTRUCTIONS = auto()
    TOOL_DEFINITIONS = auto()


MESSAGE_KINDS: Final = frozenset(
    {Kind.INPUT_MESSAGES, Kind.OUTPUT_MESSAGES, Kind.INSTRUCTIONS, Kind.TOOL_DEFINITIONS}
)
"""What is said to and by models, recorded only if it is asked for."""
CONTENT_KINDS: Final = MESSAGE_KINDS | {Kind.ARGUMENTS, Kind.RESULT, Kind.OUTPUT, Kind.SOURCE}
"""What the user's data is in."""

KINDS: Final[dict[str, Kind]] = {}
"""Every attribute key that spans of ours may have."""


def _key(key: str, kind: Kind) -> str:
    KINDS[key] = kind
    return key


# --- OpenTelemetry GenAI semantic conventions
GEN_AI_OPERATION_NAME: Final = _key("gen_ai.operation.name", Kind.NAME)
GEN_AI_PROVIDER_NAME: Final = _key("gen_ai.provider.name", Kind.NAME)
GEN_AI_AGENT_NAME: Final = _key("gen_ai.agent.name", Kind.NAME)
GEN_AI_WORKFLOW_NAME: Final = _key("gen_ai.workflow.name", Kind.NAME)
GEN_AI_CONVERSATION_ID: Final = _key("gen_ai.conversation.id", Kind.NAME)
GEN_AI_REQUEST_MODEL: Final = _key("gen_ai.request.model", Kind.NAME)
GEN_AI_REQUEST_TEMPERATURE: Final = _key("gen_ai.request.temperature", Kind.NUMBER)
GEN_AI_REQUEST_TOP_P: Final = _key("gen_ai.request.top_p", Kind.NUMBER)
GEN_AI_REQUEST_MAX_TOKENS: Final = _key("gen_ai.request.max_tokens", Kind.INTEGER)
GEN_AI_REQUEST_STREAM: Final = _key("gen_ai.request.stream", Kind.BOOLEAN)
GEN_AI_RESPONSE_ID: Final = _key("gen_ai.response.id", Kind.TEXT)
GEN_AI_RESPONSE_MODEL: Final = _key("gen_ai.response.model", Kind.NAME)
GEN_AI_RESPONSE_FINISH_REASONS: Final = _key("gen_ai.response.finish_reasons", Kind.NAMES)
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = _key("gen_ai.response.time_to_first_chunk", Kind.NUMBER)
GEN_AI_USAGE_INPUT_TOKENS: Final = _key("gen_ai.usage.input_tokens", Kind.INTEGER)
GEN_AI_USAGE_OUTPUT_TOKENS: Final = _key("gen_ai.usage.output_tokens", Kind.INTEGER)
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = _key("gen_ai.usage.cache_read.input_tokens", Kind.INTEGER)
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = _key("gen_ai.usage.reasoning.output_tokens", Kind.INTEGER)
GEN_AI_INPUT_MESSAGES: Final = _key("gen_ai.input.messages", Kind.INPUT_MESSAGES)
GEN_AI_OUTPUT_MESSAGES: Final = _key("gen_ai.output.messages", Kind.OUTPUT_MESSAGES)
GEN_AI_SYSTEM_INSTRUCTIONS: Final = _key("gen_ai.system_instructions", Kind.INSTRUCTIONS)
GEN_AI_TOOL_DEFINITIONS: Final = _key("gen_ai.tool.definitions", Kind.TOOL_DEFINITIONS)
GEN_AI_TOOL_NAME: Final = _key("gen_ai.tool.name", Kind.NAME)
GEN_AI_TOOL_TYPE: Final = _key("gen_ai.tool.type", Kind.NAME)
GEN_AI_TOOL_CALL_ID: Final = _key("gen_ai.tool.call.id", Kind.NAME)
GEN_AI_TOOL_CALL_ARGUMENTS: Final = _key("gen_ai.tool.call.arguments", Kind.ARGUMENTS)
GEN_AI_TOOL_CALL_RESULT: Final = _key("gen_ai.tool.call.result", Kind.RESULT)

# --- OpenTelemetry general semantic conventions
ERROR_TYPE: Final = _key("error.type", Kind.NAME)
SERVER_ADDRESS: Final = _key("server.address", Kind.NAME)
SERVER_PORT: Final = _key("server.port", Kind.INTEGER)
URL_FULL: Final = _key("url.full", Kind.URL)
HTTP_REQUEST_METHOD: Final = _key("http.request.method", Kind.NAME)
HTTP_REQUEST_BODY_SIZE: Final = _key("http.request.body.size", Kind.INTEGER)
HTTP_REQUEST_RESEND_COUNT: Final = _key("http.request.resend_count", Kind.INTEGER)
HTTP_RESPONSE_STATUS_CODE: Final = _key("http.response.status_code", Kind.INTEGER)
CODE_FUNCTION_NAME: Final = _key("code.function.name", Kind.NAME)
CODE_FILE_PATH: Final = _key("code.file.path", Kind.TEXT)
CODE_LINE_NUMBER: Final = _key("code.line.number", Kind.INTEGER)

# --- of exception events and log records, not of spans
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# --- ours
ERROR_ORIGIN: Final = _key("autogen.error.origin", Kind.NAME)
ERRORS_HANDLED: Final = _key("autogen.errors.handled", Kind.INTEGER)
ERRORS_ORIGINS: Final = _key("autogen.errors.origins", Kind.NAMES)
ERRORS_RETURNED: Final = _key("autogen.errors.returned", Kind.INTEGER)
CANCELLED: Final = _key("autogen.cancelled", Kind.BOOLEAN)
CALLBACK_NAME: Final = _key("autogen.callback.name", Kind.NAME)
SENDER_NAME: Final = _key("autogen.sender.name", Kind.NAME)
CONVERSATION_TURNS: Final = _key("autogen.conversation.turns", Kind.INTEGER)
CONVERSATION_TERMINATION: Final = _key("autogen.conversation.termination", Kind.NAME)
HELPER_ROLE: Final = _key("autogen.helper.role", Kind.NAME)
HANDOFF_FROM: Final = _key("autogen.handoff.from", Kind.NAME)
HANDOFF_TO: Final = _key("autogen.handoff.to", Kind.NAME)
HANDOFF_REASON: Final = _key("autogen.handoff.reason", Kind.NAME)
HANDOFF_RULE: Final = _key("autogen.handoff.rule", Kind.NAME)
HANDOFF_CANDIDATES: Final = _key("autogen.handoff.candidates", Kind.NAMES)
CONFIG_COUNT: Final = _key("autogen.config.count", Kind.INTEGER)
CONFIG_INDEX: Final = _key("autogen.config.index", Kind.INTEGER)
CONFIG_API_TYPE: Final = _key("autogen.config.api_type", Kind.NAME)
CONFIG_REJECTED: Final = _key("autogen.config.rejected", Kind.INTEGERS)
CLIENT_CLASS: Final = _key("autogen.client.class", Kind.NAME)
REQUEST_TIMEOUT_SECONDS: Final = _key("autogen.request.timeout_seconds", Kind.NUMBER)
REQUEST_MAX_RETRIES: Final = _key("autogen.request.max_retries", Kind.INTEGER)
RESPONSE_PROBLEM: Final = _key("autogen.response.problem", Kind.NAME)
RESPONSE_TOOL_CALLS: Final = _key("autogen.response.tool_calls", Kind.NAMES)
STREAM_CHUNKS: Final = _key("autogen.stream.chunks", Kind.INTEGER)
STREAM_RECEIVED_CHARS: Final = _key("autogen.stream.received_chars", Kind.INTEGER)
CACHE_HIT: Final = _key("autogen.cache.hit", Kind.BOOLEAN)
PROMPT_MESSAGES: Final = _key("autogen.prompt.messages", Kind.INTEGER)
PROMPT_NEW_MESSAGES: Final = _key("autogen.prompt.new_messages", Kind.INTEGER)
PROMPT_CHARS: Final = _key("autogen.prompt.chars", Kind.INTEGER)
PROMPT_TOOLS: Final = _key("autogen.prompt.tools", Kind.INTEGER)
PROMPT_TOOL_NAMES: Final = _key("autogen.prompt.tool_names", Kind.NAMES)
PROMPT_TOOLS_CHARS: Final = _key("autogen.prompt.tools_chars", Kind.INTEGER)
PROMPT_NEW_CHARS: Final = _key("autogen.prompt.new_chars", Kind.INTEGER)
PROMPT_CARRIED_MESSAGES: Final = _key("autogen.prompt.carried_messages", Kind.INTEGER)
PROMPT_LARGEST_CHARS: Final = _key("autogen.prompt.largest_message.chars", Kind.INTEGER)
PROMPT_LARGEST_FROM: Final = _key("autogen.prompt.largest_message.from", Kind.NAME)
COST_USD: Final = _key("autogen.cost.usd", Kind.NUMBER)
COST_SOURCE: Final = _key("autogen.cost.source", Kind.NAME)
TOOL_FAILED_BEFORE: Final = _key("autogen.tool.failed_before", Kind.BOOLEAN)
HTTP_REQUEST_ID: Final = _key("autogen.http.request_id", Kind.TEXT)
HTTP_ERROR_CODE: Final = _key("autogen.http.error.code", Kind.NAME)
HTTP_ERROR_TYPE: Final = _key("autogen.http.error.type", Kind.NAME)
HTTP_RETRY_AFTER_SECONDS: Final = _key("autogen.http.retry_after_seconds", Kind.NUMBER)
TOOL_ARGUMENTS_PROBLEMS: Final = _key("autogen.tool.arguments.problems", Kind.PROBLEMS)
TOOL_RETURNED_ERROR: Final = _key("autogen.tool.returned_error", Kind.RETURNED_ERROR)
CODE_LANGUAGE: Final = _key("autogen.code.language", Kind.NAME)
CODE_EXIT_CODE: Final = _key("autogen.code.exit_code", Kind.INTEGER)
CODE_SOURCE: Final = _key("autogen.code.source", Kind.SOURCE)
CODE_OUTPUT: Final = _key("autogen.code.output", Kind.OUTPUT)
CODE_BLOCKS: Final = _key("autogen.code.blocks", Kind.INTEGER)
HUMAN_REPLY: Final = _key("autogen.human.reply", Kind.NAME)
ASSISTANT_ID: Final = _key("autogen.assistant.id", Kind.NAME)
ASSISTANT_THREAD_ID: Final = _key("autogen.assistant.thread_id", Kind.NAME)
ASSISTANT_RUN_ID: Final = _key("autogen.assistant.run_id", Kind.NAME)
ASSISTANT_STATUS: Final = _key("autogen.assistant.status", Kind.NAME)
ASSISTANT_ERROR_CODE: Final = _key("autogen.assistant.error_code", Kind.NAME)
