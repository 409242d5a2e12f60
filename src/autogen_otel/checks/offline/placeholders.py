"""Recognises text in place of a value: ``YOUR_API_KEY``, ``<key>``, ``${OPENAI_API_KEY}``, ``sk-...``."""

from __future__ import annotations

import re
from typing import Final

_TEMPLATE: Final = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}\}?|\$\{?\w+\}?|\$\{\{?[^{}]*\}\}?|%\w+%|env[:.]\w+"
    r"|os\.(?:environ|getenv).*|process\.env.*",
    re.IGNORECASE,
)
_PLACEHOLDER_WORDS: Final = re.compile(
    r"(?:^|[^a-z])your(?:[^a-z]+[a-z0-9]+)*?[^a-z]*(?:key|token|secret|model|deployment|name|resource|endpoint)"
    r"|(?:^|[^a-z])(?:insert|enter|paste|put|fill|replace|add)[^a-z]+(?:[a-z]+[^a-z]+)*?"
    r"(?:here|key|token|me|this|in|model|with)(?:[^a-z]|$)"
    r"|(?:key|token|model|deployment)[^a-z]+(?:goes[^a-z]+)?here(?:[^a-z]|$)"
    r"|(?:^|[^a-z])(?:change|replace)[^a-z]?(?:me|this)(?:[^a-z]|$)"
    r"|(?:^|[^a-z])placeholder(?:[^a-z]|$)",
    re.IGNORECASE,
)
_OWN_WORD: Final = re.compile(r"(?i)(?:^|[^a-z])my(?:[^a-z]+[a-z0-9]+)*?[^a-z]*(?:key|token|secret)")
"""Words that somebody may really use as the key of their own server."""
_PREFIX: Final = re.compile(r"(?i)^(?:sk|key|token)(?:-(?:proj|ant|or|svcacct))?[-_]")
_FILLER: Final = re.compile(
    r"(?i)(?:(.)\1{2,}|…+|(?:x+[-_. ]*)+|\.{2,}|[*•]+|[-_]+|abc|123|abc123|1234567890|abcdef)"
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
    return bool(
        is_template(text) or _PLACEHOLDER_WORDS.search(bare) or (suffix and _FILLER.fullmatch(suffix))
    )


def is_template(text: str) -> bool:
    """Whether the text is a template that a program was to replace, and so nobody's value."""
    bare = text.strip()
    return any(_TEMPLATE.fullmatch(candidate) is not None for candidate in (bare, _PREFIX.sub("", bare)))


def is_quoted(text: str) -> bool:
    """Whether the text has quotes of its own around it, which a shell or YAML left there."""
    return text[:1] in _QUOTES or text[-1:] in _QUOTES


def is_own_word(text: str) -> bool:
    """Whether the text is a word such as ``my-secret-key``, which no provider issues."""
    return _OWN_WORD.search(text.strip()) is not None


def is_dummy(text: str) -> bool:
    """Whether the text is a word that means no key, as users give it to servers without keys."""
    return text.strip().lower() in _DUMMIES


def is_masked(text: str) -> bool:
    """Whether the text was copied from a place that leaves out its middle."""
    return _MASKED_MIDDLE.search(text) is not None
