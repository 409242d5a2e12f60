"""Placeholders for values that were not recorded whole, and the ends of a test that cannot reproduce."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True)
class Placeholder:
    """A value that is missing.

    Args:
        name: which: ``claim.api_key``.
        reason: why: ``redacted`` or ``cut``.
    """

    name: str
    reason: str


def placeholder(name: str, reason: str) -> Any:
    """Stand for a recorded value that was redacted or cut; replace it by one that will do."""
    return Placeholder(name, reason)


def demand_whole(arguments: Any) -> None:
    """Skip the test, naming what is missing, if a placeholder is left among the arguments."""
    missing_values = [
        f"{missing.name} ({missing.reason} when it was recorded)" for missing in _placeholders(arguments)
    ]
    if missing_values:
        skip(f"put a value in the place of each placeholder first: {', '.join(missing_values)}")


def skip(advice: str) -> NoReturn:
    """Skip the test, with the advice what to do before it can tell anything."""
    import pytest  # noqa: PLC0415 - only tests come here

    pytest.skip(advice)


def fail(reason: str) -> NoReturn:
    """Fail the test for another reason than the recorded one, and say so."""
    import pytest  # noqa: PLC0415 - only tests come here

    pytest.fail(f"cannot be reproduced here: {reason}.", pytrace=False)


def _placeholders(value: Any) -> Iterator[Placeholder]:
    if isinstance(value, Placeholder):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _placeholders(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _placeholders(part)
