"""Agents that do more than talk: people, runners of code, and assistants that live at the provider."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autogen import ConversableAgent
from autogen.coding import LocalCommandLineCodeExecutor

from scenarios.assistants_api import ASSISTANT_ID
from scenarios.server import ScriptedServer, entry

_ASSISTANTS = "autogen.agentchat.contrib.gpt_assistant_agent"
HAS_ASSISTANTS = importlib.util.find_spec(_ASSISTANTS) is not None


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
    """The assistant of the scripted API; only lineages that ``HAS_ASSISTANTS`` can make it."""
    from autogen.agentchat.contrib.gpt_assistant_agent import GPTAssistantAgent

    helper: ConversableAgent = GPTAssistantAgent(
        "assistant",
        llm_config={"config_list": [entry(server)], "check_every_ms": 1},
        assistant_config={"assistant_id": ASSISTANT_ID},
    )
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
