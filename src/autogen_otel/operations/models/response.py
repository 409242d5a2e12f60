"""Reading a model's response: the SDK's objects, AG2's unified ones, and whatever a custom client returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogen_otel.observations import Usage
from autogen_otel.operations.reading import attribute


def usage(response: Any) -> Usage | None:
    """Token counts; the chat API, the Responses API and AG2's second clients name them differently."""
    reported = attribute(response, "usage")
    if reported is None:
        return None
    details = _first(reported, "completion_tokens_details", "output_tokens_details")
    counts = Usage(
        input_tokens=_count(reported, "prompt_tokens", "input_tokens"),
        output_tokens=_count(reported, "completion_tokens", "output_tokens"),
        cached_input_tokens=_count(
            _first(reported, "prompt_tokens_details", "input_tokens_details"), "cached_tokens"
        ),
        reasoning_output_tokens=_count(reported if details is None else details, "reasoning_tokens"),
    )
    return None if counts == Usage() else counts


def finish_reasons(response: Any) -> tuple[str, ...]:
    """Why each choice ended; answers of AG2's second clients and of the Responses API have one reason."""
    choices = attribute(response, "choices")
    if not isinstance(choices, list):
        reason = attribute(response, "finish_reason")
        if reason is None:
            reason = attribute(attribute(response, "incomplete_details"), "reason")
        return (reason,) if isinstance(reason, str) else ()
    reasons = (_first(choice, "finish_reason") for choice in choices)
    return tuple(reason for reason in reasons if isinstance(reason, str))


def _count(holder: Any, *names: str) -> int | None:
    value = _first(holder, *names)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(holder: Any, *names: str) -> Any:
    for name in names:
        value = holder.get(name) if isinstance(holder, Mapping) else attribute(holder, name)
        if value is not None:
            return value
    return None
