"""Telling of a JSON text, without parsing it, that nothing in it is to be hidden and it can stay as it is.

That is what tools return most where they return much. To parse it, to look at each value and to write it
again costs many times what it costs to look for what may be a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.cutting import head
from autogen_otel.redaction.names import looks_secret
from autogen_otel.redaction.prefilter import is_clean
from autogen_otel.rendering.trees import NAME_KEYS

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from autogen_otel.redaction.redactor import Redactor

_BEGINS: Final = ("{", "[")
_ESCAPES: Final = ("\\n", "\\r", "\\t")
"""Escapes that hide neither a quote nor a letter of a secret."""
_DETACHED: Final = (" :", "\t:", "\r:", "\n:")
"""A colon may be that of a key before the space."""
_LONGEST_KEY: Final = 128
_FIRST_PART: Final = 1024
_CHARS_FOR_A_KEY: Final = 600
"""So many characters are searched for one key in the time that it takes to list one."""


def stays_as_it_is(text: str, limit: int, redactor: Redactor) -> bool:
    """Tell that a text may be shown as it is, whether it is JSON or only begins like it.

    Args:
        text: any text; ``False`` says only that it has to be parsed.
        limit: characters it may be shown with. Of text far longer than that only the beginning is read, and
            so much more that no secret is halved.
        redactor: takes the secrets out of every text.
    """
    if text[:1] not in _BEGINS:
        return False
    if len(text) > limit:
        if not _is_cut_well(text, limit):
            return False
        text = head(text, limit + 2 * redactor.margin)
    if "\\" in text and text.count("\\") != sum(map(text.count, _ESCAPES)):
        return False
    keys, are_all_colons = _keys_in(text)
    if not are_all_colons and any(sign in text for sign in _DETACHED):
        return False
    return not _name_secrets(keys) and redactor.leaves_json(text, no_signs=are_all_colons)


def _is_cut_well(text: str, limit: int) -> bool:
    """Whether a conversion would not show more of it: with fewer spaces, or with a long value cut."""
    # A value of three quarters of the limit holds one such block as a whole.
    block = max(1, limit * 3 // 8)
    return text.find("\n", 0, limit) < 0 and all(
        text.find('"', at, at + block) >= 0 for at in range(0, limit - block + 1, block)
    )


def _keys_in(text: str) -> tuple[set[str], bool]:
    """All names that stand in quotes before a colon, and whether there are no other colons.

    Where the same names return all the time, counting those of the beginning is quickest.
    """
    colons = text.count(":")
    for end in (text.find("}"), _FIRST_PART):
        keys = _listed(text[:end])
        if len(keys) * len(text) < colons * _CHARS_FOR_A_KEY:
            counted = sum(text.count(f'"{key}":') for key in keys)
            if counted == colons or counted == text.count('":'):
                return keys, counted == colons
    return _listed(text), False


def _listed(text: str) -> set[str]:
    return {part.rpartition('"')[2] for part in text.split('":')[:-1]}


def _name_secrets(keys: AbstractSet[str]) -> bool:
    # {"name": "api_key", "value": "…"}: here the key is itself a value.
    if "value" in keys and not keys.isdisjoint(NAME_KEYS):
        return True
    return any(
        len(key) > _LONGEST_KEY
        # The letter of an escape would be a word of the name: "token\r" is what a file of Windows leaves.
        or "\\" in key
        or looks_secret(key)
        # In text that is no JSON a name may be only the last word of this.
        or not (key.isidentifier() or is_clean(f'{key}":'))
        for key in keys
    )
