"""What calls cost: by whose price list, and what nobody can price."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autogen_otel.recording.prices import price_list
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
