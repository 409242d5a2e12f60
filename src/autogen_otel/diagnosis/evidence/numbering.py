"""Which conversation of its process each one is: the first, the second."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import MutableMapping
from typing import Any, Final, NamedTuple

from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER

_MOST_PROCESSES: Final = 50_000
_MOST_CONVERSATIONS: Final = 5_000_000
"""Of more nobody counts: eight bytes are kept for each."""


class Began(NamedTuple):
    """In which process a conversation began, and when; known before its number is."""

    process: str
    start_ns: int


class Numbering:
    """Numbers the conversations of each process by when they began, in whatever order they are read."""

    def __init__(self) -> None:
        self._starts: dict[str, array[int]] = {}
        self._noted = 0
        self._is_sorted = self._is_full = False

    def note(self, began: Began) -> None:
        """Count one more conversation."""
        self._add(began.process, array("q", (began.start_ns,)))

    def merge(self, other: Numbering) -> None:
        """Count the conversations that another has counted."""
        for process, starts in other._starts.items():
            self._add(process, starts)
        if other._is_full:
            self._give_up()

    def replace(self, features: MutableMapping[str, Any]) -> None:
        """Put the number where features say when their conversation began."""
        began = features.get(CONVERSATION_NUMBER)
        if isinstance(began, Began):
            number = self._number(began)
            if number:
                features[CONVERSATION_NUMBER] = number
            else:
                del features[CONVERSATION_NUMBER]

    def _add(self, process: str, starts: array[int]) -> None:
        if self._is_full:
            return
        mine = self._starts.get(process)
        if mine is None:
            self._starts[process] = array("q", starts)
        else:
            mine.extend(starts)
        self._noted += len(starts)
        self._is_sorted = False
        if self._noted > _MOST_CONVERSATIONS or len(self._starts) > _MOST_PROCESSES:
            self._give_up()

    def _give_up(self) -> None:
        self._is_full = True
        self._starts.clear()

    def _number(self, began: Began) -> int:
        """The number, from 1; 0 if there were too many to count."""
        if not self._is_sorted:
            self._starts = {process: array("q", sorted(of)) for process, of in self._starts.items()}
            self._is_sorted = True
        starts = self._starts.get(began.process)
        return 0 if starts is None else bisect_left(starts, began.start_ns) + 1
