"""Finding the credentials that agents carry, so that they can be masked wherever they turn up."""

from __future__ import annotations

import os
from typing import Any

from autogen_otel.capture.secrets import KnownSecrets
from autogen_otel.observations import Observation
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.operations.reading import attribute

_PAIR = 2


def make_known(agent: Any, secrets: KnownSecrets) -> None:
    """Read the ``config_list`` and clients of an agent, and of a group's members, once each.

    Args:
        agent: a ``ConversableAgent``, a ``GroupChatManager``, or anything else, which is then passed over.
        secrets: where they are made known.
    """
    members = attribute(attribute(agent, "groupchat"), "agents")
    for one in (agent, *(members if isinstance(members, list) else ())):
        wrapper = attribute(one, "client")
        if wrapper is not None and secrets.first_sight(wrapper):
            secrets.add_tree(attribute(one, "llm_config"))
            _read_wrapper(wrapper, secrets)


def make_known_of(wrapper: Any, secrets: KnownSecrets) -> None:
    """Read an ``OpenAIWrapper`` that may belong to no agent, once; AutoGen makes a new one with new tools."""
    if secrets.first_sight(wrapper):
        _read_wrapper(wrapper, secrets)


def _read_wrapper(wrapper: Any, secrets: KnownSecrets) -> None:
    secrets.add_tree(attribute(wrapper, "_config_list"))
    clients = attribute(wrapper, "_clients")
    for client in clients if isinstance(clients, list) else ():
        inner = sdk_client(client)
        secrets.add(attribute(inner, "api_key"))
        secrets.add(attribute(inner, "_azure_ad_token"))
        secrets.add_tree(
            {
                "default_headers": attribute(inner, "_custom_headers"),
                "default_query": attribute(inner, "_custom_query"),
                "base_url": _url(attribute(inner, "base_url")),
            }
        )
        _read_http_client(attribute(inner, "_client"), secrets)


def _read_http_client(client: Any, secrets: KnownSecrets) -> None:
    """What the user's own ``http_client`` adds to requests, and what it shows to proxies."""
    auth = attribute(client, "_auth")
    sent = [("authorization", attribute(auth, "_auth_header")), *_pairs(attribute(client, "_headers"))]
    secrets.add(attribute(auth, "_password"))
    jar = attribute(attribute(client, "_cookies"), "jar")
    for cookie in jar if jar is not None else ():
        secrets.add_tree({"cookie": attribute(cookie, "value")})
    mounts = attribute(client, "_mounts")
    transports = list(mounts.values()) if isinstance(mounts, dict) else []
    for transport in (attribute(client, "_transport"), *transports):
        pool = attribute(transport, "_pool")
        sent += _pairs(attribute(pool, "_proxy_headers"))
        secrets.add_tree({"auth": attribute(pool, "_proxy_auth")})
    secrets.add_sent(sent)


def _pairs(headers: Any) -> list[tuple[Any, Any]]:
    rows = headers if isinstance(headers, list) else attribute(headers, "raw")
    return [row for row in rows if len(row) == _PAIR] if isinstance(rows, list) else []


def _url(url: Any) -> str | None:
    # httpx and httpx2 have a class for it; anything else is not the SDK's.
    return str(url) if isinstance(url, str) or type(url).__name__ == "URL" else None


def sdk_client(client: Any) -> Any:
    """The SDK's client inside one of AutoGen's (AG2's second generation keeps it under another name)."""
    inner = attribute(client, "_oai_client")
    return attribute(client, "client") if inner is None else inner


class MakeClients(Operation[Observation]):
    """Reads ``OpenAIWrapper.__init__``, where every credential of every agent passes; records nothing."""

    def begin(self, call: Call) -> None:
        """Make the credentials known before anything can be recorded that holds them."""
        # A program may set its variables late, but hardly after it makes its agents.
        call.secrets.add_environment(os.environ)
        call.secrets.add_tree(dict(call.arguments))
