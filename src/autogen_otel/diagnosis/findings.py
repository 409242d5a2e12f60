"""The findings: failures with the same root, how much they explain, and which properties separate them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from zlib import crc32

from autogen_otel.diagnosis.advice import WORKS_OTHERWISE, advice_for, visible_as, what_ended
from autogen_otel.diagnosis.comparison.calls import WorkingCalls, working_calls_of
from autogen_otel.diagnosis.comparison.candidates import cuts_of
from autogen_otel.diagnosis.comparison.discriminators import Discriminator, discriminate
from autogen_otel.diagnosis.comparison.distribution import Bar, distributions
from autogen_otel.diagnosis.comparison.statistics import NEARLY_ALL
from autogen_otel.diagnosis.entries import Rate, entry_of, rates_of, works_otherwise
from autogen_otel.diagnosis.evidence.aggregates import Timeline
from autogen_otel.diagnosis.evidence.arguments import DEPTH, PREFIX
from autogen_otel.diagnosis.evidence.features import PROBLEMS, Features
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import EntryKey, Population, Sampling, group_key
from autogen_otel.diagnosis.evidence.subjects import is_no_object
from autogen_otel.diagnosis.roots import roots_of
from autogen_otel.traces.source import WeightedConversation
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

_MOST_EVIDENCE: Final = 3
_MOST_COMPARED: Final = 2000
_MOST_SYMPTOMS: Final = 5
_WORTH: Final = {Effect.ENDED: 1.0, Effect.SWALLOWED: 0.5, Effect.FELL_OVER: 0.1, Effect.RETRIED: 0.1}
"""How much of a failed conversation each effect counts as: what a user notices counts most."""
_ENTRY_ATTRIBUTES: Final = frozenset(
    {
        *(names.CONFIG_INDEX, names.CONFIG_API_TYPE, names.GEN_AI_REQUEST_MODEL, names.GEN_AI_PROVIDER_NAME),
        *(names.SERVER_ADDRESS, names.SERVER_PORT, names.REQUEST_MAX_RETRIES, names.REQUEST_TIMEOUT_SECONDS),
    }
)
_SUBJECT_ATTRIBUTES: Final = frozenset({names.CONFIG_INDEX, names.GEN_AI_REQUEST_MODEL, names.SERVER_ADDRESS})
_WORTH_OF_CAUSE: Final = {causes.UNKNOWN: 0.9}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span that shows a finding."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Failures with one root.

    Args:
        cause: one of ``vocabulary.causes``.
        subject: what fails.
        status_codes: how often providers answered with which status.
        occurrences: failures; retries of the same call are one.
        attempts: failures, each retry counted.
        conversations: how many conversations it happened in.
        ended_conversations: how many conversations ended with it.
        has_recovered: whether a retry or another entry answered each time, so that nobody noticed.
        lost_seconds: the time that failed attempts and the pauses between them took.
        first_ns: when it happened first.
        last_ns: when it happened last.
        effects: conversations by effect.
        over_time: conversations with it by time, in the intervals of the diagnosis.
        discriminators: what failing calls have that working ones do not.
        distributions: the distribution of the values of each discriminator.
        compared_calls: how many failing and how many working calls were compared for that.
        rates: how often its entry or model fails, and how often the others do, if that is less.
        works_otherwise: whether most calls of the entry work, if it is about one.
        symptoms: what else happened because of it.
        message: what was raised, or what the provider said, in the best of these.
        evidence: the best conversations to look at.
        visible_as: how the user of the program saw it.
        advice: what to do.
    """

    cause: str
    subject: Mapping[str, Any]
    status_codes: Mapping[str, int]
    occurrences: int
    attempts: int
    conversations: int
    ended_conversations: int
    has_recovered: bool
    lost_seconds: float
    first_ns: int
    last_ns: int
    effects: Mapping[Effect, int]
    over_time: Mapping[int, int]
    discriminators: tuple[Discriminator, ...]
    distributions: tuple[tuple[Bar, ...], ...]
    compared_calls: tuple[int, int]
    rates: tuple[Rate, ...]
    works_otherwise: bool
    symptoms: Mapping[str, int]
    message: str
    evidence: tuple[Evidence, ...]
    visible_as: str
    advice: str

    @property
    def weight(self) -> float:
        """How much failure it explains, in conversations."""
        total = sum(_WORTH[effect] * count for effect, count in self.effects.items())
        return total * _WORTH_OF_CAUSE.get(self.cause, 1.0)


@dataclass(frozen=True, slots=True)
class Note:
    """A tool that returned errors instead of raising: no finding, but worth knowing."""

    tool: str
    occurrences: int
    conversations: int


