"""Agents for tests, the same in every lineage, and how to let two of them talk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent
from autogen.coding import LocalCommandLineCodeExecutor

from autogen_otel.testing import ScriptedServer, entry, text, tool_call
from scenarios.assistants_api import ASSISTANT_ID
from tests.support.tools import lookup

Tool = Callable[..., Any]
Serve = Callable[[Any], ScriptedServer]
"""What the fixture ``serve`` is: give it the answers, get a server."""
Agents = Callable[[Sequence[ScriptedServer]], tuple[Any, Any]]
"""Makes two agents, the one who begins and the other, from the servers of their models."""

SHAPES = pytest.mark.parametrize("shape", ["sync", "async"])
"""For tests that hold in both call shapes; they take ``shape`` and give it to ``converse``."""


def llm_config(entries: Sequence[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """A configuration without the disk cache that 0.2 uses unasked."""
    return {"config_list": list(entries), "cache_seed": None, **options}


def assistant(
    entries: Sequence[dict[str, Any]], name: str = "assistant", **model_options: Any
) -> ConversableAgent:
    """An agent with a model; options go beside the ``config_list``, where every lineage takes them."""
    return ConversableAgent(
        name,
        llm_config=llm_config(entries, **model_options),
        human_input_mode="NEVER",
        code_execution_config=False,
    )


def configured(helper: ConversableAgent, **options: Any) -> ConversableAgent:
    """The agent with options in every entry that 0.9 takes only past its checks, as users of it do."""
    for config in helper.client._config_list:
        config.update(options)
    return helper


def user(name: str = "user", **options: Any) -> ConversableAgent:
    """An agent without a model that runs tools and ends the chat on TERMINATE."""
    options.setdefault("is_termination_msg", lambda message: "TERMINATE" in str(message.get("content")))
    return ConversableAgent(
        name, llm_config=False, human_input_mode="NEVER", code_execution_config=False, **options
    )


def pair(
    server: ScriptedServer, *tools: Tool, entries: Sequence[dict[str, Any]] | None = None, raw: bool = False
) -> tuple[ConversableAgent, ConversableAgent]:
    """A user and an assistant that share tools.

    Args:
        server: where the assistant's model is.
        tools: functions, registered with the name and annotations they have.
        entries: another ``config_list``.
        raw: register the tools for execution in the plain function map, without AutoGen's own checks.
    """
    helper = assistant(entries or [entry(server)])
    asker = user()
    for tool in tools:
        helper.register_for_llm(name=tool.__name__, description=f"Runs {tool.__name__}")(tool)
        if raw:
            asker.register_function({tool.__name__: tool})
        else:
            asker.register_for_execution(name=tool.__name__)(tool)
    return asker, helper


def healthy_pair(serve: Serve, tool: Tool = lookup) -> tuple[ConversableAgent, ConversableAgent]:
    """A user and an assistant whose conversation is one tool call that works and an answer."""
    return pair(
        serve([tool_call(tool.__name__, {"policy_id": "P-1"}), text("It is active. TERMINATE")]), tool
    )


def chat(asker: ConversableAgent, helper: ConversableAgent, message: str = "Hello", **options: Any) -> Any:
    """A whole conversation, without printing."""
    return asker.initiate_chat(helper, message=message, silent=True, **_own_summary(options))


async def a_chat(
    asker: ConversableAgent, helper: ConversableAgent, message: str = "Hello", **options: Any
) -> Any:
    """A whole conversation, asynchronously, without printing."""
    return await asker.a_initiate_chat(helper, message=message, silent=True, **_own_summary(options))


def _own_summary(options: dict[str, Any]) -> dict[str, Any]:
    # AutoGen puts the first chat's cache into the default of this one, and all later summaries would use it.
    return {"summary_args": {}, **options}


def converse(shape: str, asker: Any, helper: Any, message: str = "Hello", **options: Any) -> Any:
    """A whole conversation in the given call shape."""
    if shape == "sync":
        return chat(asker, helper, message, **options)
    return asyncio.run(a_chat(asker, helper, message, **options))


class Person(ConversableAgent):  # type: ignore[misc]
    """A human whose answers are known beforehand."""

    def __init__(self, name: str, answers: Sequence[str], mode: str = "ALWAYS") -> None:
        super().__init__(name, llm_config=False, human_input_mode=mode, code_execution_config=False)
        self.answers = list(answers)

    def get_human_input(self, prompt: str, **options: Any) -> str:
        return self.answers.pop(0)

    async def a_get_human_input(self, prompt: str, **options: Any) -> str:
        return self.get_human_input(prompt, **options)


def with_executor(executor: Any) -> ConversableAgent:
    """A user who runs code with an executor."""
    return _running({"executor": executor})


def with_local_executor(folder: Path, timeout: int = 60) -> ConversableAgent:
    """A user who runs code on the command line, as AutoGen recommends it."""
    return with_executor(LocalCommandLineCodeExecutor(work_dir=folder, timeout=timeout))


def with_own_code(folder: Path, timeout: int = 60) -> ConversableAgent:
    """A user who runs code as before there were executors."""
    return _running({"use_docker": False, "work_dir": str(folder), "timeout": timeout})


def gpt_assistant(server: ScriptedServer, *tools: Any) -> ConversableAgent:
    """The assistant of the scripted API where the lineage has such agents (``lineage.HAS_ASSISTANTS``)."""
    from autogen.agentchat.contrib.gpt_assistant_agent import GPTAssistantAgent

    helper: ConversableAgent = GPTAssistantAgent(
        "assistant",
        llm_config={"config_list": [entry(server)], "check_every_ms": 1},
        assistant_config={"assistant_id": ASSISTANT_ID},
    )
    # Older hosts look for it there, where their own constructors do not leave it, and wait for a second.
    helper.llm_config["check_every_ms"] = 1
    helper.register_function({tool.__name__: tool for tool in tools})
    return helper


def _running(config: dict[str, Any]) -> ConversableAgent:
    return ConversableAgent(
        "user",
        llm_config=False,
        human_input_mode="NEVER",
        code_execution_config=config,
        is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
    )
