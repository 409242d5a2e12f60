"""The shortest conversation there is: no model, one answer. For programs that are started in many ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autogen import Agent, ConversableAgent


def hold(name: str, answer: Callable[[], str] = lambda: "done") -> str:
    """Have a user ask an agent of this name, which answers once.

    Args:
        name: of the agent, by which its spans are known.
        answer: what it does to answer; may raise.

    Returns:
        The answer.
    """
    options: dict[str, Any] = {
        "llm_config": False,
        "human_input_mode": "NEVER",
        "code_execution_config": False,
    }
    user, agent = ConversableAgent("user", **options), ConversableAgent(name, **options)
    agent.register_reply([Agent, None], lambda *_args, **_kwargs: (True, answer()))
    result = user.initiate_chat(agent, message="hello", max_turns=1, silent=True)
    return str(result.summary)
