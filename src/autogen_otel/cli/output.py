"""The way out of every command: whatever is printed, no text of others reaches the terminal as it came."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, Final, TextIO, cast

from autogen_otel.plain_text import one_line, visible

_KEPT: Final = "\n\t"
_SENTENCE: Final = 2000
"""Characters of a sentence of ours, in which texts of others are cut already."""


class VisibleText:
    """A stream on which control, format and bidirectional characters are visible as escapes.

    Args:
        stream: where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Print a text."""
        self.stream.write(visible(text, kept=_KEPT))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Print texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def visible_output() -> Iterator[None]:
    """Print visible text only, on both streams, until the block ends."""
    with (
        redirect_stdout(cast("TextIO", VisibleText(sys.stdout))),
        redirect_stderr(cast("TextIO", VisibleText(sys.stderr))),
    ):
        yield


def styled_stream(stream: TextIO | None = None) -> TextIO:
    """The stream below, of stdout by default, for who makes text visible and adds sequences of our own."""
    stream = sys.stdout if stream is None else stream
    return stream.stream if isinstance(stream, VisibleText) else stream


def complain(sentence: str) -> None:
    """Say something in one line on stderr."""
    ending = "" if sentence.endswith((".", "?")) else "."
    sys.stderr.write(f"autogen-otel: {one_line(sentence, _SENTENCE)}{ending}\n")
