"""What AutoGen does for itself at the end of a conversation: ``ConversableAgent._summarize_chat``."""

from __future__ import annotations

from autogen_otel.observations import Summary
from autogen_otel.operations.conversations.hidden_agents import SUMMARY, HelperState
from autogen_otel.operations.operation import Call, Operation

_BY_MODEL = "reflection_with_llm"


class SummarizeChat(Operation[Summary]):
    """Reads ``_summarize_chat`` where it asks a model; a function of the user's may start its own chats."""

    def begin(self, call: Call) -> Summary | None:
        """Mark the model call inside as one for the summary."""
        if call.arguments.get("summary_method") != _BY_MODEL:
            return None
        call.scope.state = HelperState(SUMMARY)
        return Summary()
