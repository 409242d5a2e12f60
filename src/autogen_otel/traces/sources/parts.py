"""Files that several processes read, each of which takes whole conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from autogen_otel.traces.conversations import Summary, summaries
from autogen_otel.traces.reader_process import few_collections, read_in_process
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Progress, Source
from autogen_otel.traces.sources.files import Files

T = TypeVar("T")


def read_parts(
    parts: Sequence[Files], read: Callable[[Files, Progress], T], progress: Progress
) -> Iterator[T]:
    """The results of a function for each part: for the first here, for each other in another process.

    Args:
        parts: of a source.
        read: is called with a part; it, and its result, can be sent to another process.
        progress: is told how far the first part has come, and once what cannot be read.

    Raises:
        SourceError: it cannot be read.
    """
    first_part, *other_parts = parts
    reports = _DamageReports(progress)
    with ExitStack() as stack:
        results = [stack.enter_context(read_in_process(_read_part, part, read)) for part in other_parts]
        yield read(first_part, reports if other_parts else progress)
        for part_results in results:
            for part_reports, part_result in part_results:
                reports.add(part_reports)
                yield part_result
    reports.pass_on()


def _read_part(part: Files, read: Callable[[Files, Progress], T]) -> Iterator[tuple[_DamageReports, T]]:
    reports = _DamageReports(Progress())
    result = read(part, reports)
    yield reports, result


def summaries_in(
    source: Source, source_selection: Selection, selection: Selection, *, newest: int = 0, progress: Progress
) -> list[Summary]:
    """Summarize the conversations of a source.

    Args:
        source: with the conversations.
        source_selection: what the source is asked for; it may give more.
        selection: which conversations are wanted.
        newest: how many of them are enough, as ``Source.spans`` takes it.
        progress: is told how far reading has come.

    Raises:
        SourceError: it cannot be read.
    """
    with few_collections():
        if isinstance(source, Files):
            read = partial(_summaries_of, source_selection=source_selection, selection=selection)
            return [
                summary
                for part_summaries in read_parts(source.parts(), read, progress)
                for summary in part_summaries
            ]
        return summaries(source.spans(source_selection, newest=newest, progress=progress), selection)


def _summaries_of(
    part: Files, progress: Progress, *, source_selection: Selection, selection: Selection
) -> list[Summary]:
    return summaries(part.spans(source_selection, progress=progress), selection)


class _DamageReports(Progress):
    """Collects the reports of damage of several readers, so that each damage is reported once.

    Args:
        progress: is told at once how far the reader here has come: all read the same files.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._warnings: dict[str, None] = {}
        self._damaged_lines: dict[Path, set[int]] = defaultdict(set)

    def expect(self, total: int | None, unit: str) -> None:
        self._progress.expect(total, unit)

    def advance(self, count: int) -> None:
        self._progress.advance(count)

    def warn(self, sentence: str) -> None:
        self._warnings[sentence] = None

    def warn_damaged(self, path: Path, lines: Collection[int]) -> None:
        self._damaged_lines[path].update(lines)

    def add(self, other: _DamageReports) -> None:
        """Add the reports of another reader."""
        self._warnings.update(other._warnings)
        for path, lines in other._damaged_lines.items():
            self._damaged_lines[path] |= lines

    def pass_on(self) -> None:
        """Report the damage."""
        for path, lines in self._damaged_lines.items():
            self._progress.warn_damaged(path, lines)
        for sentence in self._warnings:
            self._progress.warn(sentence)
