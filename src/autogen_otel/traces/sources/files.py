"""The journal, files and standard input as a source."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Final
from zlib import crc32

from autogen_otel.traces.following import Arrivals
from autogen_otel.traces.formats.journal import (
    COPIES,
    STANDARD_INPUT,
    Tail,
    journal_files,
    read_spans,
    read_traces,
    traces_begun_before,
)
from autogen_otel.traces.formats.otlp import TraceFilter
from autogen_otel.traces.reader_process import processors
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import NO_PROGRESS, Progress, SourceError
from autogen_otel.traces.trace import Span

_LARGE: Final = 50_000_000
"""Bytes from which on several processes read; to start one takes half a second."""
_MOST_PARTS: Final = 8
"""Each part looks at every line, so that more help less and less."""


class Files:
    """Files of OTLP JSON and Jaeger's downloads, compressed or not, and folders of them.

    Args:
        paths: at least one; ``STANDARD_INPUT`` is one.
        option: the words that name them on the command line; none for the program's own journal.
        advice: says what to do where they are empty.
        standard_input: which of them it is, also where it was copied to a file.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        option: Sequence[str] = (),
        advice: Callable[[], str] = str,
        standard_input: Path = STANDARD_INPUT,
    ) -> None:
        self.lookback_ns = None
        self.pause_seconds = 1.0
        self.paths = paths
        self.option = tuple(option)
        self.advice, self._standard_input = advice, standard_input
        self._part, self._parts = 0, 1

    def parts(self) -> list[Files]:
        """The same in several parts for as many processes, each with whole traces; one if it is little.

        Raises:
            SourceError: nothing can be read.
        """
        if STANDARD_INPUT in self.paths or sum(map(_size, self._files())) < _LARGE:
            return [self]
        count = min(processors(), _MOST_PARTS)
        parts = [copy(self) for _ in range(count)]
        for number, part in enumerate(parts):
            part._part, part._parts = number, count  # noqa: SLF001 - copies of this
            # They are not empty; another process need not import the code of the advice.
            part.advice = str
        return parts

    @property
    def name(self) -> str:
        """``journal /var/…``; of several, the first and how many more."""
        first, *others = self.paths
        name = "standard input" if first == self._standard_input else f"journal {first}"
        return f"{name} and {len(others)} more" if others else name

    def spans(
        self,
        selection: Selection,
        *,
        newest: int = 0,  # noqa: ARG002 - nothing orders files
        progress: Progress = NO_PROGRESS,
    ) -> Iterator[Span]:
        """Read everything but traces whose id begins otherwise than asked, and most that began too early.

        Raises:
            SourceError: nothing can be read, or nothing is there.
        """
        files, trace_filter = self._narrow(selection, progress)
        return read_spans(files, trace_filter=trace_filter, progress=progress)

    def spans_of(self, trace_ids: Collection[str]) -> Iterator[Span]:
        """Read only these traces; lines that tell of none of them are never parsed.

        Raises:
            SourceError: nothing can be read, or nothing is there.
        """
        return read_spans(self._files_to_read(NO_PROGRESS), trace_filter=trace_ids.__contains__)

    def traces(self, selection: Selection, progress: Progress) -> Iterator[list[Span]]:
        """Read the same, the spans of each trace together; one that is spread far comes in several pieces.

        A span that is stored twice may come twice, so that none has to be remembered.

        Raises:
            SourceError: nothing can be read, or nothing is there.
        """
        files, trace_filter = self._narrow(selection, progress)
        # Copies of conversations stand beside files that may hold parts of the same.
        may_repeat = not any(file.match(COPIES) for file in files)
        return read_traces(files, progress, trace_filter=trace_filter, may_repeat=may_repeat)

    def _files_to_read(self, progress: Progress, *, times: int = 1) -> list[Path]:
        files = self._files()
        if STANDARD_INPUT in files:
            progress.expect(None, "bytes")
        else:
            size = sum(map(_size, files))
            if size == 0:
                advice = self.advice()
                raise SourceError(f"The {self.name} is empty{advice and ': ' + advice}.")
            progress.expect(size * times, "bytes")
        return files

    def _files(self) -> list[Path]:
        return [
            file
            for path in self.paths
            for file in ([path] if path == STANDARD_INPUT else journal_files(path))
        ]

    def _narrow(self, selection: Selection, progress: Progress) -> tuple[Sequence[Path], TraceFilter | None]:
        """The files to read, and the filter for their traces."""
        trace_filter = self._filter(selection.trace)
        if selection.since is None or STANDARD_INPUT in self.paths:
            return self._files_to_read(progress), trace_filter
        # A first pass for times costs a tenth of parsing the spans that nobody asked for.
        files = self._files_to_read(progress, times=2)
        early_traces = traces_begun_before(files, selection.since, progress, trace_filter)
        return (
            files,
            lambda trace_id: (
                hash(trace_id) not in early_traces and (trace_filter is None or trace_filter(trace_id))
            ),
        )

    def _filter(self, beginning: str) -> TraceFilter | None:
        part, parts = self._part, self._parts
        if parts > 1:
            return lambda trace_id: (
                crc32(trace_id.encode()) % parts == part and trace_id.startswith(beginning)
            )
        return (lambda trace_id: trace_id.startswith(beginning)) if beginning else None

    def arrivals(self, selection: Selection) -> Arrivals:  # noqa: ARG002 - nothing narrows files
        """The spans that are appended from now on.

        Raises:
            SourceError: it is standard input, or cannot be read.
        """
        if STANDARD_INPUT in self.paths:
            raise SourceError(
                "Standard input cannot be followed: name the file or the folder that is written."
            )
        tails = [Tail(path) for path in self.paths]
        return lambda: [span for tail in tails for span in tail.spans()]

    def link(self, trace_id: str, span_id: str) -> None:
        """No browser shows a file."""


def _size(file: Path) -> int:
    try:
        status = file.stat()
    except OSError:
        # Reading it will say why.
        return 1
    # A pipe says nothing of its size.
    return status.st_size if stat.S_ISREG(status.st_mode) else 1
