"""Converts any object into a small tree of JSON values without secrets.

An object is asked for its type, never whether it is an instance of one, which may be the user's code.
"""

from __future__ import annotations

import codecs
import json
from collections import UserDict, UserList, deque
from enum import Enum
from math import isfinite, isnan
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.reading import read_json
from autogen_otel.redaction.cutting import MASK, head
from autogen_otel.redaction.introspection import fields_of, instance_dict, unprintable
from autogen_otel.redaction.names import NAME_KEYS, hides, looks_secret
from autogen_otel.rendering.kinds import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from autogen_otel.redaction.redactor import Redactor

MOST_NODES: Final = 10_000
_DEEPEST: Final = 20
_LONGEST_KEY: Final = 256
LONGEST_JSON: Final = 262_144
_MOST_BITS: Final = 4096
_MOST_BYTES: Final = 48
_PAIR: Final = 2
JSON_BEGINS: Final = frozenset("{[ \t\r\n")
_SEQUENCES: Final[dict[type, Callable[[Any], Iterator[object]]]] = {
    **{kind: kind.__iter__ for kind in (list, tuple, set, frozenset, deque)},
    type({}.keys()): iter,
    type({}.values()): iter,
    type({}.items()): iter,
}


def writer(default: Callable[[Any], Any] | None = None) -> Callable[[object], str]:
    """Make a function that writes values without cycles as JSON.

    Args:
        default: converts values that JSON has no form for.
    """
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, default=default)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # Made once: ``JSONEncoder`` makes an encoder for each text, which costs more than a short text itself.
    encode = make(
        None, encoder.default, json.encoder.encode_basestring, None, ": ", ", ", False, False, False
    )
    return lambda tree: "".join(encode(tree, 0))


dump: Final = writer()
"""Writes a converted tree as JSON."""


def parse_json(value: Any) -> dict[str, Any] | list[Any] | None:
    """Parse the JSON text of an object or array; ``None`` if it is anything else, or far too long to read."""
    if issubclass(type(value), str):
        if str.__len__(value) and str.__getitem__(value, 0) not in JSON_BEGINS:
            return None
        text = head(value, LONGEST_JSON + 1)
    else:
        text = _octets(value, LONGEST_JSON + 1).decode("utf-8", "replace")
    stripped = text.strip()
    if len(text) > LONGEST_JSON or stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return None
    try:
        document = read_json(stripped)
    except ValueError:
        return None
    return document if isinstance(document, (dict, list)) else None


