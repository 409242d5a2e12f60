"""How to wait for AG2's background runs."""

from __future__ import annotations

from typing import Any


def finish(response: Any) -> Any:
    """Wait for a background run, without printing it; what it raised comes up.

    Returns:
        Its summary and its messages.
    """
    for event in response.events:
        raise_error(event)
    return [response.summary, list(response.messages)]


async def a_finish(response: Any) -> Any:
    """Wait for a background run in a task; see ``finish``."""
    async for event in response.events:
        raise_error(event)
    return [await response.summary, list(await response.messages)]


def raise_error(event: Any) -> None:
    """Raise what a background run ended with."""
    if event.type == "error":
        raise event.content.error
