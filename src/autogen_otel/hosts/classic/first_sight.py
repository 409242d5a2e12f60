"""What is read of agents and wrappers once, at first sight: names, roles, and credentials to mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autogen_otel.hosts.classic.hidden_agents import role_of, shown_name
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read
from autogen_otel.recording import Facts, Recorder
from autogen_otel.vocabulary import spans

_PAIR = 2


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """What is known of an agent.

    Args:
        name: as the user knows it.
        turn_name: name of the span of its turns.
        role: what AutoGen has made the agent for; ``None`` for an agent of the user's.
        manages_group: whether its turn is a group chat.
    """

    name: str
    turn_name: str
    role: str | None
    manages_group: bool


@dataclass(frozen=True, slots=True)
class WrapperProfile:
    """What is known of an ``OpenAIWrapper``.

    Args:
        entries: what is known of its ``config_list`` entries, by index.
    """

    entries: dict[int, Any] = field(default_factory=dict)


def see_agent(recorder: Recorder, agent: Any) -> AgentProfile:
    """What is known of an agent, read the first time.

    Args:
        recorder: masks the credentials that it and the members of its group carry.
        agent: a ``ConversableAgent``, a ``GroupChatManager``, or anything else.
    """
    # As ``Memory.recall``, without the call: each turn asks for four agents.
    entry = recorder.memory.get(id(agent))
    if entry is not None and entry[0]() is agent:
        profile: AgentProfile = entry[1]
        return profile
    group = read(agent, "groupchat")
    members = read(group, "agents")
    agents = (agent, *(members if isinstance(members, list) else ()))
    for member in agents:
        wrapper = read(member, "client")
        if wrapper is not None:
            llm_config = read(member, "llm_config")
            recorder.hide(llm_config)
            if recorder.check is not None:
                recorder.check(llm_config)
            see_wrapper(recorder, wrapper)
    name = shown_name(agent)
    profile = AgentProfile(name, spans.agent(name), role_of(agent), group is not None)
    recorder.memory.remember(agent, profile)
    if recorder.on_agent is not None:
        for member in agents:
            recorder.on_agent(member)
    return profile


def see_wrapper(recorder: Recorder, wrapper: Any) -> WrapperProfile:
    """What is known of an ``OpenAIWrapper``, which may belong to no agent."""
    profile: WrapperProfile | None = recorder.memory.recall(wrapper)
    if profile is not None:
        return profile
    recorder.hide(read(wrapper, "_config_list"))
    clients = read(wrapper, "_clients")
    for client in clients if isinstance(clients, list) else ():
        inner = sdk_client(client)
        recorder.hide(
            {
                "api_key": read(inner, "api_key"),
                "azure_ad_token": read(inner, "_azure_ad_token"),
                "default_headers": read(inner, "_custom_headers"),
                "default_query": read(inner, "_custom_query"),
                "base_url": _url(read(inner, "base_url")),
            }
        )
        _hide_http_client(recorder, read(inner, "_client"))
    profile = WrapperProfile()
    recorder.memory.remember(wrapper, profile)
    return profile


def _hide_http_client(recorder: Recorder, client: Any) -> None:
    """Mask what the user's own ``http_client`` adds to requests and sends to proxies."""
    auth = read(client, "_auth")
    headers = [("authorization", read(auth, "_auth_header")), *_pairs(read(client, "_headers"))]
    recorder.hide({"password": read(auth, "_password")})
    jar = read(read(client, "_cookies"), "jar")
    for cookie in jar if jar is not None else ():
        recorder.hide({"cookie": read(cookie, "value")})
    mounts = read(client, "_mounts")
    transports = list(mounts.values()) if isinstance(mounts, dict) else []
    for transport in (read(client, "_transport"), *transports):
        pool = read(transport, "_pool")
        headers += _pairs(read(pool, "_proxy_headers"))
        recorder.hide({"auth": read(pool, "_proxy_auth")})
    recorder.hide_headers(headers)


def _pairs(headers: Any) -> list[tuple[Any, Any]]:
    rows = headers if isinstance(headers, list) else read(headers, "raw")
    return [row for row in rows if len(row) == _PAIR] if isinstance(rows, list) else []


def _url(url: Any) -> str | None:
    # httpx and httpx2 have a class for it; anything else is not the SDK's.
    return str(url) if isinstance(url, str) or type(url).__name__ == "URL" else None


def sdk_client(client: Any) -> Any:
    """The SDK's client inside one of AutoGen's (AG2's second generation keeps it under another name)."""
    inner = read(client, "_oai_client")
    return read(client, "client") if inner is None else inner


class MakeWrapper(Operation):
    """Reads ``OpenAIWrapper.__init__``, where every credential of every agent passes; records nothing."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Mask the credentials before anything that holds them can be recorded."""
        # A program may set its variables late, but hardly after it makes its agents.
        self.recorder.hide_environment()
        arguments = dict(self.arguments)
        self.recorder.hide(arguments)
        if self.recorder.check is not None:
            self.recorder.check(arguments)
        return None
