"""Tells, without parsing a JSON text, that nothing in it has to be hidden and that it can stay as it is.

Most of the long results of tools are such texts. To parse one, to convert each value and to write it again
costs many times what a search for possible secrets costs.
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

_FIRST_CHARACTERS: Final = ("{", "[")
_ESCAPES: Final = ("\\n", "\\r", "\\t")
"""Escapes that hide neither a quote nor a letter of a secret."""
_DETACHED_COLONS: Final = (" :", "\t:", "\r:", "\n:")
"""A colon behind a space may belong to the key before that."""
_LONGEST_KEY: Final = 128
_FIRST_PART: Final = 1024
_CHARS_FOR_A_KEY: Final = 600
"""In the time that it takes to list one key, so many characters are searched for one."""


def stays_as_it_is(text: str, limit: int, redactor: Redactor) -> bool:
    """Tell that a text may be shown as it is, whether it is JSON or only begins like it.

    Args:
        text: any text; ``False`` means only that it has to be parsed.
        limit: characters it may be shown with. Only the beginning of a far longer text is read, and so much
            more that no secret is halved.
        redactor: takes the secrets out of every text.
    """
    if text[:1] not in _FIRST_CHARACTERS:
        return False
    if len(text) > limit:
        if not _is_cut_well(text, limit):
            return False
        text = head(text, limit + 2 * redactor.margin)
    if "\\" in text and text.count("\\") != sum(map(text.count, _ESCAPES)):
        return False
    keys, are_all_colons = _keys_in(text)
    if not are_all_colons and any(sign in text for sign in _DETACHED_COLONS):
        return False
    return not _name_secrets(keys) and redactor.leaves_json(text, no_signs=are_all_colons)


def _is_cut_well(text: str, limit: int) -> bool:
    """Whether a conversion would show no more of the text, by fewer spaces or by cutting a long value."""
    # A value of three quarters of the limit contains one such block as a whole.
    block = max(1, limit * 3 // 8)
    return text.find("\n", 0, limit) < 0 and all(
        text.find('"', at, at + block) >= 0 for at in range(0, limit - block + 1, block)
    )


def _keys_in(text: str) -> tuple[set[str], bool]:
    """List the names that stand in quotes before a colon, and tell whether there are no other colons.

    Where the same names are repeated all the time, it is quickest to count those of the beginning.
    """
    colons = text.count(":")
    for end in (text.find("}"), _FIRST_PART):
        keys = _keys_before_colons(text[:end])
        if len(keys) * len(text) < colons * _CHARS_FOR_A_KEY:
            key_count = sum(text.count(f'"{key}":') for key in keys)
            if key_count == colons or key_count == text.count('":'):
                return keys, key_count == colons
    return _keys_before_colons(text), False


def _keys_before_colons(text: str) -> set[str]:
    return {part.rpartition('"')[2] for part in text.split('":')[:-1]}


def _name_secrets(keys: AbstractSet[str]) -> bool:
    # {"name": "api_key", "value": "…"}: here the key is itself a value.
    if "value" in keys and not keys.isdisjoint(NAME_KEYS):
        return True
    return any(
        len(key) > _LONGEST_KEY
        # The letter of an escape would be a word of the name, as in "token\r" from a file of Windows.
        or "\\" in key
        or looks_secret(key)
        # In text that is no JSON, the name may be only the last word of the key.
        or not (key.isidentifier() or is_clean(f'{key}":'))
        for key in keys
    )
