"""Why control passes from one agent to another: the closed list of values of ``autogen.handoff.reason``."""

from typing import Final

AUTO: Final = "auto"
"""A model chose the next speaker."""
ROUND_ROBIN: Final = "round_robin"
RANDOM: Final = "random"
MANUAL: Final = "manual"
CUSTOM: Final = "custom"
"""A function of the user's chose; ``autogen.handoff.rule`` names it."""
ONLY_CANDIDATE: Final = "only_candidate"
"""Nobody else was eligible, so nothing was chosen."""
FALLBACK: Final = "fallback"
"""The choice came to nothing, and the host took the next agent of its list."""
NO_ELIGIBLE_SPEAKER: Final = "no_eligible_speaker"
"""Nobody is left to speak: the chat ends."""
INITIAL_AGENT: Final = "initial_agent"
"""The agent a pattern or swarm begins with."""
LLM_CONDITION: Final = "llm_condition"
"""The model called a transfer tool; ``autogen.handoff.rule`` names it."""
CONTEXT_CONDITION: Final = "context_condition"
REPLY_RESULT: Final = "reply_result"
"""A tool's result names the next agent; ``autogen.handoff.rule`` names the tool."""
GUARDRAIL: Final = "guardrail"
AFTER_WORK: Final = "after_work"
"""The agent had nothing more to do, and its or the group's rule for that case applies."""
USER_REPLIED: Final = "user_replied"
"""The user has spoken; the agent before goes on."""
NESTED_CHAT: Final = "nested_chat"

REASONS: Final = (
    AUTO,
    ROUND_ROBIN,
    RANDOM,
    MANUAL,
    CUSTOM,
    ONLY_CANDIDATE,
    FALLBACK,
    NO_ELIGIBLE_SPEAKER,
    INITIAL_AGENT,
    LLM_CONDITION,
    CONTEXT_CONDITION,
    REPLY_RESULT,
    GUARDRAIL,
    AFTER_WORK,
    USER_REPLIED,
    NESTED_CHAT,
)
