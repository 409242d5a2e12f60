"""Reading a source in several processes, each of which takes whole conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.traces.beside import beside
from autogen_otel.traces.conversations import takes
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.trace import Span

_MOST_KNOWN: Final = 100


class Populations:
    """Takes conversations into one population or several; it can be sent to another process and back.

    Args:
        selections: which conversations each is of; what several want counts in each.
        limit: so many in each at most; 0 for all.

    Attributes:
        each: one for each selection.
        known: values that the attribute has by which they are told apart; not all of very many.
    """

    def __init__(self, *selections: Selection, limit: int = 0) -> None:
        self.each = [Population() for _ in selections]
        self.known: dict[str, None] = {}
        self._selections, self._limit = selections, limit

    def take(self, spans: list[Span]) -> bool:
        """Take the spans of one conversation; whether any wants more."""
        attribute = self._selections[0].attribute
        if attribute is not None and len(self.known) < _MOST_KNOWN:
            self.known.update(dict.fromkeys(value for span in spans for value in span.values(attribute[0])))
        for selection, population in zip(self._selections, self.each, strict=True):
            if self._wants_more(population) and (selection == EVERYTHING or takes(selection, spans)):
                population.add(spans)
        return any(map(self._wants_more, self.each))

    def merge(self, other: Populations) -> None:
        """Take what another has taken."""
        self.known.update(other.known)
        for mine, others in zip(self.each, other.each, strict=True):
            mine.merge(others)

    def _wants_more(self, population: Population) -> bool:
        return not self._limit or population.conversations < self._limit


def read_parts(parts: Sequence[Files], populations: Populations, progress: Progress) -> Populations:
    """Let populations take all conversations.

    Args:
        parts: of a source; the first is read here, each other by another process.
        populations: as new; other parts get copies.
        progress: is told how far the first part has come.

    Returns:
        The populations with all that was taken.

    Raises:
        SourceError: it cannot be read.
    """
    here, *others = parts
    heard = _Heard(progress)
    with ExitStack() as stack:
        results = [stack.enter_context(beside(_read_part, part, populations)) for part in others]
        for gathered in here.traces(EVERYTHING, heard if others else progress):
            if not populations.take(gathered):
                break
        for result in results:
            for told, taken in result:
                heard.add(told)
                populations.merge(taken)
    heard.pass_on()
    return populations


def _read_part(part: Files, populations: Populations) -> Iterator[tuple[_Heard, Populations]]:
    told = _Heard(Progress())
    for gathered in part.traces(EVERYTHING, told):
        populations.take(gathered)
    yield told, populations


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
