"""The diagnosis of a source: from all conversations, from a sample, or from a database that counts."""

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
from autogen_otel.diagnosis.evidence.surveyed import read_survey
from autogen_otel.diagnosis.findings import Diagnosis, conclude, diagnose_sample
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
"""How many failing and how many working conversations a sample has, if no limit is set."""

ShowProgress = Callable[[str], AbstractContextManager[Progress]]
"""Shows the progress of a ``with`` block that does what the text says."""


def diagnose_source(
    source: Source, selection: Selection, limit: int, prometheus: Client | None, show_progress: ShowProgress
) -> tuple[Diagnosis, str]:
    """Diagnose the conversations of a source.

    Args:
        source: where they are.
        selection: which conversations to read.
        limit: the most conversations to read, of each kind in a sample; 0 for the default.
        prometheus: has the counts of all conversations, if the source only gives a sample.
        show_progress: shows the progress of reading.

    Returns:
        The diagnosis, and the name of what it is based on.

    Raises:
        SourceError: the source cannot be read.
    """
    if isinstance(source, SampledSource):
        sampled_selection, sample = _sample(source, selection, limit, show_progress)
        if prometheus is None or not sample:
            return diagnose_sample(sample), source.name
        if replace(sampled_selection, since=None, until=None, service=None) != EVERYTHING:
            raise SourceError(
                "--prometheus counts by --since, --until and --service only: leave the other options out."
            )
        counts = count(
            prometheus, replace(sampled_selection, until=sampled_selection.until or time.time_ns())
        )
        return diagnose_sample(reweight(sample, counts)), f"{source.name}, counted by {prometheus.name}"
    with few_collections():
        if isinstance(source, ClickHouse):
            with show_progress(source.name) as progress:
                return conclude(read_survey(source, selection, limit, progress)), source.name
        with show_progress(f"reading {source.name}") as progress:
            (population,) = read_populations(
                _parts(source, limit), Populations(selection, limit=limit), progress
            ).each
            return conclude(population), source.name


def population_of(
    source: Source, selection: Selection, trace: Trace, most: int, show_progress: ShowProgress
) -> Population:
    """The conversations of a source, to compare one of them with.

    Args:
        source: where they are.
        selection: which conversations to read.
        trace: the one; the population has it even if a sample does not.
        most: how many to read of each kind in a sample.
        show_progress: shows the progress of reading.

    Raises:
        SourceError: the source cannot be read.
    """
    if isinstance(source, SampledSource):
        sample = _sample(source, _around(source, selection, trace), most, show_progress)[1]
        population = Population.of_sample(sample)
        if all(conversation.spans[0].trace_id != trace.trace_id for conversation in sample):
            # Added last: the first failure of a group sets the weight of all.
            population.add(list(trace.spans))
        return population
    with few_collections(), show_progress(f"reading {source.name}") as progress:
        if isinstance(source, Files):
            return read_populations(source.parts(), Populations(selection), progress).each[0]
        return Population.of(source.spans(selection, progress=progress))


def _around(source: SampledSource, selection: Selection, trace: Trace) -> Selection:
    """The selection; if it has no beginning and the source has a limited lookback, times around the trace."""
    start_ns = trace.spans[0].start_ns
    if selection.since is not None and selection.since > start_ns:
        raise SourceError(f"Trace {trace.trace_id} began before --since: give an earlier time.")
    if source.lookback_ns is None or selection.since is not None:
        return selection
    until = min(start_ns + source.lookback_ns, time.time_ns())
    return replace(selection, since=start_ns - source.lookback_ns, until=until)


def compare_source(
    source: Source, before: Side, after: Side, limit: int, show_progress: ShowProgress
) -> Changes:
    """Compare conversations of a source; arguments as for ``diagnose_source``.

    Raises:
        SourceError: the source cannot be read, or does not give what the comparison needs.
    """
    sides = (before, after)
    with few_collections():
        if isinstance(source, ClickHouse):
            with show_progress(source.name) as progress:
                return _compare_surveys(source, sides, limit, progress)
        if not isinstance(source, SampledSource):
            with show_progress(f"reading {source.name}") as progress:
                populations = Populations(*(side.selection for side in sides), limit=limit)
                return compare(sides, read_populations(_parts(source, limit), populations, progress))
    if before.selection.attribute is not None:
        raise SourceError(
            f"--compare KEY=BEFORE..AFTER needs all conversations, which {source.name} does not give; "
            "compare times: --compare SINCE..UNTIL."
        )
    diagnosis_before, diagnosis_after = (
        diagnose_sample(_sample(source, side.selection, limit, show_progress)[1]) for side in sides
    )
    return changes_of(sides, diagnosis_before, diagnosis_after)


def _compare_surveys(source: ClickHouse, sides: tuple[Side, Side], limit: int, progress: Progress) -> Changes:
    before, after = (conclude(read_survey(source, side.selection, limit, progress)) for side in sides)
    attribute = sides[0].selection.attribute
    attribute_values: tuple[str, ...] = ()
    if attribute is not None and not (before.conversations and after.conversations):
        attribute_values = source.values(attribute[0])
    return changes_of(sides, before, after, attribute_values)


def evidence_in(source: Source, diagnosis: Diagnosis, most: int) -> dict[str, Trace]:
    """The conversations that show the findings best, by id; at most ``most``.

    Raises:
        SourceError: the source cannot be read.
    """
    best_ids = [evidence.trace_id for finding in diagnosis.findings for evidence in finding.evidence]
    trace_ids = list(dict.fromkeys(best_ids))[:most]
    spans: dict[str, list[Span]] = {trace_id: [] for trace_id in trace_ids}
    # Files are read once, all other sources find a trace by its id.
    recorded_spans = (
        (source.spans_of(spans.keys()) if trace_ids else ())
        if isinstance(source, Files)
        else chain.from_iterable(source.spans(Selection(trace=trace_id)) for trace_id in trace_ids)
    )
    for span in recorded_spans:
        if span.trace_id in spans:
            spans[span.trace_id].append(span)
    return {trace_id: Trace.of(of_trace) for trace_id, of_trace in spans.items() if of_trace}


def _parts(source: Source, limit: int) -> Sequence[Files]:
    """The parts for several processes; with a limit only one, since the limit counts in a single order."""
    assert isinstance(source, Files)
    return [source] if limit else source.parts()


def _sample(
    source: SampledSource, selection: Selection, limit: int, show_progress: ShowProgress
) -> tuple[Selection, list[WeightedConversation]]:
    """A sample, and the selection that it is a sample of."""
    sampled_selection, most = with_beginning(source, selection), limit or MOST_OF_EITHER
    with show_progress(f"reading {source.name}") as progress, few_collections():
        return sampled_selection, source.sample(
            sampled_selection, failing=most, working=most, progress=progress
        )
