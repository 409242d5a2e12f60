"""Converting any object into a small tree of JSON values that holds no secret."""

from __future__ import annotations

import codecs
import json
from collections import UserDict, UserList, deque
from enum import Enum
from math import isfinite, isnan
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.cutting import MASK, head
from autogen_otel.redaction.introspection import fields_of, instance_dict, unprintable
from autogen_otel.redaction.names import hides, looks_secret
from autogen_otel.rendering.kinds import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from autogen_otel.redaction.redactor import Redactor

MOST_NODES: Final = 10_000
_DEEPEST: Final = 20
_LONGEST_KEY: Final = 256
LONGEST_JSON: Final = 262_144
_MOST_BITS: Final = 4096
_LARGEST_PLAIN: Final = 2**63
_BYTES_SHOWN: Final = 48
_PAIR: Final = 2
JSON_BEGINS: Final = frozenset("{[ \t\r\n")
NAME_KEYS: Final = ("name", "key", "header", "field")
_SEQUENCES: Final[dict[type, Callable[[Any], Iterator[object]]]] = {
    **{kind: kind.__iter__ for kind in (list, tuple, set, frozenset, deque)},
    type({}.keys()): iter,
    type({}.values()): iter,
    type({}.items()): iter,
}


def writer(default: Callable[[Any], Any] | None = None) -> Callable[[object], str]:
    """Make what writes JSON, of which nothing lies within itself.

    Args:
        default: says how to write what JSON has no form for.
    """
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, default=default)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # Made once: ``JSONEncoder`` makes one for each text, which costs more than to write a short one.
    written = make(
        None, encoder.default, json.encoder.encode_basestring, None, ": ", ", ", False, False, False
    )
    return lambda tree: "".join(written(tree, 0))


dumped: Final = writer()
"""Writes a converted tree as JSON."""


def parsed_json(value: str | bytes | bytearray) -> dict[str, Any] | list[Any] | None:
    """Parse the JSON text of an object or array; ``None`` if it is anything else, or far too long to read."""
    if isinstance(value, str):
        if str.__len__(value) and str.__getitem__(value, 0) not in JSON_BEGINS:
            return None
        text = head(value, LONGEST_JSON + 1)
    else:
        text = _octets(value, LONGEST_JSON + 1).decode("utf-8", "replace")
    stripped = text.strip()
    if len(text) > LONGEST_JSON or stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return None
    try:
        parsed = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, (dict, list)) else None


def is_plain(value: object, longest: int) -> bool:  # noqa: C901, PLR0911, PLR0912 - one loop, no call a leaf
    """Tell, without a call for each value, that a conversion would change nothing unless it finds a secret.

    Args:
        value: any object; only what ``json.loads`` makes is plain.
        longest: characters of the longest text that would not be cut.
    """
    stack: list[tuple[Any, int]] = [(value, 0)]
    nodes = 0
    harmless: set[str] = set()
    while stack:
        one, depth = stack.pop()
        if type(one) is dict:
            for key in one:
                if type(key) is not str:
                    return False
                if key not in harmless:
                    if len(key) > _LONGEST_KEY or looks_secret(key):
                        return False
                    harmless.add(key)
            # {"name": "api_key", "value": "…"}: here the key is itself a value.
            if "value" in one and not one.keys().isdisjoint(NAME_KEYS):
                return False
            items: Any = one.values()
        elif type(one) is list:
            items = one
        else:
            return False
        nodes += len(items)
        if depth >= _DEEPEST or nodes > MOST_NODES:
            return False
        for item in items:
            kind = type(item)
            if kind is str:
                if len(item) > longest or item[:1] in JSON_BEGINS:
                    return False
            elif kind is dict or kind is list:
                stack.append((item, depth + 1))
            elif kind is int:
                if not -_LARGEST_PLAIN < item < _LARGEST_PLAIN:
                    return False
            elif kind is float:
                if not isfinite(item):
                    return False
            elif item is not None and kind is not bool:
                return False
    return True