@dataclass(frozen=True, slots=True)
class OddAnswers:
    """Answers of a model that are no failure, but were cut, empty or a refusal."""

    model: str
    problem: str
    occurrences: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a population of conversations.

    Args:
        conversations: how many there are.
        failing: in how many of them something failed, even if it recovered.
        first_ns: when the first of them began; 0 for none.
        last_ns: when the last of them began.
        findings: what fails; the finding that explains most comes first.
        notes: errors that tools returned, which do not count as failures.
        odd_answers: answers that AutoGen went on with although they were cut, empty or a refusal.
        interval_seconds: the length of the intervals of ``over_time``.
        over_time: conversations by the beginning of the interval in which they began, in seconds since 1970.
        sampling: what was read, if that is a sample.
    """

    conversations: int
    failing: int
    first_ns: int
    last_ns: int
    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]
    odd_answers: tuple[OddAnswers, ...]
    interval_seconds: int
    over_time: Mapping[int, int]
    sampling: Sampling | None = None


def diagnose(spans: Iterable[Span]) -> Diagnosis:
    """Read conversations, whose spans come in any order, and say what fails in them, and why."""
    return conclude(Population.of(spans))


def diagnose_sample(sample: Sequence[WeightedConversation]) -> Diagnosis:
    """Say what fails in the conversations that a sample stands for, and why."""
    return conclude(Population.of_sample(sample))


def conclude(population: Population) -> Diagnosis:
    """Say what fails in a population that has been read to the end, and why."""
    calls_of = working_calls_of(population)
    groups: dict[Any, list[Occurrence]] = defaultdict(list)
    failing: dict[str, float] = {}
    for occurrence in roots_of(population):
        groups[group_key(occurrence)].append(occurrence)
        failing[occurrence.trace_id] = occurrence.weight
    conversations_by_type = Counter(
        _failure_type(group[0]) for group in groups.values() for _ in {failure.trace_id for failure in group}
    )
    failing_calls: dict[Any, dict[EntryKey, float]] = defaultdict(lambda: defaultdict(float))
    for failure in (failure for group in groups.values() for failure in group):
        # After a retry the call counts among those that were answered.
        if failure.kind == MODEL and failure.effect is not Effect.RETRIED:
            failing_calls[failure.cause][entry_of(failure)] += failure.weight
    findings_of_trace = Counter(
        trace_id for group in groups.values() for trace_id in {failure.trace_id for failure in group}
    )
    findings: list[Finding] = []
    for group in groups.values():
        in_order = sorted(group, key=lambda failure: failure.time_ns)
        share = len({failure.trace_id for failure in group}) / conversations_by_type[_failure_type(group[0])]
        working = calls_of(group[0].compared_as or group[0].kind)
        rates = rates_of(entry_of(group[0]), failing_calls[group[0].cause], population.answered)
        findings.append(
            _finding(
                in_order,
                working,
                rates,
                population.over_time,
                findings_of_trace,
                is_alone=share >= NEARLY_ALL,
            )
        )
    findings.sort(key=_rank)
    notes = [
        Note(tool, count, population.returned_conversations[tool])
        for tool, count in population.returned_errors.most_common()
    ]
    odd_answers = [
        OddAnswers(*key, count, population.odd_conversations[key])
        for key, count in population.odd_answers.most_common()
    ]
    conversations = round(population.conversations)
    return Diagnosis(
        conversations,
        # Samples of groups add up to a little more or less, and the conversations are counted.
        min(conversations, round(population.failing), round(sum(failing.values()))),
        population.first_ns,
        population.last_ns,
        tuple(findings),
        tuple(notes),
        tuple(odd_answers),
        population.over_time.seconds,
        population.over_time.counts,
        population.sampling,
    )


def _failure_type(occurrence: Occurrence) -> tuple[Any, ...]:
    """What failures of several entries have in common; each entry has a finding of its own."""
    return (occurrence.cause, occurrence.kind) if occurrence.kind == MODEL else group_key(occurrence)


def _finding(
    group: Sequence[Occurrence],
    working: WorkingCalls,
    rates: tuple[Rate, ...],
    over_time: Timeline,
    findings_of_trace: Counter[str],
    *,
    is_alone: bool,
) -> Finding:
    worst: dict[str, Occurrence] = {}
    first: dict[str, Occurrence] = {}
    for failure in group:
        first.setdefault(failure.trace_id, failure)
        if failure.trace_id not in worst or _WORTH[failure.effect] > _WORTH[worst[failure.trace_id].effect]:
            worst[failure.trace_id] = failure
    effects: dict[Effect, float] = defaultdict(float)
    for failure in worst.values():
        effects[failure.effect] += failure.weight
    ended_later: dict[str, float] = defaultdict(float)
    for failure in worst.values():
        if failure.ended_by is not None:
            ended_later[what_ended(failure.ended_by)] += failure.weight
    statuses = Counter(
        str(failure.subject["status_code"]) for failure in group if "status_code" in failure.subject
    )
    subject = _subject(group)
    symptoms: Counter[str] = Counter()
    for failure in group:
        symptoms.update(failure.symptoms)
    # One call of each conversation, since the calls of one conversation are not independent.
    # Only every n-th of too many: the first ones would all be early.
    step = max(1, -(-len(first) // _MOST_COMPARED))
    failing = [failure.features for failure in _one_of_each_conversation(group)[::step]]
    constant_attributes = frozenset[str]() if is_alone else _constant_attributes(failing)
    cuts = cuts_of(failing)
    discriminators = discriminate(
        failing, working, cuts, partial(_is_redundant, group[0], constant_attributes)
    )
    if not discriminators and rates and not rates[1].failed:
        # What it begins with is its own subject.
        discriminators = discriminate(failing, working, cuts, lambda name: name not in _SUBJECT_ATTRIBUTES)
    bars = distributions([one.property for one in discriminators], failing, working, cuts)
    failed_calls = sum(failure.weight for failure in group)
    does_work = group[0].kind == MODEL and works_otherwise(subject, failed_calls, discriminators, working)
    detail = {**group[0].detail, WORKS_OTHERWISE: does_work}
    counts = {effect: round(count) for effect, count in effects.items()}
    best = _best(list(worst.values()), findings_of_trace)
    return Finding(
        cause=group[0].cause,
        subject=subject,
        status_codes=dict(statuses.most_common()),
        occurrences=round(failed_calls),
        attempts=round(sum(failure.weight * failure.attempts for failure in group)),
        conversations=round(sum(failure.weight for failure in first.values())),
        ended_conversations=counts.get(Effect.ENDED, 0),
        has_recovered=not (counts.get(Effect.ENDED) or counts.get(Effect.SWALLOWED)),
        lost_seconds=round(sum(failure.weight * failure.lost_ns for failure in group) / 1e9, 3),
        first_ns=group[0].time_ns,
        last_ns=group[-1].time_ns,
        effects=counts,
        over_time=over_time.count((failure.time_ns, failure.weight) for failure in first.values()),
        discriminators=tuple(discriminators),
        distributions=bars,
        compared_calls=(len(failing), working.total),
        rates=rates,
        works_otherwise=does_work,
        symptoms=dict(symptoms.most_common(_MOST_SYMPTOMS)),
        message=best[0].message,
        evidence=tuple(Evidence(failure.trace_id, failure.span_id) for failure in best),
        visible_as=visible_as(
            group[0].cause, subject, counts, {words: round(count) for words, count in ended_later.items()}
        ),
        advice=advice_for(group[0].cause, subject, detail, discriminators),
    )


def _rank(finding: Finding) -> tuple[float, ...]:
    # An entry that can never work shows only after another one failed, and as often: it is the one to fix.
    can_pass = finding.cause != causes.CONFIG_ENTRY
    return (-finding.weight, -finding.conversations, -finding.occurrences, can_pass, finding.first_ns)


def _constant_attributes(failing: Sequence[Features]) -> frozenset[str]:
    """Attributes of the entry that are the same in all failing calls, since these are grouped by them."""
    return frozenset(
        name for name in _ENTRY_ATTRIBUTES if len({features.get(name) for features in failing}) == 1
    )


def _is_redundant(failure: Occurrence, constant_attributes: Collection[str], attribute: str) -> bool:
    """Whether an attribute only repeats what failed: no call of a wrong entry works."""
    if attribute in constant_attributes:
        return True
    if failure.cause == causes.CONFIG_ENTRY:
        return attribute in _ENTRY_ATTRIBUTES
    if failure.cause != causes.TOOL_ARGUMENTS:
        return False
    # Arguments that are no JSON object have no names.
    return attribute in {PROBLEMS, DEPTH} or (is_no_object(failure.subject) and attribute.startswith(PREFIX))


def _one_of_each_conversation(group: Sequence[Occurrence]) -> list[Occurrence]:
    """One failure of each conversation, at random: the first ones would all be of early turns."""
    by_trace: dict[str, list[Occurrence]] = defaultdict(list)
    for failure in group:
        by_trace[failure.trace_id].append(failure)
    return [
        occurrences[crc32(trace_id.encode()) % len(occurrences)] for trace_id, occurrences in by_trace.items()
    ]


def _subject(group: Sequence[Occurrence]) -> dict[str, Any]:
    """The common subject of failures: their usual status, and their host if nearly all have the same."""
    subject = dict(group[0].subject)
    for name, least in (("status_code", 0.0), ("host", NEARLY_ALL)):
        values = Counter(failure.subject[name] for failure in group if name in failure.subject)
        subject.pop(name, None)
        for value, count in values.most_common(1):
            if count >= least * len(group):
                subject[name] = value
    return subject


def _best(occurrences: Sequence[Occurrence], findings_of_trace: Counter[str]) -> list[Occurrence]:
    """The failures that show it best: those that ended a conversation, and where little else failed."""
    ranked = sorted(
        occurrences,
        key=lambda failure: (-_WORTH[failure.effect], findings_of_trace[failure.trace_id], failure.time_ns),
    )
    return ranked[:_MOST_EVIDENCE]
