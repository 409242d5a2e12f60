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
    """Arguments of a tool call, as JSON; recorded unless tool content is switched off."""
    RESULT = auto()
    """Result of a tool call, as JSON; recorded unless tool content is switched off."""
    OUTPUT = auto()
    """Output of code; recorded unless tool content is switched off."""
    SOURCE = auto()
    """Executed code; recorded unless tool content is switched off."""
    RETURNED_ERROR = auto()
    """Text of an error that a tool returned; replaced by a placeholder where tool content is switched off."""
    INPUT_MESSAGES = auto()
    OUTPUT_MESSAGES = auto()
    INSTRUCTIONS = auto()
    TOOL_DEFINITIONS = auto()


MESSAGE_KINDS: Final = frozenset(
    {Kind.INPUT_MESSAGES, Kind.OUTPUT_MESSAGES, Kind.INSTRUCTIONS, Kind.TOOL_DEFINITIONS}
)
"""Messages to and from models, recorded only if a setting says so."""
CONTENT_KINDS: Final = MESSAGE_KINDS | {Kind.ARGUMENTS, Kind.RESULT, Kind.OUTPUT, Kind.SOURCE}
"""Kinds of attributes with the user's data."""

KINDS: Final[dict[str, Kind]] = {}
"""Every attribute key that our spans may have, with its kind."""
SPANS: Final[dict[str, str]] = {}
"""The spans that may have each key, as the documentation names them."""
UNITS: Final[dict[str, str]] = {}
"""The units of the keys that have one."""


def _key(key: str, kind: Kind, spans: str, unit: str = "") -> str:
    """Add a key; the documentation takes what it means from the string below its constant."""
    KINDS[key], SPANS[key], UNITS[key] = kind, spans, unit
    return key


