"""The console, texts and tables that commands print with: rich's if it is installed, else plain ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

from autogen_otel import plain_text
from autogen_otel.cli.output import styled_stream

if TYPE_CHECKING or find_spec("rich") is not None:
    from rich.console import Console
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text
else:
    from autogen_otel.cli.text.plain import Console, Table, Text

__all__ = ["Console", "Table", "Text", "TextConsole", "dim", "one_line", "signs", "visible"]

_UNLIMITED: Final = 1_000_000


class Signs(NamedTuple):
    """The signs beyond letters and digits."""

    failure: str
    warning: str
    arrow: str
    ellipsis: str
    guide: str
    fork: str
    last: str


_UNICODE: Final = Signs(
    failure="✗", warning="!", arrow="→", ellipsis="…", guide="│", fork="├── ", last="└── "
)
_ASCII: Final = Signs(
    failure="FAILED", warning="!", arrow="->", ellipsis="...", guide="|", fork="+-- ", last="`-- "
)


class TextConsole(Console):
    """A console that is colourful on a terminal; elsewhere plain ASCII and never wrapped.

    Args:
        file: where to print; the current stdout by default.
        wraps: whether trees and tables are to fit a terminal; else it wraps their lines itself.
    """

    def __init__(self, file: TextIO | None = None, *, wraps: bool = True) -> None:
        super().__init__(file=styled_stream(file), highlight=False, markup=False, emoji=False)
        if not (wraps and self.is_terminal):
            self._width = _UNLIMITED

    @property
    def encoding(self) -> str:
        """The encoding by which rich chooses a tree's lines: only a terminal is known to understand UTF-8."""
        return super().encoding if self.is_terminal else "ascii"

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        """Make text segments, which are visible text whatever they are made of."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain_text.visible(segment.text))

    def on_broken_pipe(self) -> None:
        """Let the command line handle a reader that has closed the pipe, as it does without rich."""
        raise BrokenPipeError from sys.exc_info()[1]

    def say(self, words: str | Text = "", style: str = "") -> None:
        """Print a line that the terminal wraps, so that users copy it as one line."""
        self.print(
            Text(words.replace("\n", "\\n"), style=style) if isinstance(words, str) else words, soft_wrap=True
        )

    def table(self, style: str = "dim") -> Table:
        """A table without lines, whose headings have a style."""
        return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=style)


def signs(console: Console) -> Signs:
    """The signs that a console can show."""
    return _UNICODE if console.encoding.startswith("utf") else _ASCII


def one_line(text: str, console: Console, longest: int | None = None) -> str:
    """Make recorded text safe to print within a line, and cut it to a number of characters."""
    line = visible(" ".join(text.split()) if longest is not None else text.replace("\n", "\\n"))
    if longest is None or len(line) <= longest:
        return line
    return line[:longest].rstrip() + signs(console).ellipsis


def visible(text: str) -> str:
    """Make control characters visible, which recorded text could use to take over the terminal."""
    return plain_text.visible(text.expandtabs(4))


def dim(text: str) -> Text:
    """Text in a dim style."""
    return Text(text, style="dim")
