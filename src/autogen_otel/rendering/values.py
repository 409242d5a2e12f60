"""Turns any object into text: never raises, never changes it, reads no more than the limit needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.redaction.cutting import cut
from autogen_otel.redaction.introspection import unprintable
from autogen_otel.rendering.trees import Tree, dump, parse_json, stays_as_it_is

if TYPE_CHECKING:
    from autogen_otel.redaction.redactor import Redactor


def text(value: object, limit: int, redactor: Redactor) -> str:
    """Render an object as plain text.

    Args:
        value: any object; collections become JSON.
        limit: most characters to return.
        redactor: takes out the secrets, before anything is cut.
    """
    try:
        return _as_text(value, limit, redactor)
    except Exception as error:  # noqa: BLE001 - the user's objects may raise anything
        return redactor.fit(unprintable(value, error), limit)


def json_text(value: object, limit: int, redactor: Redactor) -> str:
    """Render an object as JSON, with the values under secret-looking keys redacted.

    Args:
        value: any object; text that is itself a JSON object or array is parsed, other text stays text.
        limit: most characters to return.
        redactor: takes out the secrets, before anything is cut.
    """
    try:
        return _as_json(value, limit, redactor)
    except Exception as error:  # noqa: BLE001 - the user's objects may raise anything
        return redactor.fit(unprintable(value, error), limit)


def _as_text(value: Any, limit: int, redactor: Redactor) -> str:
    if issubclass(type(value), str):
        return redactor.fit(value, limit)
    return str(value) if value is None or issubclass(type(value), bool) else _of_tree(value, limit, redactor)


def _as_json(value: Any, limit: int, redactor: Redactor) -> str:
    if type(value) is str and stays_as_it_is(value, limit, redactor):
        return cut(value, limit, len(value))
    if issubclass(type(value), (str, bytes, bytearray)):
        document = parse_json(value)
        return _as_text(value, limit, redactor) if document is None else _of_tree(document, limit, redactor)
    return _of_tree(value, limit, redactor)


def _of_tree(value: object, limit: int, redactor: Redactor) -> str:
    tree = Tree(redactor, limit)
    plain = tree.plain(value)
    if isinstance(plain, str):
        return cut(plain, limit, len(plain))
    # Masked once more as a whole, for a secret that only the assembled text spells.
    masked_json = redactor.mask(dump(plain))
    return cut(masked_json, limit, len(masked_json), at_least=not tree.is_complete)
