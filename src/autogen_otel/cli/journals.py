"""Finding the journal and reading from it, with progress for large ones."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, Protocol

from autogen_otel.cli import CommandError
from autogen_otel.delivery.journal import Kind, NoFolderError, default_dir
from autogen_otel.delivery.journal.files import listed
from autogen_otel.settings import REDACT_VARIABLE, Settings
from autogen_otel.traces.journal import STANDARD_INPUT, journal_files, read_spans
from autogen_otel.traces.otlp import TraceFilter
from autogen_otel.traces.trace import Span

HOW_TO_GET_ONE: Final = (
    "call autogen_otel.instrument() in your program and run it with no collector listening: "
    "what no endpoint takes is kept there, and every conversation with AUTOGEN_OTEL_JOURNAL=all or, where "
    "the tracer provider is your own, with provider.add_span_processor(autogen_otel.JournalProcessor()); "
    "or name another file or folder with --journal"
)
_PATIENCE_SECONDS: Final = 1.0


def settings() -> Settings:
    """The settings that concern the journal.

    Raises:
        SettingsError: variables do not hold what they may.
    """
    # Their function to redact with is of no use here, and importing it may not be possible.
    return Settings.from_environ({name: text for name, text in os.environ.items() if name != REDACT_VARIABLE})


def locate(given: str | None) -> Path:
    """Find the journal: as given, else as configured, else where the writer puts it.

    Raises:
        CommandError: there is none.
    """
    if given is not None:
        path = Path(given).expanduser()
        if not path.exists():
            raise CommandError(f"{path} does not exist; --journal takes a file or a folder of *.jsonl files.")
        return path
    settings()
    try:
        path = default_dir()
    except NoFolderError as error:
        raise CommandError(
            f"There is no journal: {error}, and --journal a file or a folder to read."
        ) from None
    if not path.exists():
        raise CommandError(f"There is no journal yet at {path}: {HOW_TO_GET_ONE}.")
    return path


def locate_folder(given: str | None) -> Path:
    """Find the journal's folder: as given, else where the writer puts it; that one may not exist yet.

    Raises:
        CommandError: what is given is no folder, or there can be none.
    """
    if given is None:
        try:
            return default_dir()
        except NoFolderError as error:
            raise CommandError(f"There is no journal: {error}, and --journal its folder.") from None
    path = Path(given).expanduser()
    if not path.is_dir():
        raise CommandError(f"{path} is no folder; --journal takes the folder of a journal.")
    return path.absolute()


def spans(path: Path, trace_filter: TraceFilter | None = None, *, may_repeat: bool = False) -> Iterator[Span]:
    """Read the file or folder from ``locate``, with progress on stderr once it takes longer than a second.

    Args:
        path: file or folder, or ``STANDARD_INPUT``.
        trace_filter: which traces; all by default.
        may_repeat: see ``read_spans``.

    Raises:
        CommandError: it cannot be read, or nothing is in it.
    """
    if path == STANDARD_INPUT:
        yield from read_spans([path], trace_filter=trace_filter, may_repeat=may_repeat)
        return
    try:
        files = journal_files(path)
        size = sum(file.stat().st_size for file in files)
        if size == 0:
            raise CommandError(f"The journal {path} is empty: {HOW_TO_GET_ONE}.")
        if path.is_dir() and listed(path, Kind.KEPT):
            # Copies of conversations of which other files may hold parts; a journal of our own is not large.
            may_repeat = False
        with progress(size, "reading the journal") as advance:
            yield from read_spans(files, trace_filter=trace_filter, advance=advance, may_repeat=may_repeat)
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from error


@contextmanager
def kept(path: Path) -> Iterator[Path]:
    """The file or folder to read more than once: standard input is copied to a temporary file."""
    if path != STANDARD_INPUT:
        yield path
        return
    with NamedTemporaryFile(prefix="autogen-otel-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def progress(size: int, doing: str) -> Iterator[Callable[[int], None]]:
    """Show on stderr how far something is that takes longer than a second: a bar, or lines without rich.

    Args:
        size: of all that is to be done.
        doing: what is done.

    Yields:
        A function that takes how much more is done.
    """
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    show = _bar(size, doing) if is_terminal and find_spec("rich") is not None else _Lines(size, doing)
    done, due = 0, time.monotonic() + _PATIENCE_SECONDS

    def advance(count: int) -> None:
        nonlocal done, due
        done += count
        if time.monotonic() >= due:
            show.update(done)
            due = time.monotonic() + show.seconds

    try:
        yield advance
    finally:
        show.stop()


class _Lines:
    """Progress as lines, for terminals without rich and for logs.

    Args:
        size: of all that is to be done.
        doing: what is done.
    """

    seconds = 5.0

    def __init__(self, size: int, doing: str) -> None:
        self._size, self._doing = size, doing

    def update(self, done: int) -> None:
        """Say how far it is."""
        share = min(done / self._size, 1.0) if self._size else 1.0
        sys.stderr.write(f"{self._doing}: {share:.0%}\n")

    def stop(self) -> None:
        """Lines need no end."""


class _Progress(Protocol):
    seconds: float

    def update(self, done: int) -> None: ...

    def stop(self) -> None: ...


def _bar(size: int, doing: str) -> _Progress:
    from rich.console import Console  # noqa: PLC0415 - JSON output works without rich
    from rich.progress import Progress  # noqa: PLC0415

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(doing, total=size)

    class Bar:
        seconds = 0.1

        def update(self, done: int) -> None:
            bar.start()
            bar.update(task, completed=done)

        def stop(self) -> None:
            bar.stop()

    return Bar()
