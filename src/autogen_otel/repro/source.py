"""Python source made of recorded values, which stay values, formatted as ruff does it.

Everything recorded becomes a literal of plain data, or words of a docstring. Only ASCII and Latin letters are
written as they are, so that no text can pose as code for whoever reads the file.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 88
"""Columns of a line, as ruff has them by default."""
_INDENT: Final = "    "
_LATIN: Final = 0x250
_LONGEST_WORDS: Final = 300
_LONGEST_NAME: Final = 40
_MARKED: Final = "placeholder"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands where a value was not recorded whole.

    Args:
        name: what is missing: ``claim.api_key``.
        reason: ``redacted`` or ``cut``.
    """

    name: str
    reason: str


def literal(value: Any, depth: int = 0, before: int = 0) -> str:
    """A value of plain data as an expression.

    Args:
        value: of JSON's kinds, with placeholders among them.
        depth: how far the line is indented.
        before: columns of that line that are taken already, and one more for a comma after it.
    """
    if isinstance(value, Placeholder):
        return _closed(f"{_MARKED}(", [_text(value.name), _text(value.reason)], ")", depth, before)
    if isinstance(value, Mapping):
        return _mapping(value, depth, before)
    if isinstance(value, (list, tuple)):
        inside = [literal(one, depth + 1, 1) for one in value]
        return _closed("[", inside, "]", depth, before)
    return _text(value) if isinstance(value, str) else _scalar(value)


def call(name: str, arguments: Mapping[str, Any]) -> str:
    """A call with keywords, one on each line.

    Args:
        name: of our own function.
        arguments: by keyword; those that are ``None`` are left out.
    """
    given = {keyword: value for keyword, value in arguments.items() if value is not None}
    lines = (f"{_INDENT}{keyword}={literal(one, 1, len(keyword) + 2)},\n" for keyword, one in given.items())
    return f"{name}(\n{''.join(lines)})"


def has_placeholders(value: Any) -> bool:
    """Whether any part of a value was not recorded whole."""
    if isinstance(value, Mapping):
        return any(map(has_placeholders, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_placeholders, value))
    return isinstance(value, Placeholder)


def words(text: object) -> str:
    """Recorded text as words of a docstring, on one line."""
    line = " ".join(str(text).split())
    line = line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS].rstrip()} ..."
    # A quote could end the docstring.
    return _escaped(line.replace('"', "'"))


def docstring(first: str, paragraphs: Iterable[Sequence[str]]) -> str:
    """A docstring of lines that ``words`` has made safe.

    Args:
        first: its first line.
        paragraphs: each of lines; an empty one is left out.
    """
    blocks = ["\n".join(lines) for lines in paragraphs if lines]
    return '"""' + "\n\n".join([first, *blocks]) + '\n"""'


def identifier(text: str) -> str:
    """Recorded text as part of a name."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")[:_LONGEST_NAME].rstrip("_").lower()


# ---------------------------------------------------------------- literals
def _mapping(value: Mapping[str, Any], depth: int, before: int) -> str:
    items = []
    for key, one in value.items():
        name = f"{_text(str(key))}: "
        items.append(name + literal(one, depth + 1, len(name) + 1))
    return _closed("{", items, "}", depth, before)


def _closed(begin: str, items: Sequence[str], end: str, depth: int, before: int) -> str:
    whole = f"{begin}{', '.join(items)}{end}"
    # A comma behind the last keeps those apart that have been set one below the other.
    if not items or ("\n" not in whole and len(_INDENT) * depth + before + len(whole) <= WIDTH):
        return whole
    inside = "".join(f"{_INDENT * (depth + 1)}{item},\n" for item in items)
    return f"{begin}\n{inside}{_INDENT * depth}{end}"


def _text(text: str) -> str:
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + _escaped(text).replace(quote, f"\\{quote}") + quote


def _scalar(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    raise TypeError(f"{type(value).__name__} is no plain data")


def _escaped(text: str) -> str:
    return "".join(one if " " <= one <= "~" and one != "\\" else _escape(one) for one in text)


def _escape(one: str) -> str:
    is_latin = ord(one) < _LATIN and unicodedata.category(one)[0] == "L"
    return one if is_latin else one.encode("unicode_escape").decode("ascii")
