"""What calls cost: by whose price list, and what nobody can price."""

from __future__ import annotations

import decimal
import importlib
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timezone
from decimal import Decimal
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from autogen_otel.recording.prices import PriceList, price_list
from autogen_otel.testing import entry, text
from tests.support.agents import Serve, assistant, chat, configured, user
from tests.support.lineage import HAS_PRICES
from tests.support.telemetry import Telemetry, attributes_of


def facts(model: str = "gpt-4o", provider: str = "openai", **usage: Any) -> dict[str, Any]:
    """What is known of a model call."""
    counts = usage or {"input_tokens": 1000, "output_tokens": 100}
    return {
        "gen_ai.request.model": model,
        "gen_ai.provider.name": provider,
        **{f"gen_ai.usage.{name}": count for name, count in counts.items()},
    }


def price(of: dict[str, Any]) -> float | None:
    """What the list of prices says."""
    prices = price_list()
    assert prices is not None
    return prices(of)


def test_the_host_says_what_a_call_cost_where_there_is_no_price_list(
    telemetry: Telemetry, serve: Serve
) -> None:
    chat(user(), assistant([entry(serve([text("TERMINATE")]))]))
    result = attributes_of(telemetry.one("chat"))
    assert result["autogen.cost.usd"] > 0
    assert result["autogen.cost.source"] == ("genai-prices" if HAS_PRICES else "autogen")


def test_a_price_in_the_entry_is_what_was_agreed(telemetry: Telemetry, serve: Serve) -> None:
    helper = configured(assistant([entry(serve([text("TERMINATE")]))]), price=[1.0, 2.0])
    chat(user(), helper)
    result = attributes_of(telemetry.one("chat"))
    assert result["autogen.cost.source"] == "config"
    tokens = result["gen_ai.usage.input_tokens"], result["gen_ai.usage.output_tokens"]
    assert result["autogen.cost.usd"] == pytest.approx(tokens[0] / 1000 * 1.0 + tokens[1] / 1000 * 2.0)


def test_a_model_that_no_list_knows_has_no_cost(telemetry: Telemetry, serve: Serve) -> None:
    chat(user(), assistant([entry(serve([text("TERMINATE")]), "house-model-of-ours")]))
    assert "autogen.cost.usd" not in attributes_of(telemetry.one("chat"))


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
def test_the_price_list_knows_better_than_the_host() -> None:
    usd = price(facts())
    assert usd is not None
    assert 0 < usd < 0.1


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
def test_input_read_from_the_prompt_cache_costs_less() -> None:
    cached: dict[str, Any] = {"input_tokens": 1000, "output_tokens": 100, "cache_read.input_tokens": 1000}
    part, whole = price(facts(**cached)), price(facts())
    assert part is not None
    assert whole is not None
    assert part < whole


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
@pytest.mark.parametrize(
    "unknown",
    [
        facts("house-model-of-ours"),
        facts(provider="nobody"),
        facts() | {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 20},
        {"gen_ai.provider.name": "openai"},
    ],
    ids=["model", "provider", "odd counts", "nothing known"],
)
def test_what_the_list_cannot_price_has_no_price(unknown: dict[str, Any]) -> None:
    assert price(unknown) is None


