"""The causes of failures: the closed list of values of ``autogen.error.origin``."""

from typing import Final

TOOL_EXCEPTION: Final = "tool_exception"
TOOL_ARGUMENTS: Final = "tool_arguments"
CONFIG_ENTRY: Final = "config_entry"
PROMPT_TOO_LARGE: Final = "prompt_too_large"
RATE_LIMIT: Final = "rate_limit"
BACKEND: Final = "backend"
TIMEOUT: Final = "timeout"
STREAM_INTERRUPTED: Final = "stream_interrupted"
STALE_STATE: Final = "stale_state"
CODE_EXECUTION: Final = "code_execution"
CLIENT: Final = "client"
ORCHESTRATION: Final = "orchestration"
UNKNOWN: Final = "unknown"

CAUSES: Final = (
    TOOL_EXCEPTION,
    TOOL_ARGUMENTS,
    CONFIG_ENTRY,
    PROMPT_TOO_LARGE,
    RATE_LIMIT,
    BACKEND,
    TIMEOUT,
    STREAM_INTERRUPTED,
    STALE_STATE,
    CODE_EXECUTION,
    CLIENT,
    ORCHESTRATION,
    UNKNOWN,
)
