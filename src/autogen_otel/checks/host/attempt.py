"""One entry as the host takes it: an agent is made of it, and asks, but its request never leaves."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.checks.host.refusal import Refusal, refusals
from autogen_otel.checks.values import revived
from autogen_otel.reading import read

MESSAGES: Final = ({"role": "user", "content": "Reply with the single word OK."},)
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "n": (1, math.inf),
    "max_tokens": (1, math.inf),
    "max_completion_tokens": (1, math.inf),
    "seed": (-math.inf, math.inf),
    "top_logprobs": (0, 20),
}
"""Options that are numbers, and what OpenAI's API takes: https://platform.openai.com/docs/api-reference/chat."""
_ANSWER: Final = {
    "id": "chatcmpl-check",
    "object": "chat.completion",
    "created": 0,
    "model": "check",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "OK"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Intercepted(BaseException):
    """Ends a call at the moment when its request would leave; no ``except Exception`` of the host ends it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the SDK would send it.

    Args:
        http: the HTTP client of the SDK's client.
        send: its method to send with.
        request: the request.
    """

    http: Any
    send: Any
    request: Any


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far the host came with an entry.

    Args:
        refused: what it refuses.
        agent: the agent that it made.
        client: its model client.
        sdk: the client of an SDK inside that; ``None`` where there is none that is understood.
        sent: the request; ``None`` where none was made.
        is_custom: whether the model client is one of the application's, which registers it later.
    """

    refused: tuple[Refusal, ...] = ()
    agent: Any = None
    client: Any = None
    sdk: Any = None
    sent: Request | None = None
    is_custom: bool = False


def attempt(options: Mapping[str, Any], entry: Mapping[str, Any]) -> Attempt:
    """Make an agent of one entry, and let it ask its model, without a network.

    Args:
        options: what stands beside the ``config_list``, as ``values.plain`` has it.
        entry: the entry, likewise.
    """
    try:
        agent = _agent(options, entry)
    except Exception as error:  # noqa: BLE001 - whatever the host refuses with is the answer
        return Attempt(refusals(error))
    client = agent.client._clients[0]  # noqa: SLF001 - AutoGen gives its model clients to nobody
    if type(client).__name__ == "PlaceHolderClient":
        return Attempt(agent=agent, client=client, is_custom=True)
    sdk = sdk_of(client)
    if sdk is None:
        return Attempt(agent=agent, client=client)
    refused, sent = _asked(agent, sdk)
    return Attempt(refused, agent, client, sdk, sent)


def sdk_of(client: Any) -> Any:
    """The client inside a model client that sends through httpx: OpenAI's, and those of SDKs made alike."""
    for one in (client, *vars(client).values()):
        if read(one, "max_retries") is not None and callable(read(read(one, "_client"), "send")):
            return one
    return None


def call_options(sdk: Any) -> set[str]:
    """The options that a client of OpenAI's SDK takes, when it is made and when it is asked."""
    create = read(read(read(sdk, "chat"), "completions"), "create")
    found = set(_parameters(type(sdk)))
    return found if create is None else found | set(_parameters(create))


def _parameters(function: Any) -> Iterable[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [one.name for one in parameters if one.kind not in variadic and one.name[0] != "_"]


def _agent(options: Mapping[str, Any], entry: Mapping[str, Any]) -> Any:
    autogen = importlib.import_module("autogen")
    return autogen.ConversableAgent(
        "checked",
        llm_config={**revived(options), "config_list": [revived(entry)]},
        human_input_mode="NEVER",
        code_execution_config=False,
    )


def _asked(agent: Any, sdk: Any) -> tuple[tuple[Refusal, ...], Request | None]:
    """Let the agent's wrapper ask its model.

    The request is answered here, so that the host goes on to the price; as a whole, because it would count
    the tokens of a stream with what it loads from the network.
    """
    wrapper = agent.client
    config = wrapper._config_list[0]  # noqa: SLF001 - as above
    for name in ("stream", "stream_options", "cache"):
        config.pop(name, None)
    config["cache_seed"] = None
    if read(sdk, "_azure_ad_token_provider") is not None:
        sdk._azure_ad_token_provider = lambda: "a-token"  # noqa: SLF001 - the real one would ask for a token
    http, sent = sdk._client, []  # noqa: SLF001 - what the SDK sends through
    send = http.send

    def capture(request: Any, **_: Any) -> Any:
        sent.append(Request(http, send, request))
        if not str(request.url.path).endswith("/chat/completions"):
            raise Intercepted
        module = sys.modules[type(request).__module__.partition(".")[0]]
        return module.Response(200, json=_ANSWER, request=request)

    http.send = capture
    refused: tuple[Refusal, ...] = ()
    try:
        wrapper.create(messages=[dict(one) for one in MESSAGES])
    except Intercepted:
        pass
    except Exception as error:  # noqa: BLE001 - as above
        refused = refusals(error)
        if sent:
            # What the host makes of an answer that was made up here says nothing, but for the price.
            refused = tuple(one for one in refused if one.kind == "price")
    finally:
        http.send = send
    return refused, sent[0] if sent else None


def body_of(request: Any) -> dict[str, Any]:
    """The JSON that a request sends."""
    try:
        parsed = json.loads(request.content)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
