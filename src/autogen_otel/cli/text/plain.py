"""Draws the same texts and tables without styles, for users who have not installed rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from autogen_otel.plain_text import visible

_BETWEEN_COLUMNS: Final = "  "
_UNLIMITED: Final = 1_000_000


class Text:
    """Text without its styles."""

    def __init__(self, plain: str = "", style: str = "") -> None:  # noqa: ARG002 - see the class
        self.plain = plain

    def append(self, text: str | Text, style: str = "") -> Text:  # noqa: ARG002 - see the class
        """Add to it."""
        self.plain += text if isinstance(text, str) else text.plain
        return self

    def wrap(self, *_: Any) -> list[Text]:
        """Its lines, of any length."""
        return [Text(line) for line in self.lines()]

    def lines(self) -> Iterator[str]:
        """What to print."""
        return map(str.rstrip, self.plain.split("\n"))


class Table:
    """Columns side by side, each as wide as its widest cell."""

    def __init__(self, **_: Any) -> None:
        self._rows: list[list[str]] = [[]]
        self._are_numbers: list[bool] = []

    def add_column(self, heading: str, *, justify: str = "left", **_: Any) -> None:
        """Add a column, before the first row."""
        self._rows[0].append(heading)
        self._are_numbers.append(justify == "right")

    def add_row(self, *cells: str | Text, **_: Any) -> None:
        """Add a row."""
        self._rows.append([cell if isinstance(cell, str) else cell.plain for cell in cells])

    def lines(self) -> Iterator[str]:
        """What to print."""
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        for row in self._rows:
            cells = (
                cell.rjust(width) if is_number else cell.ljust(width)
                for cell, width, is_number in zip(row, widths, self._are_numbers, strict=True)
            )
            yield _BETWEEN_COLUMNS.join(cells).rstrip()


class Console:
    """Prints to a file, or to the current stdout."""

    is_terminal: Final = False
    encoding: Final = "ascii"
    width: Final = _UNLIMITED

    def __init__(self, file: IO[str] | None = None, **_: Any) -> None:
        self._file = file

    def print(self, renderable: Any = "", **_: Any) -> None:
        """Print an object of this module, or a string."""
        lines: Iterable[str] = [renderable] if isinstance(renderable, str) else renderable.lines()
        (self._file or sys.stdout).write("".join(f"{visible(line)}\n" for line in lines))
