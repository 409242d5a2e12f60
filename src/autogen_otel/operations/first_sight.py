"""What agents and wrappers say once, read when they are first seen: names, roles, and credentials to mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autogen_otel.operations.hidden_agents import role_of, shown_name
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read
from autogen_otel.recording import Facts, Recorder
from autogen_otel.vocabulary import spans

_PAIR = 2


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """What an agent says of itself.

    Args:
        name: as the user would say it.
        turn: name of the span of its turns.
        role: what AutoGen has made the agent for; ``None`` for the user's own.
        manages_group: whether its turn is a group chat.
    """

    name: str
    turn: str
    role: str | None
    manages_group: bool


@dataclass(frozen=True, slots=True)
class WrapperSeen:
    """What is known of an ``OpenAIWrapper``.

    Args:
        entries: what is known of its ``config_list`` entries, by index.
    """

    entries: dict[int, Any] = field(default_factory=dict)


def see_agent(recorder: Recorder, agent: Any) -> AgentSeen:
    """What an agent says, read the first time.

    Args:
        recorder: masks the credentials that it and the members of its group carry.
        agent: a ``ConversableAgent``, a ``GroupChatManager``, or anything else.
    """
    # As ``Memory.recall``, without the call: each turn asks for four agents.
    kept = recorder.memory.get(id(agent))
    if kept is not None and kept[0]() is agent:
        seen: AgentSeen = kept[1]
        return seen
    group = read(agent, "groupchat")
    members = read(group, "agents")
    for one in (agent, *(members if isinstance(members, list) else ())):
        wrapper = read(one, "client")
        if wrapper is not None:
            llm_config = read(one, "llm_config")
            recorder.hide(llm_config)
            if recorder.check is not None:
                recorder.check(llm_config)
            see_wrapper(recorder, wrapper)
    name = shown_name(agent)
    seen = AgentSeen(name, spans.agent(name), role_of(agent), group is not None)
    recorder.memory.remember(agent, seen)
    if recorder.on_agent is not None:
        for one in (agent, *(members if isinstance(members, list) else ())):
            recorder.on_agent(one)
    return seen


def see_wrapper(recorder: Recorder, wrapper: Any) -> WrapperSeen:
    """What is known of an ``OpenAIWrapper``, which may belong to no agent."""
    seen: WrapperSeen | None = recorder.memory.recall(wrapper)
    if seen is not None:
        return seen
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
    seen = WrapperSeen()
    recorder.memory.remember(wrapper, seen)
    return seen


def _hide_http_client(recorder: Recorder, client: Any) -> None:
    """What the user's own ``http_client`` adds to requests, and what it shows to proxies."""
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
        """Mask the credentials before anything can be recorded that holds them."""
        # A program may set its variables late, but hardly after it makes its agents.
        self.recorder.hide_environment()
        arguments = dict(self.arguments)
        self.recorder.hide(arguments)
        if self.recorder.check is not None:
            self.recorder.check(arguments)
        return None
