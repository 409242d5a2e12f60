"""The cost of model calls, by the price list of ``genai-prices`` where that is installed (extra ``cost``)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from autogen_otel.vocabulary import attributes as names

_log = logging.getLogger("autogen_otel")

_PROVIDERS = {
    "azure.ai.openai": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
}
"""Names in ``genai-prices`` where they differ from those of ``gen_ai.provider.name``."""

Price = Callable[[Mapping[str, Any]], "float | None"]
"""From the facts of a model call (provider, model, tokens) to US dollars; ``None`` if unknown."""


def price_list() -> Price | None:
    """Return the list of prices, if there is one."""
    if find_spec("genai_prices") is None:
        return None
    try:
        prices = import_module("genai_prices")
        # It loads its list with the first price, which would delay the first model call.
        prices.calc_price(prices.Usage(input_tokens=1), "gpt-4o", provider_id="openai")
    except Exception as error:  # noqa: BLE001 - a broken installation of it must not end the application
        _log.warning("Costs are AutoGen's own, because genai-prices fails to load: %s", type(error).__name__)
        return None
    return partial(_price, prices)


def _price(prices: Any, facts: Mapping[str, Any]) -> float | None:
    model = facts.get(names.GEN_AI_RESPONSE_MODEL) or facts.get(names.GEN_AI_REQUEST_MODEL)
    if model is None:
        return None
    provider = facts.get(names.GEN_AI_PROVIDER_NAME) or ""
    try:
        usage = prices.Usage(
            input_tokens=facts.get(names.GEN_AI_USAGE_INPUT_TOKENS),
            output_tokens=facts.get(names.GEN_AI_USAGE_OUTPUT_TOKENS),
            cache_read_tokens=facts.get(names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
        )
        price = prices.calc_price(usage, model, provider_id=_PROVIDERS.get(provider, provider or None))
        return float(price.total_price)
    except Exception:  # noqa: BLE001 - an unknown model, odd counts or a flaw of the list: the call matters more
        return None
