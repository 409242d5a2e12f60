"""Reading a model's response: the SDK's objects, AG2's unified ones, and whatever a custom client returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from autogen_otel.reading import data_of, read_field
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names

_COUNTS = frozenset({int})


def usage(response: Any) -> Facts | None:
    """Token counts; the chat API, the Responses API and AG2's second clients name them differently."""
    fields = data_of(read_field(response, "usage"))
    if fields is None:
        return None
    get = fields.get if type(fields) is dict else _getter(fields)
    prompt_tokens, completion_tokens = get("prompt_tokens"), get("completion_tokens")
    completion_details = get("completion_tokens_details")
    if completion_details is None:
        completion_details = get("output_tokens_details")
    prompt_details = get("prompt_tokens_details")
    if prompt_details is None:
        prompt_details = get("input_tokens_details")
    cached_tokens = None if prompt_details is None else _getter(data_of(prompt_details))("cached_tokens")
    reasoning_tokens = (get if completion_details is None else _getter(data_of(completion_details)))(
        "reasoning_tokens"
    )
    counts = {
        names.GEN_AI_USAGE_INPUT_TOKENS: get("input_tokens") if prompt_tokens is None else prompt_tokens,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: get("output_tokens")
        if completion_tokens is None
        else completion_tokens,
    }
    if cached_tokens is not None:
        counts[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = cached_tokens
    if reasoning_tokens is not None:
        counts[names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = reasoning_tokens
    if not _COUNTS.issuperset(map(type, counts.values())):
        counts = {
            key: count for key, count in counts.items() if isinstance(count, int) and type(count) is not bool
        }
    return counts or None


def _getter(holder: Any) -> Callable[[str], Any]:
    if type(holder) is dict or isinstance(holder, Mapping):
        return holder.get
    return partial(read_field, holder)
