"""Reading a model's response: the SDK's objects, AG2's unified ones, and whatever a custom client returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from autogen_otel.reading import data_of, read_field
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names


def usage(response: Any) -> Facts | None:
    """Token counts; the chat API, the Responses API and AG2's second clients name them differently."""
    reported = data_of(read_field(response, "usage"))
    if reported is None:
        return None
    get = _getter(reported)
    details = get("completion_tokens_details")
    if details is None:
        details = get("output_tokens_details")
    prompt_details = get("prompt_tokens_details")
    if prompt_details is None:
        prompt_details = get("input_tokens_details")
    counts = {
        names.GEN_AI_USAGE_INPUT_TOKENS: _count(get, "prompt_tokens", "input_tokens"),
        names.GEN_AI_USAGE_OUTPUT_TOKENS: _count(get, "completion_tokens", "output_tokens"),
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: (
            None if prompt_details is None else _count(_getter(data_of(prompt_details)), "cached_tokens")
        ),
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: _count(
            get if details is None else _getter(data_of(details)), "reasoning_tokens"
        ),
    }
    return None if set(counts.values()) == {None} else counts


def _getter(holder: Any) -> Callable[[str], Any]:
    if type(holder) is dict or isinstance(holder, Mapping):
        return holder.get
    return partial(read_field, holder)


def _count(get: Callable[[str], Any], *keys: str) -> int | None:
    for key in keys:
        value = get(key)
        if value is not None:
            return value if isinstance(value, int) and not isinstance(value, bool) else None
    return None
