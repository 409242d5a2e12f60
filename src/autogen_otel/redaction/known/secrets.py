"""The store of the exact secrets of this process, which masks them wherever they turn up."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.known.index import SHORTEST_FORM, SecretIndex, forms_of
from autogen_otel.redaction.known.search import in_header, secrets_in, text_of
from autogen_otel.redaction.names import looks_random, looks_secret, words_of
from autogen_otel.redaction.urls import secrets_in_urls
from autogen_otel.redaction.views import find_in_views, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from autogen_otel.redaction.views import Span

_MOST_SECRETS: Final = 1000
_LEFT_AFTER_EVICTION: Final = 750
"""An eviction removes many at once, because live agents are read again after it."""
_LONGEST_ESCAPE: Final = 3
_MOST_SHORT: Final = 64
_SHORTEST_ARGUMENT: Final = 8
_LONGEST_ARGUMENT: Final = 512
_MOST_ARGUMENTS: Final = 32
_MOST_HEADERS: Final = 1024
_WORDS_OF_CREDENTIAL: Final = 2
"""``Bearer …``, which may stand under any name."""
_MOST_ENTRIES: Final = 4096
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
    """Thread-safe store of a bounded number of exact secret strings.

    ``version`` rises with each new secret. ``on_eviction`` is called when secrets were evicted, so that live
    agents and clients are read again.
    """

    def __init__(self) -> None:
        self.version = 0
        self.on_eviction: Callable[[], None] | None = None
        self._change: OneAtATime[partial[None]] = OneAtATime(partial.__call__)
        self._index = SecretIndex()
        # Texts that are not in the index yet: a signal handler may have interrupted what enters them.
        self._coming: dict[str, set[str]] = {}
        # Texts and their forms, the least recently added or seen first.
        self._config_secrets: dict[str, set[str]] = {}
        self._argument_secrets: dict[str, set[str]] = {}
        self._environment_secrets: dict[str, set[str]] = {}
        self._short_secrets: dict[str, None] = {}
        self._short_pattern: re.Pattern[str] | None = None
        self._environment: dict[str, tuple[int, list[str]]] = {}
        self._last_environment: dict[object, object] = {}
        self._seen_headers: set[int] = set()
        self._memories: list[dict[Any, Any]] = []

    @property
    def longest(self) -> int:
        """Length of the longest form in which one of the secrets may be written."""
        return _LONGEST_ESCAPE * self._index.longest

    def memory(self) -> dict[Any, Any]:
        """Make a dictionary for rendered values, which is emptied as soon as a new secret is known."""
        memory: dict[Any, Any] = {}
        self._memories.append(memory)
        return memory

    def remember(self, memory: dict[Any, Any], key: object, value: object, version: int) -> None:
        """Put a rendered value into a memory, unless a secret became known since the rendering began.

        Args:
            memory: made by ``memory()``.
            key: the key for look-ups.
            value: the rendered value.
            version: read before the rendering began.
        """
        self._change(partial(self._remember, memory, key, value, version))

    def _remember(self, memory: dict[Any, Any], key: object, value: object, version: int) -> None:
        if self.version == version:
            if len(memory) >= _MOST_ENTRIES:
                memory.clear()
            memory[key] = value

    def add(self, value: object) -> None:
        """Remember one secret; ignore values that are no text, too short or an obvious placeholder."""
        text = text_of(value)
        if text is not None and not _is_placeholder(text):
            self._take(text, self._add)

    def _take(self, text: str, enter: Callable[[str], None]) -> None:
        """Enter a text, or leave that to whoever enters another now; it is masked from now on."""
        if not self._knows(text):
            self._coming[text] = {text} if len(text) < SHORTEST_FORM else forms_of(text)
        self._change(partial(self._enter_coming, text, enter))

    def _enter_coming(self, text: str, enter: Callable[[str], None]) -> None:
        enter(text)
        self._coming.pop(text, None)

    def _knows(self, text: str) -> bool:
        stores = (
            self._config_secrets,
            self._environment_secrets,
            self._argument_secrets,
            self._short_secrets,
        )
        return any(text in store for store in stores)

    def _add(self, text: str) -> None:
        if len(text) < SHORTEST_FORM:
            self._add_short(text)
        elif text in self._config_secrets:
            self._config_secrets[text] = self._config_secrets.pop(text)
        elif text not in self._environment_secrets:
            self._enter(self._config_secrets, text)
            self._evict()

    def add_arguments(self, tree: object) -> None:
        """Remember the secrets in a call's arguments for a while, because each call may bring others."""
        for value in secrets_in(tree):
            text = text_of(value, SHORTEST_FORM)
            if text is None or _is_placeholder(text) or len(text) > _LONGEST_ARGUMENT:
                continue
            if len(text) < _SHORTEST_ARGUMENT and not looks_random(text):
                continue
            if not self._knows(text):
                self._take(text, self._add_argument)

    def _add_argument(self, text: str) -> None:
        if not self._knows(text):
            self._enter(self._argument_secrets, text)
            self._drop_oldest(self._argument_secrets, len(self._argument_secrets) - _MOST_ARGUMENTS)

    def add_tree(self, tree: object) -> None:
        """Remember every secret in nested configuration; never raises, never changes it."""
        for value in secrets_in(tree):
            self.add(value)

    def add_headers(self, headers: Iterable[tuple[object, object]]) -> None:
        """Remember the credentials in the headers of a request, as tokens that a provider has just made.

        Most headers are the same each time, so they are skipped.
        """
        seen_headers = self._seen_headers
        # Compared as sets, because a step of Python code for each header of each request costs too much.
        by_hash = {hash((name, value)): (name, value) for name, value in headers}
        for key in by_hash.keys() - seen_headers:
            name, value = by_hash[key]
            if not _is_harmless(name, value):
                for secret in in_header(name, value):
                    self.add(secret)
            if len(seen_headers) >= _MOST_HEADERS:
                seen_headers.clear()
            # Last, so that a thread that skips the header also masks the secrets in it.
            seen_headers.add(key)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Remember the values of variables whose name looks secret, and the passwords in URLs.

        May be called often: only variables that are new or have changed are read.
        """
        # os.environ decodes each variable at each access; its raw variables are compared at once.
        raw_variables = getattr(environ, "_data", environ)
        if raw_variables == self._last_environment:
            return
        last_environment = dict(raw_variables)
        for name, value in environ.items():
            previous = self._environment.get(name)
            value_hash = hash(value)
            if previous is None or previous[0] != value_hash:
                secrets = [text for text in map(text_of, _secrets_of_variable(name, value)) if text]
                self._environment[name] = (value_hash, secrets)
                for text in secrets:
                    self._add_environment_secret(text)
                for outdated_secret in previous[1] if previous else ():
                    self._change(partial(self._retire, outdated_secret))
        self._last_environment = last_environment

    def mask(self, text: str) -> str:
        """Return the text with every known secret replaced, also where it is quoted or escaped."""
        spans = find_in_views(text, self.find)
        return replaced(text, spans, MASK) if spans else text

    def find(self, text: str) -> list[Span]:
        """Find the known secrets in a text as it stands."""
        coming = self._coming
        forms = {form for of_one in list(coming.values()) for form in of_one} if coming else set()
        if len(text) >= self._index.shortest:
            forms.update(self._index.candidates(text))
        spans = []
        for form in forms:
            at = text.find(form)
            while at >= 0:
                spans.append((at, at + len(form)))
                at = text.find(form, at + len(form))
        if self._short_pattern is not None:
            spans += [match.span() for match in self._short_pattern.finditer(text)]
        return spans

    def _enter(self, store: dict[str, set[str]], text: str) -> None:
        forms = store[text] = self._coming.get(text) or forms_of(text)
        self._index.add(forms)
        self._raise_version()

    def _raise_version(self) -> None:
        # Last, so that a thread that sees the new version also masks the new secret.
        self.version += 1
        for memory in self._memories:
            memory.clear()

    def _drop_oldest(self, store: dict[str, set[str]], number: int) -> None:
        for text in list(store)[: max(0, number)]:
            self._index.remove(store.pop(text))

    def _evict(self) -> None:
        if len(self._config_secrets) <= _MOST_SECRETS:
            return
        self._drop_oldest(self._config_secrets, len(self._config_secrets) - _LEFT_AFTER_EVICTION)
        self._seen_headers.clear()
        if self.on_eviction is not None:
            self.on_eviction()

    def _add_environment_secret(self, text: str) -> None:
        if _is_placeholder(text):
            return
        if len(text) >= SHORTEST_FORM:
            self._take(text, self._add_variable)

    def _add_variable(self, text: str) -> None:
        if text not in self._environment_secrets:
            self._enter(self._environment_secrets, text)

    def _retire(self, text: str) -> None:
        if any(text in secrets for _, secrets in list(self._environment.values())):
            return
        forms = self._environment_secrets.pop(text, None)
        if forms is not None and text in self._config_secrets:
            self._index.remove(forms)
        elif forms is not None:
            self._config_secrets[text] = forms
            self._evict()

    def _add_short(self, text: str) -> None:
        # A short word without a digit stands in too many sentences.
        if text in self._short_secrets or not _DIGIT.search(text):
            return
        self._short_secrets[text] = None
        for oldest in tuple(self._short_secrets)[:-_MOST_SHORT]:
            del self._short_secrets[oldest]
        longest_first = sorted(self._short_secrets, key=lambda short: (-len(short), short))
        self._short_pattern = re.compile(
            rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])"
        )
        self._raise_version()


def _is_harmless(name: object, value: object) -> bool:
    """Whether a header is one word under a name that promises no secret."""
    title = name.decode("latin-1") if type(name) is bytes else name
    if type(title) is not str or looks_secret(title):
        return False
    text = value.decode("latin-1") if type(value) is bytes else value
    return type(text) is str and len(text.split(None, 1)) < _WORDS_OF_CREDENTIAL


def _secrets_of_variable(name: str, value: str) -> Iterable[str]:
    if not looks_secret(name) or name in _FOLDERS:
        return secrets_in_urls(value)
    # Some of these name a file with the secret; a path is no secret and helps to read traces.
    return () if os.path.exists(value) else (value,)  # noqa: PTH110 - Path() raises on odd values


def _is_placeholder(text: str) -> bool:
    return text.casefold() in _PLACEHOLDERS or text in MASK or len(set(text)) == 1
