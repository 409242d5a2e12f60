"""Agent classes with methods of their own in the place of AutoGen's, or around them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from autogen import ConversableAgent, GroupChat, GroupChatManager

from autogen_otel.testing import ScriptedServer, entry
from tests.support.agents import assistant, llm_config, user
from tests.support.groups import silent_agent
from tests.support.tools import a_lookup, lookup

_QUIET = {"human_input_mode": "NEVER", "code_execution_config": False}


class Speaker(ConversableAgent):  # type: ignore[misc]
    """Answers with words of its own, asks AutoGen where it has none, and fails in the end."""

    def generate_reply(self, messages: Any = None, sender: Any = None, **options: Any) -> Any:
        heard = len(self._oai_messages[sender])
        if heard > 4:
            raise RuntimeError("nothing left to say")
        if heard > 2:
            return super().generate_reply(messages=self._oai_messages[sender][-1:], sender=sender, **options)
        return "Words of its own."

    async def a_generate_reply(self, messages: Any = None, sender: Any = None, **options: Any) -> Any:
        return self.generate_reply(messages, sender, **options)


class Relay(ConversableAgent):  # type: ignore[misc]
    """Leaves every reply to AutoGen, by methods that are no plain functions, or that do not await it."""

    @staticmethod
    def generate_reply(messages: Any = None, sender: Any = None, **_options: Any) -> Any:
        return "Words of its own."

    def a_generate_reply(self, messages: Any = None, sender: Any = None, **options: Any) -> Any:
        if len(self._oai_messages[sender]) > 4:
            raise RuntimeError("nothing left to say")
        if len(self._oai_messages[sender]) > 2:
            return asyncio.ensure_future(super().a_generate_reply(messages, sender, **options))
        return super().a_generate_reply(messages, sender, **options)


def _said(func_call: Any, content: str, *, worked: bool) -> tuple[bool, dict[str, Any]]:
    return worked, {"name": func_call["name"], "role": "function", "content": content}


class Runner(ConversableAgent):  # type: ignore[misc]
    """Runs tools without AutoGen, and calls what they raise a success."""

    def execute_function(self, func_call: Any, *_options: Any, **_others: Any) -> Any:
        try:
            result = self._function_map[func_call["name"]](**json.loads(func_call["arguments"]))
        except ValueError:
            return _said(func_call, "Nothing is known of it.", worked=True)
        return _said(func_call, result, worked=True)

    async def a_execute_function(self, func_call: Any, *_options: Any, **_others: Any) -> Any:
        return self.execute_function(func_call)


class Retrier(ConversableAgent):  # type: ignore[misc]
    """Has AutoGen run a tool again that has failed."""

    def execute_function(self, func_call: Any, *options: Any, **others: Any) -> Any:
        worked, response = super().execute_function(func_call, *options, **others)
        return (worked, response) if worked else super().execute_function(func_call, *options, **others)

    async def a_execute_function(self, func_call: Any, *options: Any, **others: Any) -> Any:
        worked, response = await super().a_execute_function(func_call, *options, **others)
        return (
            (worked, response) if worked else await super().a_execute_function(func_call, *options, **others)
        )


class Remote(ConversableAgent):  # type: ignore[misc]
    """Has tools run elsewhere, where they fail or not."""

    def execute_function(self, func_call: Any, *_options: Any, **_others: Any) -> Any:
        if "null" in func_call["arguments"]:
            raise ConnectionError("nobody runs tools there")
        return _said(func_call, "active, they say", worked="P-1" in func_call["arguments"])

    async def a_execute_function(self, func_call: Any, *_options: Any, **_others: Any) -> Any:
        return self.execute_function(func_call)


class Table(GroupChat):  # type: ignore[misc]
    """Knows who speaks after the first, leaves the second to AutoGen, and fails in the end."""

    def select_speaker(self, last_speaker: Any, selector: Any) -> Any:
        if last_speaker.name == "user":
            return self.agent_by_name("one")
        if last_speaker.name == "one":
            return super().select_speaker(last_speaker, selector)
        raise LookupError("nobody sits beside two")

    async def a_select_speaker(self, last_speaker: Any, selector: Any) -> Any:
        if last_speaker.name == "one":
            return await super().a_select_speaker(last_speaker, selector)
        return self.select_speaker(last_speaker, selector)


def at_a_table(_servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    """A user and a group chat of a class that selects speakers itself."""
    asker = user()
    group = Table(
        [asker, silent_agent("one"), silent_agent("two")], [], 5, speaker_selection_method="round_robin"
    )
    return asker, GroupChatManager(group, llm_config=False)


def speaking(servers: Sequence[ScriptedServer], kind: type[Any] = Speaker) -> tuple[Any, Any]:
    """Somebody who talks to an agent with replies of its own."""
    asker = ConversableAgent("user", llm_config=False, default_auto_reply="Go on.", **_QUIET)
    return asker, kind("speaker", llm_config=llm_config([entry(servers[0])]), **_QUIET)


def relaying(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    """Somebody who talks to an agent that leaves its replies to AutoGen in unusual ways."""
    return speaking(servers, Relay)


def running(kind: type[Any]) -> Any:
    """Makes an agent of a class with tool calls of its own, and an assistant that asks for them."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker = kind(
            "user",
            llm_config=False,
            is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
            **_QUIET,
        )
        helper = assistant([entry(servers[0])])
        asker.register_function({"lookup": lookup, "a_lookup": a_lookup})
        return asker, helper

    return agents
