"""What tokens cost, of which a list of prices is asked once: exact, and only where it is a sum of rates."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.recording.rates import Ask, rates_between

prices = st.decimals(min_value=0, max_value=100, places=6)
counts = st.integers(min_value=0, max_value=10_000_000)


def listed(request: Decimal, input_: Decimal, output: Decimal, cached: Decimal) -> Ask:
    """A list that prices a request, and a million tokens each."""
    return lambda i, o, c: request / 1000 + (input_ * (i - c) + output * o + cached * c) / 1_000_000


@given(st.tuples(prices, prices, prices, prices), counts, counts, counts)
def test_the_price_is_the_lists_to_the_last_bit(
    rates: tuple[Decimal, Decimal, Decimal, Decimal], read: int, output: int, cached: int
) -> None:
    ask = listed(*rates)
    found = rates_between(ask, 1, 1_000_000_000)
    assert found is not None
    tokens = read + cached, output, cached
    assert found.price(*tokens) == float(ask(*tokens))


@pytest.mark.parametrize(
    "ask",
    [
        lambda i, _o, _c: Decimal(-(-i // 1000)),  # by the thousand
        lambda i, _o, _c: max(Decimal(5), i / Decimal(1_000_000)),  # five at least
        lambda _i, o, _c: Decimal(o if o < 200_000 else 2 * o),
        lambda i, _o, c: Decimal(i - c if i - c > 1000 else 0),
        lambda i, o, _c: Decimal(i * o),
    ],
    ids=["in steps", "a minimum", "tiers of output", "tiers of what was not cached", "a product"],
)
def test_what_is_no_sum_of_rates_is_left_to_the_list(ask: Ask) -> None:
    assert rates_between(ask, 1, 1_000_000_000) is None


def test_a_tier_too_narrow_to_tell_is_left_to_the_list() -> None:
    assert rates_between(listed(*[Decimal(1)] * 4), 8, 8) is None
