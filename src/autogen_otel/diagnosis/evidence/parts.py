"""Populations of a source that several processes read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.traces.conversations import is_selected
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.sources.parts import read_parts
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
            if self._wants_more(population) and (selection == EVERYTHING or is_selected(selection, spans)):
                population.add(spans)
        return any(map(self._wants_more, self.each))

    @property
    def asked(self) -> Selection:
        """What there has to be read for all of them."""
        times = [selection.since for selection in self._selections]
        known = [since for since in times if since is not None]
        return Selection(since=min(known)) if len(known) == len(times) else EVERYTHING

    def merge(self, other: Populations) -> None:
        """Take what another has taken."""
        self.known.update(other.known)
        for mine, others in zip(self.each, other.each, strict=True):
            mine.merge(others)

    def _wants_more(self, population: Population) -> bool:
        return not self._limit or population.conversations < self._limit


def read_populations(parts: Sequence[Files], populations: Populations, progress: Progress) -> Populations:
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
    taken, *others = read_parts(parts, partial(_taken, populations), progress)
    for one in others:
        taken.merge(one)
    return taken


def _taken(populations: Populations, part: Files, progress: Progress) -> Populations:
    for gathered in part.traces(populations.asked, progress):
        if not populations.take(gathered):
            break
    return populations
