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
from typing import Final

from autogen_otel.cli import CommandError
from autogen_otel.delivery.journal import NoFolderError, default_dir
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
_REFRESH_SECONDS: Final = 0.1


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
    # Their function to redact with is of no use here, and importing it may not be possible.
    Settings.from_environ({name: text for name, text in os.environ.items() if name != REDACT_VARIABLE})
    try:
        path = default_dir()
    except NoFolderError as error:
        raise CommandError(
            f"There is no journal: {error}, and --journal a file or a folder to read."
        ) from None
    if not path.exists():
        raise CommandError(f"There is no journal yet at {path}: {HOW_TO_GET_ONE}.")
    return path


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
        with _progress(size) as advance:
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
def _progress(size: int) -> Iterator[Callable[[int], None] | None]:
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or find_spec("rich") is None:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - JSON output works without rich
    from rich.progress import Progress  # noqa: PLC0415

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("reading the journal", total=size)
    done, due = 0, time.monotonic() + _PATIENCE_SECONDS

    def advance(count: int) -> None:
        nonlocal done, due
        done += count
        if time.monotonic() < due:
            return
        due = time.monotonic() + _REFRESH_SECONDS
        bar.start()
        bar.update(task, completed=done)

    try:
        yield advance
    finally:
        bar.stop()
