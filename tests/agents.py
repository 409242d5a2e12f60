"""Agents for tests, the same in every lineage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autogen import ConversableAgent

from scenarios.server import ScriptedServer, entry

Tool = Callable[..., Any]


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


def chat(asker: ConversableAgent, helper: ConversableAgent, message: str = "Hello", **options: Any) -> Any:
    """A whole conversation, without printing."""
    return asker.initiate_chat(helper, message=message, silent=True, **options)


async def a_chat(
    asker: ConversableAgent, helper: ConversableAgent, message: str = "Hello", **options: Any
) -> Any:
    """A whole conversation, asynchronously, without printing."""
    return await asker.a_initiate_chat(helper, message=message, silent=True, **options)
