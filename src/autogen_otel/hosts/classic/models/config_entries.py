"""Reading the ``config_list`` of an ``OpenAIWrapper``: which entry is which, without anything secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from autogen_otel.hosts.classic.first_sight import sdk_client, see_wrapper
from autogen_otel.hosts.sdk.http_attempt import address_of
from autogen_otel.reading import read, text_or_none
from autogen_otel.recording import Facts, Recorder
from autogen_otel.vocabulary import attributes as names
from autogen_otel.whose_code import HOST

_PAIR = 2
_OPTIONS = frozenset({"max_completion_tokens", "max_tokens", "stream", "temperature", "top_p"})

_PROVIDERS_BY_API_TYPE = {
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "google": "gcp.gemini",
    "gemini": "gcp.gemini",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "groq": "groq",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "together": "together_ai",
    "cerebras": "cerebras",
    "ollama": "ollama",
}
"""By prefix, as the host matches ``api_type``: ``bedrock_v2`` is Bedrock, too."""

_PROVIDERS_BY_HOST = {
    "openai.azure.com": "azure.ai.openai",
    "groq.com": "groq",
    "deepseek.com": "deepseek",
    "mistral.ai": "mistral_ai",
    "x.ai": "x_ai",
    "perplexity.ai": "perplexity",
    "moonshot.cn": "moonshot_ai",
    "anthropic.com": "anthropic",
    "cohere.com": "cohere",
    "generativelanguage.googleapis.com": "gcp.gemini",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``config_list`` entry, without anything secret.

    Args:
        index: position in ``config_list``, from 0.
        count: entries in ``config_list``.
        model: the requested model.
        facts: what is recorded of the entry.
        is_custom: whether its model client is one of the application's.
        has_sdk: whether its model client sends requests through the OpenAI SDK.
    """

    index: int
    count: int
    model: str | None
    facts: Facts
    is_custom: bool = False
    has_sdk: bool = False


def see_entry(recorder: Recorder, wrapper: Any, index: int) -> Entry:
    """Entry ``index`` of an ``OpenAIWrapper``, read only the first time.

    Only the fields named here leave the configuration: entries hold other providers' credentials too.
    """
    config, clients = wrapper._config_list[index], wrapper._clients
    entries: dict[int, Entry] = see_wrapper(recorder, wrapper).entries
    entry = entries.get(index)
    if entry is None or entry.model is not config.get("model") or entry.count != len(clients):
        entry = entries[index] = _entry(config, clients, index)
    return entry


def _entry(config: Any, clients: Any, index: int) -> Entry:
    client = clients[index]
    sdk, module = sdk_client(client), type(client).__module__
    is_custom = "model_client_cls" in config and module.partition(".")[0] not in HOST
    address, port = endpoint(sdk)
    model, api_type = text_or_none(config.get("model")), text_or_none(config.get("api_type"))
    facts = {
        names.GEN_AI_PROVIDER_NAME: provider_of(api_type, address, custom="model_client_cls" in config),
        names.GEN_AI_REQUEST_MODEL: model,
        names.CONFIG_INDEX: index,
        names.CONFIG_API_TYPE: api_type,
        names.SERVER_ADDRESS: address,
        names.SERVER_PORT: port,
        names.REQUEST_TIMEOUT_SECONDS: _timeout(read(sdk, "timeout")),
        names.REQUEST_MAX_RETRIES: _int_or_none(read(sdk, "max_retries")),
        names.CLIENT_CLASS: f"{module}.{type(client).__qualname__}" if is_custom else None,
    }
    has_sdk = any(base.__module__.startswith("openai.") for base in type(sdk).__mro__)
    return Entry(index, len(clients), model, facts, is_custom, has_sdk and not is_custom)


def has_odd_price(config: Mapping[str, Any]) -> bool:
    """Whether an entry has a ``price`` that AutoGen cannot calculate with: it needs one number, or two."""
    price = config.get("price")
    if price is None or _float_or_none(price) is not None:
        return False
    is_pair = isinstance(price, (list, tuple)) and len(price) == _PAIR
    return not (is_pair and all(_float_or_none(number) is not None for number in price))


