"""The exact secrets this process is known to hold, and their masking wherever they turn up."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.known.index import SHORTEST_FORM, SecretIndex, forms_of
from autogen_otel.redaction.known.search import holds_no_secret, in_header, secrets_in, text_of
from autogen_otel.redaction.names import looks_random, looks_secret, words_of
from autogen_otel.redaction.urls import secrets_in_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MOST_KEPT: Final = 1000
_LEFT_OF_THEM: Final = 750
"""Evicting some at once, because live agents are then read again."""
_MOST_SHORT: Final = 64
_SHORTEST_PASSING: Final = 8
_LONGEST_PASSING: Final = 512
_MOST_PASSING: Final = 32
_MOST_HEADERS: Final = 1024
_WORDS_OF_CREDENTIAL: Final = 2
"""``Bearer …``, as it may stand under any name."""
_MOST_REMEMBERED: Final = 4096
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
_EVERY: Final[WeakSet[KnownSecrets]] = WeakSet()


def after_fork() -> None:
    """Renew all locks: a thread of the parent may have held one."""
    for one in list(_EVERY):
        one.after_fork()


class KnownSecrets:
    """Thread-safe store of exact secret strings, of which it keeps a bounded number.

    ``version`` rises with each new secret. ``on_eviction`` is called when secrets were evicted, so that live
    agents and clients are read again.
    """

    def __init__(self) -> None:
        self.version = 0
        self.on_eviction: Callable[[], None] | None = None
        # Reentrant, because a finalizer that runs in here may be observed itself.
        self._lock = threading.RLock()
        self._index = SecretIndex()
        # Texts and their forms, the least recently added or seen first.
        self._kept: dict[str, set[str]] = {}
        self._passing: dict[str, set[str]] = {}
        self._lasting: dict[str, set[str]] = {}
        self._short: dict[str, None] = {}
        self._shorts: re.Pattern[str] | None = None
        self._environment: dict[str, tuple[int, list[str]]] = {}
        self._last_environment: dict[object, object] = {}
        self._seen_headers: set[int] = set()
        self._memories: list[dict[Any, Any]] = []
        _EVERY.add(self)

    def after_fork(self) -> None:
        """Renew the lock."""
        self._lock = threading.RLock()

    @property
    def longest(self) -> int:
        """Characters of the longest way to write one of them."""
        return self._index.longest

    def memory(self) -> dict[Any, Any]:
        """Make a dictionary for what is rendered, which is emptied as soon as a new secret is known."""
        memory: dict[Any, Any] = {}
        self._memories.append(memory)
        return memory

    def remember(self, memory: dict[Any, Any], key: object, rendered: object, version: int) -> None:
        """Keep what was rendered in a memory, unless a secret became known since it was begun.

        Args:
            memory: made by ``memory()``.
            key: what it is looked up by.
            rendered: what became of it.
            version: read before the rendering began.
        """
        with self._lock:
            if self.version == version:
                if len(memory) >= _MOST_REMEMBERED:
                    memory.clear()
                memory[key] = rendered

    def add(self, value: object) -> None:
        """Remember one secret; what is no text, too short or an obvious placeholder is ignored."""
        text = text_of(value)
        if text is None or _is_placeholder(text):
            return
        evicted = False
        with self._lock:
            if len(text) < SHORTEST_FORM:
                self._add_short(text)
            elif text in self._kept:
                self._kept[text] = self._kept.pop(text)
            elif text not in self._lasting:
                self._enter(self._kept, text)
                evicted = self._evict()
        if evicted and self.on_eviction is not None:
            self.on_eviction()

    def add_passing(self, tree: object) -> None:
        """Remember the secrets in a call's arguments for a while, since each call may bring others."""
        if holds_no_secret(tree):
            return
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

    def add_headers(self, headers: Iterable[tuple[object, object]]) -> None:
        """Remember what authorises in the headers of a request, as tokens that a provider has just made.

        Most headers are the same each time, and so are passed by.
        """
        seen = self._seen_headers
        # Compared as sets, because a step of Python's for each header of each request is dear.
        by_hash = {hash((name, value)): (name, value) for name, value in headers}
        for key in by_hash.keys() - seen:
            name, value = by_hash[key]
            if not _is_harmless(name, value):
                for secret in in_header(name, value):
                    self.add(secret)
            if len(seen) >= _MOST_HEADERS:
                seen.clear()
            # Last, so that whoever finds it seen also masks what is in it.
            seen.add(key)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Remember the values of variables whose name looks secret, and the passwords in URLs.

        May be called often: only variables that are new or have changed are looked at.
        """
        # os.environ decodes each variable on each look; what it holds is compared at once.
        raw = getattr(environ, "_data", environ)
        if raw == self._last_environment:
            return
        last_environment = dict(raw)
        for name, value in environ.items():
            known = self._environment.get(name)
            mark = hash(value)
            if known is None or known[0] != mark:
                secrets = [text for text in map(text_of, _secrets_of_variable(name, value)) if text]
                self._environment[name] = (mark, secrets)
                for text in secrets:
                    self._add_lasting(text)
                for outdated in known[1] if known else ():
                    self._retire(outdated)
        self._last_environment = last_environment

    def mask(self, text: str) -> str:
        """Return the text with every known secret replaced, also where it is quoted or escaped."""
        if len(text) >= self._index.shortest:
            for form in self._index.candidates(text):
                if form in text:
                    text = text.replace(form, MASK)
        shorts = self._shorts
        return text if shorts is None else shorts.sub(MASK, text)

    def _enter(self, known: dict[str, set[str]], text: str) -> None:
        known[text] = forms_of(text)
        self._index.add(known[text])
        self._rise()

    def _rise(self) -> None:
        # Last, so that whoever sees the new version also masks the new secret.
        self.version += 1
        for memory in self._memories:
            memory.clear()

    def _drop(self, known: dict[str, set[str]], number: int) -> None:
        for text in list(known)[: max(0, number)]:
            self._index.remove(known.pop(text))

    def _evict(self) -> bool:
        if len(self._kept) <= _MOST_KEPT:
            return False
        self._drop(self._kept, len(self._kept) - _LEFT_OF_THEM)
        self._seen_headers.clear()
        return True

    def _add_lasting(self, text: str) -> None:
        if _is_placeholder(text):
            return
        with self._lock:
            if len(text) >= SHORTEST_FORM and text not in self._lasting:
                self._enter(self._lasting, text)

    def _retire(self, text: str) -> None:
        if any(text in secrets for _, secrets in self._environment.values()):
            return
        with self._lock:
            forms, evicted = self._lasting.pop(text, None), False
            if forms is not None and text in self._kept:
                self._index.remove(forms)
            elif forms is not None:
                self._kept[text] = forms
                evicted = self._evict()
        if evicted and self.on_eviction is not None:
            self.on_eviction()

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
        self._rise()


def _is_harmless(name: object, value: object) -> bool:
    """Whether a header is one word under a name that promises no secret."""
    plain = name.decode("latin-1") if type(name) is bytes else name
    if type(plain) is not str or looks_secret(plain):
        return False
    text = value.decode("latin-1") if type(value) is bytes else value
    return type(text) is str and len(text.split(None, 1)) < _WORDS_OF_CREDENTIAL


def _secrets_of_variable(name: str, value: str) -> Iterable[str]:
    if not looks_secret(name) or name in _FOLDERS:
        return secrets_in_urls(value)
    # Some of these name a file that holds the secret; a path is none and helps to read traces.
    return () if os.path.exists(value) else (value,)  # noqa: PTH110 - Path() raises on odd values


def _is_placeholder(text: str) -> bool:
    return text.casefold() in _PLACEHOLDERS or text in MASK or len(set(text)) == 1
