"""The cost of model calls, by the price list of ``genai-prices`` where that is installed (extra ``cost``)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import localcontext
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Literal

from autogen_otel.recording.rates import PRECISE, ModelRates
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

_NOW: Final = partial(datetime.now, timezone.utc)
_UNKNOWN: Final = "unknown"
_MOST_MODELS: Final = 256
"""As many are remembered, known or not."""

_ModelAndProvider = tuple[str, "str | None"]
_Tokens = tuple[Any, Any, Any]
"""Input, output, and what of the input was read from the prompt cache."""
_Models = dict[_ModelAndProvider, "ModelRates | Literal['unknown']"]


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
    return PriceList(prices)


class PriceList:
    """The prices of ``genai-prices``, which is asked once for what the tokens of a model cost.

    It examines the whole entry of a model for each price anew, and goes through all names for each model that
    it does not know. Either takes a good part of the time that we spend on a turn.

    Args:
        prices: the package.
        clock: gives the time: prices begin at a date, or apply at some time of day.
    """

    __slots__ = ("_clock", "_memory", "_prices", "_snapshot")

    def __init__(self, prices: Any, clock: Callable[[], datetime] = _NOW) -> None:
        self._prices = prices
        self._clock = clock
        self._snapshot: Callable[[], object] | None = getattr(
            getattr(prices, "data_snapshot", None), "get_snapshot", None
        )
        # Replaced as a whole: what one thread was told by an old list must not be remembered of a new one.
        self._memory: tuple[object, _Models] = (None, {})

    def __call__(self, facts: Mapping[str, Any]) -> float | None:
        """Return what a model call costs; ``None`` if that is unknown.

        Args:
            facts: of the model call.
        """
        model = facts.get(names.GEN_AI_RESPONSE_MODEL) or facts.get(names.GEN_AI_REQUEST_MODEL)
        if model is None:
            return None
        provider = facts.get(names.GEN_AI_PROVIDER_NAME) or ""
        tokens = (
            facts.get(names.GEN_AI_USAGE_INPUT_TOKENS),
            facts.get(names.GEN_AI_USAGE_OUTPUT_TOKENS),
            facts.get(names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
        )
        try:
            return self._price((model, _PROVIDERS.get(provider, provider or None)), tokens)
        except Exception:  # noqa: BLE001 - odd counts or a flaw of the list: the call matters more
            return None

    def _price(self, name: _ModelAndProvider, tokens: _Tokens) -> float | None:
        models = self._models()
        rates = models.get(name)
        if rates == _UNKNOWN:
            return None
        now = self._clock()
        price = None
        if rates is not None:
            try:
                price = rates.price(now, *tokens)
            except Exception:  # noqa: BLE001 - a list to come may have other rates; it is still asked for prices
                price = None
        return self._ask(models, name, tokens, now) if price is None else price

    def _models(self) -> _Models:
        """What is remembered of the list that is in use: ``genai_prices.UpdatePrices`` brings new ones."""
        if self._snapshot is None:
            return {}
        snapshot = self._snapshot()
        memory = self._memory
        if memory[0] is not snapshot:
            memory = self._memory = (snapshot, {})
        return memory[1]

    def _ask(self, models: _Models, name: _ModelAndProvider, tokens: _Tokens, now: datetime) -> float | None:
        usage = self._prices.Usage(
            input_tokens=tokens[0], output_tokens=tokens[1], cache_read_tokens=tokens[2]
        )
        if len(models) >= _MOST_MODELS:
            models.clear()
        try:
            with localcontext(PRECISE):
                price = self._prices.calc_price(
                    usage, name[0], provider_id=name[1], genai_request_timestamp=now
                )
        except LookupError as error:
            # A `KeyError`, say, tells of something else than an unknown name.
            if type(error) is LookupError:
                models[name] = _UNKNOWN
            return None
        models.setdefault(name, ModelRates(price, self._prices.Usage))
        return float(price.total_price)
