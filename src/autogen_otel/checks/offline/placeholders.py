"""Text that stands where a value belongs: ``YOUR_API_KEY``, ``<key>``, ``${OPENAI_API_KEY}``, ``sk-...``."""

from __future__ import annotations

import re
from typing import Final

_TEMPLATE: Final = re.compile(
    r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}\}?|\$\{?\w+\}?|\$\{\{?[^{}]*\}\}?|%\w+%|env[:.]\w+"
    r"|os\.(?:environ|getenv).*|process\.env.*",
    re.IGNORECASE,
)
_WORDED: Final = re.compile(
    r"(?:^|[^a-z])your(?:[^a-z]+[a-z0-9]+)*?[^a-z]*(?:key|token|secret|model|deployment|name|resource|endpoint)"
    r"|(?:^|[^a-z])(?:insert|enter|paste|put|fill|replace|add)[^a-z]+(?:[a-z]+[^a-z]+)*?"
    r"(?:here|key|token|me|this|in|model|with)(?:[^a-z]|$)"
    r"|(?:key|token|model|deployment)[^a-z]+(?:goes[^a-z]+)?here(?:[^a-z]|$)"
    r"|(?:^|[^a-z])(?:change|replace)[^a-z]?(?:me|this)(?:[^a-z]|$)"
    r"|(?:^|[^a-z])placeholder(?:[^a-z]|$)",
    re.IGNORECASE,
)
_OWN: Final = re.compile(r"(?i)(?:^|[^a-z])my(?:[^a-z]+[a-z0-9]+)*?[^a-z]*(?:key|token|secret)")
"""What somebody may really have chosen as the key of a server of their own."""
_PREFIX: Final = re.compile(r"(?i)^(?:sk|key|token)(?:-(?:proj|ant|or|svcacct))?[-_]")
_FILLER: Final = re.compile(
    r"(?i)(?:(.)\1{2,}|…+|(?:x+[-_. ]*)+|\.{2,}|[*•]+|[-_]+|abc|123|abc123|1234567890|abcdef)"
)
_MASKED: Final = re.compile(r"\.{3,}|…|\*{3,}|•{2,}|[xX]{8,}")
_QUOTES: Final = tuple("\"'`“”")
_DUMMIES: Final = frozenset((
    "empty", "null", "none", "nil", "undefined", "dummy", "fake", "test", "key", "apikey", "api-key",
    "api_key", "token", "secret", "password", "todo", "tbd", "fixme", "xxx", "unused", "ignored",
    "no-key", "nokey", "not-needed", "not_needed", "notneeded", "not-required", "na", "n/a", "example",
    "changeme", "sk-no-key-required", "openai_api_key", "azure_openai_api_key", "sk-key", "sk-test",
    "sk-fake", "sk-dummy", "sk-xxx", "sk-", "sk",
))  # fmt: skip


def is_placeholder(text: str) -> bool:
    """Whether the text stands for what somebody was to fill in."""
    bare = text.strip()
    rest = _PREFIX.sub("", bare)
    return bool(is_template(text) or _WORDED.search(bare) or (rest and _FILLER.fullmatch(rest)))


def is_template(text: str) -> bool:
    """Whether the text is one that a program was to replace, which nobody has as a value."""
    bare = text.strip()
    return any(_TEMPLATE.fullmatch(one) is not None for one in (bare, _PREFIX.sub("", bare)))


def is_quoted(text: str) -> bool:
    """Whether the text has quotes of its own around it, as it has where a shell or YAML left them."""
    return text[:1] in _QUOTES or text[-1:] in _QUOTES


def is_own_word(text: str) -> bool:
    """Whether the text is a word such as ``my-secret-key``, which no provider issues."""
    return _OWN.search(text.strip()) is not None


def is_dummy(text: str) -> bool:
    """Whether the text is a word for that there is none, which servers without keys are given."""
    return text.strip().lower() in _DUMMIES


def is_masked(text: str) -> bool:
    """Whether the text was copied from where its middle was left out."""
    return _MASKED.search(text) is not None
