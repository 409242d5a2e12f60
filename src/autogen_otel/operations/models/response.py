"""Reading a model's response: the SDK's objects, AG2's unified ones, and whatever a custom client returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogen_otel.reading import data_of, read_field
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names


def usage(response: Any) -> Facts | None:
    """Token counts; the chat API, the Responses API and AG2's second clients name them differently."""
    reported = data_of(read_field(response, "usage"))
    if reported is None:
        return None
    details = data_of(_first(reported, "completion_tokens_details", "output_tokens_details"))
    prompt_details = data_of(_first(reported, "prompt_tokens_details", "input_tokens_details"))
    counts = {
        names.GEN_AI_USAGE_INPUT_TOKENS: _count(reported, "prompt_tokens", "input_tokens"),
        names.GEN_AI_USAGE_OUTPUT_TOKENS: _count(reported, "completion_tokens", "output_tokens"),
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: (
            None if prompt_details is None else _count(prompt_details, "cached_tokens")
        ),
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: _count(
            reported if details is None else details, "reasoning_tokens"
        ),
    }
    return None if set(counts.values()) == {None} else counts


def _count(holder: Any, *keys: str) -> int | None:
    value = _first(holder, *keys)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(holder: Any, *keys: str) -> Any:
    is_mapping = type(holder) is dict or isinstance(holder, Mapping)
    for key in keys:
        value = holder.get(key) if is_mapping else read_field(holder, key)
        if value is not None:
            return value
    return None