def _timeout(timeout: object) -> float | None:
    """Seconds that the SDK waits for an answer; httpx has an object with several timeouts."""
    seconds = _float_or_none(timeout)
    return _float_or_none(read(timeout, "read")) if seconds is None else seconds


def _int_or_none(number: object) -> int | None:
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def index_of_client(wrapper: Any, client: Any) -> int | None:
    """Position of a model client in its wrapper; by identity, since entries may be equal."""
    for index, candidate in enumerate(wrapper._clients):
        if candidate is client:
            return index
    return None


def first_index(wrapper: Any) -> int:
    """Index of the entry that will be tried first (AG2 can rotate)."""
    if getattr(wrapper, "routing_method", None) != "round_robin":
        return 0
    index = wrapper._round_robin_index
    return index if isinstance(index, int) and index < len(wrapper._clients) else 0


def index_of_answer(wrapper: Any, get_field: Callable[[str], Any]) -> int | None:
    """Index of the entry that returned a response, from what each lineage records about it.

    Args:
        wrapper: an ``OpenAIWrapper``.
        get_field: returns a field of the response by its name.

    Source: ``response.config_id`` in 0.2 and 0.9, ``OpenAIWrapper._response_metadata`` in AG2 0.14.
    """
    index = get_field("config_id")
    if not isinstance(index, int):
        index = _metadata(wrapper, get_field("id")).get("config_id")
    return index if isinstance(index, int) and 0 <= index < len(wrapper._clients) else None


def has_passed_filter(wrapper: Any, get_field: Callable[[str], Any]) -> bool:
    """Whether the user's ``filter_func`` accepted the response; without one every response passes.

    Args and source: as of ``index_of_answer``.
    """
    has_passed = get_field("pass_filter")
    if has_passed is None:
        has_passed = _metadata(wrapper, get_field("id")).get("pass_filter")
    return has_passed is None or bool(has_passed)


def _metadata(wrapper: Any, key: object) -> dict[str, Any]:
    """What AG2 0.14 stores of a response under its id; an id that is no text comes from a custom client."""
    responses = read(wrapper, "_response_metadata")
    metadata = responses.get(key) if isinstance(responses, dict) and isinstance(key, str) else None
    return metadata if isinstance(metadata, dict) else {}


def options(arguments: Mapping[str, Any], entry_config: Mapping[str, Any]) -> Facts:
    """Request parameters that change behaviour; those of the entry win, as in ``OpenAIWrapper.create``."""
    if _OPTIONS.isdisjoint(entry_config) and _OPTIONS.isdisjoint(arguments):
        return {}
    merged = {**arguments, **entry_config}
    limit = merged.get("max_completion_tokens", merged.get("max_tokens"))
    return {
        names.GEN_AI_REQUEST_TEMPERATURE: _float_or_none(merged.get("temperature")),
        names.GEN_AI_REQUEST_TOP_P: _float_or_none(merged.get("top_p")),
        names.GEN_AI_REQUEST_MAX_TOKENS: limit if isinstance(limit, int) else None,
        # The convention sets it only on calls that stream.
        names.GEN_AI_REQUEST_STREAM: True if merged.get("stream") is True else None,
    }


def _float_or_none(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float)) else None
    except OverflowError:  # an integer beyond all floats
        return None


def endpoint(sdk: Any) -> tuple[str | None, int | None]:
    """Host and port that a client of the SDK sends requests to."""
    base_url = getattr(sdk, "base_url", None)
    if base_url is None:
        return None, None
    return address_of(base_url if isinstance(base_url, str) else str(base_url))


@lru_cache(maxsize=256)
def provider_of(api_type: str | None, address: str | None, *, custom: bool = False) -> str:
    """The value of ``gen_ai.provider.name``: by the endpoint, else by ``api_type``."""
    for suffix, provider in _PROVIDERS_BY_HOST.items():
        if address is not None and (address == suffix or address.endswith("." + suffix)):
            return provider
    for prefix, provider in _PROVIDERS_BY_API_TYPE.items():
        if (api_type or "").startswith(prefix):
            return provider
    return "custom" if custom else "openai"
