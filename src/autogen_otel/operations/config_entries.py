"""Reading the ``config_list`` of an ``OpenAIWrapper``: which entry is which, without anything secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from autogen_otel.observations import Entry, RequestOptions
from autogen_otel.operations.credentials import sdk_client
from autogen_otel.operations.operation import text_or_none

_DEFAULT_PORTS = {"https": 443, "http": 80}

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
}
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


def entry(wrapper: Any, index: int) -> Entry:
    """Describe entry ``index`` of an ``OpenAIWrapper``.

    Only the fields named here leave the configuration: entries hold other providers' credentials too.
    """
    config = wrapper._config_list[index]
    address, port = _endpoint(wrapper._clients[index])
    api_type = text_or_none(config.get("api_type"))
    return Entry(
        index=index,
        count=len(wrapper._clients),
        model=text_or_none(config.get("model")),
        api_type=api_type,
        provider=_provider(api_type, address),
        address=address,
        port=port,
    )


def index_of_client(wrapper: Any, client: Any) -> int | None:
    """Position of a model client in its wrapper; by identity, since entries may be equal."""
    return next((i for i, one in enumerate(wrapper._clients) if one is client), None)


def first_index(wrapper: Any) -> int:
    """Index of the entry that will be tried first (AG2 can rotate)."""
    if getattr(wrapper, "routing_method", None) != "round_robin":
        return 0
    index = wrapper._round_robin_index
    return index if isinstance(index, int) and index < len(wrapper._clients) else 0


def answered_index(wrapper: Any, response: Any) -> int | None:
    """Index of the entry that gave a response, from what each lineage leaves behind.

    Source: ``response.config_id`` in 0.2 and 0.9, ``OpenAIWrapper._response_metadata`` in AG2 0.14.
    """
    index = getattr(response, "config_id", None)
    if not isinstance(index, int):
        metadata = getattr(wrapper, "_response_metadata", None) or {}
        index = metadata.get(getattr(response, "id", None), {}).get("config_id")
    return index if isinstance(index, int) and 0 <= index < len(wrapper._clients) else None


def options(*sources: Any) -> RequestOptions:
    """Request parameters; an entry's own win over the call's, as in ``OpenAIWrapper.create``."""
    merged: dict[str, Any] = {}
    for source in sources:
        merged.update(source)
    limit = merged.get("max_completion_tokens", merged.get("max_tokens"))
    return RequestOptions(
        temperature=_number(merged.get("temperature")),
        top_p=_number(merged.get("top_p")),
        max_tokens=limit if isinstance(limit, int) else None,
        # The convention has it only for calls that do stream.
        stream=True if merged.get("stream") is True else None,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _endpoint(client: Any) -> tuple[str | None, int | None]:
    base_url = getattr(sdk_client(client), "base_url", None)
    if base_url is None:
        return None, None
    parts = urlsplit(str(base_url))
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _provider(api_type: str | None, address: str | None) -> str:
    for suffix, provider in _PROVIDERS_BY_HOST.items():
        if address is not None and (address == suffix or address.endswith("." + suffix)):
            return provider
    return _PROVIDERS_BY_API_TYPE.get(api_type or "", "openai")
