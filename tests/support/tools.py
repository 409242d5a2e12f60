"""Tools for agents: one that works or fails as its argument says, sync and async, and a few others."""

from __future__ import annotations

import asyncio


def known_policy(policy_id: str) -> str:
    """The state of a policy; there is only ``P-1``."""
    try:
        return {"P-1": "active"}[policy_id]
    except KeyError as error:
        raise ValueError(f"bad policy id {policy_id!r}") from error


def lookup(policy_id: str) -> str:
    """Look a policy up: ``P-1`` is active, any other raises a ValueError with a cause."""
    return f"policy {policy_id} is {known_policy(policy_id)}"


async def a_lookup(policy_id: str) -> str:
    """Look a policy up, asynchronously."""
    await asyncio.sleep(0)
    return lookup(policy_id)


def claim(amount: float, currency: str = "EUR") -> str:
    """Open a claim."""
    return f"{amount + 1} {currency}"


def half() -> str:
    """Return half of a surrogate pair, as a file name may have it."""
    return "scan \ud83d"


def leave() -> str:
    """End the program."""
    raise SystemExit(3)
