"""How far the reading of a source has come, on stderr, once it takes longer than a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from autogen_otel.traces.source import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_PATIENCE_SECONDS: Final = 1.0
_REFRESH_SECONDS: Final = 0.1


@contextmanager
def shown(name: str) -> Iterator[Progress]:
    """Show how far the block has come in reading a source of that name; only on a terminal, and with rich."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or find_spec("rich") is None:
        yield Progress()
        return
    bar = _Bar(f"reading {name}")
    try:
        yield bar
    finally:
        bar.stop()


class _Bar(Progress):
    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._done = 0
        self._due = time.monotonic() + _PATIENCE_SECONDS

    def expect(self, total: int | None, unit: str) -> None:
        from rich import progress  # noqa: PLC0415 - JSON output works without rich
        from rich.console import Console  # noqa: PLC0415

        self.stop()
        amount = progress.DownloadColumn() if unit == "bytes" else progress.MofNCompleteColumn()
        columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), amount)
        elapsed = progress.TimeElapsedColumn()
        self._bar = progress.Progress(*columns, elapsed, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._what, total=total)
        self._done = 0

    def advance(self, count: int) -> None:
        self._done += count
        if self._bar is None or self._task is None or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _REFRESH_SECONDS
        self._bar.start()
        self._bar.update(self._task, completed=self._done)

    def stop(self) -> None:
        """Take it off the screen."""
        if self._bar is not None:
            self._bar.stop()
