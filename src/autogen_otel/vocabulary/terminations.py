"""Why a conversation ended: the closed list of values of ``autogen.conversation.termination``."""

from typing import Final

MAX_TURNS: Final = "max_turns"
MAX_ROUND: Final = "max_round"
MAX_AUTO_REPLY: Final = "max_consecutive_auto_reply"
TERMINATION_MESSAGE: Final = "termination_message"
HUMAN_EXIT: Final = "human_exit"
NO_REPLY: Final = "no_reply"
NO_ELIGIBLE_SPEAKER: Final = "no_eligible_speaker"
CANCELLED: Final = "cancelled"
ERROR: Final = "error"

TERMINATIONS: Final = (
    MAX_TURNS,
    MAX_ROUND,
    MAX_AUTO_REPLY,
    TERMINATION_MESSAGE,
    HUMAN_EXIT,
    NO_REPLY,
    NO_ELIGIBLE_SPEAKER,
    CANCELLED,
    ERROR,
)
LIMITS: Final = (MAX_ROUND, MAX_TURNS, MAX_AUTO_REPLY)
"""A limit that the program set."""
