"""Checks timeouts and retries, each by itself and both together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from autogen_otel.checks.checked_entry import CheckedEntry
from autogen_otel.checks.report import ERROR, WARNING, Problem
from autogen_otel.checks.values import is_number, kind_of

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 8.0
"""The OpenAI SDK's waits between attempts, doubled each time: ``_base_client._calculate_retry_timeout``."""
_DEFAULT_RETRIES: Final = 2
_LONG: Final = 600.0


def timeout_problems(checked: CheckedEntry) -> Iterator[Problem]:
    """Find what is wrong with the timeout and the retries that are set."""
    if checked.is_custom:
        return
    timeout, retries = checked.value("timeout"), checked.value("max_retries")
    problems = [*_odd_timeout(timeout), *_odd_retries(retries)]
    yield from problems
    if not problems:
        yield from _combined_problems(checked, timeout, retries)


def _odd_timeout(timeout: Any) -> Iterator[Problem]:
    if timeout is None or kind_of(timeout) is not None:
        return
    if not is_number(timeout):
        yield Problem("timeout", ERROR, "timeout is no number; give it in seconds, without quotes", "timeout")
    elif timeout <= 0:
        yield Problem("timeout", ERROR, f"timeout is {timeout:g} s, so that every request fails", "timeout")


def _odd_retries(retries: Any) -> Iterator[Problem]:
    if retries is None or kind_of(retries) is not None:
        return
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        yield Problem("retries", ERROR, "max_retries is no whole number from 0", "max_retries")


def _combined_problems(checked: CheckedEntry, timeout: Any, retries: Any) -> Iterator[Problem]:
    """Check both as the SDK's client has them if the host made one, else as the entry sets them."""
    answer = checked.answer or {}
    has_client = bool(answer.get("has_sdk"))
    if has_client:
        timeout = answer["timeout"] if answer["timeout"] is not None else timeout
        retries = answer["max_retries"]
    if answer.get("waits_for_ever") or (not answer and checked.is_set("timeout") and timeout is None):
        message = (
            "timeout is null, so a request that gets no answer is waited for for ever; give it in seconds"
        )
        yield Problem("timeout", WARNING, message, "timeout")
    if retries == 0 and checked.count == 1:
        message = "max_retries is 0 and there is no other entry, so the first hiccup ends the conversation"
        yield Problem("retries", WARNING, message, "max_retries")
    wait = total_wait(_DEFAULT_RETRIES if retries is None else retries)
    if is_number(timeout) and timeout < wait:
        message = (
            f"timeout is {timeout:g} s for each attempt, shorter than the {wait:g} s that the SDK waits "
            "between its attempts; raise timeout or lower max_retries"
        )
        yield Problem("timeout", WARNING, message, "timeout")


def unset_timeout_note(checked: CheckedEntry) -> str | None:
    """Say what a timeout that is not set means, if the SDK has a long default.

    Its default is 600 s for each attempt: ``openai._constants.DEFAULT_TIMEOUT``.
    """
    answer = checked.answer or {}
    seconds: Any = answer.get("timeout")
    retries: Any = answer.get("max_retries")
    if checked.is_custom or checked.is_set("timeout") or not is_number(seconds) or seconds < _LONG:
        return None
    minutes = seconds * (1 + (_DEFAULT_RETRIES if retries is None else retries)) / 60
    return (
        f"timeout is not set: a silent endpoint is waited for {seconds:g} s each time, "
        f"{minutes:.0f} minutes with its retries"
    )


def total_wait(retries: int) -> float:
    """Seconds that the SDK waits between the attempts of one call, if all of them fail."""
    growing_waits = 5
    wait: float = sum(
        min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) for attempt in range(min(retries, growing_waits))
    )
    return wait + _LONGEST_WAIT * max(0, retries - growing_waits)
