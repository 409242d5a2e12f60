"""What model calls cost, by the price list of ``genai-prices`` where that is installed (extra ``cost``)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from autogen_otel.observations import Cost, ModelCall
from autogen_otel.vocabulary import costs

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
"""Names of ``genai-prices`` where they are not those of ``gen_ai.provider.name``."""

Priced = Callable[[ModelCall], ModelCall]


def price_list() -> Priced:
    """Return what completes a model call by its cost; what the host said stands where nobody knows better."""
    if find_spec("genai_prices") is None:
        return lambda call: call
    try:
        prices = import_module("genai_prices")
        # It reads its list with the first price asked for, which would hold up the first model call.
        prices.calc_price(prices.Usage(input_tokens=1), "gpt-4o", provider_id="openai")
    except Exception as error:  # noqa: BLE001 - a broken installation of it must not end the application
        _log.warning("Costs are AutoGen's own, because genai-prices fails to load: %s", type(error).__name__)
        return lambda call: call
    return _PriceList(prices).priced


class _PriceList:
    def __init__(self, prices: Any) -> None:
        self._prices = prices

    def priced(self, call: ModelCall) -> ModelCall:
        """Complete a call, unless the user's own price has been applied, or nothing was spent."""
        if call.usage is None or (call.cost is not None and call.cost.source == costs.CONFIG):
            return call
        usd = self._usd(call)
        return call if usd is None else replace(call, cost=Cost(usd, costs.GENAI_PRICES))

    def _usd(self, call: ModelCall) -> float | None:
        usage, model = call.usage, call.response_model or call.entry.model
        if usage is None or model is None:
            return None
        provider = call.entry.provider
        try:
            counted = self._prices.Usage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cached_input_tokens,
            )
            found = self._prices.calc_price(
                counted, model, provider_id=_PROVIDERS.get(provider or "", provider)
            )
            return float(found.total_price)
        except Exception:  # noqa: BLE001 - an unknown model, odd counts or a flaw of the list: the call matters more
            return None
