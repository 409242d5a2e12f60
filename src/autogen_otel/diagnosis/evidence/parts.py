"""Reading a source in several processes, each of which takes whole conversations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, Protocol, TypeVar

from autogen_otel.diagnosis.evidence.gathering import gather
from autogen_otel.traces.beside import beside
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Progress, Source
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


def read_parts(parts: Sequence[Source], selection: Selection, taker: T, progress: Progress) -> T:
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
        _take(parts[0].spans(selection, may_repeat=True, progress=progress), taker)
        return taker
    said: set[str] = set()
    with ExitStack() as stack:
        results = [stack.enter_context(beside(_read_part, part, selection, taker)) for part in parts]
        for number, result in enumerate(results):
            for told in result:
                if isinstance(told, _Told):
                    # All read the same files, and say the same about them.
                    told.pass_on(progress, said, is_first=number == 0)
                elif number == 0:
                    taker = told
                else:
                    taker.merge(told)
    return taker


def _take(spans: Iterator[Span], taker: Taker) -> None:
    for gathered in gather(spans):
        if not taker.take(gathered):
            break


def _read_part(part: Source, selection: Selection, taker: T) -> Iterator[_Told | T]:
    told = _Told()
    for gathered in gather(part.spans(selection, may_repeat=True, progress=told)):
        taker.take(gathered)
        if told.count >= _TOLD_EVERY:
            yield told.taken()
    yield told
    yield taker


class _Told(Progress):
    """What a reader in another process says of its progress."""

    def __init__(self) -> None:
        self.count = 0
        self._expected: list[tuple[int | None, str]] = []
        self._warnings: list[str] = []

    def expect(self, total: int | None, unit: str) -> None:
        self._expected.append((total, unit))

    def advance(self, count: int) -> None:
        self.count += count

    def warn(self, sentence: str) -> None:
        self._warnings.append(sentence)

    def taken(self) -> _Told:
        """All that was said since the last time."""
        taken = _Told()
        taken.__dict__, self.__dict__ = self.__dict__, taken.__dict__
        return taken

    def pass_on(self, progress: Progress, said: set[str], *, is_first: bool) -> None:
        """Say it here."""
        for sentence in self._warnings:
            if sentence not in said:
                said.add(sentence)
                progress.warn(sentence)
        if is_first:
            for total, unit in self._expected:
                progress.expect(total, unit)
            progress.advance(self.count)
