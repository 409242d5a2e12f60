"""All checks of one entry, those of its model and price, and the search for duplicate entries."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from autogen_otel.checks.checked_entry import CheckedEntry
from autogen_otel.checks.endpoints import endpoint_problems
from autogen_otel.checks.keys import key_problem
from autogen_otel.checks.options import option_problems
from autogen_otel.checks.placeholders import is_placeholder, is_quoted, is_template
from autogen_otel.checks.report import ERROR, WARNING, Problem
from autogen_otel.checks.timeouts import timeout_problems
from autogen_otel.checks.values import is_number, kind_of, revive
from autogen_otel.hosts.classic.models.config_entries import has_odd_price

_OPENAI: Final = "https://api.openai.com/v1"
_PRICE_NUMBERS: Final = 2


def entry_problems(checked: CheckedEntry) -> list[Problem]:
    """Find all problems of one entry by itself."""
    host_problems = list(option_problems(checked))
    own_problems = [
        *model_problems(checked),
        *filter(None, [key_problem(checked)]),
        *endpoint_problems(checked),
        *price_problems(checked),
        *timeout_problems(checked),
    ]
    if any(problem.kind == "api_type" for problem in host_problems):
        # The host took it for an entry of another type.
        host_problems = [
            problem for problem in host_problems if problem.kind in {"api_type", "repeated_option"}
        ]
        own_problems = [problem for problem in own_problems if problem.kind not in _KINDS_OF_TYPE]
    # The host may miss an option afterwards because it does not know a misspelt one.
    explanations = [
        *own_problems,
        *(problem for problem in host_problems if problem.kind == "unknown_option"),
    ]
    return [problem for problem in host_problems if not _is_explained(problem, explanations)] + own_problems


_KINDS_OF_TYPE: Final = frozenset({"azure_version", "azure_endpoint", "key_missing"})


def _is_explained(problem: Problem, explanations: Sequence[Problem]) -> bool:
    """Whether one of our own checks has found what the host refuses, and explains it in clearer words."""
    errors = [error for error in explanations if error.severity == ERROR]
    if problem.kind != "rejected":
        return False
    return bool(errors) if problem.option is None else any(error.option == problem.option for error in errors)


def model_problems(checked: CheckedEntry) -> Iterator[Problem]:
    """Find problems of the model."""
    model = checked.value("model")
    if checked.is_custom and not _is_refused(checked, "model"):
        return
    if model is None or (isinstance(model, str) and not model.strip()):
        yield Problem("model_missing", ERROR, "model is missing; name the model to ask", "model")
    elif not isinstance(model, str):
        yield Problem("model_missing", ERROR, "model is no text; name the model to ask", "model")
    elif not checked.is_local and is_placeholder(model):
        is_sure = is_template(model) or checked.is_at_openai
        severity = ERROR if is_sure else WARNING
        yield Problem("model_placeholder", severity, "model is a placeholder; name the model to ask", "model")
    elif model != model.strip() or is_quoted(model) or "\n" in model:
        yield Problem(
            "model_placeholder", ERROR, "model holds whitespace or quotes around it; remove them", "model"
        )


def price_problems(checked: CheckedEntry) -> Iterator[Problem]:
    """Find out if AutoGen can calculate with the price: one number, or one each for prompt and answer."""
    price = revive(checked.value("price"))
    if _is_refused(checked, "price") or (checked.answer is None and has_odd_price({"price": price})):
        message = (
            "price must be two numbers, for 1000 tokens of the prompt and of the answer, such as [0.01, 0.03]"
        )
        yield Problem("price", ERROR, message, "price")
    elif isinstance(price, (list, tuple)) and len(price) > _PRICE_NUMBERS:
        yield Problem("price", WARNING, f"price has {len(price)} numbers, of which two count", "price")
    elif _is_negative(price):
        yield Problem("price", WARNING, "price is negative or no number that can be added up", "price")


def _is_refused(checked: CheckedEntry, option: str) -> bool:
    refusals = [] if checked.answer is None else checked.answer["refusals"]
    return any(option == refusal["option"] or refusal["kind"] == option for refusal in refusals)


def _is_negative(price: Any) -> bool:
    numbers = price if isinstance(price, (list, tuple)) else [price]
    return any(is_number(number) and (number < 0 or not math.isfinite(number)) for number in numbers)


def duplicates(entries: Sequence[Any], environ: Mapping[str, str]) -> dict[int, int]:
    """The index of each entry that asks the same as an earlier one, with the index of the earliest."""
    first_by_key: dict[str, int] = {}
    first_of_duplicate = {}
    for index, entry in enumerate(entries):
        # Nobody can tell here which of the program's own objects are the same.
        if not isinstance(entry, Mapping) or any(
            kind_of(value) not in {None, "tuple"} for value in entry.values()
        ):
            continue
        key = json.dumps(_normalize(entry, environ), sort_keys=True)
        if key in first_by_key:
            first_of_duplicate[index] = first_by_key[key]
        first_by_key.setdefault(key, index)
    return first_of_duplicate


def duplicate_problem(first: int) -> Problem:
    """The problem of an entry that is in the list already."""
    message = f"is the same as entry {first}, so falling over to it cannot help; remove one of them"
    return Problem("duplicate", WARNING, message)


def _normalize(entry: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Add the defaults that the entry leaves out, and give equal URLs the same spelling."""
    api_type = entry.get("api_type") or "openai"
    normalized_entry = {
        "api_type": api_type,
        **{key: value for key, value in entry.items() if value is not None},
    }
    if api_type == "openai":
        normalized_entry.setdefault("api_key", environ.get("OPENAI_API_KEY"))
        normalized_entry.setdefault("base_url", environ.get("OPENAI_BASE_URL") or _OPENAI)
    url = normalized_entry.get("base_url")
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
        except ValueError:
            return normalized_entry
        normalized_entry["base_url"] = urlunsplit(
            (parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), parts.query, "")
        )
    return normalized_entry