# --- OpenTelemetry GenAI semantic conventions
GEN_AI_OPERATION_NAME: Final = _key(
    "gen_ai.operation.name", Kind.NAME, "every span but `POST` and `config_entry`"
)
"""What the span is of, as the conventions name it, or in their manner."""
GEN_AI_PROVIDER_NAME: Final = _key("gen_ai.provider.name", Kind.NAME, "`chat`, `config_entry`")
"""Who provides the model: by the host asked, else by `api_type`."""
GEN_AI_AGENT_NAME: Final = _key(
    "gen_ai.agent.name",
    Kind.NAME,
    "`invoke_agent`, `chat`, `execute_tool`, `execute_code`, `await_human_input`",
)
"""The agent whose turn, call or tool it is."""
GEN_AI_WORKFLOW_NAME: Final = _key("gen_ai.workflow.name", Kind.NAME, "`invoke_workflow`")
"""`initiator -> recipient`."""
GEN_AI_CONVERSATION_ID: Final = _key("gen_ai.conversation.id", Kind.NAME, "`invoke_workflow`")
"""The host's `chat_id`, where there is one."""
GEN_AI_REQUEST_MODEL: Final = _key("gen_ai.request.model", Kind.NAME, "`chat`, `config_entry`")
"""The model asked for, as the entry has it."""
GEN_AI_REQUEST_TEMPERATURE: Final = _key("gen_ai.request.temperature", Kind.NUMBER, "`chat`")
"""As given, by the entry first."""
GEN_AI_REQUEST_TOP_P: Final = _key("gen_ai.request.top_p", Kind.NUMBER, "`chat`")
"""As given, by the entry first."""
GEN_AI_REQUEST_MAX_TOKENS: Final = _key("gen_ai.request.max_tokens", Kind.INTEGER, "`chat`", unit="token")
"""As given, `max_completion_tokens` too."""
GEN_AI_REQUEST_STREAM: Final = _key("gen_ai.request.stream", Kind.BOOLEAN, "`chat`")
"""`true` where a stream was asked for."""
GEN_AI_RESPONSE_ID: Final = _key("gen_ai.response.id", Kind.TEXT, "`chat`")
"""The provider's id of the answer."""
GEN_AI_RESPONSE_MODEL: Final = _key("gen_ai.response.model", Kind.NAME, "`chat`")
"""The model that says it answered."""
GEN_AI_RESPONSE_FINISH_REASONS: Final = _key("gen_ai.response.finish_reasons", Kind.NAMES, "`chat`")
"""Why each choice of the answer ended."""
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = _key(
    "gen_ai.response.time_to_first_chunk", Kind.NUMBER, "`chat`, `config_entry`", unit="s"
)
"""From the call to the first chunk of a stream."""
GEN_AI_USAGE_INPUT_TOKENS: Final = _key("gen_ai.usage.input_tokens", Kind.INTEGER, "`chat`", unit="token")
"""Tokens sent, as reported; also where AutoGen failed after the answer. None for cached answers."""
GEN_AI_USAGE_OUTPUT_TOKENS: Final = _key("gen_ai.usage.output_tokens", Kind.INTEGER, "`chat`", unit="token")
"""Tokens received, as reported."""
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = _key(
    "gen_ai.usage.cache_read.input_tokens", Kind.INTEGER, "`chat`", unit="token"
)
"""The part of the input that the provider read from its prompt cache."""
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = _key(
    "gen_ai.usage.reasoning.output_tokens", Kind.INTEGER, "`chat`", unit="token"
)
"""The part of the output that the model spent on reasoning."""
GEN_AI_INPUT_MESSAGES: Final = _key("gen_ai.input.messages", Kind.INPUT_MESSAGES, "`chat`")
"""The messages that no earlier call of the conversation sent; only with message content on."""
GEN_AI_OUTPUT_MESSAGES: Final = _key("gen_ai.output.messages", Kind.OUTPUT_MESSAGES, "`chat`, `config_entry`")
"""The answer, of a stream that broke as far as it came; only with message content on."""
GEN_AI_SYSTEM_INSTRUCTIONS: Final = _key("gen_ai.system_instructions", Kind.INSTRUCTIONS, "`chat`")
"""The instructions a prompt begins with, once; only with message content on."""
GEN_AI_TOOL_DEFINITIONS: Final = _key("gen_ai.tool.definitions", Kind.TOOL_DEFINITIONS, "`chat`")
"""The tools offered, each once; only with message content on."""
GEN_AI_TOOL_NAME: Final = _key("gen_ai.tool.name", Kind.NAME, "`execute_tool`")
"""The tool as the model named it."""
GEN_AI_TOOL_TYPE: Final = _key("gen_ai.tool.type", Kind.NAME, "`execute_tool`")
"""`function`."""
GEN_AI_TOOL_CALL_ID: Final = _key("gen_ai.tool.call.id", Kind.TEXT, "`execute_tool`")
"""The id of the call in the message that asks for it."""
GEN_AI_TOOL_CALL_ARGUMENTS: Final = _key("gen_ai.tool.call.arguments", Kind.ARGUMENTS, "`execute_tool`")
"""The arguments as sent, as JSON where they are; capped, redacted."""
GEN_AI_TOOL_CALL_RESULT: Final = _key("gen_ai.tool.call.result", Kind.RESULT, "`execute_tool`")
"""What the model is told; capped, redacted."""

# --- OpenTelemetry general semantic conventions
ERROR_TYPE: Final = _key("error.type", Kind.NAME, "every span that failed")
"""The exception's class, or the HTTP status."""
SERVER_ADDRESS: Final = _key("server.address", Kind.NAME, "`chat`, `config_entry`, `POST`")
"""The host asked."""
SERVER_PORT: Final = _key("server.port", Kind.INTEGER, "`chat`, `config_entry`, `POST`")
"""Its port."""
URL_FULL: Final = _key("url.full", Kind.URL, "`POST`")
"""The address without credentials."""
HTTP_REQUEST_METHOD: Final = _key("http.request.method", Kind.NAME, "`POST`")
"""The method."""
HTTP_REQUEST_BODY_SIZE: Final = _key("http.request.body.size", Kind.INTEGER, "`POST`", unit="byte")
"""Bytes sent."""
HTTP_REQUEST_RESEND_COUNT: Final = _key("http.request.resend_count", Kind.INTEGER, "`POST`")
"""Which retry of the SDK's it is; absent on the first attempt."""
HTTP_RESPONSE_STATUS_CODE: Final = _key(
    "http.response.status_code", Kind.INTEGER, "`POST`; `chat` and `config_entry` of clients without attempts"
)
"""The status; absent where nobody answered."""
CODE_FUNCTION_NAME: Final = _key(
    "code.function.name", Kind.NAME, "`execute_tool`, and every span on which a callback raised"
)
"""The user's function."""
CODE_FILE_PATH: Final = _key(
    "code.file.path", Kind.TEXT, "`execute_tool`, and every span on which a callback raised"
)
"""Its file."""
CODE_LINE_NUMBER: Final = _key(
    "code.line.number", Kind.INTEGER, "`execute_tool`, and every span on which a callback raised"
)
"""Where a tool begins; for a callback, the line that raised."""

