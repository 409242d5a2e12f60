"""What commands print with: a console, texts and tables, of rich where it is installed, else plain."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING or find_spec("rich") is not None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
else:
    from autogen_otel.cli.text.plain import Console, Table, Text

__all__ = ["Console", "Table", "Text", "TextConsole", "dim", "one_line", "signs", "visible"]

_UNLIMITED: Final = 1_000_000


class Signs(NamedTuple):
    """The signs beyond letters and digits."""

    failed: str
    recovered: str
    arrow: str
    cut: str
    guide: str
    fork: str
    last: str


_PRETTY: Final = Signs(failed="✗", recovered="!", arrow="→", cut="…", guide="│", fork="├── ", last="└── ")
_ASCII: Final = Signs(
    failed="FAILED", recovered="!", arrow="->", cut="...", guide="|", fork="+-- ", last="`-- "
)


class TextConsole(Console):
    """A console that is colourful on a terminal; elsewhere plain ASCII and never wrapped.

    Args:
        file: where to print; the current stdout by default.
        wraps: whether trees and tables are to fit a terminal; else it wraps their lines itself.
    """

    def __init__(self, file: IO[str] | None = None, *, wraps: bool = True) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False)
        if not (wraps and self.is_terminal):
            self._width = _UNLIMITED

    @property
    def encoding(self) -> str:
        """What rich chooses a tree's lines by: beyond a terminal nothing says that UTF-8 is understood."""
        return super().encoding if self.is_terminal else "ascii"

    def on_broken_pipe(self) -> None:
        """Let the command line deal with a reader that went away, as it does without rich."""
        raise BrokenPipeError from sys.exc_info()[1]

    def say(self, words: str | Text = "", style: str = "") -> None:
        """Print a line, which the terminal wraps, so that it is copied as one."""
        self.print(Text(words, style=style) if isinstance(words, str) else words, soft_wrap=True)

    def table(self, style: str = "dim") -> Table:
        """A table without lines, whose headings have a style."""
        return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=style)


def signs(console: Console) -> Signs:
    """The signs that a console can show."""
    return _PRETTY if console.encoding.startswith("utf") else _ASCII


def one_line(text: str, console: Console, longest: int | None = None) -> str:
    """Make recorded text safe to print within a line, cut to so many characters if it is longer."""
    line = visible(" ".join(text.split()) if longest is not None else text.replace("\n", "\\n"))
    if longest is None or len(line) <= longest:
        return line
    return line[:longest].rstrip() + signs(console).cut


def visible(text: str) -> str:
    """Replace control characters, which recorded text could use to take over the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text.expandtabs(4))


def dim(text: str) -> Text:
    """Text that stands back."""
    return Text(text, style="dim")
