"""Functions of what observes that no conversation of the tests reaches on the host's way, and why."""

from __future__ import annotations

from fnmatch import fnmatch

UNREACHED: dict[str, str] = {
    "nothing": "x",
}


def is_excused(file: str, function: str, only: str | None = None) -> bool:
    """Whether a function has a reason not to be reached.

    Args:
        file: in the package.
        function: its line and name; lines are no part of an excuse.
        only: the one entry that counts.
    """
    name = f"{file} {function.partition(' ')[2]}"
    return any(fnmatch(name, pattern) for pattern in ([only] if only is not None else UNREACHED))
