"""The exact secrets this process is known to hold, and their masking wherever they turn up."""

from __future__ import annotations

import os
import re
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.capture.keys import looks_random, looks_secret, words_of
from autogen_otel.capture.secret_index import SHORTEST_FORM, SecretIndex, forms_of
from autogen_otel.capture.secret_search import secrets_in, secrets_in_header, text_of
from autogen_otel.capture.urls import secrets_in_urls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK: Final = "[redacted]"

_MOST_KEPT: Final = 1000
_LEFT_OF_THEM: Final = 750
"""Evicting some at once, because agents that live on are then read again."""
_MOST_SHORT: Final = 64
_SHORTEST_PASSING: Final = 8
_LONGEST_PASSING: Final = 512
_MOST_PASSING: Final = 32
_MOST_HARMLESS: Final = 1024
# Masking these everywhere would make telemetry unreadable and protect nothing.
_PLACEHOLDERS: Final = words_of(
    "ollama empty null none dummy not-needed not_needed notneeded not-required not_required lm-studio "
    "lmstudio no-key nokey no-key-required sk-no-key-required unused ignored placeholder example "
    "changeme change-me change_me your-api-key your_api_key your-key your_key api-key api_key apikey "
    "password passwd secret token default enabled disabled required optional localhost postgres "
    "anything fake-key fake_key test-key test_key undefined unknown string object number boolean openai "
    "azure anthropic google bearer manual public private testing replace_me replace-me"
)
_FOLDERS: Final = ("PWD", "OLDPWD")
_DIGIT = re.compile("[0-9]")


class KnownSecrets:
    """Thread-safe store of exact secret strings, of which it keeps a bounded number.

    ``version`` rises with each new secret, so that whoever caches masked text knows when to forget it.
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = threading.Lock()
        self._index = SecretIndex()
        # Texts and their forms, the least recently added or seen first.
        self._kept: dict[str, set[str]] = {}
        self._passing: dict[str, set[str]] = {}
        self._lasting: dict[str, set[str]] = {}
        self._short: dict[str, None] = {}
        self._shorts: re.Pattern[str] | None = None
        self._environment: dict[str, tuple[int, list[str]]] = {}
        self._harmless: set[int] = set()
        self._holders: dict[int, weakref.ref[Any]] = {}

    @property
    def longest(self) -> int:
        """Characters of the longest way to write one of them."""
        return self._index.longest

    def add(self, value: object) -> None:
        """Remember one secret; what is no text, too short or an obvious placeholder is ignored."""
        text = text_of(value)
        if text is None or _is_placeholder(text):
            return
        with self._lock:
            if len(text) < SHORTEST_FORM:
                self._add_short(text)
            elif text in self._kept:
                self._kept[text] = self._kept.pop(text)
            elif text not in self._lasting:
                self._enter(self._kept, text)
                self._evict()

    def add_passing(self, tree: object) -> None:
        """Remember the secrets in a call's arguments for a while, since each call may bring others."""
        for value in secrets_in(tree):
            text = text_of(value, SHORTEST_FORM)
            if text is None or _is_placeholder(text) or len(text) > _LONGEST_PASSING:
                continue
            if len(text) < _SHORTEST_PASSING and not looks_random(text):
                continue
            with self._lock:
                if not any(text in known for known in (self._kept, self._lasting, self._passing)):
                    self._enter(self._passing, text)
                    self._drop(self._passing, len(self._passing) - _MOST_PASSING)

    def add_tree(self, tree: object) -> None:
        """Remember every secret found in nested configuration; never raises, never changes it."""
        for value in secrets_in(tree):
            self.add(value)

    def add_sent(self, headers: Iterable[tuple[object, object]]) -> None:
        """Remember what authorises in the headers of a request, as tokens that a provider has just made."""
        for name, value in headers:
            mark = hash((name, value))
            # Most headers are the same ones each time, and say nothing.
            if mark in self._harmless:
                continue
            found = list(secrets_in_header(name, value))
            for secret in found:
                self.add(secret)
            if not found and len(self._harmless) < _MOST_HARMLESS:
                self._harmless.add(mark)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Remember the values of variables whose name looks secret, and the passwords in URLs.

        May be called often: only variables that are new or have changed are looked at.
        """
        for name, value in environ.items():
            seen = self._environment.get(name)
            mark = hash(value)
            if seen is None or seen[0] != mark:
                found = [text for text in map(text_of, _secrets_of_variable(name, value)) if text]
                self._environment[name] = (mark, found)
                for text in found:
                    self._add_lasting(text)
                for outdated in seen[1] if seen else ():
                    self._retire(outdated)

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

    def mask(self, text: str) -> str:
        """Return the text with every known secret replaced, also where it is quoted or escaped."""
        for form in self._index.found_in(text):
            text = text.replace(form, MASK)
        shorts = self._shorts
        return text if shorts is None else shorts.sub(MASK, text)

    def _enter(self, known: dict[str, set[str]], text: str) -> None:
        known[text] = forms_of(text)
        self._index.add(known[text])
        # Last, so that whoever sees the new version also masks the new secret.
        self.version += 1

    def _drop(self, known: dict[str, set[str]], number: int) -> None:
        for text in list(known)[: max(0, number)]:
            self._index.remove(known.pop(text))

    def _evict(self) -> None:
        if len(self._kept) > _MOST_KEPT:
            self._drop(self._kept, len(self._kept) - _LEFT_OF_THEM)
            # Whoever is still at work is read again, and its secrets return as the newest.
            self._holders.clear()

    def _add_lasting(self, text: str) -> None:
        if _is_placeholder(text):
            return
        with self._lock:
            if len(text) >= SHORTEST_FORM and text not in self._lasting:
                self._enter(self._lasting, text)

    def _retire(self, text: str) -> None:
        if any(text in found for _, found in self._environment.values()):
            return
        with self._lock:
            forms = self._lasting.pop(text, None)
            if forms is not None and text in self._kept:
                self._index.remove(forms)
            elif forms is not None:
                self._kept[text] = forms
                self._evict()

    def _add_short(self, text: str) -> None:
        # A short word without a digit stands in too many sentences.
        if text in self._short or not _DIGIT.search(text):
            return
        self._short[text] = None
        for oldest in tuple(self._short)[:-_MOST_SHORT]:
            del self._short[oldest]
        longest_first = sorted(self._short, key=lambda short: (-len(short), short))
        self._shorts = re.compile(
            rf"(?:(?<![^\W_])|(?<=\\[abfnrtv]))(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])"
        )
        self.version += 1


def _secrets_of_variable(name: str, value: str) -> Iterable[str]:
    if not looks_secret(name) or name in _FOLDERS:
        return secrets_in_urls(value)
    # Some of these name a file that holds the secret; a path is none and helps to read traces.
    return () if os.path.exists(value) else (value,)  # noqa: PTH110 - Path() raises on odd values


def _is_placeholder(text: str) -> bool:
    return text.casefold() in _PLACEHOLDERS or text in MASK or len(set(text)) == 1
