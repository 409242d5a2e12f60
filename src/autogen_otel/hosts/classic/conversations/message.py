"""A conversation that begins or goes on by a message: ``agent.send(...)`` outside of any other call."""

from __future__ import annotations

from autogen_otel.hosts.classic.conversations.conversation import Conversation
from autogen_otel.reading import read_key
from autogen_otel.recording import Facts


class MessageSent(Conversation):
    """Reads ``ConversableAgent.send`` where the application calls it, and all the replies to it."""

    parameters = ("message", "recipient", "request_reply", "silent")

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Begin as any conversation, unless the message is part of one or nobody is to reply."""
        if self.parent is not None or not self._wants_reply():
            return None
        return super().begin()

    def _wants_reply(self) -> bool:
        request_reply = self.arguments.get("request_reply")
        if request_reply is None:
            request_reply = read_key(
                self.arguments.get("recipient"), "reply_at_receive", self.instance, False
            )
        return bool(request_reply)
