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

_MOST_VALUES: Final = 100


class Populations:
    """Adds conversations to one population or several; it can be sent to another process and back.

    Args:
        selections: which conversations each population has; one conversation may be in several.
        limit: the most conversations of each; 0 for all.

    Attributes:
        each: one population for each selection.
        attribute_values: values of the attribute that separates the populations; not all of very many.
    """

    def __init__(self, *selections: Selection, limit: int = 0) -> None:
        self.each = [Population() for _ in selections]
        self.attribute_values: dict[str, None] = {}
        self._selections, self._limit = selections, limit

    def take(self, spans: list[Span]) -> bool:
        """Add the spans of one conversation; whether any population wants more."""
        attribute = self._selections[0].attribute
        if attribute is not None and len(self.attribute_values) < _MOST_VALUES:
            self.attribute_values.update(
                dict.fromkeys(value for span in spans for value in span.values(attribute[0]))
            )
        for selection, population in zip(self._selections, self.each, strict=True):
            if self._wants_more(population) and (selection == EVERYTHING or is_selected(selection, spans)):
                population.add(spans)
        return any(map(self._wants_more, self.each))

    @property
    def selection_to_read(self) -> Selection:
        """The conversations that have to be read for all populations."""
        starts = [selection.since for selection in self._selections if selection.since is not None]
        return Selection(since=min(starts)) if len(starts) == len(self._selections) else EVERYTHING

    def merge(self, other: Populations) -> None:
        """Add what another process has read."""
        self.attribute_values.update(other.attribute_values)
        for own, others in zip(self.each, other.each, strict=True):
            own.merge(others)

    def _wants_more(self, population: Population) -> bool:
        return not self._limit or population.conversations < self._limit


def read_populations(parts: Sequence[Files], populations: Populations, progress: Progress) -> Populations:
    """Read all conversations into populations.

    Args:
        parts: the parts of a source; this process reads the first, another process each other.
        populations: without conversations; each part gets a copy.
        progress: shows how far the first part is.

    Returns:
        The populations with all conversations.

    Raises:
        SourceError: the source cannot be read.
    """
    first, *others = read_parts(parts, partial(_read_part, populations), progress)
    for other in others:
        first.merge(other)
    return first


def _read_part(populations: Populations, part: Files, progress: Progress) -> Populations:
    for spans in part.traces(populations.selection_to_read, progress):
        if not populations.take(spans):
            break
    return populations
