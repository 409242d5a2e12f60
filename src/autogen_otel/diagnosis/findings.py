"""The findings: failures that have the same root, how much they explain, and what they go with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from zlib import crc32

from autogen_otel.diagnosis.comparison.discriminators import Discriminator, discriminate
from autogen_otel.diagnosis.comparison.distribution import Bar, distributions
from autogen_otel.diagnosis.comparison.listed import listed
from autogen_otel.diagnosis.comparison.questions import Asking, CallsOf, together
from autogen_otel.diagnosis.evidence.arguments import DEPTH, PREFIX
from autogen_otel.diagnosis.evidence.features import PROBLEMS, Features
from autogen_otel.diagnosis.evidence.kept import Timeline
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import Population, group_key
from autogen_otel.diagnosis.evidence.subjects import is_no_object
from autogen_otel.diagnosis.roots import roots_of
from autogen_otel.diagnosis.words import advice_for, visible_as, what_ended
from autogen_otel.traces.source import WeightedConversation
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

_MOST_EVIDENCE: Final = 3
_MOST_COMPARED: Final = 2000
_MOST_SYMPTOMS: Final = 5
_NEARLY_ALL: Final = 0.9
_WORTH: Final = {Effect.ENDED: 1.0, Effect.SWALLOWED: 0.5, Effect.FELL_OVER: 0.1, Effect.RETRIED: 0.1}
"""How much of a failed conversation each effect counts as: what a user notices counts most."""
_OF_ENTRY: Final = frozenset(
    {
        *(names.CONFIG_INDEX, names.CONFIG_API_TYPE, names.GEN_AI_REQUEST_MODEL, names.GEN_AI_PROVIDER_NAME),
        *(names.SERVER_ADDRESS, names.SERVER_PORT, names.REQUEST_MAX_RETRIES, names.REQUEST_TIMEOUT_SECONDS),
    }
)
_UNEXPLAINED: Final = {causes.UNKNOWN: 0.9}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Failures with one root.

    Args:
        cause: one of ``vocabulary.causes``.
        subject: what it is of.
        status_codes: how often providers answered with which status.
        occurrences: failures; retries of the same call are one.
        attempts: those retries counted.
        conversations: in which it happened.
        ended: conversations that ended with it.
        recovered: whether nobody noticed: each time a retry or another entry answered.
        lost_seconds: time that went into failing and into waiting to try again.
        first_ns: when it happened first.
        last_ns: when it happened last.
        effects: conversations by what came of it.
        over_time: conversations with it by time, in the intervals of the diagnosis.
        discriminators: what failing calls have that working ones do not.
        distributions: of each of these, how its values are spread.
        compared: how many failing and how many working calls that is by.
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
    ended: int
    recovered: bool
    lost_seconds: float
    first_ns: int
    last_ns: int
    effects: Mapping[Effect, int]
    over_time: Mapping[int, int]
    discriminators: tuple[Discriminator, ...]
    distributions: tuple[tuple[Bar, ...], ...]
    compared: tuple[int, int]
    symptoms: Mapping[str, int]
    message: str
    evidence: tuple[Evidence, ...]
    visible_as: str
    advice: str

    @property
    def weight(self) -> float:
        """How much failure it explains, in conversations."""
        total = sum(_WORTH[effect] * count for effect, count in self.effects.items())
        return total * _UNEXPLAINED.get(self.cause, 1.0)


@dataclass(frozen=True, slots=True)
class Noted:
    """A tool that returned errors instead of raising: for the reader to know, no finding."""

    tool: str
    occurrences: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Sampling:
    """What was read of conversations that are too many to be read, and of how many.

    Args:
        failing_read: conversations that were read in which something failed.
        failing: conversations that these stand for.
        working_read: other conversations that were read.
        working: conversations that these stand for.
    """

    failing_read: int
    failing: int
    working_read: int
    working: int

    @classmethod
    def of(cls, sample: Sequence[WeightedConversation]) -> Sampling | None:
        """What a sample is; ``None`` if it is everything."""
        failing = [one.weight for one in sample if any(span.failed for span in one.spans)]
        working = [one.weight for one in sample if not any(span.failed for span in one.spans)]
        if all(weight == 1 for weight in (*failing, *working)):
            return None
        return cls(len(failing), round(sum(failing)), len(working), round(sum(working)))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a population of conversations.

    Args:
        conversations: how many were read.
        failing: in how many of them something failed, also if it recovered.
        first_ns: when the first of them began; 0 for none.
        last_ns: when the last of them began.
        findings: what fails, what explains most first.
        noted: what does not count as a failure.
        interval_seconds: how long the intervals of time are.
        over_time: conversations by the beginning of the interval in which they began, in seconds since 1970.
        sampling: what was read, where that is not all.
    """

    conversations: int
    failing: int
    first_ns: int
    last_ns: int
    findings: tuple[Finding, ...]
    noted: tuple[Noted, ...]
    interval_seconds: int
    over_time: Mapping[int, int]
    sampling: Sampling | None = None


