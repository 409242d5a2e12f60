"""What a model call says and hears, for those who have asked to record it: references, nothing rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from autogen_otel.observations import Content, ContentKind, Exchange, MessagePolicy
from autogen_otel.operations.conversations.conversation import ConversationState
from autogen_otel.operations.conversations.message_account import MessageAccount, is_instruction
from autogen_otel.operations.models.answers import answers
from autogen_otel.operations.operation import Call


def asked(call: Call, own: Mapping[str, Any]) -> Exchange | None:
    """What is sent to the model and was not recorded before; ``None`` where messages are not recorded.

    Args:
        call: an ``OpenAIWrapper.create``.
        own: the entry's own options, which win over the call's.
    """
    if call.messages is MessagePolicy.NONE:
        return None
    account, config = _account(call), call.arguments
    messages = own.get("messages") or config.get("messages")
    messages = messages if isinstance(messages, (list, tuple)) else ()
    leading = list(takewhile(is_instruction, messages))
    tools = [tool for name in ("tools", "functions") for tool in _listed(own, config, name)]
    return Exchange(
        input=_content(ContentKind.INPUT_MESSAGES, account.new_messages(messages[len(leading) :])),
        instructions=_content(ContentKind.SYSTEM_INSTRUCTIONS, account.new_once("instructions", leading)),
        tools=_content(ContentKind.TOOL_DEFINITIONS, account.new_once("tools", tools)),
    )


def answered(call: Call, exchange: Exchange | None, response: Any) -> Exchange | None:
    """The same with the model's answer."""
    if exchange is None:
        return None
    heard = answers(response)
    _account(call).answered(heard)
    return replace(exchange, output=_content(ContentKind.OUTPUT_MESSAGES, heard))


def _account(call: Call) -> MessageAccount:
    """Nested chats are part of the outermost; what is in none, or is to be whole, has an account each."""
    conversations = list(call.scope.find_all(ConversationState))
    if not conversations or call.messages is MessagePolicy.WHOLE:
        return MessageAccount()
    return conversations[-1].messages


def _content(kind: ContentKind, values: tuple[Any, ...]) -> Content | None:
    return Content(kind, values) if values else None


def _listed(own: Mapping[str, Any], config: Mapping[str, Any], name: str) -> list[Any] | tuple[Any, ...]:
    listed = own.get(name) or config.get(name)
    return listed if isinstance(listed, (list, tuple)) else ()