def written_as_it_is(value: object, limit: int, redactor: Redactor, longest: int | None = None) -> str | None:
    """Write a value that a conversion would leave as it is as JSON; ``None`` for all others.

    Args:
        value: any object.
        limit: characters the result may be shown with.
        redactor: takes the secrets out of every text.
        longest: characters of the longest text in it, if less than what would not be cut.
    """
    if not is_plain(value, limit * 3 // 4 if longest is None else min(longest, limit * 3 // 4)):
        return None
    written = dumped(value)
    return written if len(written) <= 2 * limit and redactor.leaves_json(written) else None


class Tree:
    """One bounded conversion.

    Args:
        redactor: takes the secrets out of every text.
        limit: characters the result may be shown with; the conversion stops soon after.
    """

    def __init__(self, redactor: Redactor, limit: int) -> None:
        self.complete = True
        self._redactor = redactor
        # A long text leaves room for what surrounds it, so that its own original length stays readable.
        self._leaf_limit = limit * 3 // 4
        self._window = limit + max(LONGEST_JSON, limit)
        self._nodes = MOST_NODES
        self._chars = 2 * limit
        self._path: set[int] = set()

    def plain(self, value: object, depth: int = 0) -> Any:
        """Convert an object into dicts, lists, redacted text, numbers, booleans and ``None``."""
        self._nodes -= 1
        if type(value) is str:
            return self._leaf(value, depth)
        try:
            if isinstance(value, Enum):
                return self._enum(value)
            if value is None or isinstance(value, (int, float)):
                return self._scalar(value)
            if isinstance(value, (str, bytes, bytearray)):
                return self._leaf(value, depth)
            return self._container(value, depth)
        except Exception as error:  # noqa: BLE001 - the user's objects may raise anything
            return self._text(unprintable(value, error))

    def _enum(self, value: Enum) -> object:
        held = value._value_
        if type(held) in (str, int):
            return self.plain(held, _DEEPEST)
        return self._text(f"{type(value).__name__}.{value.name}")

    def _scalar(self, value: float | None) -> object:
        if value is None or isinstance(value, bool):
            return value
        return self._int(value) if isinstance(value, int) else self._float(value)

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
        written = repr(number)
        self._chars -= len(written)
        return number if self._redactor.exact(written) == written else MASK

    def _leaf(self, value: str | bytes | bytearray, depth: int) -> str:
        parsed = parsed_json(value) if 0 < depth < _DEEPEST else None
        if parsed is not None:
            # Of its parts the user's function has seen each; a look at the whole might leave no JSON.
            return self._text(dumped(self.plain(parsed, depth + 1)), self._redactor.ours)
        if isinstance(value, str):
            return self._text(value)
        size = bytes.__len__(value) if isinstance(value, bytes) else bytearray.__len__(value)
        part = _octets(value, self._window)
        try:
            # Incremental, because the window may end within a character.
            decoded = codecs.getincrementaldecoder("utf-8")().decode(part, final=size <= self._window)
        except UnicodeDecodeError:
            start = part[: _BYTES_SHOWN + self._redactor.margin].decode("utf-8", "backslashreplace")
            start = self._redactor.text(start)
            return f"<bytes: {size}, {start[:_BYTES_SHOWN]}{'…' if len(start) > _BYTES_SHOWN else ''}>"
        return self._text(decoded)

    def _text(self, value: str, redactor: Redactor | None = None) -> str:
        shown = (redactor or self._redactor).fitted(value, self._leaf_limit)
        self._chars -= len(shown)
        return shown

    def _container(self, value: object, depth: int) -> object:
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
                self.complete = False
                return "<deeper>"
            return self._mapping(pairs, depth) if pairs is not None else self._sequence(value, items, depth)
        finally:
            self._path.discard(id(value))

    def _mapping(self, pairs: Iterable[tuple[object, object]], depth: int) -> dict[str, object]:
        shown: dict[str, object] = {}
        names_secret = False
        for key, item in pairs:
            if self._is_spent():
                shown["…"] = "<more>"
                break
            name = self._key(key, self._redactor.ours)
            # {"name": "api_key", "value": "…"}: here the key is itself a value.
            is_value = names_secret and name == "value" and isinstance(item, (str, bytes))
            hidden = is_value or hides(name, item)
            # That the user's function hides a name too makes its value no less secret.
            title = name if self._redactor is self._redactor.ours else self._key(key, self._redactor)
            if title in shown:
                title = f"{title} {len(shown) + 1}"
            shown[title] = MASK if hidden else self.plain(item, depth + 1)
            names_secret = names_secret or (name in NAME_KEYS and _names_secret(item))
        return shown

    def _key(self, key: object, redactor: Redactor) -> str:
        if type(key) is str and len(key) <= _LONGEST_KEY:
            shown = redactor.text(key)
        else:
            plain = Tree(redactor, 2 * _LONGEST_KEY).plain(key, _DEEPEST - 2)
            shown = plain if isinstance(plain, str) else dumped(plain)
        self._chars -= len(shown)
        return shown[:_LONGEST_KEY]

    def _sequence(self, value: object, items: Iterable[object] | None, depth: int) -> list[object]:
        if isinstance(value, tuple) and _is_secret_pair(value):
            return [self.plain(tuple.__getitem__(value, 0), depth + 1), MASK]
        shown: list[object] = []
        for item in items or ():
            if self._is_spent():
                shown.append("<more>")
                break
            shown.append(self.plain(item, depth + 1))
        return shown

    def _is_spent(self) -> bool:
        spent = self._nodes <= 0 or self._chars <= 0
        self.complete = self.complete and not spent
        return spent


def _pairs_of(value: object) -> Iterable[tuple[object, object]] | None:
    if isinstance(value, UserDict):
        value = instance_dict(value).get("data", {})
    if isinstance(value, dict):
        return dict.items(value)
    if isinstance(value, MappingProxyType):
        return value.items()
    rows = fields_of(value)
    return None if rows is None else [(name, item) for name, item, shown in rows if shown]


def _items_of(value: Any) -> Iterator[object] | None:
    if isinstance(value, UserList):
        value = instance_dict(value).get("data", [])
    for kind, iter_of in _SEQUENCES.items():
        if isinstance(value, kind):
            # The kind's own iteration, because a subclass may have made it costly.
            return iter_of(value)
    return None


def _names_secret(item: object) -> bool:
    return isinstance(item, str) and looks_secret(head(item, 128))


def _is_secret_pair(pair: tuple[object, ...]) -> bool:
    if tuple.__len__(pair) != _PAIR:
        return False
    name, value = tuple.__iter__(pair)
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return isinstance(name, str) and isinstance(value, (str, bytes)) and hides(head(name, 128), value)


def _octets(value: bytes | bytearray, length: int) -> bytes:
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(0, length))
    return bytes(bytearray.__getitem__(value, slice(0, length)))
