"""Waiting for a human: ``ConversableAgent.get_human_input``, its async twin and what overrides them."""

from __future__ import annotations

from typing import Any

from autogen_otel.causes import Circumstances, Scene
from autogen_otel.hosts.classic.hidden_agents import name_of
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import Call, Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans

SKIP, EXIT, TEXT = "skip", "exit", "text"


class HumanInput(Operation):
    """Reads ``get_human_input``. What was typed is only compared with what skips, or ends the chat."""

    operation_name = spans.AWAIT_HUMAN_INPUT

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Note who waits. 0.2's async method calls the sync one, which is the same wait."""
        outer_call: Call | None = self.parent
        while outer_call is not None:
            if isinstance(outer_call, HumanInput) and outer_call.instance is self.instance:
                return None
            outer_call = outer_call.parent
        name = name_of(self.instance)
        self.name = spans.human_input(name)
        return {names.GEN_AI_AGENT_NAME: name}

    def circumstances(self) -> Circumstances:
        """A human is asked."""
        return Circumstances(Scene.HUMAN)

    def returned(self, value: Any) -> Facts | None:
        """What the answer means to AutoGen."""
        if not isinstance(value, str):
            return None
        if self.place.turn is not None:
            self.place.turn.answer = value
        return {names.HUMAN_REPLY: {"": SKIP, "exit": EXIT}.get(value, TEXT)}