def test_a_price_list_that_fails_costs_nothing_but_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flawed(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    flawed = Flawed("genai_prices")
    flawed.__spec__ = ModuleSpec("genai_prices", None)
    monkeypatch.setitem(sys.modules, "genai_prices", flawed)
    assert price_list() is None


def test_a_price_list_that_does_not_load_is_said_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "genai_prices.py").write_text("raise RuntimeError('half installed')")
    monkeypatch.delitem(sys.modules, "genai_prices", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert price_list() is None
    assert "genai-prices fails to load: RuntimeError" in caplog.text


MOMENTS = [
    datetime(*when, tzinfo=timezone.utc) for when in [(2024, 1, 1, 3), (2026, 11, 30, 3), (2026, 11, 30, 17)]
]
"""Before and after prices change, by day and by night."""

COUNTS: list[tuple[Any, Any, Any]] = [
    (1234, 321, 100),
    (0, 0, None),
    (7, 3_000_000, 7),
    (5, None, None),
    (None, 5, None),
    (3, 5, 4),
    (-1, 5, 0),
    (1.5, 2, 0),
    (True, 1, 0),
    *((start + more, 9, start) for start in (128_000, 200_000, 272_000) for more in (0, 1)),
    (1_500_000, 70_000, 900_000),
]
"""Tokens of input, of output, and read from the prompt cache: usual ones, odd ones, and around tiers."""


def genai_prices() -> Any:
    """The package."""
    return importlib.import_module("genai_prices")


def snapshots() -> Any:
    """Its module of what list is in use."""
    return importlib.import_module("genai_prices.data_snapshot")


def kinds() -> list[tuple[str, str]]:
    """A provider and a model of each kind of price that the list has."""
    found: dict[object, tuple[str, str]] = {}
    for provider in snapshots().get_snapshot().providers:
        for model in provider.models:
            several = (
                model.prices if isinstance(model.prices, list) else [SimpleNamespace(prices=model.prices)]
            )
            kind = tuple(
                (
                    type(getattr(one, "constraint", None)),
                    *(
                        (key, str(getattr(price, "tiers", "")))
                        for key, price in vars(one.prices).items()
                        if price
                    ),
                )
                for one in several
            )
            found.setdefault(kind, (provider.id, model.id))
    return list(found.values())


def of_counts(model: str, provider: str, counts: tuple[Any, Any, Any]) -> dict[str, Any]:
    """What is known of a model call with these tokens."""
    keys = ("input_tokens", "output_tokens", "cache_read.input_tokens")
    return facts(model, provider, **dict(zip(keys, counts, strict=True)))


def by_the_list(
    model: str, provider: str, counts: tuple[Any, Any, Any], now: datetime | None
) -> float | None:
    """What the list says if it is asked."""
    keys = ("input_tokens", "output_tokens", "cache_read_tokens")
    package = genai_prices()
    try:
        usage = package.Usage(**dict(zip(keys, counts, strict=True)))
        price = package.calc_price(usage, model, provider_id=provider, genai_request_timestamp=now)
    except Exception:
        return None
    return float(price.total_price)


@pytest.fixture
def another_list() -> Iterator[Callable[[Any], None]]:
    """Puts another list into use, until the test ends."""
    use = snapshots().set_custom_snapshot
    yield use
    use(None)


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
def test_each_price_is_what_the_list_says_now() -> None:
    now = MOMENTS[0]
    prices = PriceList(genai_prices(), lambda: now)
    some = kinds()
    assert len(some) > 10
    wrong = []
    for provider, model in some:
        for counts in COUNTS:
            for now in MOMENTS:
                usd = prices(of_counts(model, provider, counts))
                if usd != by_the_list(model, provider, counts, now):
                    wrong.append((provider, model, counts, now, usd))
    assert not wrong


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
@pytest.mark.parametrize("model", ["gpt-4o", "house-model-of-ours"])
def test_the_list_is_asked_once_for_a_model(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    prices = PriceList(genai_prices())
    first = prices(facts(model)), prices(facts(model))
    monkeypatch.setattr(genai_prices().types.ModelPrice, "calc_price", None)
    monkeypatch.setattr(genai_prices(), "calc_price", None)
    assert (prices(facts(model)), prices(facts(model))) == first


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
def test_a_new_list_counts_from_its_first_moment(another_list: Callable[[Any], None]) -> None:
    prices = PriceList(genai_prices())
    known, unknown = facts(), facts("house-model-of-ours")
    before = [prices(one) for one in (known, known, unknown, unknown)]
    providers = deepcopy(snapshots().get_snapshot().providers)
    openai = next(provider for provider in providers if provider.id == "openai")
    types = genai_prices().types
    own = types.ModelInfo(
        id="house-model-of-ours",
        match=types.ClauseEquals(equals="house-model-of-ours"),
        prices=types.ModelPrice(input_mtok=Decimal(3), output_mtok=Decimal(0)),
    )
    next(model for model in openai.models if model.id == "gpt-4o").prices = own.prices
    openai.models.append(own)
    another_list(snapshots().DataSnapshot(providers, from_auto_update=True))
    assert [prices(one) for one in (known, known, unknown, unknown)] == [0.003] * 4
    another_list(None)
    assert [prices(one) for one in (known, known, unknown, unknown)] == before


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
def test_prices_that_an_application_derives_are_asked_for_each_time(
    another_list: Callable[[Any], None],
) -> None:
    types = genai_prices().types

    class ByTheThousand(types.ModelPrice):  # type: ignore[misc, name-defined]
        def calc_price(self, usage: Any) -> Any:
            usd = Decimal(usage.input_tokens // 1000)
            return {"input_price": usd, "output_price": Decimal(0), "total_price": usd}

    own = types.ModelInfo(id="own", match=types.ClauseEquals(equals="own"), prices=ByTheThousand())
    provider = types.Provider(id="house", name="House", api_pattern="none", models=[own])
    another_list(snapshots().DataSnapshot([provider], from_auto_update=False))
    prices = PriceList(genai_prices())
    assert [prices(of_counts("own", "house", (count, 1, 0))) for count in (999, 1000, 2500, 999)] == [
        0,
        1,
        2,
        0,
    ]


@pytest.mark.needs(HAS_PRICES, "the extra cost is not installed here")
def test_how_an_application_calculates_changes_no_price() -> None:
    prices = PriceList(genai_prices())
    odd = of_counts("gpt-4o", "openai", (1_234_567, 765_432, 123_456))
    expected = [prices(odd), prices(odd)]
    asked_anew = PriceList(genai_prices())
    with decimal.localcontext() as context:
        context.prec = 1
        assert [prices(odd), prices(odd), asked_anew(odd), asked_anew(odd)] == [*expected, *expected]
        assert decimal.getcontext() is context


class Listed:
    """A list of another version: ``known`` is a dollar a token. It counts how often it is asked."""

    Usage = SimpleNamespace

    def __init__(self, error: type[Exception] = LookupError) -> None:
        self.asked = 0
        self.error = error
        self.data_snapshot = SimpleNamespace(get_snapshot=lambda: self)

    def calc_price(self, usage: Any, model: str, **_others: Any) -> Any:
        self.asked += 1
        if model != "known":
            raise self.error(model)
        return SimpleNamespace(total_price=Decimal(usage.input_tokens))


def test_a_list_that_tells_no_rates_is_asked_for_each_price() -> None:
    listed = Listed()
    prices = PriceList(listed)
    assert [prices(of_counts("known", "openai", (count, 1, 0))) for count in (1, 2, 3)] == [1, 2, 3]
    assert listed.asked == 3


def test_a_list_that_does_not_tell_when_it_is_replaced_is_asked_for_each_price() -> None:
    listed = Listed()
    del listed.data_snapshot
    prices = PriceList(listed)
    assert [prices(facts("unknown")) for _ in range(3)] == [None] * 3
    assert listed.asked == 3


@pytest.mark.parametrize(("error", "asked"), [(LookupError, 1), (KeyError, 3), (ValueError, 3)])
def test_only_an_unknown_name_is_remembered_as_such(error: type[Exception], asked: int) -> None:
    listed = Listed(error)
    prices = PriceList(listed)
    assert [prices(facts("unknown")) for _ in range(3)] == [None] * 3
    assert listed.asked == asked


def test_what_is_remembered_is_bounded() -> None:
    listed = Listed()
    prices = PriceList(listed)
    for _ in range(2):
        for number in range(1000):
            assert prices(facts(f"model-{number}")) is None
        assert len(prices._models()) <= 256
    assert listed.asked == 2000
