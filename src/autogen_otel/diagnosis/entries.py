"""The entries of a ``config_list``: how often each fails and answers, and what that says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.diagnosis.comparison.calls import WorkingCalls
from autogen_otel.diagnosis.comparison.discriminators import SIGNIFICANT, Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.statistics import NEARLY_ALL, Table, fisher
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence
from autogen_otel.diagnosis.evidence.population import EntryKey
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

NEVER_ANSWERED: Final = "never_answered"
"""The detail that an entry did not answer once, while others did."""
_ATTRIBUTES: Final = {
    "entry": names.CONFIG_INDEX,
    "model": names.GEN_AI_REQUEST_MODEL,
    "host": names.SERVER_ADDRESS,
}
_FEW: Final = 0.1
_FEWEST: Final = 3
_MAY_BE_FOR_GOOD: Final = frozenset(
    {
        causes.BACKEND,
        causes.CLIENT,
        causes.RATE_LIMIT,
        causes.STREAM_INTERRUPTED,
        causes.TIMEOUT,
        causes.UNKNOWN,
    }
)
"""Causes that an entry which can never work may have as well."""
_OF_PROVIDERS: Final = frozenset({causes.BACKEND, causes.STREAM_INTERRUPTED, causes.TIMEOUT})
"""Causes of a disturbance that may concern several entries."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often calls of one entry or model fail, or those of several.

    Args:
        of: what they are told apart by: ``entry``, the index in the ``config_list``, or ``model``.
        values: the indexes or names.
        failed: how many of their calls failed in the way of a finding.
        calls: how many calls they had.
    """

    of: str
    values: tuple[int | str, ...]
    failed: int
    calls: int


def entry_of(failure: Occurrence) -> EntryKey:
    """The entry of a failed model call."""
    return failure.subject.get("entry"), failure.subject.get("model")


def rates_of(
    entry: EntryKey, failing: Mapping[EntryKey, float], answered: Mapping[EntryKey, int]
) -> tuple[Rate, ...]:
    """How often an entry fails, and how often the others do, if it fails more often.

    Args:
        entry: the entry of a finding.
        failing: how many calls of each entry failed in this way, and gave no answer after all.
        answered: how many calls each entry answered.
    """
    for place, (of, own_value) in enumerate(zip(("entry", "model"), entry, strict=True)):
        others = {key[place] for key in (*failing, *answered)} - {own_value, None}
        if own_value is None or not others:
            continue
        own, other = (
            Rate(of, values, *_counts(place, values, failing, answered))
            for values in ((own_value,), tuple(sorted(others, key=str)))
        )
        worked, others_worked = own.calls - own.failed, other.calls - other.failed
        table = Table(own.failed, own.failed + other.failed, worked, worked + others_worked)
        return (own, other) if fisher(table) <= SIGNIFICANT else ()
    return ()


def _counts(
    place: int,
    values: Collection[Any],
    failing: Mapping[EntryKey, float],
    answered: Mapping[EntryKey, int],
) -> tuple[int, int]:
    """How many calls of some entries failed, and how many they had."""
    failed, worked = (
        sum(count for key, count in counts.items() if key[place] in values) for counts in (failing, answered)
    )
    return round(failed), round(failed) + round(worked)


def name_dead_entries(failures: Sequence[Occurrence], answered: Mapping[EntryKey, int]) -> None:
    """Blame an entry that did not answer once while others did, whatever its error was.

    Where another entry had refused the same call in the same way, it may be the request.
    """
    if any(index is None for index, _ in answered):
        # Nobody knows which entry gave those answers.
        return
    by_entry: dict[EntryKey, list[Occurrence]] = defaultdict(list)
    for failure in failures:
        if failure.kind == MODEL and "entry" in failure.subject:
            by_entry[entry_of(failure)].append(failure)
    for entry, of_entry in by_entry.items():
        suspects = [failure for failure in of_entry if failure.cause in _MAY_BE_FOR_GOOD]
        if (
            answered.get(entry)
            or not any(count for other, count in answered.items() if other[0] != entry[0])
            or len({failure.trace_id for failure in suspects}) < _FEWEST
            or any(failure.effect is Effect.RETRIED for failure in of_entry)
            or all(_error(failure) in failure.earlier_errors for failure in suspects)
        ):
            continue
        for failure in suspects:
            failure.symptoms[failure.words] += 1
            failure.cause = causes.CONFIG_ENTRY
            failure.detail = {NEVER_ANSWERED: True}


def _error(failure: Occurrence) -> tuple[str, Any]:
    return failure.cause, failure.subject.get("status_code")


def pool(failures: Sequence[Occurrence], answered: Mapping[EntryKey, int]) -> None:
    """Make a disturbance that comes at the same rate at every entry one, and not one an entry."""
    by_cause: dict[Any, list[Occurrence]] = defaultdict(list)
    for failure in failures:
        if failure.kind == MODEL and failure.cause in _OF_PROVIDERS and "entry" in failure.subject:
            others = {key: value for key, value in failure.subject.items() if key not in _VARYING}
            by_cause[failure.cause, str(others), str(failure.detail)].append(failure)
    for of_cause in by_cause.values():
        failing: Counter[EntryKey] = Counter()
        for failure in of_cause:
            failing[entry_of(failure)] += 1
        if len(failing) > 1 and not any(_stands_out(entry, failing, answered) for entry in failing):
            share_subject(of_cause)


_VARYING: Final = frozenset({*_ATTRIBUTES, "status_code"})


def _stands_out(entry: EntryKey, failing: Mapping[EntryKey, int], answered: Mapping[EntryKey, int]) -> bool:
    """Whether an entry fails more or less often than the others."""
    all_failing = sum(failing.values())
    all_answered = sum(answered.get(other, 0) for other in failing)
    more = Table(failing[entry], all_failing, answered.get(entry, 0), all_answered)
    less = Table(more.working, all_answered, more.failing, all_failing)
    return min(fisher(more), fisher(less)) <= SIGNIFICANT


def share_subject(failures: Sequence[Occurrence]) -> None:
    """Leave out of the subjects of one disturbance the entry, model and host that are not the same in all."""
    for name in _ATTRIBUTES:
        if len({str(failure.subject.get(name)) for failure in failures}) > 1:
            for failure in failures:
                failure.subject = {key: value for key, value in failure.subject.items() if key != name}


def works_otherwise(
    subject: Mapping[str, Any], failed: float, discriminators: Sequence[Discriminator], calls: WorkingCalls
) -> bool:
    """Whether most calls of the entry work.

    It does not count that others work if the failing calls have something in common that hardly any of them
    has: since a certain time, or in one process, the entry may never work.

    Args:
        subject: of the failures.
        failed: how many calls failed.
        discriminators: what they have in common.
        calls: the model calls that worked.
    """
    entry = [
        Property(attribute, Comparison.EQUALS, subject[name])
        for name, attribute in _ATTRIBUTES.items()
        if name in subject
    ]
    if not entry:
        return False
    combinations = calls.combinations([*entry, *(one.property for one in discriminators)])
    is_of_entry = (1 << len(entry)) - 1
    working = [
        (bits >> len(entry), count * calls.weight)
        for bits, count in combinations.items()
        if bits & is_of_entry == is_of_entry
    ]
    if sum(count for _, count in working) <= failed:
        return False
    return not any(
        discriminator.table.failing_share >= NEARLY_ALL
        and sum(count for bits, count in working if bits >> index & 1) <= _FEW * failed
        for index, discriminator in enumerate(discriminators)
    )
