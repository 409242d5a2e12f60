"""The diagnosis of a source as the source allows: read whole, as a sample, or where it is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain
from typing import Final

from autogen_otel.diagnosis.changes import Changes, Side, changes_of, compare
from autogen_otel.diagnosis.evidence.parts import Populations, read_populations
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.findings import Diagnosis, conclude, diagnose_sample
from autogen_otel.diagnosis.stored.diagnosis import compare_stored, diagnose_stored
from autogen_otel.traces.reader_process import few_collections
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import (
    Progress,
    SampledSource,
    Source,
    SourceError,
    WeightedConversation,
    with_beginning,
)
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.prometheus import count, reweight
from autogen_otel.traces.trace import Span, Trace

MOST_OF_EITHER: Final = 1000
"""How many conversations of a sample fail, and how many do not, where no limit is set."""

Shown = Callable[[str], AbstractContextManager[Progress]]
"""Shows how far a block has come that does what it says."""


def diagnose_source(
    source: Source, asked: Selection, limit: int, counting: Client | None, shown: Shown
) -> tuple[Diagnosis, str]:
    """Diagnose the conversations of a source.

    Args:
        source: where they are.
        asked: which are wanted.
        limit: how many to read at most, of a sample of either kind; 0 for what is usual.
        counting: a Prometheus that has counted what there is only a sample of.
        shown: shows how far reading has come.

    Returns:
        The diagnosis, and what it was made of.

    Raises:
        SourceError: it cannot be read.
    """
    if isinstance(source, SampledSource):
        selection, sample = _sample(source, asked, limit, shown)
        if counting is None or not sample:
            return diagnose_sample(sample), source.name
        if replace(selection, since=None, until=None, service=None) != EVERYTHING:
            raise SourceError(
                "--prometheus counts by --since, --until and --service only: leave the other options out."
            )
        counts = count(counting, replace(selection, until=selection.until or time.time_ns()))
        return diagnose_sample(reweight(sample, counts)), f"{source.name}, counted by {counting.name}"
    with few_collections():
        if isinstance(source, ClickHouse):
            with shown(source.name) as progress:
                return diagnose_stored(source, asked, limit, progress), source.name
        with shown(f"reading {source.name}") as progress:
            (population,) = read_populations(
                _parts(source, limit), Populations(asked, limit=limit), progress
            ).each
            return conclude(population), source.name


def population_of(source: Source, asked: Selection, among: Trace, most: int, shown: Shown) -> Population:
    """The conversations of a source, to compare one of them with.

    Args:
        source: where they are.
        asked: which are wanted.
        among: the one; it is there also where only a sample of all is read.
        most: how many to read of a sample, of either kind.
        shown: shows how far reading has come.

    Raises:
        SourceError: it cannot be read.
    """
    if isinstance(source, SampledSource):
        sample = _sample(source, _around(source, asked, among), most, shown)[1]
        population = Population.of_sample(sample)
        if all(one.spans[0].trace_id != among.trace_id for one in sample):
            # Last: how much each of a group weighs is what the first one weighs.
            population.add(list(among.spans))
        return population
    with few_collections(), shown(f"reading {source.name}") as progress:
        if isinstance(source, Files):
            return read_populations(source.parts(), Populations(asked), progress).each[0]
        return Population.of(source.spans(asked, progress=progress))


def _around(source: SampledSource, asked: Selection, among: Trace) -> Selection:
    """The selection; without a beginning, where the source does not look back for ever, around the trace."""
    began = among.spans[0].start_ns
    if asked.since is not None and asked.since > began:
        raise SourceError(f"Trace {among.trace_id} began before --since: give an earlier time.")
    if source.lookback_ns is None or asked.since is not None:
        return asked
    until = min(began + source.lookback_ns, time.time_ns())
    return replace(asked, since=began - source.lookback_ns, until=until)


def compare_source(source: Source, before: Side, after: Side, limit: int, shown: Shown) -> Changes:
    """Compare conversations of a source; arguments as for ``diagnose_source``.

    Raises:
        SourceError: it cannot be read, or does not give what the comparison needs.
    """
    sides = (before, after)
    with few_collections():
        if isinstance(source, ClickHouse):
            with shown(source.name) as progress:
                return compare_stored(source, sides, limit, progress)
        if not isinstance(source, SampledSource):
            with shown(f"reading {source.name}") as progress:
                populations = Populations(*(side.selection for side in sides), limit=limit)
                return compare(sides, read_populations(_parts(source, limit), populations, progress))
    if before.selection.attribute is not None:
        raise SourceError(
            f"--compare KEY=BEFORE..AFTER needs all conversations, which {source.name} does not give; "
            "compare times: --compare SINCE..UNTIL."
        )
    was, now = (diagnose_sample(_sample(source, side.selection, limit, shown)[1]) for side in sides)
    return changes_of(sides, was, now)


def evidence_in(source: Source, diagnosis: Diagnosis, most: int) -> dict[str, Trace]:
    """The conversations that show the findings best, at most so many, by id.

    Raises:
        SourceError: they cannot be read.
    """
    best = [one.trace_id for finding in diagnosis.findings for one in finding.evidence]
    wanted = list(dict.fromkeys(best))[:most]
    spans: dict[str, list[Span]] = {trace_id: [] for trace_id in wanted}
    # Files are read once, all others find one by its id.
    found = (
        (source.spans_of(spans.keys()) if wanted else ())
        if isinstance(source, Files)
        else chain.from_iterable(source.spans(Selection(trace=one)) for one in wanted)
    )
    for span in found:
        if span.trace_id in spans:
            spans[span.trace_id].append(span)
    return {trace_id: Trace.of(found) for trace_id, found in spans.items() if found}


def _parts(source: Source, limit: int) -> Sequence[Files]:
    """What several processes read; a limit counts conversations in the order that one reads them in."""
    assert isinstance(source, Files)
    return [source] if limit else source.parts()


def _sample(
    source: SampledSource, asked: Selection, limit: int, shown: Shown
) -> tuple[Selection, list[WeightedConversation]]:
    """A sample, and what it is one of."""
    selection, most = with_beginning(source, asked), limit or MOST_OF_EITHER
    with shown(f"reading {source.name}") as progress, few_collections():
        return selection, source.sample(selection, failing=most, working=most, progress=progress)
