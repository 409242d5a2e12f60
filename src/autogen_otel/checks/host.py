"""Tries one entry with the host: makes an agent of it, which asks its model, but sends no request."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.checks.refusal import Refusal, refusals
from autogen_otel.checks.values import revive
from autogen_otel.plain_text import one_line
from autogen_otel.reading import read, read_text

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
    """Ends a call when it would send its request; no ``except Exception`` of the host catches it."""


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
        refusals: what it refuses.
        agent: the agent that it made.
        client: its model client.
        sdk: the SDK's client inside the model client; ``None`` if there is none that we understand.
        sdk_request: the request; ``None`` if the host made none.
        is_custom: whether the model client belongs to the application, which registers it later.
    """

    refusals: tuple[Refusal, ...] = ()
    agent: Any = None
    client: Any = None
    sdk: Any = None
    sdk_request: Request | None = None
    is_custom: bool = False


def attempt(options: Mapping[str, Any], entry: Mapping[str, Any]) -> Attempt:
    """Make an agent of one entry, and let it ask its model, without a network.

    Args:
        options: the options beside the ``config_list``, as ``values.to_plain`` returns them.
        entry: the entry, likewise.
    """
    try:
        agent = _make_agent(options, [revive(entry)])
    except Exception as error:  # noqa: BLE001 - whatever the host refuses with is the answer
        return Attempt(refusals(error))
    client = agent.client._clients[0]  # noqa: SLF001 - AutoGen gives its model clients to nobody
    if type(client).__name__ == "PlaceHolderClient":
        return Attempt(agent=agent, client=client, is_custom=True)
    sdk = sdk_of(client)
    if sdk is None:
        return Attempt(agent=agent, client=client)
    model_refusals, sdk_request = _ask_model(agent, sdk)
    return Attempt(model_refusals, agent, client, sdk, sdk_request)


def refusal_of_object(options: Mapping[str, Any], entry: Mapping[str, Any]) -> str | None:
    """What the host ends with if an entry stands where it wants a list; ``None`` if it takes that."""
    try:
        _make_agent(options, revive(entry))
    except Exception as error:  # noqa: BLE001 - whatever the host refuses with is the answer
        return one_line(f"{type(error).__name__}: {read_text(error)}")
    return None


def sdk_of(client: Any) -> Any:
    """The client inside a model client that sends through httpx: OpenAI's, or that of a similar SDK."""
    for candidate in (client, *vars(client).values()):
        if read(candidate, "max_retries") is not None and callable(read(read(candidate, "_client"), "send")):
            return candidate
    return None


def call_options(sdk: Any) -> set[str]:
    """The options that a client of OpenAI's SDK takes, when it is made and when it is asked."""
    create = read(read(read(sdk, "chat"), "completions"), "create")
    options = set(_parameters(type(sdk)))
    return options if create is None else options | set(_parameters(create))


def _parameters(function: Any) -> Iterable[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind not in variadic and parameter.name[0] != "_"
    ]


def _make_agent(options: Mapping[str, Any], config_list: Any) -> Any:
    autogen = importlib.import_module("autogen")
    return autogen.ConversableAgent(
        "checked",
        llm_config={**revive(options), "config_list": config_list},
        human_input_mode="NEVER",
        code_execution_config=False,
    )


def _ask_model(agent: Any, sdk: Any) -> tuple[tuple[Refusal, ...], Request | None]:
    """Let the agent's wrapper ask its model.

    We answer the request, so that the host goes on to the price; not as a stream, because the host would
    load from the network what it counts a stream's tokens with.
    """
    wrapper = agent.client
    config = wrapper._config_list[0]  # noqa: SLF001 - as above
    for name in ("stream", "stream_options", "cache"):
        config.pop(name, None)
    config["cache_seed"] = None
    if read(sdk, "_azure_ad_token_provider") is not None:
        sdk._azure_ad_token_provider = lambda: "a-token"  # noqa: SLF001 - the real one would ask for a token
    http, requests = sdk._client, []  # noqa: SLF001 - what the SDK sends through
    send = http.send

    def capture(request: Any, **_: Any) -> Any:
        requests.append(Request(http, send, request))
        if not str(request.url.path).endswith("/chat/completions"):
            raise Intercepted
        module = sys.modules[type(request).__module__.partition(".")[0]]
        return module.Response(200, json=_ANSWER, request=request)

    http.send = capture
    model_refusals: tuple[Refusal, ...] = ()
    try:
        wrapper.create(messages=[dict(message) for message in MESSAGES])
    except Intercepted:
        pass
    except Exception as error:  # noqa: BLE001 - as above
        model_refusals = refusals(error)
        if requests:
            # The answer is ours, so the host's refusal of it says nothing, except about the price.
            model_refusals = tuple(refusal for refusal in model_refusals if refusal.kind == "price")
    finally:
        http.send = send
    return model_refusals, requests[0] if requests else None


def body_of(request: Any) -> dict[str, Any]:
    """The JSON that a request sends."""
    try:
        body = json.loads(request.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
