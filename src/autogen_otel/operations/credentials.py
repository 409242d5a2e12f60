"""Finding the credentials that agents carry, so that they can be masked wherever they turn up."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from autogen_otel.capture.secrets import KnownSecrets
from autogen_otel.observations import Observation
from autogen_otel.operations.operation import Call, Operation

_seen: WeakSet[Any] = WeakSet()
"""Wrappers already read. AutoGen makes a new one whenever an agent's tools change."""


def make_known(agent: Any, secrets: KnownSecrets) -> None:
    """Read the ``config_list`` and clients of an agent, and of a group's members, once each.

    Args:
        agent: a ``ConversableAgent``, a ``GroupChatManager``, or anything else, which is then passed over.
        secrets: where they are made known.
    """
    members = getattr(getattr(agent, "groupchat", None), "agents", None)
    for one in (agent, *(members if isinstance(members, list) else ())):
        wrapper = getattr(one, "client", None)
        if wrapper is None or wrapper in _seen:
            continue
        _seen.add(wrapper)
        secrets.add_tree(getattr(one, "llm_config", None))
        _read_wrapper(wrapper, secrets)


def _read_wrapper(wrapper: Any, secrets: KnownSecrets) -> None:
    secrets.add_tree(getattr(wrapper, "_config_list", None))
    for client in getattr(wrapper, "_clients", ()):
        inner = sdk_client(client)
        secrets.add(getattr(inner, "api_key", None))
        secrets.add(getattr(inner, "_azure_ad_token", None))
        secrets.add_tree(getattr(inner, "_custom_headers", None))
        secrets.add_tree({"url": str(getattr(inner, "base_url", ""))})


def sdk_client(client: Any) -> Any:
    """The SDK's client inside one of AutoGen's (AG2's second generation keeps it under another name)."""
    return getattr(client, "_oai_client", None) or getattr(client, "client", None)


class MakeClients(Operation[Observation]):
    """Reads ``OpenAIWrapper.__init__``, where every credential of every agent passes; records nothing."""

    def begin(self, call: Call) -> None:
        """Make the credentials known before anything can be recorded that holds them."""
        call.secrets.add_tree(dict(call.arguments))
