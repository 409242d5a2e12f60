"""Shows on stderr the progress of what takes longer than a second: a bar, or lines if there is no bar."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from autogen_otel.plain_text import one_line
from autogen_otel.traces.source import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_PATIENCE_SECONDS: Final = 1.0


@contextmanager
def show_progress(activity: str) -> Iterator[Progress]:
    """Show the progress of the block's activity: ``reading …``, ``sending …``."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    has_bar = is_terminal and find_spec("rich") is not None
    progress = _Bar(activity, _PATIENCE_SECONDS) if has_bar else Lines(activity)
    try:
        yield progress
    finally:
        progress.stop()


class Lines(Progress):
    """Lines, for terminals without rich and for logs: few, because nobody waits for them."""

    seconds = 5.0

    def __init__(self, activity: str, patience: float | None = None) -> None:
        self._activity, self._unit, self._count = one_line(activity), "", 0
        self._total: int | None = None
        self._due = time.monotonic() + (self.seconds if patience is None else patience)

    def expect(self, total: int | None, unit: str) -> None:
        """Begin to count to a total."""
        self._total, self._unit, self._count = total, unit, 0

    def advance(self, count: int) -> None:
        """Count further, and show the progress if it is time to."""
        self._count += count
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self.seconds
            self._tell()

    def _tell(self) -> None:
        progress_text = (
            f"{min(self._count / self._total, 1):.0%}" if self._total else f"{self._count:,} {self._unit}"
        )
        sys.stderr.write(f"{self._activity}: {progress_text}\n")

    def stop(self) -> None:
        """Leave the lines where they are."""


class _Bar(Lines):
    seconds = 0.1
    _bar: RichProgress | None = None

    def expect(self, total: int | None, unit: str) -> None:
        from rich import progress  # noqa: PLC0415 - JSON output works without rich

        from autogen_otel.cli.text.terminal import TextConsole  # noqa: PLC0415

        self.stop()
        super().expect(total, unit)
        amount = progress.DownloadColumn() if unit == "bytes" else progress.MofNCompleteColumn()
        columns = (progress.TextColumn("{task.description}", markup=False), progress.BarColumn(), amount)
        elapsed = progress.TimeElapsedColumn()
        self._bar = progress.Progress(*columns, elapsed, console=TextConsole(sys.stderr), transient=True)
        self._bar.add_task(self._activity, total=total)

    def _tell(self) -> None:
        if self._bar is not None:
            self._bar.start()
            self._bar.update(self._bar.task_ids[0], completed=self._count)

    def stop(self) -> None:
        """Remove the bar from the screen."""
        if self._bar is not None:
            self._bar.stop()
