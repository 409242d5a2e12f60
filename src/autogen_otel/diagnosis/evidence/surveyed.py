"""The population of a database that counts all conversations, and of which some are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar

from autogen_otel.diagnosis.evidence.aggregates import Timeline
from autogen_otel.diagnosis.evidence.occurrence import tool_kind
from autogen_otel.diagnosis.evidence.population import Population, Sampling
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.clickhouse_survey import Count, Survey
from autogen_otel.traces.trace import NS
from autogen_otel.vocabulary import responses

K = TypeVar("K")

_MOST_FAILING: Final = 50_000
_MOST: Final = 3000
"""How many conversations are read that stand for all, whatever happened in them."""
_FEW: Final = 300
"""If so few working calls of a tool are in them, conversations with calls of it are read as well."""


def read_survey(clickhouse: ClickHouse, selection: Selection, limit: int, progress: Progress) -> Population:
    """Read failures, and calls to compare them with; arguments as for ``Survey``.

    Raises:
        SourceError: the database cannot be queried.
    """
    survey = Survey(clickhouse, selection, limit, progress)
    population, over_time = Population(), Timeline()
    over_time.cover(*survey.period())
    interval_ns = over_time.seconds * NS
    ends, problems = survey.ends(), survey.answer_problems()
    population.ended_at_limit, population.ended_conversations = _counters(ends)
    conversations = survey.conversations(
        interval_ns,
        limited=[name for name, count in ends.items() if count.times and population.seldom_at_limit(name)],
        problems={problem for _, problem in problems},
        failing=_MOST_FAILING,
        most=_MOST,
    )
    every, failing = conversations.all, conversations.failing
    bare = population.ended_conversations.total() < every.size
    progress.expect(min(every.size, every.read + failing.read), "conversations")
    others_read = 0
    for spans, place, number in survey.read(conversations, bare=bare):
        population.add(spans, failing.weight(place), every.weight(place), number)
        others_read += place <= every.last_place and not any(span.failed for span in spans)
        progress.advance(1)
    if every.read < every.size:
        population.sampling = Sampling(failing.read, failing.size, others_read, every.size - failing.size)
        _read_rare_tools(population, survey, bare=bare)
    for number, count in conversations.by_interval.items():
        over_time.add(number * interval_ns, count)
    # What was read has been counted as well, but these are the counts of all.
    population.conversations, population.over_time = every.size, over_time
    population.failing = failing.size
    population.first_ns, population.last_ns = conversations.first_ns, conversations.last_ns
    population.ended_at_limit, population.ended_conversations = _counters(ends)
    population.answered = Counter(survey.answered())
    population.returned_errors, population.returned_conversations = _counters(survey.returned_errors())
    population.odd_answers, population.odd_conversations = _counters(
        {key: count for key, count in problems.items() if key[1] in responses.NO_FAILURE}
    )
    return population


def _read_rare_tools(population: Population, survey: Survey, *, bare: bool) -> None:
    """Compare failures of a tool that is seldom called with calls of it from anywhere."""
    working = population.working
    kinds = {failure.kind for key in population.groups for failure in population.in_group(key)}
    rare_tools = [
        kind.removeprefix(tool_kind(""))
        for kind in sorted(kinds)
        if kind.startswith(tool_kind("")) and (kind not in working or working[kind].stream_length < _FEW)
    ]
    if not rare_tools:
        return
    groups = survey.tools(rare_tools, _FEW)
    for tool in rare_tools:
        working.pop(tool_kind(tool), None)
    for spans, place, number in survey.read_tools(groups, bare=bare) if groups else ():
        population.keep_tools(spans, number, {tool: group.weight(place) for tool, group in groups.items()})


def _counters(counts: Mapping[K, Count]) -> tuple[Counter[K], Counter[K]]:
    return (
        Counter({key: count.times for key, count in counts.items()}),
        Counter({key: count.conversations for key, count in counts.items()}),
    )