def diagnose(spans: Iterable[Span]) -> Diagnosis:
    """Read conversations, whose spans come in any order, and say what fails in them, and why."""
    return conclude(Population.of(spans))


def diagnose_sample(sample: Sequence[WeightedConversation]) -> Diagnosis:
    """Say what fails in the conversations that a sample stands for, and why."""
    return replace(conclude(Population.of_sample(sample)), sampling=Sampling.of(sample))


def conclude(population: Population, calls_of: CallsOf | None = None) -> Diagnosis:
    """Say what fails in a population, and why; arguments as for ``roots_of``."""
    calls_of = calls_of or listed(population)
    grouped: dict[Any, list[Occurrence]] = defaultdict(list)
    failing: dict[str, float] = {}
    for occurrence in roots_of(population, calls_of):
        grouped[group_key(occurrence)].append(occurrence)
        failing[occurrence.trace_id] = occurrence.weight
    alike_of = Counter(
        _alike(group[0]) for group in grouped.values() for _ in {one.trace_id for one in group}
    )
    crowded = Counter(trace_id for group in grouped.values() for trace_id in {one.trace_id for one in group})
    asking: dict[str, list[Asking[Finding]]] = defaultdict(list)
    for group in grouped.values():
        in_order = sorted(group, key=lambda one: one.time_ns)
        share = len({one.trace_id for one in group}) / alike_of[_alike(group[0])]
        asking[group[0].compared_as or group[0].kind].append(
            _finding(in_order, population.over_time, crowded, is_alone=share >= _NEARLY_ALL)
        )
    findings = [one for kind, alike in asking.items() for one in together(alike, calls_of(kind))]
    findings.sort(key=_rank)
    noted = [
        Noted(tool, count, population.returned_conversations[tool])
        for tool, count in population.returned_errors.most_common()
    ]
    conversations = round(population.conversations)
    return Diagnosis(
        conversations,
        min(conversations, round(sum(failing.values()))),
        population.first_ns,
        population.last_ns,
        tuple(findings),
        tuple(noted),
        population.over_time.seconds,
        population.over_time.counts,
    )


def _alike(one: Occurrence) -> tuple[Any, ...]:
    """What failures of several entries have in common, that are a finding for each entry."""
    return (one.cause, one.kind) if one.kind == MODEL else group_key(one)


