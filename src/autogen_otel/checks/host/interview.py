"""All that the host has to say of a list: what it refuses, what it would take instead, and what it would send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from autogen_otel.checks.host.attempt import Attempt, attempt, call_options
from autogen_otel.checks.host.refusal import Refusal
from autogen_otel.reading import read, read_text

_MOST_ROUNDS: Final = 30
_DEFAULT_TYPE: Final = "openai"
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
    accepted = _accepted(read_text(entry.get("api_type") or _DEFAULT_TYPE))
    last = Attempt()
    for _ in range(_MOST_ROUNDS):
        last = attempt(options, entry)
        found += [one for one in last.refused if one not in found]
        removed = [_remove(one, options, entry) for one in last.refused]
        if not any(removed):
            break
    answer = {
        "refusals": [
            {
                "kind": one.kind,
                "option": one.option,
                "message": one.message,
                "error": one.error,
                "beside": one.beside,
                "expected": list(one.expected),
            }
            for one in found
        ],
        "accepted": sorted(accepted[0] | _of_call(last, accepted[1])),
        "beside": sorted(accepted[2]),
        "is_custom": last.is_custom,
        "has_sdk": last.sdk is not None,
        "client": type(last.client).__name__ if last.client is not None else None,
        **_effective(last),
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


def _accepted(api_type: str) -> tuple[set[str], bool, set[str]]:
    """What the host takes in an entry of a type, whether it takes more, and what it takes beside the list.

    The lineages that validate have a class for each type of entry; read from an entry that they accept.
    """
    kind = api_type if api_type.startswith("azure") else None
    harmless = {**_HARMLESS, **(_AZURE if kind else {}), "api_type": api_type}
    made = attempt({}, harmless)
    if made.agent is None and made.refused:
        made = attempt({}, {**_HARMLESS, "api_type": _DEFAULT_TYPE})
    if made.agent is None:
        return set(), True, set()
    config = made.agent.llm_config
    wrapper_own = {str(one) for one in read(type(made.agent.client), "extra_kwargs") or ()}
    if isinstance(config, dict):
        taken = wrapper_own | {"model_client_cls"} | _of_call(made, takes_more=True)
        return taken, True, taken | {"config_list"}
    entry = config.config_list[0]
    fields = set(type(entry).model_fields)
    takes_more = read(type(entry), "model_config").get("extra") == "allow"
    beside = set(read(type(read(config, "_model")), "model_fields") or ())
    return (fields | (wrapper_own if takes_more else set())), takes_more, beside


def _of_call(made: Attempt, takes_more: bool) -> set[str]:
    return call_options(made.sdk) if takes_more and made.sdk is not None else set()


def _effective(last: Attempt) -> dict[str, Any]:
    """What the SDK's client goes by, and where its request would go."""
    if last.sdk is None:
        return {"timeout": None, "waits_for_ever": False, "max_retries": None, "url": None}
    timeout = read(last.sdk, "timeout")
    seconds = timeout if isinstance(timeout, (int, float)) else read(timeout, "read")
    retries = read(last.sdk, "max_retries")
    return {
        "timeout": float(seconds) if isinstance(seconds, (int, float)) else None,
        "waits_for_ever": seconds is None,
        "max_retries": retries if isinstance(retries, int) else None,
        "url": None if last.sent is None else str(last.sent.request.url),
    }