def stays_as_it_is(text: str, limit: int, redactor: Redactor) -> bool:
    """Tell, without parsing it, that a JSON text holds nothing to hide, so that it can be shown as it is.

    Most long results of tools are such texts; to convert each value costs many times what the search costs.

    Args:
        text: any text; ``False`` means only that it has to be parsed.
        limit: characters it may be shown with. Only the beginning of a far longer text is read, and so much
            more that no secret is halved.
        redactor: takes the secrets out of every text.
    """
    if text[:1] not in ("{", "["):
        return False
    # Control characters, which a conversion makes visible.
    if "\\" in text and ("\\u00" in text or "\\b" in text or "\\f" in text):
        return False
    if len(text) > limit:
        # A conversion would show more of it, where it leaves out white space or cuts one long value.
        block = max(1, limit * 3 // 8)
        is_even = text.find('"', 0, block) >= 0 and text.find('"', block, 2 * block) >= 0
        if not is_even or text.find("\n", 0, limit) >= 0:
            return False
    return redactor.leaves(text if len(text) <= 2 * limit else text[: limit + 2 * redactor.margin])


class Tree:
    """One bounded conversion.

    Args:
        redactor: takes the secrets out of every text.
        limit: characters the result may be shown with; the conversion stops soon after.
    """

    def __init__(self, redactor: Redactor, limit: int) -> None:
        self.is_complete = True
        self._redactor = redactor
        # A long text leaves room for the values around it, so that its own original length stays readable.
        self._leaf_limit = limit * 3 // 4
        self._window = limit + max(LONGEST_JSON, limit)
        self._nodes = MOST_NODES
        self._chars = 2 * limit
        self._path: set[int] = set()

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Convert an object into dicts, lists, redacted text, numbers, booleans and ``None``."""
        self._nodes -= 1
        if type(value) is str:
            return self._leaf(value, depth)
        try:
            if issubclass(type(value), Enum):
                return self._enum(value)
            if value is None or issubclass(type(value), (int, float)):
                return self._scalar(value)
            if issubclass(type(value), (str, bytes, bytearray)):
                return self._leaf(value, depth)
            return self._container(value, depth)
        except Exception as error:  # noqa: BLE001 - the user's objects may raise anything
            return self._text(unprintable(value, error))

    def _enum(self, value: Enum) -> object:
        member_value = value._value_
        if type(member_value) in (str, int):
            return self.plain(member_value, _DEEPEST)
        return self._text(f"{type(value).__name__}.{value.name}")

    def _scalar(self, value: Any) -> object:
        if value is None or issubclass(type(value), bool):
            return value
        return self._int(value) if issubclass(type(value), int) else self._float(value)

    def _int(self, value: int) -> object:
        bits = int.bit_length(value)
        # Python refuses to write very long numbers in decimal.
        return f"<int: {bits} bits>" if bits > _MOST_BITS else self._number(int.__int__(value))

    def _float(self, value: float) -> object:
        number = float.__float__(value)
        if isfinite(number):
            return self._number(number)
        return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"

    def _number(self, number: float) -> object:
        digits = repr(number)
        self._chars -= len(digits)
        told = self._redactor.mask_exact(digits)
        return number if told == digits else told

    def _leaf(self, value: Any, depth: int) -> str:
        document = parse_json(value) if 0 < depth < _DEEPEST else None
        if document is not None:
            # The user's function has seen each part; if it got the whole text, JSON might become invalid.
            return self._text(dump(self.plain(document, depth + 1)), self._redactor.built_in)
        if issubclass(type(value), str):
            return self._text(value)
        size = bytes.__len__(value) if issubclass(type(value), bytes) else bytearray.__len__(value)
        part = _octets(value, self._window)
        try:
            # Incremental, because the window may end within a character.
            decoded = codecs.getincrementaldecoder("utf-8")().decode(part, final=size <= self._window)
        except UnicodeDecodeError:
            start = part[: _MOST_BYTES + self._redactor.margin].decode("utf-8", "backslashreplace")
            start = self._redactor.text(start)
            return f"<bytes: {size}, {start[:_MOST_BYTES]}{'…' if len(start) > _MOST_BYTES else ''}>"
        return self._text(decoded)

    def _text(self, value: str, redactor: Redactor | None = None) -> str:
        text = (redactor or self._redactor).fit(value, self._leaf_limit)
        self._chars -= len(text)
        return text

    def _container(self, value: Any, depth: int) -> object:
        if id(value) in self._path:
            return "<cycle>"
        self._path.add(id(value))
        try:
            if callable(getattr(type(value), "get_secret_value", None)):
                return MASK
            pairs = _pairs_of(value)
            items = None if pairs is not None else _items_of(value)
            if pairs is None and items is None:
                return self._text(describe(value))
            if depth >= _DEEPEST:
                self.is_complete = False
                return "<deeper>"
            return self._mapping(pairs, depth) if pairs is not None else self._sequence(value, items, depth)
        finally:
            self._path.discard(id(value))

    def _mapping(self, pairs: Iterable[tuple[Any, Any]], depth: int) -> dict[str, object]:
        mapping: dict[str, object] = {}
        names_secret = False
        for key, item in pairs:
            if self._is_spent():
                mapping["…"] = "<more>"
                break
            name = self._key(key, self._redactor.built_in)
            # {"name": "api_key", "value": "…"}: here the secret's name is itself a value.
            is_value = names_secret and name == "value" and issubclass(type(item), (str, bytes))
            is_hidden = is_value or hides(name, item)
            # A value stays secret even if the user's function removes its name.
            title = name if self._redactor is self._redactor.built_in else self._key(key, self._redactor)
            if title in mapping:
                title = f"{title} {len(mapping) + 1}"
            mapping[title] = MASK if is_hidden else self.plain(item, depth + 1)
            names_secret = names_secret or (name in NAME_KEYS and _names_secret(item))
        return mapping

    def _key(self, key: object, redactor: Redactor) -> str:
        if type(key) is str and len(key) <= _LONGEST_KEY:
            name = redactor.text(key)
        else:
            plain = Tree(redactor, 2 * _LONGEST_KEY).plain(key, _DEEPEST - 2)
            name = plain if isinstance(plain, str) else dump(plain)
        self._chars -= len(name)
        return name[:_LONGEST_KEY]

    def _sequence(self, value: Any, items: Iterable[object] | None, depth: int) -> list[object]:
        if issubclass(type(value), tuple) and _is_secret_pair(value):
            return [self.plain(tuple.__getitem__(value, 0), depth + 1), MASK]
        sequence: list[object] = []
        for item in items or ():
            if self._is_spent():
                sequence.append("<more>")
                break
            sequence.append(self.plain(item, depth + 1))
        return sequence

    def _is_spent(self) -> bool:
        is_spent = self._nodes <= 0 or self._chars <= 0
        self.is_complete = self.is_complete and not is_spent
        return is_spent


def _pairs_of(value: Any) -> Iterable[tuple[object, object]] | None:
    if issubclass(type(value), UserDict):
        value = instance_dict(value).get("data", {})
    if issubclass(type(value), dict):
        return dict.items(value)
    if issubclass(type(value), MappingProxyType):
        return MappingProxyType.items(value)
    rows = fields_of(value)
    return None if rows is None else [(name, item) for name, item, is_shown in rows if is_shown]


def _items_of(value: Any) -> Iterator[object] | None:
    if issubclass(type(value), UserList):
        value = instance_dict(value).get("data", [])
    for kind, iter_of in _SEQUENCES.items():
        if issubclass(type(value), kind):
            # The base type's own iteration, because a subclass may have made it costly.
            return iter_of(value)
    return None


def _names_secret(item: Any) -> bool:
    return issubclass(type(item), str) and looks_secret(head(item, 128))


def _is_secret_pair(pair: tuple[object, ...]) -> bool:
    if tuple.__len__(pair) != _PAIR:
        return False
    name: Any
    value: Any
    name, value = tuple.__iter__(pair)
    if issubclass(type(name), bytes):
        name = name.decode("latin-1")
    return (
        issubclass(type(name), str)
        and issubclass(type(value), (str, bytes))
        and hides(head(name, 128), value)
    )


def _octets(value: Any, length: int) -> bytes:
    if issubclass(type(value), bytes):
        return bytes.__getitem__(value, slice(0, length))
    return bytes(bytearray.__getitem__(value, slice(0, length)))
