"""The exact secrets this process is known to hold, and their masking wherever they turn up."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, unquote

from autogen_otel.capture.cutting import clean, head
from autogen_otel.capture.keys import hides, looks_random, looks_secret, words_of
from autogen_otel.capture.records import fields_of, instance_dict
from autogen_otel.capture.urls import authorises, secrets_in_urls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK: Final = "[redacted]"

_SHORTEST: Final = 6
_LONGEST: Final = 65536
_SHORTEST_PASSING: Final = 8
_LONGEST_PASSING: Final = 512
_MOST_PASSING: Final = 32
_MOST_NODES: Final = 20_000
_DEEPEST: Final = 10
# Masking these everywhere would make telemetry unreadable and protect nothing.
_PLACEHOLDERS: Final = words_of(
    "ollama empty null none dummy not-needed not_needed notneeded not-required not_required lm-studio "
    "lmstudio no-key nokey no-key-required sk-no-key-required unused ignored placeholder example "
    "changeme change-me change_me your-api-key your_api_key your-key your_key api-key api_key apikey "
    "password passwd secret token default enabled disabled required optional localhost postgres "
    "anything fake-key fake_key test-key test_key undefined unknown string object number boolean openai "
    "azure anthropic google bearer manual public private testing replace_me replace-me"
)
_CREDENTIAL = re.compile(r"(?i)\s*(?:bearer|basic|token|apikey|api-key)\s+(\S+)\s*")
_ESCAPE = re.compile("%[0-9A-F]{2}")
_FOLDERS: Final = ("PWD", "OLDPWD")
# What stands in a header and is no version, no media type and no name somebody gave.
_OPAQUE = re.compile(r"(?=[a-zA-Z]*[0-9])(?=[0-9]*[a-zA-Z])[A-Za-z0-9]{16,}")
_PLURALS: Final = ("keys", "tokens", "secrets", "passwords", "cookies")


class KnownSecrets:
    """Thread-safe store of exact secret strings.

    ``version`` rises with each new secret, so that whoever caches masked text knows when to forget it.
    """

    def __init__(self) -> None:
        self.version = 0
        self.longest = 0
        self._lock = threading.Lock()
        self._kept: dict[str, set[str]] = {}
        self._passing: dict[str, set[str]] = {}
        self._holders: dict[int, weakref.ref[Any]] = {}
        self._forms: tuple[str, ...] = ()

    def add(self, value: object) -> None:
        """Remember one secret; what is no text, too short or an obvious placeholder is ignored."""
        text = _text_of(value)
        if text is None or text in self._kept or _is_placeholder(text):
            return
        with self._lock:
            self._kept[text] = _forms_of(text)
            self._renew()

    def add_passing(self, tree: object) -> None:
        """Remember the secrets in a call's arguments for a while, since each call may bring others."""
        for value in _Search().in_tree(tree):
            text = _text_of(value)
            if text is None or text in self._kept or text in self._passing or _is_placeholder(text):
                continue
            if len(text) > _LONGEST_PASSING or (len(text) < _SHORTEST_PASSING and not looks_random(text)):
                continue
            with self._lock:
                self._passing[text] = _forms_of(text)
                for oldest in tuple(self._passing)[:-_MOST_PASSING]:
                    del self._passing[oldest]
                self._renew()

    def _renew(self) -> None:
        known = (*self._kept.values(), *self._passing.values())
        self._forms = tuple(sorted(set().union(*known), key=lambda form: (-len(form), form)))
        self.longest = len(self._forms[0])
        # Last, so that whoever sees the new version also masks the new secret.
        self.version += 1

    def first_sight(self, holder: object) -> bool:
        """Tell whether an object is shown for the first time, so that its secrets are looked for but once."""
        key = id(holder)
        known = self._holders.get(key)
        if known is not None and known() is holder:
            return False
        try:
            self._holders[key] = weakref.ref(holder, lambda _: self._holders.pop(key, None))
        except TypeError:  # nothing can be remembered of it
            return True
        return True

    def add_tree(self, tree: object) -> None:
        """Remember every secret found in nested configuration; never raises, never changes it."""
        for value in _Search().in_tree(tree):
            self.add(value)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Remember the values of variables whose name looks secret, and the passwords in URLs."""
        for name, value in environ.items():
            if looks_secret(name) and name not in _FOLDERS:
                # Some of these name a file that holds the secret; a path is none and helps to read traces.
                if not os.path.exists(value):  # noqa: PTH110 - Path() raises on odd values
                    self.add(value)
            else:
                for secret in secrets_in_urls(value):
                    self.add(secret)

    def mask(self, text: str) -> str:
        """Return the text with every known secret replaced, also where it is quoted or escaped."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text


