"""A figure: a table with what was measured, the target beside it, and how it was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What one benchmark found.

    Args:
        title: what was measured.
        explanation: how, and what the numbers mean.
        columns: names of the columns.
        rows: one for each thing measured, in the columns' order.
        notes: lines below the table.
    """

    title: str
    explanation: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())

    def text(self) -> str:
        """For a terminal."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (self.columns, *self.rows))
        return "\n".join([f"{self.title}. {self.explanation}", "", *lines, *self._below()])

    def markdown(self) -> str:
        """For the documentation."""
        rows = (self.columns, ["---"] * len(self.columns), *self.rows)
        table = (f"| {' | '.join(row)} |" for row in rows)
        return "\n".join([f"## {self.title}", "", self.explanation, "", *table, *self._below()])

    def _below(self) -> Iterator[str]:
        for note in self.notes:
            yield ""
            yield note


def at_most(target: float | None, unit: str = "") -> str:
    """A target as a table says it."""
    return "-" if target is None else f"≤ {target:g}{unit}"
