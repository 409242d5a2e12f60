"""Telling of a JSON text, without parsing it, that it is a list of records that a conversion would leave so.

That is what tools return most where they return much, as ``json.dumps`` writes it. One expression knows the
whole of such a text, so what it matches is known to be written as a conversion would write it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from autogen_otel.rendering.trees import MOST_NODES, is_plain

_SHORTEST: Final = 512
"""Shorter texts are parsed in no time."""
_LONGEST_WORDS: Final = 512
_MOST_KEYS: Final = 16
_KEY: Final = r'("[^"\\\x00-\x1f]*": )'
# Text that begins with a bracket or a space may be JSON itself.
_WORDS: Final = rf'"(?![{{\[ ])[^"\\\x00-\x1f]{{0,{_LONGEST_WORDS}}}"'
_INTEGER: Final = "0|-?[1-9][0-9]{0,17}"
# Any number holds fifteen digits exactly, and from a ten thousandth on it is written without an exponent.
_DECIMAL: Final = r"(?!-?0\.0000)-?(?:0|[1-9][0-9]{0,8})\.(?:0|[0-9]{0,5}[1-9])"
_VALUE: Final = f"(?:{_WORDS}|{_INTEGER}|{_DECIMAL}|true|false|null)"


def is_plain_records(text: str, longest: int) -> bool:
    """Tell that a conversion would leave records as they are, unless it finds a secret.

    Args:
        text: any text; ``False`` says only that it has to be parsed.
        longest: characters of the longest value that would not be cut.
    """
    # No value of a tree takes less than two characters.
    if not text.startswith("[{") or not _SHORTEST <= len(text) < 2 * MOST_NODES or longest < _LONGEST_WORDS:
        return False
    number = text.count('": ', 0, text.find("}"))
    if not 0 < number <= _MOST_KEYS:
        return False
    match = _records_of(number).fullmatch(text)
    if match is None:
        return False
    record = dict.fromkeys(key[1:-3] for key in match.groups())
    return len(record) == number and is_plain(record, longest)


@cache
def _records_of(number: int) -> re.Pattern[str]:
    """Matches a list of records that all have the keys of the first, in its order.

    Args:
        number: of keys.
    """
    first = ", ".join(f"{_KEY}{_VALUE}" for _ in range(number))
    others = ", ".join(rf"\{key}{_VALUE}" for key in range(1, number + 1))
    return re.compile(rf"\[\{{{first}\}}(?:, \{{{others}\}})*\]")
