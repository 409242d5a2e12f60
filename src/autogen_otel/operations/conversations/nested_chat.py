"""A nested chat: an agent that replies by talking to other agents first."""

from __future__ import annotations

from autogen_otel.observations import Handoff
from autogen_otel.operations.conversations.agent_turn import TurnState
from autogen_otel.operations.conversations.hidden_agents import shown_name
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.vocabulary import handoffs


class NestedChat(Operation[Handoff]):
    """Reads ``initiate_chat`` where an agent's turn calls it; it is observed as a conversation besides."""

    def begin(self, call: Call) -> Handoff | None:
        """Note who hands over to whom. A tool that begins a chat hands nothing over: it comes back to it."""
        if call.scope.parent is None:
            return None
        around = next((state for state in call.scope.parent.find_all(object) if state is not None), None)
        if not isinstance(around, TurnState):
            return None
        return Handoff(
            # Whose turn it is: the chat may have been set up with another sender.
            source=around.agent or shown_name(call.instance),
            target=shown_name(call.arguments.get("recipient")),
            reason=handoffs.NESTED_CHAT,
        )
