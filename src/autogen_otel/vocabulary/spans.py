"""Span names and the values of ``gen_ai.operation.name``."""

from typing import Final

SCOPE: Final = "autogen_otel"
"""Instrumentation scope of every span."""

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.37.0"
"""Schema of the scope: the last version of the conventions with all the ``gen_ai`` names used here."""

EXCEPTION_EVENT: Final = "exception"

INVOKE_WORKFLOW: Final = "invoke_workflow"
INVOKE_AGENT: Final = "invoke_agent"
EXECUTE_TOOL: Final = "execute_tool"
CHAT: Final = "chat"
HANDOFF: Final = "handoff"
CONFIG_ENTRY: Final = "config_entry"
EXECUTE_CODE: Final = "execute_code"
AWAIT_HUMAN_INPUT: Final = "await_human_input"
OPERATIONS: Final = (
    INVOKE_WORKFLOW,
    INVOKE_AGENT,
    EXECUTE_TOOL,
    CHAT,
    HANDOFF,
    CONFIG_ENTRY,
    EXECUTE_CODE,
    AWAIT_HUMAN_INPUT,
)
"""The first word of our span names, except for those of HTTP attempts."""


PATTERNS: Final = {
    "invoke_workflow {initiator} -> {recipient}": ("INTERNAL", "conversation; nested ones too"),
    "invoke_agent {agent}": ("INTERNAL", "reply of an agent"),
    "handoff {from} -> {to}": ("INTERNAL", "time that control passes between agents"),
    "chat {model}": ("CLIENT", "model call, however many entries and attempts it takes"),
    "config_entry {index} {model}": ("INTERNAL", "entry of `config_list` tried, where there are several"),
    "POST": ("CLIENT", "HTTP attempt of the OpenAI SDK"),
    "execute_tool {tool}": ("INTERNAL", "tool or function call"),
    "execute_code {language}": ("INTERNAL", "run of a code block"),
    "await_human_input {agent}": ("INTERNAL", "question to a human"),
}
"""Patterns of span names, each with the span's kind and what there is one such span for."""


def workflow_name(initiator: str, recipient: str) -> str:
    """Name of a conversation, for which AutoGen has none."""
    return f"{initiator} -> {recipient}"


def workflow(initiator: str, recipient: str) -> str:
    """Name of a conversation's root span."""
    return f"{INVOKE_WORKFLOW} {workflow_name(initiator, recipient)}"


def agent(name: str) -> str:
    """Name of an agent turn's span."""
    return f"{INVOKE_AGENT} {name}"


def handoff(source: str, target: str | None, *, ends_chat: bool = False) -> str:
    """Name of a handoff's span; without a target the selection failed."""
    return f"{HANDOFF} {source} -> {target or ('(end)' if ends_chat else '?')}"


def chat(model: str | None) -> str:
    """Name of a logical model call's span."""
    return f"{CHAT} {model}" if model else CHAT


def config_entry(index: int, model: str | None) -> str:
    """Name of the span of one ``config_list`` entry tried."""
    return f"{CONFIG_ENTRY} {index} {model}" if model else f"{CONFIG_ENTRY} {index}"


def tool(name: str) -> str:
    """Name of a tool call's span."""
    return f"{EXECUTE_TOOL} {name}"


def code(language: str) -> str:
    """Name of the span of code run by an executor."""
    return f"{EXECUTE_CODE} {language}" if language else EXECUTE_CODE


def human_input(agent_name: str) -> str:
    """Name of the span of a wait for a human."""
    return f"{AWAIT_HUMAN_INPUT} {agent_name}"
