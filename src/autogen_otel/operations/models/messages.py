"""The messages of a model call, if the settings record them: references, nothing rendered."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from autogen_otel.operations.message_account import MessageAccount, is_instruction
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.prompt_account import Prompt
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names


def prompt_content(call: Operation, prompt: Prompt) -> Facts:
    """The part of the prompt that was not recorded before.

    Args:
        call: an ``OpenAIWrapper.create``.
        prompt: the measured prompt; its messages that the prompt before also had were recorded then.
    """
    account = _account(call)
    messages = prompt.messages if isinstance(prompt.messages, (list, tuple)) else ()
    leading = list(takewhile(is_instruction, messages))
    first, content_counts, tools = len(leading), None, []
    if account is None:
        account = MessageAccount()
    elif prompt.known_count >= first:
        first, content_counts, leading = prompt.known_count, prompt.content_counts, []
    if content_counts is None or not prompt.same_tools:
        tools = [tool for tool_list in prompt.tools for tool in tool_list]
    return {
        names.GEN_AI_INPUT_MESSAGES: account.new_messages(messages[first:], content_counts) or None,
        names.GEN_AI_SYSTEM_INSTRUCTIONS: account.new_once("instructions", leading) or None,
        names.GEN_AI_TOOL_DEFINITIONS: account.new_once("tools", tools) or None,
    }


def answer_content(call: Operation, messages: tuple[dict[str, Any], ...]) -> Facts:
    """The model's answer."""
    account = _account(call)
    if account is not None:
        account.add_answers(messages)
    return {names.GEN_AI_OUTPUT_MESSAGES: messages or None}


def _account(call: Operation) -> MessageAccount | None:
    """The account of the outermost chat; ``None`` outside of chats, and if each call records all messages."""
    root = call.place.root
    if root is None or call.recorder.settings.full_message_history:
        return None
    return root.messages
