"""Recognises text in place of a value: ``YOUR_API_KEY``, ``<key>``, ``${OPENAI_API_KEY}``, ``sk-...``."""

from __future__ import annotations

import re
from typing import Final

_TEMPLATE: Final = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}\}?|\$\{?\w+\}?|\$\{\{?[^{}]*\}\}?|%\w+%|env[:.]\w+"
    r"|os\.(?:environ|getenv).*|process\.env.*",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[a-z]+")
_OWNERS: Final = ("your", "my")
_OWNED: Final = frozenset((
    "key", "apikey", "token", "secret", "model", "deployment", "name", "resource", "endpoint", "host",
    "instance", "domain", "server",
))  # fmt: skip
"""What is somebody's in a placeholder: ``your-resource-name``, ``MY_OPENAI_KEY``."""
_OWN_SECRETS: Final = frozenset(("key", "apikey", "token", "secret"))
_TASKS: Final = frozenset(("insert", "enter", "paste", "put", "fill", "replace", "add", "change"))
_OBJECTS_OF_TASKS: Final = frozenset(("here", "key", "token", "me", "this", "in", "model", "with"))
_COMPLETE: Final = frozenset(("placeholder", "changeme", "changethis", "replaceme", "replacethis"))
"""Words that nobody has in a real value."""
_SHORTEST_FILLER: Final = 3
_PREFIX: Final = re.compile(r"(?i)^(?:sk|key|token)(?:-(?:proj|ant|or|svcacct))?[-_]")
_FILLER: Final = re.compile(
    r"(?i)(?:(.)\1{2,}|…+|x[x\-_. ]*|\.{2,}|[*•]+|[-_]+|abc|123|abc123|1234567890|abcdef)"
)
_MASKED_MIDDLE: Final = re.compile(r"\.{3,}|…|\*{3,}|•{2,}|[xX]{8,}")
_QUOTES: Final = tuple("\"'`“”")
_DUMMIES: Final = frozenset((
    "empty", "null", "none", "nil", "undefined", "dummy", "fake", "test", "key", "apikey", "api-key",
    "api_key", "token", "secret", "password", "todo", "tbd", "fixme", "xxx", "unused", "ignored",
    "no-key", "nokey", "not-needed", "not_needed", "notneeded", "not-required", "na", "n/a", "example",
    "changeme", "sk-no-key-required", "openai_api_key", "azure_openai_api_key", "sk-key", "sk-test",
    "sk-fake", "sk-dummy", "sk-xxx", "sk-", "sk",
))  # fmt: skip


def is_placeholder(text: str) -> bool:
    """Whether the text is in place of a value that somebody was to fill in."""
    bare = text.strip()
    suffix = _PREFIX.sub("", bare)
    return is_template(text) or _says_placeholder(_words(bare)) or bool(suffix and _FILLER.fullmatch(suffix))


def is_template(text: str) -> bool:
    """Whether the text is a template that a program was to replace, and so nobody's value."""
    bare = text.strip()
    return any(_TEMPLATE.fullmatch(candidate) is not None for candidate in (bare, _PREFIX.sub("", bare)))


def is_placeholder_host(host: str) -> bool:
    """Whether a part of a host's name is in place of a name: ``your-resource``, ``xxx``."""
    return any(
        _owns(words, "your", _OWNED)
        or "resource name" in " ".join(words)
        or any(len(word) >= _SHORTEST_FILLER and not word.strip("x") for word in words)
        for words in map(_words, host.split("."))
    )


def is_quoted(text: str) -> bool:
    """Whether the text has quotes of its own around it, which a shell or YAML left there."""
    return text[:1] in _QUOTES or text[-1:] in _QUOTES


def is_own_word(text: str) -> bool:
    """Whether the text is a word such as ``my-secret-key``, which no provider issues.

    Somebody may really use it as the key of a server of their own.
    """
    return _owns(_words(text), "my", _OWN_SECRETS)


def is_dummy(text: str) -> bool:
    """Whether the text is a word that means no key, as users give it to servers without keys."""
    return text.strip().lower() in _DUMMIES


def is_masked(text: str) -> bool:
    """Whether the text was copied from a place that leaves out its middle."""
    return _MASKED_MIDDLE.search(text) is not None


def _words(text: str) -> list[str]:
    """The words of a text; one that is written without a gap behind its owner (``yourkey``) is two."""
    words = []
    for word in _WORD.findall(text.lower()):
        owner = next((owner for owner in _OWNERS if word.startswith(owner)), "")
        words += [owner, word[len(owner) :]] if word[len(owner) :] in _OWNED else [word]
    return words


def _says_placeholder(words: list[str]) -> bool:
    if "your" in words or not _COMPLETE.isdisjoint(words):
        return True
    task = next((index for index, word in enumerate(words) if word in _TASKS), len(words))
    if not _OBJECTS_OF_TASKS.isdisjoint(words[task + 1 :]):
        return True
    # "the key goes here"
    return "here" in words and not _OWNED.isdisjoint(words[: words.index("here")])


def _owns(words: list[str], owner: str, things: frozenset[str]) -> bool:
    return owner in words and not things.isdisjoint(words[words.index(owner) :])
