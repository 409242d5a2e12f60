"""All that the host says of an entry: what it refuses, what it would take, and what it would send."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, Final

from autogen_otel.checks.host.attempt import RANGES, Attempt, attempt, body_of, call_options
from autogen_otel.checks.host.refusal import Refusal
from autogen_otel.checks.values import holds_own_objects
from autogen_otel.reading import read, read_text

_MOST_ROUNDS: Final = 30
_HARMLESS: Final = {"model": "gpt-4o", "api_key": "sk-0000000000000000000000000000000000000000000000"}
_AZURE: Final = {"api_version": "2024-06-01", "base_url": "https://check.openai.azure.com"}


def interview(options: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[dict[str, Any], Attempt]:
    """Ask the host about one entry, again without each option that it refuses, until it refuses no more.

    Args:
        options: what stands beside the ``config_list``.
        entry: the entry.

    Returns:
        The answer as plain data, and the last attempt.
    """
    options, entry = dict(options), dict(entry)
    found: list[Refusal] = []
    accepted, takes_more, beside = _accepted(read_text(entry.get("api_type") or "openai"))
    last, lacks_url = Attempt(), False
    for _ in range(_MOST_ROUNDS):
        last = attempt(options, entry)
        found += [one for one in last.refused if one not in found]
        removed = [_remove(one, options, entry) for one in last.refused]
        if not last.refused or not any(removed):
            missing = _missing(options, entry) if last.refused else {}
            if not missing:
                break
            # What is not there hides what else is wrong.
            lacks_url = lacks_url or "base_url" in missing
            entry |= missing
    answer = {
        "refusals": [asdict(one) for one in found],
        "accepted": sorted(accepted),
        "takes_more": takes_more,
        "beside": sorted(beside),
        "is_custom": last.is_custom,
        "own_objects": holds_own_objects(entry) or holds_own_objects(options),
        "has_sdk": last.sdk is not None,
        "client": type(last.client).__name__ if last.client is not None else None,
        **_effective(last, lacks_url=lacks_url),
    }
    return answer, last


def _remove(refused: Refusal, options: dict[str, Any], entry: dict[str, Any]) -> bool:
    """Take the refused option away, so that the host can say what else it refuses."""
    if refused.option is None or refused.kind == "missing":
        if refused.kind == "price":
            return entry.pop("price", options.pop("price", None)) is not None
        return False
    places = (options, entry) if refused.beside else (entry, options)
    for place in places:
        if refused.option in place:
            del place[refused.option]
            return True
    return False


@cache
def _accepted(api_type: str) -> tuple[set[str], bool, set[str]]:
    """What the host takes in an entry of a type, whether it takes more, and what it takes beside the list.

    The lineages that validate have a class for each type of entry; it is read from an entry that they accept.
    """
    harmless = {**_HARMLESS, **(_AZURE if api_type.startswith("azure") else {}), "api_type": api_type}
    made = attempt({}, harmless)
    config = _validated(harmless) if made.agent is None else made.agent.llm_config
    if config is None:
        # A type that the host does not know, or a package that is not here: nobody can say what it takes.
        return set(), True, set()
    own = {str(one) for one in read(importlib.import_module("autogen").OpenAIWrapper, "extra_kwargs") or ()}
    called = call_options(made.sdk) if made.sdk is not None else set()
    if isinstance(config, dict):
        taken = own | {"model_client_cls"} | called
        return taken, True, taken | {"config_list"}
    entry = type(config.config_list[0])
    takes_more = read(entry, "model_config").get("extra") == "allow"
    beside = set(read(type(read(config, "_model")), "model_fields") or ())
    return set(entry.model_fields) | ((own | called) if takes_more else set()), takes_more, beside


def _validated(entry: Mapping[str, Any]) -> Any:
    """The host's own form of an entry whose model client it cannot make here; ``None`` where it has none."""
    autogen = importlib.import_module("autogen")
    if not hasattr(autogen, "LLMConfig"):
        return None
    try:
        return autogen.ConversableAgent._validate_llm_config({"config_list": [dict(entry)]})  # noqa: SLF001 - differs between lineages
    except Exception:  # noqa: BLE001 - it knows no such type
        return None


def _missing(options: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, str]:
    """The first of what an entry needs and does not have, with a harmless value."""
    is_azure = read_text(entry.get("api_type") or "").startswith("azure")
    needed = {**_HARMLESS, **(_AZURE if is_azure else {})}
    if entry.get("azure_endpoint"):
        del needed["base_url"]
    lacking = [name for name in needed if not (entry.get(name) or options.get(name))]
    return {name: needed[name] for name in lacking[:1]}


def _effective(last: Attempt, *, lacks_url: bool) -> dict[str, Any]:
    """What the SDK's client goes by, and where its request would go."""
    if last.sdk is None:
        return {"timeout": None, "waits_for_ever": False, "max_retries": None, "url": None, "numbers": {}}
    timeout = read(last.sdk, "timeout")
    seconds = timeout if isinstance(timeout, (int, float)) else read(timeout, "read")
    retries = read(last.sdk, "max_retries")
    body = {} if last.sent is None else body_of(last.sent.request)
    return {
        "timeout": float(seconds) if isinstance(seconds, (int, float)) else None,
        "waits_for_ever": seconds is None,
        "max_retries": retries if isinstance(retries, int) else None,
        "url": None if last.sent is None or lacks_url else str(last.sent.request.url),
        "numbers": {name: value for name, value in body.items() if name in RANGES},
    }
