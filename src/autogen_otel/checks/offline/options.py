"""Options that the host does not take, each with the one that was probably meant."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from autogen_otel.checks.host.attempt import RANGES
from autogen_otel.checks.offline.facts import Facts
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
"""Those that some lineage knows; pyautogen 0.2 takes any other for OpenAI."""
_OPENAIS: Final = ("openai", "responses")
_PREFIXED: Final = ("azure", "google", "anthropic", "mistral", "together", "groq", "cohere")


def nearest(option: str, accepted: Collection[str], nearness: float = _NEAR) -> str | None:
    """The option among those accepted that was probably meant; ``None`` if none is near."""
    plain = _plain(option)
    if nearness <= _NEAR:
        for name in _RENAMED.get(option.lower().replace("-", "_"), ()):
            if name in accepted:
                return name
    by_plain = {_plain(name): name for name in accepted}
    begun = [name for name in by_plain if name.startswith(plain)]
    if len(plain) >= _SHORTEST_BEGINNING and len(begun) == 1:
        return by_plain[begun[0]]
    near = difflib.get_close_matches(plain, by_plain, n=1, cutoff=nearness)
    return by_plain[near[0]] if near else None


def _plain(option: str) -> str:
    return option.lower().replace("_", "").replace("-", "").replace(" ", "")


def option_problems(facts: Facts) -> Iterator[Problem]:
    """Find what the host refuses in the entry, and misspelt options that it ignores."""
    for option in facts.repeated:
        message = f"{option} stands twice in the entry, and only the last counts"
        yield Problem("repeated_option", WARNING, message, option)
    if facts.answer is None:
        return
    for refused in facts.answer["refusals"]:
        if not refused["beside"] or refused["option"] in facts.entry:
            yield from _of_refusal(refused, facts, facts.answer)
    yield from _numbers(facts, facts.answer)
    yield from _ignored(facts, facts.answer)


def _numbers(facts: Facts, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """Numbers as the host would send them: it takes some that OpenAI's API does not.

    Other servers have limits of their own; to LM Studio and llama.cpp a ``max_tokens`` of -1 means no limit.
    """
    is_openais = facts.is_at_openai or facts.is_at_azure
    for option, value in answer["numbers"].items():
        least, most = RANGES[option]
        if isinstance(value, str):
            yield Problem("value", WARNING, f"{option} is text; give it as a number, without quotes", option)
        elif is_openais and is_number(value) and not least <= value <= most:
            taken = f"from {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            yield Problem("value", WARNING, f"{option} is {value:g}, and OpenAI's API takes {taken}", option)


def beside_problems(facts: Facts) -> Iterator[Problem]:
    """Find what the host refuses of what stands beside the list."""
    answer = facts.answer or {"refusals": ()}
    for refused in answer["refusals"]:
        option = refused["option"]
        if option is None or option in facts.entry or option not in facts.options:
            continue
        if refused["kind"] == "unknown":
            yield _unknown_beside(option, answer)
        else:
            message = f"{option} beside the config_list is refused: {refused['message']}"
            yield Problem("rejected", ERROR, message, option)


def _of_refusal(refused: Mapping[str, Any], facts: Facts, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """One problem for a refusal, but for those that other checks find in every case."""
    option, message = refused["option"], str(refused["message"])
    kind = refused["kind"]
    if kind == "unknown" and option in facts.entry:
        yield _unknown_in_entry(option, facts, answer)
    elif kind == "unknown" and option not in facts.options:
        # The host itself hands on what the installed SDK does not take.
        yield Problem("rejected", ERROR, f"the host cannot use the installed SDK: {message}")
    elif kind == "value" and option in facts.entry and option not in {"price", "model"}:
        yield Problem("rejected", ERROR, f"{option} is refused by the host: {message}", option)
    elif kind == "api_type":
        near = nearest(facts.api_type, refused["expected"])
        hint = f'; did you mean "{near}"?' if near else f"; it knows {', '.join(refused['expected'])}"
        yield Problem("api_type", ERROR, f"the host knows no such api_type{hint}", "api_type", near)
    elif kind == "missing" and option != "model":
        yield Problem("rejected", ERROR, f"{option} is missing, which the host needs", option)
    elif kind == "other":
        yield Problem("rejected", ERROR, f"the host refuses the entry: {refused['error']}: {message}")


def _unknown_in_entry(option: str, facts: Facts, answer: Mapping[str, Any]) -> Problem:
    accepted, beside = answer["accepted"], answer["beside"]
    if (option.startswith("azure_") or option == "api_version") and not facts.is_azure:
        message = f'{option} is taken with "api_type": "azure" only'
        return Problem("unknown_option", ERROR, message, option, "api_type")
    if option in beside and option not in accepted:
        message = f"{option} is not taken in an entry by this host; put it beside the config_list"
        return Problem("unknown_option", ERROR, message, option)
    return _unknown(option, accepted, "in an entry")


def _unknown_beside(option: str, answer: Mapping[str, Any]) -> Problem:
    if option in answer["accepted"]:
        message = f"{option} is not taken beside the config_list by this host; put it into the entries"
        return Problem("unknown_option", ERROR, message, option)
    return _unknown(option, answer["beside"] or answer["accepted"], "beside the config_list")


def _unknown(option: str, accepted: Collection[str], where: str) -> Problem:
    near = nearest(option, [name for name in accepted if name != option])
    hint = f"did you mean {near}?" if near else "remove it"
    shown = option if option == option.strip() else repr(option)
    message = f"{shown} is not known to this host {where}; {hint}"
    return Problem("unknown_option", ERROR, message, option, near)


def _ignored(facts: Facts, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """Misspelt options that the host says nothing about, because it hands them on or ignores them."""
    if not facts.is_custom and isinstance(facts.value("api_type"), str):
        yield from _misspelt_type(facts, answer)
    if facts.is_custom or facts.is_openai:
        return
    accepted = answer["accepted"]
    for option in facts.entry:
        near = None if option in accepted or len(option) < _LONG else nearest(option, accepted, _VERY_NEAR)
        if near is not None and near not in facts.entry:
            message = f"{option} is probably misspelt and ignored; did you mean {near}?"
            yield Problem("unknown_option", WARNING, message, option, near)


def _misspelt_type(facts: Facts, answer: Mapping[str, Any]) -> Iterator[Problem]:
    """An ``api_type`` that pyautogen 0.2 takes for OpenAI's, as it does with all that it does not know."""
    said, is_refused = facts.api_type, any(one["kind"] == "api_type" for one in answer["refusals"])
    if is_refused or said.startswith(_PREFIXED) or _plain(said) in _OPENAIS:
        return
    if _plain(said) in _TYPES:
        if facts.is_at_openai:
            message = "the host does not know this api_type and asks OpenAI; give the provider's base_url too"
            yield Problem("api_type", ERROR, message, "api_type")
        return
    near = nearest(said, _TYPES)
    if near is not None:
        message = f'the host takes an api_type that it does not know for openai; did you mean "{near}"?'
        yield Problem("api_type", ERROR, message, "api_type", near)
