"""What the tokens of a model cost, which ``genai-prices`` is asked once: it takes long to price a call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from decimal import Context, Decimal, localcontext
from math import lcm
from typing import Any, Final, NamedTuple

Ask = Callable[[int, int, int], Decimal]
"""From tokens of input, of output, and of input read from the prompt cache to the price by the list."""

PRECISE: Final = Context(prec=28)
"""How the list calculates: an application may have its thread round to fewer digits."""

_MANY = 1_000_000_000
"""More tokens than any call has."""

_THEIR_TYPES = "genai_prices.types"


class Rates(NamedTuple):
    """What a request and each of its tokens cost: whole numbers, in fractions of a dollar.

    No sum of them is rounded, so that the price is to the last bit what the list says.
    """

    request: int
    input: int
    output: int
    cached: int
    """What it costs more, or less, that a token of the input was read from the prompt cache."""
    fractions: int
    """How many of them make a dollar."""

    def price(self, input_tokens: int, output_tokens: int, cached_tokens: int) -> float:
        """US dollars for a call."""
        total = (
            self.request
            + self.input * input_tokens
            + self.output * output_tokens
            + self.cached * cached_tokens
        )
        return total / self.fractions


class _Current(NamedTuple):
    """The prices of a model that apply now: others may at another time of day, or from some day on."""

    prices: Any
    starts: list[int]
    """Above each of these numbers of input tokens, other rates apply."""
    rates: dict[int, Rates | None]
    """By how many of these numbers a call exceeds; ``None`` where its price is no sum of rates."""


class ModelRates:
    """The rates of one model, for as long as the list of prices stays the same.

    Args:
        price: what ``genai-prices`` said of the first call, which names the model and the provider.
        usage: its class for numbers of tokens.
    """

    __slots__ = ("_current", "_price", "_usage")

    def __init__(self, price: Any, usage: Callable[..., Any]) -> None:
        self._price = price
        self._usage = usage
        # Replaced as a whole, since several threads may find at once that other prices apply.
        self._current = _Current(None, [], {})

    def price(self, now: datetime, input_tokens: Any, output_tokens: Any, cached_tokens: Any) -> float | None:
        """Return what a call costs; ``None`` if only the list can tell.

        Args:
            now: the time of the call.
            input_tokens: all that went in.
            output_tokens: all that came out.
            cached_tokens: how many of the input were read from the prompt cache; ``None`` for none.
        """
        if cached_tokens is None:
            cached_tokens = 0
        if not (type(input_tokens) is type(output_tokens) is type(cached_tokens) is int):
            return None
        if output_tokens < 0 or not 0 <= cached_tokens <= input_tokens:
            return None
        prices = self._price.model.get_prices(now)
        current = self._current
        if prices is not current.prices:
            current = self._current = _Current(prices, _starts(prices), {})
        tier = bisect_left(current.starts, input_tokens)
        if tier not in current.rates:
            current.rates[tier] = self._rates(current, tier, now)
        rates = current.rates[tier]
        return None if rates is None else rates.price(input_tokens, output_tokens, cached_tokens)

    def _rates(self, current: _Current, tier: int, now: datetime) -> Rates | None:
        model, provider = self._price.model, self._price.provider
        # What an application has derived from these classes may calculate in any way.
        if any(type(one).__module__ != _THEIR_TYPES for one in (model, current.prices)):
            return None

        def ask(input_tokens: int, output_tokens: int, cached_tokens: int) -> Decimal:
            usage = self._usage(
                input_tokens=input_tokens, output_tokens=output_tokens, cache_read_tokens=cached_tokens
            )
            price = model.calc_price(usage, provider, genai_request_timestamp=now)
            return price.total_price  # type: ignore[no-any-return]

        bounds = [0, *current.starts, current.starts[-1] + _MANY if current.starts else _MANY]
        with localcontext(PRECISE):
            return rates_between(ask, bounds[tier] + 1, bounds[tier + 1])


def _starts(prices: Any) -> list[int]:
    tiers = (tier for price in vars(prices).values() for tier in getattr(price, "tiers", ()))
    return sorted({tier.start for tier in tiers})


def rates_between(ask: Ask, low: int, high: int) -> Rates | None:
    """Find the rates for ``low`` to ``high`` tokens of input; ``None`` if the price is no sum of rates there.

    Args:
        ask: the list of prices.
        low: the fewest tokens, at least one.
        high: the most tokens.
    """
    if high <= low:
        return None
    asked = [(low, 0, 0), (low + 1, 0, 0), (low, 1, 0), (low, 0, 1), (high, _MANY, 0), (high, _MANY, high)]
    ratios = [ask(*tokens).as_integer_ratio() for tokens in asked]
    fractions = lcm(*(denominator for _, denominator in ratios))
    one, more_in, more_out, more_cached, many, many_cached = (
        numerator * (fractions // denominator) for numerator, denominator in ratios
    )
    input_rate = more_in - one
    rates = Rates(one - low * input_rate, input_rate, more_out - one, more_cached - one, fractions)
    # It is not with tiers by anything but the input, as in genai-prices before 0.0.50, or what else may come.
    is_sum = (
        rates.request + high * rates.input + _MANY * rates.output == many
        and many + high * rates.cached == many_cached
    )
    return rates if is_sum else None
