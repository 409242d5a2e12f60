"""The causes of failures: the closed list of values of ``autogen.error.origin``, each with its meaning."""

from typing import Final

MEANINGS: Final[dict[str, str]] = {}
"""What each cause means, in the order in which they are listed."""


def _cause(name: str, meaning: str) -> str:
    MEANINGS[name] = meaning
    return name


TOOL_EXCEPTION: Final = _cause("tool_exception", "a tool raised")
TOOL_ARGUMENTS: Final = _cause(
    "tool_arguments",
    "the model's arguments did not fit: missing, unknown, wrong type, not JSON, unknown tool",
)
CONFIG_ENTRY: Final = _cause(
    "config_entry",
    "an entry can never work: bad model name, key, endpoint, version (401, 403, 404, DNS, invalid option)",
)
PROMPT_TOO_LARGE: Final = _cause("prompt_too_large", "a size limit of the provider or the model was exceeded")
RATE_LIMIT: Final = _cause("rate_limit", "429 and its relatives, a quota that is used up included")
CONTENT_FILTER: Final = _cause("content_filter", "the provider's policy refused the prompt or the answer")
BACKEND: Final = _cause("backend", "5xx, resets, malformed responses that nothing else explains")
TIMEOUT: Final = _cause("timeout", "no answer in time")
STREAM_INTERRUPTED: Final = _cause("stream_interrupted", "a stream broke after it began")
STALE_STATE: Final = _cause("stale_state", "history that was carried over from an earlier run was refused")
CODE_EXECUTION: Final = _cause("code_execution", "executed code failed")
CALLBACK: Final = _cause(
    "callback",
    "a function of the application's that AutoGen calls raised: termination check, reply, hook, message, "
    "summary, speaker function, cache",
)
CLIENT: Final = _cause("client", "a custom model client raised, or the SDK was misused")
ORCHESTRATION: Final = _cause(
    "orchestration", "speaker selection or handoff failed, or a loop made no progress"
)
UNKNOWN: Final = _cause("unknown", "none of these; the exception says what was seen")

CAUSES: Final = tuple(MEANINGS)
