"""Finds options that the host does not take, each with the option that its author probably meant."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from autogen_otel.checks.checked_entry import CheckedEntry
from autogen_otel.checks.host import RANGES
from autogen_otel.checks.report import ERROR, WARNING, Problem
from autogen_otel.checks.values import is_number

_RENAMED: Final = {
    "api_base": ("base_url",),
    "openai_api_base": ("base_url",),
    "azure_endpoint": ("base_url",),
    "azure_deployment": ("model",),
    "endpoint": ("azure_endpoint", "base_url"),
    "url": ("base_url",),
    "host": ("base_url", "client_host"),
    "openai_api_key": ("api_key",),
    "key": ("api_key",),
    "token": ("api_key",),
    "engine": ("model",),
    "model_name": ("model",),
    "deployment": ("azure_deployment", "model"),
    "deployment_id": ("azure_deployment", "model"),
    "deployment_name": ("azure_deployment", "model"),
    "request_timeout": ("timeout",),
    "retries": ("max_retries",),
    "max_retry_period": ("max_retries",),
    "retry_wait_time": ("max_retries",),
    "headers": ("default_headers", "extra_headers"),
    "openai_organization": ("organization",),
    "use_cache": ("cache_seed",),
    "max_output_tokens": ("max_tokens", "max_completion_tokens"),
    "max_length": ("max_tokens",),
    "provider": ("api_type",),
    "type": ("api_type",),
    "stop_sequences": ("stop",),
}
"""Names that an option had in openai 0.x or AutoGen 0.1, or has elsewhere."""
_NEAR: Final = 0.76
_SHORTEST_BEGINNING: Final = 3
_VERY_NEAR: Final = 0.85
_LONG: Final = 5
_TYPES: Final = (
    "openai", "azure", "google", "anthropic", "mistral", "together", "groq", "cohere", "bedrock", "cerebras",
    "ollama", "deepseek", "responses",
)  # fmt: skip
"""The types that some lineage knows; pyautogen 0.2 treats any other as ``openai``."""
_OPENAI_TYPES: Final = ("openai", "responses")
_PREFIXED: Final = ("azure", "google", "anthropic", "mistral", "together", "groq", "cohere")


def nearest(option: str, accepted_options: Collection[str], nearness: float = _NEAR) -> str | None:
    """The accepted option that the author probably meant; ``None`` if none is similar."""
    simple_name = _simplify(option)
    if nearness <= _NEAR:
        for name in _RENAMED.get(option.lower().replace("-", "_"), ()):
            if name in accepted_options:
                return name
    by_simple_name = {_simplify(name): name for name in accepted_options}
    completions = [name for name in by_simple_name if name.startswith(simple_name)]
    if len(simple_name) >= _SHORTEST_BEGINNING and len(completions) == 1:
        return by_simple_name[completions[0]]
    matches = difflib.get_close_matches(simple_name, by_simple_name, n=1, cutoff=nearness)
    return by_simple_name[matches[0]] if matches else None


def _simplify(option: str) -> str:
    return option.lower().replace("_", "").replace("-", "").replace(" ", "")


def option_problems(checked: CheckedEntry) -> Iterator[Problem]:
    """Find options of the entry that the host refuses, and misspelt ones that it ignores."""
    for option in checked.repeated_options:
        message = f"{option} stands twice in the entry, and only the last counts"
        yield Problem("repeated_option", WARNING, message, option)
    if checked.answer is None:
        return
    for refusal in checked.answer["refusals"]:
        if not refusal["is_beside"] or refusal["option"] in checked.entry:
            yield from _refusal_problems(refusal, checked, checked.answer)
    yield from _number_problems(checked, checked.answer)
    yield from _ignored_option_problems(checked, checked.answer)


def _number_problems(checked: CheckedEntry, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the numbers that the host would send: it takes some that OpenAI's API does not.

    Other servers have limits of their own; to LM Studio and llama.cpp a ``max_tokens`` of -1 means no limit.
    """
    is_openais = checked.is_at_openai or checked.is_at_azure
    for option, value in answer["numbers"].items():
        minimum, maximum = RANGES[option]
        if isinstance(value, str):
            yield Problem("value", WARNING, f"{option} is text; give it as a number, without quotes", option)
        elif is_openais and is_number(value) and not minimum <= value <= maximum:
            accepted_range = (
                f"from {minimum:g}" if maximum == math.inf else f"from {minimum:g} to {maximum:g}"
            )
            yield Problem(
                "value", WARNING, f"{option} is {value:g}, and OpenAI's API takes {accepted_range}", option
            )


def beside_problems(checked: CheckedEntry) -> Iterator[Problem]:
    """Find options beside the list that the host refuses."""
    answer = checked.answer or {"refusals": ()}
    for refusal in answer["refusals"]:
        option = refusal["option"]
        if option is None or option in checked.entry or option not in checked.options:
            continue
        if refusal["kind"] == "unknown":
            yield _unknown_beside(option, answer)
        else:
            message = f"{option} beside the config_list is refused: {refusal['message']}"
            yield Problem("rejected", ERROR, message, option)