# --- set by the application with ``using_attributes``
SESSION_ID: Final = _key("session.id", Kind.NAME, "every span")
"""As given to `using_attributes`; any other attribute given there too."""
USER_ID: Final = _key("user.id", Kind.NAME, "every span")
"""As given to `using_attributes`."""
TAGS: Final = _key("tag.tags", Kind.NAMES, "every span")
"""As given to `using_attributes`."""

# --- of exception events and log records, not of spans
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# --- ours
ERROR_ORIGIN: Final = _key("autogen.error.origin", Kind.NAME, "every span that failed")
"""The cause, one of [causes](causes.md)."""
ERROR_BEGAN_HERE: Final = _key("autogen.error.began_here", Kind.BOOLEAN, "every span that failed")
"""Whether the failure began in the span; else a span below has it, too."""
ERRORS_HANDLED: Final = _key("autogen.errors.handled", Kind.INTEGER, "`invoke_workflow`")
"""Failures inside that something went on in spite of."""
ERRORS_ORIGINS: Final = _key("autogen.errors.origins", Kind.NAMES, "`invoke_workflow`")
"""Their causes, and its own if it failed."""
ERRORS_RETURNED: Final = _key("autogen.errors.returned", Kind.INTEGER, "`invoke_workflow`")
"""Tools inside that returned an error; absent for none."""
CANCELLED: Final = _key("autogen.cancelled", Kind.BOOLEAN, "every span that the program ended")
"""`true`; the deepest such span is what it was waiting for."""
CALLBACK_NAME: Final = _key("autogen.callback.name", Kind.NAME, "every span on which a callback raised")
"""The function of the application's that AutoGen called."""
SENDER_NAME: Final = _key("autogen.sender.name", Kind.NAME, "`invoke_agent`")
"""To whom the agent replies."""
CONVERSATION_TURNS: Final = _key("autogen.conversation.turns", Kind.INTEGER, "`invoke_workflow`", unit="turn")
"""Agent turns, without those of nested conversations."""
CONVERSATION_TERMINATION: Final = _key("autogen.conversation.termination", Kind.NAME, "`invoke_workflow`")
"""Why it ended: `termination_message`, `max_turns`, `max_round`, `max_consecutive_auto_reply`, `human_exit`,
`no_reply`, `no_eligible_speaker`, `cancelled` or `error`."""
HELPER_ROLE: Final = _key("autogen.helper.role", Kind.NAME, "`chat`")
"""What the agent that AutoGen made for itself is for: selecting a speaker, a summary."""
HANDOFF_FROM: Final = _key("autogen.handoff.from", Kind.NAME, "`handoff`")
"""Who hands over."""
HANDOFF_TO: Final = _key("autogen.handoff.to", Kind.NAME, "`handoff`")
"""To whom; absent where nobody was chosen."""
HANDOFF_REASON: Final = _key("autogen.handoff.reason", Kind.NAME, "`handoff`")
"""How the next agent was chosen."""
HANDOFF_RULE: Final = _key("autogen.handoff.rule", Kind.NAME, "`handoff`")
"""The user's function, tool or condition that decided."""
HANDOFF_CANDIDATES: Final = _key("autogen.handoff.candidates", Kind.NAMES, "`handoff`")
"""Who was eligible."""
CONFIG_COUNT: Final = _key("autogen.config.count", Kind.INTEGER, "`chat`")
"""Entries in the `config_list`."""
CONFIG_INDEX: Final = _key("autogen.config.index", Kind.INTEGER, "`chat`, `config_entry`, `POST`")
"""The entry that answered or failed last; on an attempt, the one that sent it."""
CONFIG_API_TYPE: Final = _key("autogen.config.api_type", Kind.NAME, "`chat`, `config_entry`")
"""The entry's `api_type`."""
CONFIG_REJECTED: Final = _key("autogen.config.rejected", Kind.INTEGERS, "`chat`")
"""Entries whose answer `filter_func` did not want."""
CLIENT_CLASS: Final = _key("autogen.client.class", Kind.NAME, "`chat`, `config_entry`")
"""The class of a custom model client."""
REQUEST_TIMEOUT_SECONDS: Final = _key(
    "autogen.request.timeout_seconds", Kind.NUMBER, "`chat`, `config_entry`", unit="s"
)
"""How long the SDK waits for an answer."""
REQUEST_MAX_RETRIES: Final = _key("autogen.request.max_retries", Kind.INTEGER, "`chat`, `config_entry`")
"""How often the SDK tries again."""
RESPONSE_PROBLEM: Final = _key("autogen.response.problem", Kind.NAME, "`chat`")
"""What is wrong with an answer that is no failure: `cut_at_token_limit`, `content_filter`, `refusal` or
`empty`."""
RESPONSE_TOOL_CALLS: Final = _key("autogen.response.tool_calls", Kind.NAMES, "`chat`")
"""Tools asked for, `name id` each; at most 64."""
STREAM_CHUNKS: Final = _key("autogen.stream.chunks", Kind.INTEGER, "`chat`, `config_entry`")
"""Chunks of a stream that came."""
STREAM_RECEIVED_CHARS: Final = _key(
    "autogen.stream.received_chars", Kind.INTEGER, "`chat`, `config_entry`", unit="character"
)
"""Characters that came of a stream that failed."""
CACHE_HIT: Final = _key("autogen.cache.hit", Kind.BOOLEAN, "`chat`")
"""Whether AutoGen's cache answered."""
PROMPT_MESSAGES: Final = _key("autogen.prompt.messages", Kind.INTEGER, "`chat`")
"""Messages sent."""
PROMPT_NEW_MESSAGES: Final = _key("autogen.prompt.new_messages", Kind.INTEGER, "`chat`")
"""Those that the last call of this pair of agents did not send."""
PROMPT_CHARS: Final = _key("autogen.prompt.chars", Kind.INTEGER, "`chat`", unit="character")
"""Characters of all messages."""
PROMPT_TOOLS: Final = _key("autogen.prompt.tools", Kind.INTEGER, "`chat`")
"""Tools offered."""
PROMPT_TOOL_NAMES: Final = _key("autogen.prompt.tool_names", Kind.NAMES, "`chat`")
"""Their names; at most 64."""
PROMPT_TOOLS_CHARS: Final = _key("autogen.prompt.tools_chars", Kind.INTEGER, "`chat`", unit="character")
"""Characters of their definitions as JSON; absent without tools."""
PROMPT_NEW_CHARS: Final = _key("autogen.prompt.new_chars", Kind.INTEGER, "`chat`", unit="character")
"""Characters of the new messages."""
PROMPT_CARRIED_MESSAGES: Final = _key("autogen.prompt.carried_messages", Kind.INTEGER, "`chat`")
"""Messages that an earlier conversation left; absent for none."""
PROMPT_LARGEST_CHARS: Final = _key(
    "autogen.prompt.largest_message.chars", Kind.INTEGER, "`chat`", unit="character"
)
"""Characters of the largest message."""
PROMPT_LARGEST_FROM: Final = _key("autogen.prompt.largest_message.from", Kind.NAME, "`chat`")
"""Who said it; for a tool's result, the tool."""
COST_USD: Final = _key("autogen.cost.usd", Kind.NUMBER, "`chat`", unit="USD")
"""Estimated cost."""
COST_SOURCE: Final = _key("autogen.cost.source", Kind.NAME, "`chat`")
"""Whose estimate: `config`, `genai-prices` or `autogen`."""
TOOL_FAILED_BEFORE: Final = _key("autogen.tool.failed_before", Kind.BOOLEAN, "`chat`")
"""`true` where a tool failed earlier in the conversation; a failing call links to its span."""
HTTP_REQUEST_ID: Final = _key(
    "autogen.http.request_id", Kind.TEXT, "`POST`; `chat` and `config_entry` of clients without attempts"
)
"""The provider's id of the request, for its support."""
HTTP_ERROR_CODE: Final = _key("autogen.http.error.code", Kind.NAME, "`POST`")
"""The provider's own code, as `model_not_found`."""
HTTP_ERROR_TYPE: Final = _key("autogen.http.error.type", Kind.NAME, "`POST`")
"""The provider's own type, as `insufficient_quota`."""
REFUSED_AGENT: Final = _key("autogen.refused.agent", Kind.NAME, "`POST`, `chat`, `config_entry`")
"""The agent whose name a provider refuses in the `name` that AutoGen gives each message."""
REFUSED_TOOL: Final = _key("autogen.refused.tool", Kind.NAME, "`POST`, `chat`, `config_entry`")
"""The tool whose definition a provider refuses, or whose result no request can carry."""
HTTP_RETRY_AFTER_SECONDS: Final = _key("autogen.http.retry_after_seconds", Kind.NUMBER, "`POST`", unit="s")
"""How long the provider asks to wait."""
TOOL_ARGUMENTS_PROBLEMS: Final = _key("autogen.tool.arguments.problems", Kind.PROBLEMS, "`execute_tool`")
"""Each way in which the arguments do not fit the schema or the function."""
TOOL_RETURNED_ERROR: Final = _key("autogen.tool.returned_error", Kind.RETURNED_ERROR, "`execute_tool`")
"""The error that the tool returned instead of raising it."""
TOOL_FUNCTION_MODULE: Final = _key("autogen.tool.function.module", Kind.NAME, "`execute_tool` that failed")
"""The module that the user's function is imported from."""
TOOL_FUNCTION_KIND: Final = _key("autogen.tool.function.kind", Kind.NAME, "`execute_tool` that failed")
"""Whether importing it is enough to call it: `function`, or what stands in the way: `closure`, `lambda`,
`bound_method`, `callable_object`, `partial`, `builtin`, `conversation_state` (a parameter that AutoGen fills
with it), `interactive` or `unreachable`."""
TOOL_FUNCTION_CONVERTED: Final = _key(
    "autogen.tool.function.converted", Kind.BOOLEAN, "`execute_tool` that failed"
)
"""Whether AutoGen's wrappers convert its arguments and inject what it depends on; else it gets the JSON."""
CODE_LANGUAGE: Final = _key("autogen.code.language", Kind.NAME, "`execute_code`")
"""The language of the block."""
CODE_EXIT_CODE: Final = _key("autogen.code.exit_code", Kind.INTEGER, "`execute_code`")
"""Its exit code."""
CODE_SOURCE: Final = _key("autogen.code.source", Kind.SOURCE, "`execute_code`")
"""The code; capped, redacted."""
CODE_OUTPUT: Final = _key("autogen.code.output", Kind.OUTPUT, "`execute_code`")
"""The end of what it printed."""
CODE_BLOCKS: Final = _key("autogen.code.blocks", Kind.INTEGER, "`execute_code`")
"""How many blocks were run at once, if several."""
HUMAN_REPLY: Final = _key("autogen.human.reply", Kind.NAME, "`await_human_input`")
"""What the answer meant: `text`, `skip` or `exit`."""
ASSISTANT_ID: Final = _key("autogen.assistant.id", Kind.NAME, "`chat`")
"""The assistant of a run of the Assistants API."""
ASSISTANT_THREAD_ID: Final = _key("autogen.assistant.thread_id", Kind.NAME, "`chat`")
"""Its thread."""
ASSISTANT_RUN_ID: Final = _key("autogen.assistant.run_id", Kind.NAME, "`chat`")
"""The run."""
ASSISTANT_STATUS: Final = _key("autogen.assistant.status", Kind.NAME, "`chat`")
"""The run's last status."""
ASSISTANT_ERROR_CODE: Final = _key("autogen.assistant.error_code", Kind.NAME, "`chat`")
"""Why it did not complete."""
