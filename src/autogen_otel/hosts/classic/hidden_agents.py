"""The agents and chats that AutoGen makes for itself, which the user did not create."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autogen_otel.reading import read, text_or_none

SPEAKER_SELECTION = "speaker_selection"
"""Role of the agents and chats that let a model choose the next speaker."""
TOOL_EXECUTOR = "tool_executor"
"""Role of the agent that runs the tools of AG2's group patterns and swarms."""
GROUP_MANAGER = "group_manager"
"""Role of the manager that a pattern or swarm makes for its group chat."""
NESTED_CHAT = "nested_chat"
"""Role of the agent that a pattern or swarm puts around a nested chat."""
SUMMARY = "summary"
"""Role of the model call that sums a conversation up."""

_SELECTING_AGENT = "checking_agent"
_TOOL_EXECUTORS = frozenset({"_Group_Tool_Executor", "_Swarm_Tool_Executor"})
_TEMPORARY_USER = "_User"
_NESTED_CHAT = re.compile(r"(?:wrapped_nested|nested_chat)_(.+)_\d+", re.DOTALL)


def name_of(agent: object) -> str:
    """An agent's name, also where the host passes the name itself or something odd."""
    name = text_or_none(agent if isinstance(agent, str) else read(agent, "name"))
    return type(agent).__name__ if name is None else name


def selects_speakers(initiator: object) -> bool:
    """Whether a chat that begins during speaker selection is the selection itself, not one of the user's."""
    return name_of(initiator) == _SELECTING_AGENT


def runs_tools(agent: object) -> bool:
    """Whether it is the hidden agent that runs the tools of a group or swarm."""
    return name_of(agent) in _TOOL_EXECUTORS


def wraps_nested_chat(agent: object) -> bool:
    """Whether a pattern or swarm has made the agent around a nested chat: a member with such a name."""
    if _NESTED_CHAT.fullmatch(name_of(agent)) is None:
        return False
    return any(read(agent, name) is not None for name in ("_group_manager", "_swarm_manager"))


def tool_executor(group: object) -> Any:
    """The hidden agent that runs the tools of this group chat; ``None`` where a user made the group."""
    return next((agent for agent in agents_of(group) if runs_tools(agent)), None)


def manages_pattern(agent: object) -> bool:
    """Whether it is the manager that a pattern or swarm has made for its group chat."""
    return tool_executor(read(agent, "groupchat")) is not None


def role_of(agent: object) -> str | None:
    """What AutoGen has made this agent for; ``None`` for an agent of the user's."""
    if runs_tools(agent):
        return TOOL_EXECUTOR
    if wraps_nested_chat(agent):
        return NESTED_CHAT
    return GROUP_MANAGER if manages_pattern(agent) else None


def agents_of(group: object) -> Sequence[Any]:
    """The members of a group chat, hidden ones included."""
    agents = read(group, "agents")
    return agents if isinstance(agents, list) else ()


def shown_names(agents: Sequence[Any]) -> tuple[str, ...]:
    """Names of the agents that the user knows of."""
    return tuple(shown_name(agent) for agent in agents if not (runs_tools(agent) or wraps_nested_chat(agent)))


def shown_name(agent: object) -> str:
    """An agent's name as the user knows it.

    A pattern's stand-in for the user is just the user, and the agent around a nested chat is the one that
    handed over to it.
    """
    name = name_of(agent)
    if name == _TEMPORARY_USER:
        return "user"
    owner = _NESTED_CHAT.fullmatch(name) if wraps_nested_chat(agent) else None
    return owner.group(1) if owner is not None else name