def _refusal_problems(
    refusal: Mapping[str, Any], checked: CheckedEntry, answer: Mapping[str, Any]
) -> Iterator[Problem]:
    """The problem of a refusal, unless another check finds it in any case."""
    option, message = refusal["option"], str(refusal["message"])
    kind = refusal["kind"]
    if kind == "unknown" and option in checked.entry:
        yield _unknown_in_entry(option, checked, answer)
    elif kind == "unknown" and option not in checked.options:
        # The host itself passes on an option that the installed SDK does not take.
        yield Problem("rejected", ERROR, f"the host cannot use the installed SDK: {message}")
    elif kind == "value" and option in checked.entry and option not in {"price", "model"}:
        yield Problem("rejected", ERROR, f"{option} is refused by the host: {message}", option)
    elif kind == "api_type":
        suggestion = nearest(checked.api_type, refusal["expected_types"])
        hint = (
            f'; did you mean "{suggestion}"?'
            if suggestion
            else f"; it knows {', '.join(refusal['expected_types'])}"
        )
        yield Problem("api_type", ERROR, f"the host knows no such api_type{hint}", "api_type", suggestion)
    elif kind == "missing" and option != "model":
        yield Problem("rejected", ERROR, f"{option} is missing, which the host needs", option)
    elif kind == "other":
        yield Problem("rejected", ERROR, f"the host refuses the entry: {refusal['error']}: {message}")


def _unknown_in_entry(option: str, checked: CheckedEntry, answer: Mapping[str, Any]) -> Problem:
    accepted_options, beside_options = answer["accepted_options"], answer["beside_options"]
    if (option.startswith("azure_") or option == "api_version") and not checked.is_azure:
        message = f'{option} is taken with "api_type": "azure" only'
        return Problem("unknown_option", ERROR, message, option, "api_type")
    if option in beside_options and option not in accepted_options:
        message = f"{option} is not taken in an entry by this host; put it beside the config_list"
        return Problem("unknown_option", ERROR, message, option)
    beside_suggestion = nearest(option, beside_options)
    if beside_suggestion is not None and nearest(option, accepted_options) is None:
        hint = f"did you mean {beside_suggestion}, which belongs beside the config_list?"
        message = f"{option} is not known to this host in an entry; {hint}"
        return Problem("unknown_option", ERROR, message, option, beside_suggestion)
    return _unknown_option(option, accepted_options, "in an entry")


def _unknown_beside(option: str, answer: Mapping[str, Any]) -> Problem:
    if option in answer["accepted_options"]:
        message = f"{option} is not taken beside the config_list by this host; put it into the entries"
        return Problem("unknown_option", ERROR, message, option)
    return _unknown_option(
        option, answer["beside_options"] or answer["accepted_options"], "beside the config_list"
    )


def _unknown_option(option: str, accepted_options: Collection[str], position: str) -> Problem:
    suggestion = nearest(option, [name for name in accepted_options if name != option])
    hint = f"did you mean {suggestion}?" if suggestion else "remove it"
    label = option if option == option.strip() else repr(option)
    message = f"{label} is not known to this host {position}; {hint}"
    return Problem("unknown_option", ERROR, message, option, suggestion)


def _ignored_option_problems(checked: CheckedEntry, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """Find misspelt options that the host does not refuse, because it passes them on or ignores them."""
    if not checked.is_custom and isinstance(checked.value("api_type"), str):
        yield from _misspelt_type_problems(checked, answer)
    if checked.is_custom or checked.is_openai:
        return
    accepted_options = answer["accepted_options"]
    for option in checked.entry:
        suggestion = (
            None
            if option in accepted_options or len(option) < _LONG
            else nearest(option, accepted_options, _VERY_NEAR)
        )
        if suggestion is not None and suggestion not in checked.entry:
            message = f"{option} is probably misspelt and ignored; did you mean {suggestion}?"
            yield Problem("unknown_option", WARNING, message, option, suggestion)


def _misspelt_type_problems(checked: CheckedEntry, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """Find an ``api_type`` that pyautogen 0.2 does not know and so treats as ``openai``."""
    api_type = checked.api_type
    is_refused = any(refusal["kind"] == "api_type" for refusal in answer["refusals"])
    if is_refused or api_type.startswith(_PREFIXED) or _simplify(api_type) in _OPENAI_TYPES:
        return
    if _simplify(api_type) in _TYPES:
        if checked.is_at_openai:
            message = "the host does not know this api_type and asks OpenAI; give the provider's base_url too"
            yield Problem("api_type", ERROR, message, "api_type")
        return
    suggestion = nearest(api_type, _TYPES)
    if suggestion is not None:
        message = f'the host takes an api_type that it does not know for openai; did you mean "{suggestion}"?'
        yield Problem("api_type", ERROR, message, "api_type", suggestion)
