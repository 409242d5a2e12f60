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
    reported = data_of(read_field(response, "usage"))
    if reported is None:
        return None
    get = reported.get if type(reported) is dict else _getter(reported)
    sent, given = get("prompt_tokens"), get("completion_tokens")
    details = get("completion_tokens_details")
    if details is None:
        details = get("output_tokens_details")
    prompt_details = get("prompt_tokens_details")
    if prompt_details is None:
        prompt_details = get("input_tokens_details")
    cached = None if prompt_details is None else _getter(data_of(prompt_details))("cached_tokens")
    reasoning = (get if details is None else _getter(data_of(details)))("reasoning_tokens")
    counts = {
        names.GEN_AI_USAGE_INPUT_TOKENS: get("input_tokens") if sent is None else sent,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: get("output_tokens") if given is None else given,
    }
    if cached is not None:
        counts[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = cached
    if reasoning is not None:
        counts[names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = reasoning
    if not _COUNTS.issuperset(map(type, counts.values())):
        counts = {key: one for key, one in counts.items() if isinstance(one, int) and type(one) is not bool}
    return counts or None


def _getter(holder: Any) -> Callable[[str], Any]:
    if type(holder) is dict or isinstance(holder, Mapping):
        return holder.get
    return partial(read_field, holder)
