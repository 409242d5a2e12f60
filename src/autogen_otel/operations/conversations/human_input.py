"""Waiting for a human: ``ConversableAgent.get_human_input``, its async twin and what overrides them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import HumanInput
from autogen_otel.operations.conversations.agent_turn import TurnState
from autogen_otel.operations.operation import Call, Operation, name_of

SKIP, EXIT, TEXT = "skip", "exit", "text"


@dataclass(slots=True)
class HumanState:
    """Marks that what runs inside is the wait already seen: 0.2's async method calls the sync one.

    Args:
        agent: whose wait it is.
    """

    agent: Any


class GetHumanInput(Operation[HumanInput]):
    """Reads ``get_human_input``. What was typed is never looked at further than whether it ends the chat."""

    def begin(self, call: Call) -> HumanInput | None:
        """Note who waits."""
        if any(waiting.agent is call.instance for waiting in call.scope.find_all(HumanState)):
            return None
        call.scope.state = HumanState(call.instance)
        return HumanInput(agent=name_of(call.instance))

    def returned(self, call: Call, started: HumanInput, value: Any) -> HumanInput:
        """What the answer means to AutoGen."""
        if not isinstance(value, str):
            return started
        turn = call.scope.find(TurnState)
        if turn is not None:
            turn.answer = value
        return replace(started, reply={"": SKIP, "exit": EXIT}.get(value, TEXT))
