"""All checks of one entry, and the model and price of it; and entries that stand in the list twice."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from autogen_otel.checks.offline.endpoints import endpoint_problems
from autogen_otel.checks.offline.facts import Facts
from autogen_otel.checks.offline.keys import key_problem
from autogen_otel.checks.offline.options import option_problems
from autogen_otel.checks.offline.patience import patience_problems
from autogen_otel.checks.offline.placeholders import is_placeholder, is_quoted, is_template
from autogen_otel.checks.report import ERROR, WARNING, Problem
from autogen_otel.checks.values import is_number, kind_of, revived
from autogen_otel.operations.models.config_entries import has_odd_price

_OPENAI: Final = "https://api.openai.com/v1"
_PRICES: Final = 2


def entry_problems(facts: Facts) -> list[Problem]:
    """Find all that is wrong with an entry, by itself."""
    told = list(option_problems(facts))
    found = [
        *model_problems(facts),
        *filter(None, [key_problem(facts)]),
        *endpoint_problems(facts),
        *price_problems(facts),
        *patience_problems(facts),
    ]
    if any(one.kind == "api_type" for one in told):
        # The host has looked at it as an entry of another type.
        told = [one for one in told if one.kind in {"api_type", "repeated_option"}]
        found = [one for one in found if one.kind not in _OF_TYPE]
    # An option that is not taken may be what the host misses afterwards.
    known = [*found, *(one for one in told if one.kind == "unknown_option")]
    return [one for one in told if not _is_explained(one, known)] + found


_OF_TYPE: Final = frozenset({"azure_version", "azure_endpoint", "key_missing"})


def _is_explained(told: Problem, found: Sequence[Problem]) -> bool:
    """Whether something that the host refuses is what a check has found, and says in clearer words."""
    errors = [one for one in found if one.severity == ERROR]
    if told.kind != "rejected":
        return False
    return bool(errors) if told.option is None else any(one.option == told.option for one in errors)


def model_problems(facts: Facts) -> Iterator[Problem]:
    """Find what is wrong with the model."""
    model = facts.value("model")
    if facts.is_custom and not _is_refused(facts, "model"):
        return
    if model is None or (isinstance(model, str) and not model.strip()):
        yield Problem("model_missing", ERROR, "model is missing; name the model to ask", "model")
    elif not isinstance(model, str):
        yield Problem("model_missing", ERROR, "model is no text; name the model to ask", "model")
    elif not facts.is_local and is_placeholder(model):
        is_sure = is_template(model) or facts.is_at_openai
        severity = ERROR if is_sure else WARNING
        yield Problem("model_placeholder", severity, "model is a placeholder; name the model to ask", "model")
    elif model != model.strip() or is_quoted(model) or "\n" in model:
        yield Problem(
            "model_placeholder", ERROR, "model holds whitespace or quotes around it; remove them", "model"
        )


def price_problems(facts: Facts) -> Iterator[Problem]:
    """Find whether AutoGen can calculate with the price: a number, or one each for prompt and answer."""
    price = revived(facts.value("price"))
    if _is_refused(facts, "price") or (facts.answer is None and has_odd_price({"price": price})):
        message = (
            "price must be two numbers, for 1000 tokens of the prompt and of the answer, such as [0.01, 0.03]"
        )
        yield Problem("price", ERROR, message, "price")
    elif isinstance(price, (list, tuple)) and len(price) > _PRICES:
        yield Problem("price", WARNING, f"price has {len(price)} numbers, of which two count", "price")
    elif _is_negative(price):
        yield Problem("price", WARNING, "price is negative or no number that can be added up", "price")


def _is_refused(facts: Facts, option: str) -> bool:
    refused = [] if facts.answer is None else facts.answer["refusals"]
    return any(option == one["option"] or one["kind"] == option for one in refused)


def _is_negative(price: Any) -> bool:
    numbers = price if isinstance(price, (list, tuple)) else [price]
    return any(is_number(one) and (one < 0 or not math.isfinite(one)) for one in numbers)


def duplicates(entries: Sequence[Any], environ: Mapping[str, str]) -> dict[int, int]:
    """The entries that ask the same as one before them, with that one's index."""
    first: dict[str, int] = {}
    found = {}
    for index, entry in enumerate(entries):
        # Of the program's own objects nobody can tell here which are the same.
        if not isinstance(entry, Mapping) or any(
            kind_of(one) not in {None, "tuple"} for one in entry.values()
        ):
            continue
        mark = json.dumps(_alike(entry, environ), sort_keys=True)
        if mark in first:
            found[index] = first[mark]
        first.setdefault(mark, index)
    return found


def duplicate_problem(first: int) -> Problem:
    """The problem of an entry that stands in the list already."""
    message = f"is the same as entry {first}, so falling over to it cannot help; remove one of them"
    return Problem("duplicate", WARNING, message)


def _alike(entry: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The entry with what it leaves out, and its URL as every other that means the same."""
    api_type = entry.get("api_type") or "openai"
    alike = {"api_type": api_type, **{key: value for key, value in entry.items() if value is not None}}
    if api_type == "openai":
        alike.setdefault("api_key", environ.get("OPENAI_API_KEY"))
        alike.setdefault("base_url", environ.get("OPENAI_BASE_URL") or _OPENAI)
    url = alike.get("base_url")
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
        except ValueError:
            return alike
        alike["base_url"] = urlunsplit(
            (parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), parts.query, "")
        )
    return alike
