"""Finds any of thousands of known texts in a text, at a cost that hardly depends on how many are known."""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORTEST_FORM: Final = 6
_SHORTEST_BASE64: Final = 8
_MOST_SCANNED: Final = 96
"""Up to this number of texts it is quicker to look for each of them."""
_NOT_IN_NAME = re.compile("[^A-Za-z0-9_-]")
_LONGEST_NAME: Final = 64
_SHORTEST_NAME: Final = 16


class _Pieces:
    """A table that finds texts of a minimal length by pieces of them.

    A search looks up only every ``step``-th piece of the searched text: the table has all pieces of a known
    text that may lie there.

    Args:
        shortest: length of the shortest text that may be added.
        piece: length of a piece.
    """

    def __init__(self, shortest: int, piece: int) -> None:
        self._piece, self._step = piece, shortest - piece + 1
        self._holders: dict[str, tuple[str, ...]] = {}

    def add(self, form: str) -> None:
        """Enter a text."""
        for piece in self._pieces_of(form):
            # Replaced and never changed, because other threads may be reading it.
            self._holders[piece] = (*self._holders.get(piece, ()), form)

    def remove(self, form: str) -> None:
        """Forget a text."""
        for piece in self._pieces_of(form):
            remaining_forms = tuple(other for other in self._holders.get(piece, ()) if other != form)
            if remaining_forms:
                self._holders[piece] = remaining_forms
            else:
                self._holders.pop(piece, None)

    def candidates(self, text: str) -> set[str]:
        """Return the texts that may occur in this one: all that do, and perhaps others."""
        holders, length = self._holders, self._piece
        if not holders:
            return set()
        sample_pieces = [text[at : at + length] for at in range(0, len(text) - length + 1, self._step)]
        if holders.keys().isdisjoint(sample_pieces):
            return set()
        return {form for piece in sample_pieces for form in holders.get(piece, ())}

    def _pieces_of(self, form: str) -> set[str]:
        return {form[at : at + self._piece] for at in range(self._step)}


class SecretIndex:
    """Known texts, each counted as often as it was added; readable while it changes."""

    _LONG: Final = 16

    def __init__(self) -> None:
        self.longest, self.shortest = 0, SHORTEST_FORM
        self._counts: Counter[str] = Counter()
        # All texts, the longest first, and their negative lengths, while it is quicker to look for each.
        self._scan_list: tuple[list[str], list[int]] | None = ([], [])
        self._long, self._short = _Pieces(self._LONG, 12), _Pieces(SHORTEST_FORM, 4)

    def add(self, forms: Iterable[str]) -> None:
        """Enter texts."""
        for form in forms:
            self._counts[form] += 1
            if self._counts[form] == 1:
                self._pieces_for(form).add(form)
                self.longest = max(self.longest, len(form))
        self._update_scan_list()

    def remove(self, forms: Iterable[str]) -> None:
        """Count texts down; each goes when it is removed as often as it was added."""
        longest_removed = 0
        for form in forms:
            self._counts[form] -= 1
            if self._counts[form] <= 0:
                del self._counts[form]
                self._pieces_for(form).remove(form)
                longest_removed = max(longest_removed, len(form))
        if longest_removed >= self.longest:
            self.longest = max(map(len, self._counts), default=0)
        self._update_scan_list()

    def candidates(self, text: str) -> list[str]:
        """List those that may occur in a text, the longest first: one may be part of another."""
        scan_list = self._scan_list
        if scan_list is not None:
            # Most texts are shorter than most keys.
            return scan_list[0][bisect_left(scan_list[1], -len(text)) :]
        return _longest_first(self._long.candidates(text) | self._short.candidates(text))

    def _pieces_for(self, form: str) -> _Pieces:
        return self._long if len(form) >= self._LONG else self._short

    def _update_scan_list(self) -> None:
        scan_list = _longest_first(self._counts) if len(self._counts) <= _MOST_SCANNED else None
        # Set before the list, so that a reader who sees a new text also sees the new shortest length.
        self.shortest = len(scan_list[-1]) if scan_list else SHORTEST_FORM
        self._scan_list = None if scan_list is None else (scan_list, [-len(form) for form in scan_list])


def _longest_first(forms: Iterable[str]) -> list[str]:
    return sorted(forms, key=lambda form: (-len(form), form))


def forms_of(text: str) -> set[str]:
    """List how a secret may be written where no escape tells: plain, in base64, and as a name."""
    forms = {text, _percent_decoded(text)}
    if len(text) >= _SHORTEST_NAME:
        # AutoGen makes names fit for the provider.
        forms.add(_NOT_IN_NAME.sub("_", text)[:_LONGEST_NAME])
    return {form for form in forms if len(form) >= SHORTEST_FORM} | set(_in_base64(text.encode()))


def _percent_decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict") if "%" in text else text
    except UnicodeDecodeError:
        return text


def _in_base64(octets: bytes) -> Iterable[str]:
    """Yield the part of the base64 that no neighbouring octets change, for each offset it may begin at."""
    for offset in range(3):
        whole_length = (offset + len(octets)) // 3 * 3
        # Characters that contain bits of the octets before.
        shared_characters = -(-offset * 8 // 6)
        padded_octets = (b"\0" * offset + octets)[:whole_length]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            form = encode(padded_octets).decode()[shared_characters:]
            if len(form) >= _SHORTEST_BASE64:
                yield form
