"""Reading a source in several processes, each of which takes whole conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

from autogen_otel.traces.beside import beside
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.trace import Span


class Taker(Protocol):
    """Takes conversations; it can be sent to another process and back."""

    def take(self, spans: list[Span]) -> bool:
        """Take the spans of one conversation; whether it wants more."""

    def merge(self, other: Any) -> None:
        """Take what another of its kind has taken."""


T = TypeVar("T", bound=Taker)


def read_parts(parts: Sequence[Files], selection: Selection, taker: T, progress: Progress) -> T:
    """Let a taker take all conversations.

    Args:
        parts: of a source; the first is read here, each other by another process.
        selection: which conversations are wanted; others may come as well.
        taker: as new; other parts get copies.
        progress: is told how far the first part has come.

    Returns:
        The taker with all that was taken.

    Raises:
        SourceError: it cannot be read.
    """
    here, *others = parts
    heard = _Heard(progress)
    with ExitStack() as stack:
        results = [stack.enter_context(beside(_read_part, part, selection, taker)) for part in others]
        for gathered in here.traces(selection, heard if others else progress):
            if not taker.take(gathered):
                break
        for result in results:
            for told, taken in result:
                heard.add(told)
                taker.merge(taken)
    heard.pass_on()
    return taker


def _read_part(part: Files, selection: Selection, taker: T) -> Iterator[tuple[_Heard, T]]:
    told = _Heard(Progress())
    for gathered in part.traces(selection, told):
        taker.take(gathered)
    yield told, taker


class _Heard(Progress):
    """Keeps what several readers say of damage, which each finds where it reads, until it is said once.

    Args:
        progress: is told at once how far the reader here has come: all read the same files.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._warnings: dict[str, None] = {}
        self._damaged: dict[Path, set[int]] = defaultdict(set)

    def expect(self, total: int | None, unit: str) -> None:
        self._progress.expect(total, unit)

    def advance(self, count: int) -> None:
        self._progress.advance(count)

    def warn(self, sentence: str) -> None:
        self._warnings[sentence] = None

    def damaged(self, path: Path, lines: Collection[int]) -> None:
        self._damaged[path].update(lines)

    def add(self, other: _Heard) -> None:
        """Hear what another has heard."""
        self._warnings.update(other._warnings)
        for path, lines in other._damaged.items():
            self._damaged[path] |= lines

    def pass_on(self) -> None:
        """Say what was damaged."""
        for path, lines in self._damaged.items():
            self._progress.damaged(path, lines)
        for sentence in self._warnings:
            self._progress.warn(sentence)
