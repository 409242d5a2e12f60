"""Tools whose arguments and results stay out of messages, where a result has only the id of its call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_MOST_CALLS: Final = 4096


class ExcludedTools:
    """Remembers the calls of excluded tools that messages asked for.

    Args:
        keeps_out: whether a tool of this name is excluded.
    """

    def __init__(self, keeps_out: Callable[[str], bool]) -> None:
        self.keeps_out = keeps_out
        self._calls: dict[str, None] = {}

    def note(self, tool: str, call_id: object) -> None:
        """Remember a call, because its result has the call's id and not the tool's name."""
        if isinstance(call_id, str) and self.keeps_out(tool):
            self._calls[call_id] = None
            if len(self._calls) > _MOST_CALLS:
                # Another thread may have removed the same entry.
                self._calls.pop(next(iter(self._calls)), None)

    def is_excluded_call(self, call_id: object) -> bool:
        """Whether this is the id of a call of an excluded tool."""
        return isinstance(call_id, str) and call_id in self._calls
