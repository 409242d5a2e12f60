"""Reading a source in several processes, each of which takes whole conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from autogen_otel.traces.beside import beside
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.trace import Span

_TOLD_EVERY: Final = 200_000
"""Units of progress that are told at once."""


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
        parts: of a source; one is read here, several by as many processes.
        selection: which conversations are wanted; others may come as well.
        taker: as new; the parts get copies.
        progress: is told how far the first part has come.

    Returns:
        The taker with all that was taken.

    Raises:
        SourceError: it cannot be read.
    """
    if len(parts) == 1:
        for gathered in parts[0].traces(selection, progress):
            if not taker.take(gathered):
                break
        return taker
    heard = _Told()
    with ExitStack() as stack:
        results = [stack.enter_context(beside(_read_part, part, selection, taker)) for part in parts]
        for number, result in enumerate(results):
            for told in result:
                if isinstance(told, _Told):
                    heard.add(told)
                    # All read the same files.
                    if number == 0:
                        told.pass_on(progress)
                elif number == 0:
                    taker = told
                else:
                    taker.merge(told)
    heard.pass_on_damage(progress)
    return taker


def _read_part(part: Files, selection: Selection, taker: T) -> Iterator[_Told | T]:
    told = _Told()
    for gathered in part.traces(selection, told):
        taker.take(gathered)
        # Of the others only the end is read meanwhile: they would wait for somebody to read more.
        if part.is_first and told.count >= _TOLD_EVERY:
            yield told.taken()
    yield told
    yield taker


class _Told(Progress):
    """What a reader in another process says of its progress."""

    def __init__(self) -> None:
        self.count = 0
        self._expected: list[tuple[int | None, str]] = []
        self._warnings: dict[str, None] = {}
        self._damaged: dict[Path, set[int]] = defaultdict(set)

    def expect(self, total: int | None, unit: str) -> None:
        self._expected.append((total, unit))

    def advance(self, count: int) -> None:
        self.count += count

    def warn(self, sentence: str) -> None:
        self._warnings[sentence] = None

    def damaged(self, path: Path, lines: Collection[int]) -> None:
        self._damaged[path].update(lines)

    def taken(self) -> _Told:
        """All that was said since the last time."""
        taken = _Told()
        taken.__dict__, self.__dict__ = self.__dict__, taken.__dict__
        return taken

    def add(self, other: _Told) -> None:
        """Hear of damage what another has said, which each part finds where it reads."""
        self._warnings.update(other._warnings)
        for path, lines in other._damaged.items():
            self._damaged[path] |= lines

    def pass_on(self, progress: Progress) -> None:
        """Say here how far it has come."""
        for total, unit in self._expected:
            progress.expect(total, unit)
        progress.advance(self.count)

    def pass_on_damage(self, progress: Progress) -> None:
        """Say here what was damaged, once."""
        for path, lines in self._damaged.items():
            progress.damaged(path, lines)
        for sentence in self._warnings:
            progress.warn(sentence)
