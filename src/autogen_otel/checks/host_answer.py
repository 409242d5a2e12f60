"""Asks the host about an entry: what it refuses, what it accepts, and what it would send."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, Final

from autogen_otel.checks.host import RANGES, Attempt, attempt, body_of, call_options
from autogen_otel.checks.refusal import Refusal
from autogen_otel.checks.values import holds_own_objects
from autogen_otel.reading import read, read_text

_MOST_ROUNDS: Final = 30
_HARMLESS: Final = {"model": "gpt-4o", "api_key": "sk-0000000000000000000000000000000000000000000000"}
_AZURE: Final = {"api_version": "2024-06-01", "base_url": "https://check.openai.azure.com"}


def ask_about(options: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[dict[str, Any], Attempt]:
    """Ask the host about one entry, again without each option that it refuses, until it refuses no more.

    Args:
        options: the options beside the ``config_list``.
        entry: the entry.

    Returns:
        The answer as plain data, and the last attempt.
    """
    options, entry = dict(options), dict(entry)
    refusals: list[Refusal] = []
    accepted_options, takes_more, beside_options = _accepted_options(
        read_text(entry.get("api_type") or "openai")
    )
    last_attempt, lacks_url = Attempt(), False
    for _ in range(_MOST_ROUNDS):
        last_attempt = attempt(options, entry)
        refusals += [refusal for refusal in last_attempt.refusals if refusal not in refusals]
        removals = [_remove(refusal, options, entry) for refusal in last_attempt.refusals]
        if not last_attempt.refusals or not any(removals):
            missing_option = _first_missing_option(options, entry) if last_attempt.refusals else {}
            if not missing_option:
                break
            # A missing option hides what else is wrong.
            lacks_url = lacks_url or "base_url" in missing_option
            entry |= missing_option
    answer = {
        "refusals": [asdict(refusal) for refusal in refusals],
        "accepted_options": sorted(accepted_options),
        "takes_more": takes_more,
        "beside_options": sorted(beside_options),
        "is_custom": last_attempt.is_custom,
        "own_objects": holds_own_objects(entry) or holds_own_objects(options),
        "has_sdk": last_attempt.sdk is not None,
        "client": type(last_attempt.client).__name__ if last_attempt.client is not None else None,
        **_effective_settings(last_attempt, lacks_url=lacks_url),
    }
    return answer, last_attempt


def _remove(refusal: Refusal, options: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Remove the refused option, so that the host can say what else it refuses."""
    if refusal.option is None or refusal.kind == "missing":
        if refusal.kind == "price":
            return entry.pop("price", options.pop("price", None)) is not None
        return False
    mappings = (options, entry) if refusal.is_beside else (entry, options)
    for mapping in mappings:
        if refusal.option in mapping:
            del mapping[refusal.option]
            return True
    return False


@cache
def _accepted_options(api_type: str) -> tuple[set[str], bool, set[str]]:
    """The options the host accepts in an entry of a type, whether it accepts more, and those beside the list.

    The lineages that validate have a class for each type of entry; we read it from an entry that they accept.
    """
    harmless_entry = {**_HARMLESS, **(_AZURE if api_type.startswith("azure") else {}), "api_type": api_type}
    harmless_attempt = attempt({}, harmless_entry)
    config = (
        _host_config(harmless_entry) if harmless_attempt.agent is None else harmless_attempt.agent.llm_config
    )
    if config is None:
        # The host does not know the type, or its package is not installed: nobody knows what it accepts.
        return set(), True, set()
    wrapper_options = {
        str(option) for option in read(importlib.import_module("autogen").OpenAIWrapper, "extra_kwargs") or ()
    }
    sdk_options = call_options(harmless_attempt.sdk) if harmless_attempt.sdk is not None else set()
    if isinstance(config, dict):
        known_options = wrapper_options | {"model_client_cls"} | sdk_options
        return known_options, True, known_options | {"config_list"}
    entry = type(config.config_list[0])
    takes_more = read(entry, "model_config").get("extra") == "allow"
    beside_options = set(read(type(read(config, "_model")), "model_fields") or ())
    return (
        set(entry.model_fields) | ((wrapper_options | sdk_options) if takes_more else set()),
        takes_more,
        beside_options,
    )


def _host_config(entry: Mapping[str, Any]) -> Any:
    """The host's own config of an entry whose client it cannot make; ``None`` if it knows no such type."""
    autogen = importlib.import_module("autogen")
    if not hasattr(autogen, "LLMConfig"):
        return None
    try:
        return autogen.ConversableAgent._validate_llm_config({"config_list": [dict(entry)]})  # noqa: SLF001 - differs between lineages
    except Exception:  # noqa: BLE001 - it knows no such type
        return None


def _first_missing_option(options: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, str]:
    """The first option that an entry needs and does not have, with a harmless value."""
    is_azure = read_text(entry.get("api_type") or "").startswith("azure")
    needed_options = {**_HARMLESS, **(_AZURE if is_azure else {})}
    if entry.get("azure_endpoint"):
        del needed_options["base_url"]
    missing_names = [name for name in needed_options if not (entry.get(name) or options.get(name))]
    return {name: needed_options[name] for name in missing_names[:1]}


def _effective_settings(last_attempt: Attempt, *, lacks_url: bool) -> dict[str, Any]:
    """The settings of the SDK's client, and where its request would go."""
    if last_attempt.sdk is None:
        return {"timeout": None, "waits_for_ever": False, "max_retries": None, "url": None, "numbers": {}}
    timeout = read(last_attempt.sdk, "timeout")
    seconds = timeout if isinstance(timeout, (int, float)) else read(timeout, "read")
    retries = read(last_attempt.sdk, "max_retries")
    body = {} if last_attempt.sdk_request is None else body_of(last_attempt.sdk_request.request)
    return {
        "timeout": float(seconds) if isinstance(seconds, (int, float)) else None,
        "waits_for_ever": seconds is None,
        "max_retries": retries if isinstance(retries, int) else None,
        "url": None
        if last_attempt.sdk_request is None or lacks_url
        else str(last_attempt.sdk_request.request.url),
        "numbers": {name: value for name, value in body.items() if name in RANGES},
    }
