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
_PLACEHOLDER: Final = "placeholder"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands where a value was not recorded whole.

    Args:
        name: what is missing: ``claim.api_key``.
        reason: ``redacted`` or ``cut``.
    """

    name: str
    reason: str


def literal(value: Any, depth: int = 0, used_columns: int = 0) -> str:
    """A value of plain data as an expression.

    Args:
        value: of JSON's kinds, with placeholders among them.
        depth: how far the line is indented.
        used_columns: columns of that line that are taken already, and one more for a comma after it.
    """
    if isinstance(value, Placeholder):
        return _enclose(
            f"{_PLACEHOLDER}(", [_text(value.name), _text(value.reason)], ")", depth, used_columns
        )
    if isinstance(value, Mapping):
        return _mapping(value, depth, used_columns)
    if isinstance(value, (list, tuple)):
        items = [literal(item, depth + 1, 1) for item in value]
        return _enclose("[", items, "]", depth, used_columns)
    return _text(value) if isinstance(value, str) else _scalar(value)


def call(name: str, arguments: Mapping[str, Any]) -> str:
    """A call with keywords, one on each line.

    Args:
        name: of our own function.
        arguments: by keyword; those that are ``None`` are left out.
    """
    set_arguments = {keyword: value for keyword, value in arguments.items() if value is not None}
    lines = (
        f"{_INDENT}{keyword}={literal(value, 1, len(keyword) + 2)},\n"
        for keyword, value in set_arguments.items()
    )
    return f"{name}(\n{''.join(lines)})"


def has_placeholders(value: Any) -> bool:
    """Whether any part of a value was not recorded whole."""
    if isinstance(value, Mapping):
        return any(map(has_placeholders, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(has_placeholders, value))
    return isinstance(value, Placeholder)


def words(text: object) -> str:
    """Recorded text on one line, cut."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS].rstrip()} ..."


def docstring(first: str, paragraphs: Iterable[Sequence[str]]) -> str:
    """A docstring of any text.

    Args:
        first: its first line.
        paragraphs: each of lines; an empty one is left out.
    """
    blocks = ["\n".join(map(_docstring_line, lines)) for lines in paragraphs if lines]
    return '"""' + "\n\n".join([_docstring_line(first), *blocks]) + '\n"""'


def _docstring_line(text: str) -> str:
    # A quote could end the docstring.
    return _escape_text(text.replace('"', "'"))


def identifier(text: str) -> str:
    """Recorded text as part of a name."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")[:_LONGEST_NAME].rstrip("_").lower()


# ---------------------------------------------------------------- literals
def _mapping(value: Mapping[str, Any], depth: int, used_columns: int) -> str:
    items = []
    for key, item in value.items():
        name = f"{_text(str(key))}: "
        items.append(name + literal(item, depth + 1, len(name) + 1))
    return _enclose("{", items, "}", depth, used_columns)


def _enclose(begin: str, items: Sequence[str], end: str, depth: int, used_columns: int) -> str:
    line = f"{begin}{', '.join(items)}{end}"
    # As ruff does it, items on lines of their own have a comma behind the last.
    if not items or ("\n" not in line and len(_INDENT) * depth + used_columns + len(line) <= WIDTH):
        return line
    lines = "".join(f"{_INDENT * (depth + 1)}{item},\n" for item in items)
    return f"{begin}\n{lines}{_INDENT * depth}{end}"


def _text(text: str) -> str:
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + _escape_text(text).replace(quote, f"\\{quote}") + quote


def _scalar(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    raise TypeError(f"{type(value).__name__} is no plain data")


def _escape_text(text: str) -> str:
    return "".join(
        character if " " <= character <= "~" and character != "\\" else _escape_character(character)
        for character in text
    )


def _escape_character(character: str) -> str:
    is_latin = ord(character) < _LATIN and unicodedata.category(character)[0] == "L"
    return character if is_latin else character.encode("unicode_escape").decode("ascii")
