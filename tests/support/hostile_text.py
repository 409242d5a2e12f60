"""Text that goes on for long without an end, of every kind that some part of the package looks for."""

from __future__ import annotations

from typing import Final

_CHARACTERS: Final = "\\\"'{[(<>)]} \n\t-=:,;%&a0éX|.*/#@$!~_\x1b\x00\ud800"
_WORDS: Final = (
    *('token="\\', "password=", "password ", "key: ", "sk-", "--key ", "key=\n", "token=[", "secret: '"),
    *('("key", ', "name: key\n", "os.environ.get('", "Bearer ", "eyJ", "A1b2", "A" * 40 + "\n"),
    *("-----BEGIN ", "data:a;base64,", "http://", "://a:b@", "https://a?b=", "a=b&", "%41", "&#x41;"),
    *("\\u0026", "\\n", "\\x1b", "\r\n", '{"a":', "[1,", '{"key":"\\', "'a': ", "{{", "${", "<a>", "<!--"),
    *("<html>", "error", "Error: ", '"error":', "Traceback (most recent call last):\n", " | ", "***"),
    *('  File "x", line 1, in f\n', "Input should be [type=x, input_value=", "maximum context length "),
    *("model not found ", "a b ", "x,", "a.", "a/", "my", "your-", "ab-12_"),
)
KINDS: Final = (*_CHARACTERS, *_WORDS)
"""What is repeated."""


def endless(kind: str, length: int) -> str:
    """Text of this length that repeats this."""
    return (kind * (length // len(kind) + 1))[:length]
