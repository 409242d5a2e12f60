"""Conversations, and who speaks in them."""

from __future__ import annotations

from dataclasses import dataclass

from autogen_otel.observations.seam import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation(Observation):
    """One ``initiate_chat``. ``helper_role`` marks the chats that AutoGen makes for itself."""

    initiator: str
    recipient: str
    conversation_id: str | None = None
    helper_role: str | None = None
    turns: int | None = None
    termination: str | None = None
    errors_handled: int | None = None
    errors_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTurn(Observation):
    """One ``generate_reply``."""

    agent: str
    sender: str | None = None
    helper_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff(Observation):
    """Control passing from one agent to another.

    Args:
        source: who hands over.
        target: who takes over; ``None`` while that is open, and at the end of a chat.
        reason: one of ``vocabulary.handoffs.REASONS``.
        rule: the user's function, tool or condition that decided.
        candidates: who could have taken over.
        ends_chat: nobody takes over, and that is how the chat ends.
        hidden: control only goes to an agent that AutoGen has made for itself, or back from it.
    """

    source: str
    target: str | None = None
    reason: str | None = None
    rule: str | None = None
    candidates: tuple[str, ...] = ()
    ends_chat: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionStep(Observation):
    """A step of choosing the next speaker, which tells the handoff what it found and has no span itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Observation):
    """AutoGen summing a conversation up; only the model call inside has a span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanInput(Observation):
    """A human asked for input. ``reply`` is ``skip``, ``exit`` or ``text``; never what was typed."""

    agent: str
    reply: str | None = None