class _Search:
    """One bounded walk through configuration."""

    def __init__(self) -> None:
        self._nodes = 0
        self._path: set[int] = set()

    def in_tree(self, tree: object) -> list[object]:
        """List the secrets in it."""
        found: list[object] = []
        # Of the object itself, such as a client, everything it holds is looked at; below it data only.
        self._walk(instance_dict(tree), found, depth=0, secret=False)
        self._walk(tree, found, depth=0, secret=False)
        return found

    def _walk(self, value: object, found: list[object], depth: int, *, secret: bool) -> None:
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES or id(value) in self._path:
            return
        self._path.add(id(value))
        try:
            self._walk_inside(value, found, depth + 1, secret=secret)
        except Exception:  # noqa: BLE001, S110 - the user's objects may raise; what was found counts
            pass
        finally:
            self._path.discard(id(value))

    def _walk_inside(self, value: object, found: list[object], depth: int, *, secret: bool) -> None:
        if isinstance(value, (str, bytes)):
            found.extend(_secrets_in_text(value, secret=secret))
            return
        if callable(getattr(type(value), "get_secret_value", None)):
            self._walk(value.get_secret_value(), found, depth, secret=True)  # type: ignore[attr-defined]
            return
        if callable(getattr(type(value), "unicode_string", None)):
            # Pydantic's URLs.
            self._walk(str(value), found, depth, secret=secret)
            return
        rows = fields_of(value)
        if rows is not None:
            self._walk_pairs(((name, item) for name, item, _ in rows), found, depth)
        elif isinstance(value, dict):
            self._walk_pairs(dict.items(dict.copy(value)), found, depth)
        elif isinstance(value, (list, tuple, set, frozenset)):
            for item in tuple(value):
                self._walk(item, found, depth, secret=secret)
        elif "_model" in instance_dict(value):
            # AG2 keeps its LLMConfig in a model behind attribute access.
            self._walk(instance_dict(value)["_model"], found, depth, secret=False)

    def _walk_pairs(self, pairs: Iterable[tuple[object, object]], found: list[object], depth: int) -> None:
        for key, item in pairs:
            name = _text_of(key, shortest=1) or ""
            secret = hides(name, item)
            if isinstance(item, dict) and name.lower().endswith(("headers", "query")):
                found.extend(_secrets_sent(item))
            # A mapping of names to secrets; other mappings tell by their own keys what is secret.
            if secret and isinstance(item, dict) and name.lower().endswith(_PLURALS):
                for value in dict.values(dict.copy(item)):
                    self._walk(value, found, depth + 1, secret=True)
            self._walk(item, found, depth, secret=secret)


def _secrets_sent(sent: dict[Any, object]) -> list[object]:
    """Headers and query parameters that authorise, whatever their owner has called them."""
    found: list[object] = []
    for key, item in dict.items(dict.copy(sent)):
        name, value = _text_of(key, shortest=1) or "", _text_of(item)
        if value is None:
            continue
        if name.lower().endswith("key") or authorises(name, value):
            found.append(value)
        else:
            found.extend(_OPAQUE.findall(value))
    return found


def _secrets_in_text(value: str | bytes, *, secret: bool) -> list[object]:
    text = _text_of(value)
    if text is None:
        return []
    found: list[object] = list(secrets_in_urls(text))
    credential = _CREDENTIAL.fullmatch(text)
    if credential and (secret or looks_random(credential.group(1))):
        found.append(credential.group(1))
    if secret:
        found.append(text)
    return found


def _text_of(value: object, shortest: int = _SHORTEST) -> str | None:
    if isinstance(value, bytes):
        try:
            value = bytes.decode(value, "utf-8")
        except UnicodeDecodeError:
            return None
    if not isinstance(value, str) or str.__len__(value) > _LONGEST:
        return None
    text = head(value, _LONGEST).strip()
    return clean(text) if len(text) >= shortest else None


def _is_placeholder(text: str) -> bool:
    return text.casefold() in _PLACEHOLDERS or text in MASK or len(set(text)) == 1


def _forms_of(text: str) -> set[str]:
    in_json = json.dumps(text)[1:-1]
    forms = {
        text,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        unquote(text, errors="strict") if "%" in text and _unquotes(text) else text,
        in_json,
        json.dumps(in_json)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        text.replace("/", "\\/"),
        repr(text)[1:-1],
        # The last character of base64 depends on what follows, hence the whole triples only.
        base64.b64encode(text.encode()[: len(text.encode()) // 3 * 3]).decode(),
    }
    forms.add(_ESCAPE.sub(lambda escape: escape.group().lower(), quote(text, safe="")))
    return {form for form in forms if len(form) >= _SHORTEST}


def _unquotes(text: str) -> bool:
    try:
        return len(unquote(text, errors="strict")) >= _SHORTEST
    except UnicodeDecodeError:
        return False
