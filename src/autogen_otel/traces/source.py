"""Sources of traces, as commands read them: files, Jaeger, Tempo and others behind one interface."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from autogen_otel.plain_text import one_line
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.trace import Span

INSTANCES: Final = ("service.instance.id", "process.pid", "host.name")
"""Attributes of a program that tell its processes apart."""
_SENTENCE: Final = 1000
"""Characters of a sentence of ours."""
NO_TIME: Final = "--since is not before --until: there is no time between them."


class SourceError(Exception):
    """A source that cannot be read; the message says in one sentence what is wrong and what to do."""


class NoConversationsError(SourceError):
    """A source that can be read, and into which no program has sent conversations yet."""


class Progress:
    """Takes the progress of reading a source; this one shows nothing."""

    def expect(self, total: int | None, unit: str) -> None:
        """Reading begins.

        Args:
            total: how much there is; ``None`` if nobody knows.
            unit: of what: ``bytes``, ``seconds``, ``conversations``.
        """

    def advance(self, count: int) -> None:
        """So much more was read."""

    def warn(self, sentence: str) -> None:
        """Something could not be read, and the rest can."""
        sys.stderr.write(f"autogen-otel: {one_line(sentence, _SENTENCE)}\n")

    def warn_damaged(self, path: Path, lines: Collection[int]) -> None:
        """Some lines of a file could not be read, or not wholly; by their numbers from 1."""
        subject = "a damaged line was" if len(lines) == 1 else f"{len(lines)} damaged lines were"
        name = "standard input" if str(path) == "-" else path
        location = f"{name}, line {min(lines)}" + (" and following" if len(lines) > 1 else "")
        self.warn(
            f"{location}: {subject} passed over, all else was read; delete what is damaged to silence this."
        )

    def warn_damaged_spans(self, source_name: str) -> None:
        """A store gave what is no span: an id, a time or an attribute has another form."""
        self.warn(f"{source_name} gave damaged spans, which were passed over; all else was read.")


NO_PROGRESS: Final = Progress()


class Source(Protocol):
    """Something that traces are read from. Every method may raise ``SourceError``."""

    @property
    def name(self) -> str:
        """What a report calls it: ``journal /var/…``, ``Jaeger at http://…``; never with credentials."""

    @property
    def option(self) -> Sequence[str]:
        """The words that name it on the command line, for commands that a report suggests; never a secret."""

    def spans(
        self, selection: Selection, *, newest: int = 0, progress: Progress = NO_PROGRESS
    ) -> Iterator[Span]:
        """Read spans as a stream.

        Args:
            selection: which conversations are wanted. All of their spans come. Others may come as well: the
                caller selects again.
            newest: how many of them are enough, the newest; 0 for all. A source without an order gives all.
            progress: is told how far it has come.
        """

    def link(self, trace_id: str, span_id: str) -> str | None:
        """The address at which a browser shows a span in its trace; ``None`` if it has none."""

    @property
    def lookback_ns(self) -> int | None:
        """How far back it looks where a selection does not say since when; ``None`` for all it has."""


def with_beginning(source: Source, selection: Selection) -> Selection:
    """A selection that says since when, where the source does not look back for ever.

    Raises:
        SourceError: there is no time between its beginning and its end.
    """
    if source.lookback_ns is None or selection.is_one_trace:
        return selection
    until = time.time_ns() if selection.until is None else selection.until
    since = until - source.lookback_ns if selection.since is None else selection.since
    if since >= until:
        raise SourceError(NO_TIME)
    return replace(selection, since=since)


@dataclass(frozen=True, slots=True)
class WeightedConversation:
    """A conversation that stands for ``weight`` of them, itself included; the others were not read."""

    spans: list[Span]
    weight: float


@runtime_checkable
class SampledSource(Source, Protocol):
    """A source that may be too large to be read whole."""

    def sample(
        self, selection: Selection, *, failing: int, working: int, progress: Progress = NO_PROGRESS
    ) -> list[WeightedConversation]:
        """Read the conversations in which something failed, and a random sample of the others.

        Args:
            selection: which conversations are wanted; others do not come.
            failing: about so many of those in which something failed at most: all, or a random sample.
            working: about so many of the others at most. Within either group all weigh the same.
            progress: is told how far it has come.
        """
