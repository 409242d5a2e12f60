"""Where configuration keeps secrets: one bounded walk through dicts, models, headers and URLs."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.cutting import clean, head
from autogen_otel.redaction.introspection import fields_of, instance_dict
from autogen_otel.redaction.names import hides, looks_random, looks_secret
from autogen_otel.redaction.urls import authorises, secrets_in_urls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST: Final = 4
_LONGEST: Final = 65536
_MOST_NODES: Final = 20_000
_DEEPEST: Final = 10
_CREDENTIAL = re.compile(r"(?i)\s*(bearer|basic|token|apikey|api-key)\s+(\S+)\s*")
_LONG_WORD = re.compile(r"[A-Za-z0-9]{16,}")
_PLURALS: Final = ("keys", "tokens", "secrets", "passwords", "cookies")
_SHORTEST_HEADER_PART: Final = 8
"""A shorter part of a request's header is as likely a flag as a secret."""


def text_of(value: Any, shortest: int = SHORTEST) -> str | None:
    """Return text as it would be recorded; ``None`` if it is no text, too short or far too long."""
    if issubclass(type(value), bytes):
        try:
            value = bytes.decode(value, "utf-8")
        except UnicodeDecodeError:
            return None
    if not issubclass(type(value), str) or str.__len__(value) > _LONGEST:
        return None
    text = head(value, _LONGEST).strip()
    return clean(text) if len(text) >= shortest else None


def secrets_in(tree: object) -> list[object]:
    """List the secrets in nested configuration; never raises, never changes it."""
    return _Search().in_tree(tree)


def in_header(name: object, value: object) -> Iterator[str]:
    """List the credentials in one header of a request as it is sent, their parts included."""
    title, text = text_of(name, shortest=1) or "", text_of(value)
    if text is None:
        return
    credential = _CREDENTIAL.fullmatch(text)
    if credential is not None and (looks_secret(title) or looks_random(credential.group(2))):
        yield from _parts_of(credential)
    elif looks_secret(title):
        yield text
        if title.lower().endswith("cookie"):
            values = (part.partition("=")[2].strip(' "') for part in text.split(";"))
            yield from (cookie for cookie in values if len(cookie) >= _SHORTEST_HEADER_PART)


def _parts_of(credential: re.Match[str]) -> Iterator[str]:
    scheme, value = credential.groups()
    yield value
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield from (part for part in (pair, pair.partition(":")[2]) if part)


class _Search:
    """One bounded walk through configuration."""

    def __init__(self) -> None:
        self._nodes = 0
        self._path: set[int] = set()

    def in_tree(self, tree: object) -> list[object]:
        """List the secrets in it."""
        secrets: list[object] = []
        if type(tree) is not dict:
            # All attributes of the object itself, such as a client, are searched; below it only data is.
            self._walk(instance_dict(tree), secrets, depth=0, is_secret=False)
        self._walk(tree, secrets, depth=0, is_secret=False)
        return secrets

    def _walk(self, value: object, secrets: list[object], depth: int, *, is_secret: bool) -> None:
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES or id(value) in self._path:
            return
        self._path.add(id(value))
        try:
            self._walk_inside(value, secrets, depth + 1, is_secret=is_secret)
        except Exception:  # noqa: BLE001, S110 - the user's objects may raise; the secrets before that stay
            pass
        finally:
            self._path.discard(id(value))

    def _walk_inside(self, value: Any, secrets: list[object], depth: int, *, is_secret: bool) -> None:
        if issubclass(type(value), (str, bytes)):
            secrets.extend(_secrets_in_text(value, is_secret=is_secret))
            return
        if callable(getattr(type(value), "get_secret_value", None)):
            self._walk(value.get_secret_value(), secrets, depth, is_secret=True)
            return
        if callable(getattr(type(value), "unicode_string", None)):
            # Pydantic's URLs.
            self._walk(str(value), secrets, depth, is_secret=is_secret)
            return
        rows = fields_of(value)
        if rows is not None:
            self._walk_pairs(((name, item) for name, item, _ in rows), secrets, depth)
        elif issubclass(type(value), dict):
            self._walk_pairs(dict.items(dict.copy(value)), secrets, depth)
        elif issubclass(type(value), (list, tuple, set, frozenset)):
            for item in tuple(value):
                self._walk(item, secrets, depth, is_secret=is_secret)
        elif "_model" in instance_dict(value):
            # AG2 keeps its LLMConfig in a model behind attribute access.
            self._walk(instance_dict(value)["_model"], secrets, depth, is_secret=False)

    def _walk_pairs(self, pairs: Iterable[tuple[object, Any]], secrets: list[object], depth: int) -> None:
        for key, item in pairs:
            name = text_of(key, shortest=1) or ""
            is_secret = hides(name, item)
            if issubclass(type(item), dict) and name.lower().endswith(("headers", "query")):
                secrets.extend(_secrets_in_parameters(item))
            # A mapping of names to secrets; in other mappings the keys tell which values are secret.
            if is_secret and issubclass(type(item), dict) and name.lower().endswith(_PLURALS):
                for value in dict.values(dict.copy(item)):
                    self._walk(value, secrets, depth + 1, is_secret=True)
            self._walk(item, secrets, depth, is_secret=is_secret)


def _secrets_in_parameters(parameters: dict[Any, object]) -> list[object]:
    """List the headers or query parameters that authorise, under any name."""
    secrets: list[object] = []
    for key, item in dict.items(dict.copy(parameters)):
        name, value = text_of(key, shortest=1) or "", text_of(item)
        if value is None:
            continue
        if name.lower().endswith("key") or authorises(name, value):
            secrets.append(value)
        else:
            # No version, no media type and no name that somebody chose.
            words = _LONG_WORD.findall(value)
            secrets.extend(word for word in words if not (word.isdigit() or word.isalpha()))
    return secrets


def _secrets_in_text(value: str | bytes, *, is_secret: bool) -> list[object]:
    text = text_of(value)
    if text is None:
        return []
    secrets: list[object] = list(secrets_in_urls(text))
    credential = _CREDENTIAL.fullmatch(text)
    if credential and (is_secret or looks_random(credential.group(2))):
        secrets.extend(_parts_of(credential))
    if is_secret:
        secrets.append(text)
    return secrets