def _finding(
    group: Sequence[Occurrence], over_time: Timeline, crowded: Counter[str], *, is_alone: bool
) -> Asking[Finding]:
    worst: dict[str, Occurrence] = {}
    first: dict[str, Occurrence] = {}
    for one in group:
        first.setdefault(one.trace_id, one)
        if one.trace_id not in worst or _WORTH[one.effect] > _WORTH[worst[one.trace_id].effect]:
            worst[one.trace_id] = one
    effects: dict[Effect, float] = defaultdict(float)
    for one in worst.values():
        effects[one.effect] += one.weight
    ended_later: dict[str, float] = defaultdict(float)
    for one in worst.values():
        if one.ended_by is not None:
            ended_later[what_ended(one.ended_by)] += one.weight
    statuses = Counter(str(one.subject["status_code"]) for one in group if "status_code" in one.subject)
    subject = _subject(group)
    symptoms: Counter[str] = Counter()
    for one in group:
        symptoms.update(one.symptoms)
    # One call of each conversation: those of one conversation are not independent of each other.
    # Of too many, every so many: the first ones would all be early.
    step = max(1, -(-len(first) // _MOST_COMPARED))
    failing = [one.features for one in _one_of_each(group)[::step]]
    same = frozenset[str]() if is_alone else _same_in_all(failing)
    found, outline = yield from discriminate(failing, partial(_is_told, group[0], same))
    spread = yield from distributions([one.property for one in found], failing, outline)
    counts = {effect: round(count) for effect, count in effects.items()}
    best = _best(list(worst.values()), crowded)
    return Finding(
        cause=group[0].cause,
        subject=subject,
        status_codes=dict(statuses.most_common()),
        occurrences=round(sum(one.weight for one in group)),
        attempts=round(sum(one.weight * one.attempts for one in group)),
        conversations=round(sum(one.weight for one in first.values())),
        ended=counts.get(Effect.ENDED, 0),
        recovered=not (counts.get(Effect.ENDED) or counts.get(Effect.SWALLOWED)),
        lost_seconds=round(sum(one.weight * one.lost_ns for one in group) / 1e9, 3),
        first_ns=group[0].time_ns,
        last_ns=group[-1].time_ns,
        effects=counts,
        over_time=over_time.count((one.time_ns, one.weight) for one in first.values()),
        discriminators=tuple(found),
        distributions=spread,
        compared=(len(failing), outline.total),
        symptoms=dict(symptoms.most_common(_MOST_SYMPTOMS)),
        message=best[0].said,
        evidence=tuple(Evidence(one.trace_id, one.span_id) for one in best),
        visible_as=visible_as(
            group[0].cause, subject, counts, {what: round(count) for what, count in ended_later.items()}
        ),
        advice=advice_for(group[0].cause, {**group[0].detail, **subject}, found),
    )


def _rank(one: Finding) -> tuple[float, ...]:
    # A backup that can never work shows only after a failure that passes, and as often: it is what to mend.
    can_pass = one.cause != causes.CONFIG_ENTRY
    return (-one.weight, -one.conversations, -one.occurrences, can_pass, one.first_ns)


def _same_in_all(failing: Sequence[Features]) -> frozenset[str]:
    """What the entries of all of these have: where others fail too, they are grouped by it, and no more."""
    return frozenset(name for name in _OF_ENTRY if len({one.get(name) for one in failing}) == 1)


def _is_told(failure: Occurrence, same: Collection[str], attribute: str) -> bool:
    """Whether an attribute only says once more what failed: no call of an entry that is wrong works."""
    if attribute in same:
        return True
    if failure.cause == causes.CONFIG_ENTRY:
        return attribute in _OF_ENTRY
    if failure.cause != causes.TOOL_ARGUMENTS:
        return False
    # What is no JSON object has no arguments by name.
    return attribute in {PROBLEMS, DEPTH} or (is_no_object(failure.subject) and attribute.startswith(PREFIX))


def _one_of_each(group: Sequence[Occurrence]) -> list[Occurrence]:
    """One failure of each conversation, by chance: the first ones would all be of early turns."""
    by_trace: dict[str, list[Occurrence]] = defaultdict(list)
    for one in group:
        by_trace[one.trace_id].append(one)
    return [of[crc32(trace_id.encode()) % len(of)] for trace_id, of in by_trace.items()]


def _subject(group: Sequence[Occurrence]) -> dict[str, Any]:
    """What the failures have in common: their usual status, and their host if nearly all have the same."""
    subject = dict(group[0].subject)
    for name, least in (("status_code", 0.0), ("host", _NEARLY_ALL)):
        values = Counter(one.subject[name] for one in group if name in one.subject)
        subject.pop(name, None)
        for value, count in values.most_common(1):
            if count >= least * len(group):
                subject[name] = value
    return subject


def _best(occurrences: Sequence[Occurrence], crowded: Counter[str]) -> list[Occurrence]:
    """The conversations that show it best: those that ended with it, and where little else went wrong."""
    ranked = sorted(occurrences, key=lambda one: (-_WORTH[one.effect], crowded[one.trace_id], one.time_ns))
    return ranked[:_MOST_EVIDENCE]
