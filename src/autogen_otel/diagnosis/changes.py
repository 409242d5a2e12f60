"""The comparison of two populations: which findings are new, gone, more or less frequent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from autogen_otel.diagnosis.comparison.discriminators import SIGNIFICANT
from autogen_otel.diagnosis.comparison.statistics import Table, fisher, holm
from autogen_otel.diagnosis.evidence.parts import Populations
from autogen_otel.diagnosis.findings import Diagnosis, Finding, conclude
from autogen_otel.traces.selection import Selection

_VOLATILE_KEYS: Final = frozenset({"status_code", "host", "limit_chars"})
"""Keys of a subject that differ between failures of the same fault."""
_LINE: Final = re.compile(r":\d+")


class Change(Enum):
    """How a finding changed, the most important first."""

    NEW = "new"
    GREW = "grew"
    SAME = "same"
    SHRANK = "shrank"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two populations.

    Args:
        label: its name in reports.
        selection: its conversations; if it has an attribute, the other side has another value of it.
    """

    label: str
    selection: Selection


@dataclass(frozen=True, slots=True)
class ChangedFinding:
    """One finding in both populations.

    Args:
        change: how it changed.
        before: ``None`` if it is new.
        after: ``None`` if it is gone.
        table: conversations with it after, all after, with it before, all before.
        probability: of such a difference by chance, corrected for the number of findings.
    """

    change: Change
    before: Finding | None
    after: Finding | None
    table: Table
    probability: float

    @property
    def finding(self) -> Finding:
        """The finding in the second population, or in the first if it is gone."""
        finding = self.after or self.before
        assert finding is not None
        return finding

    @property
    def may_be_chance(self) -> bool:
        """Whether there are too few conversations to be sure."""
        return self.probability > SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two populations.

    Args:
        sides: the two, before and after.
        before: the diagnosis of the first.
        after: the diagnosis of the second.
        changed_findings: each finding of either, the most important first.
        attribute_values: values of the attribute that separates the sides, if one does; not all of very many.
    """

    sides: tuple[Side, Side]
    before: Diagnosis
    after: Diagnosis
    changed_findings: tuple[ChangedFinding, ...]
    attribute_values: tuple[str, ...] = ()

    @property
    def got_worse(self) -> bool:
        """Whether a finding is new, or more frequent."""
        return any(changed.change in {Change.NEW, Change.GREW} for changed in self.changed_findings)


def compare(sides: tuple[Side, Side], populations: Populations) -> Changes:
    """Compare the populations of two sides."""
    before, after = map(conclude, populations.each)
    return changes_of(sides, before, after, tuple(populations.attribute_values))


def changes_of(
    sides: tuple[Side, Side], before: Diagnosis, after: Diagnosis, attribute_values: tuple[str, ...] = ()
) -> Changes:
    """Compare two diagnoses."""
    return Changes(sides, before, after, _changed_findings(before, after), attribute_values)


def _changed_findings(before: Diagnosis, after: Diagnosis) -> tuple[ChangedFinding, ...]:
    pairs = _pairs(before.findings, after.findings)
    tables = [_table(pair, before, after) for pair in pairs]
    # For a finding that became rarer: how probable it is that it was so frequent before.
    chances = [
        fisher(
            table
            if table.effect > 0
            else Table(table.working, table.all_working, table.failing, table.all_failing)
        )
        for table in tables
    ]
    probabilities = holm(chances, len(chances))
    changed_findings = [
        ChangedFinding(_change(pair, table, chance), *pair, table, chance)
        for pair, table, chance in zip(pairs, tables, probabilities, strict=True)
    ]
    order = list(Change)
    return tuple(
        sorted(changed_findings, key=lambda changed: (order.index(changed.change), -changed.finding.weight))
    )


_Pair = tuple["Finding | None", "Finding | None"]


def _pairs(before: Iterable[Finding], after: Iterable[Finding]) -> list[_Pair]:
    """Match findings, even if a line has moved or the fault shows with another status."""
    unmatched_before, unmatched_after = list(before), list(after)
    pairs: list[_Pair] = []
    for precision in range(3):
        by_identity = {_identities(finding)[precision]: finding for finding in reversed(unmatched_before)}
        for current in list(unmatched_after):
            previous = by_identity.pop(_identities(current)[precision], None)
            if previous is not None:
                pairs.append((previous, current))
                unmatched_before = [finding for finding in unmatched_before if finding is not previous]
                unmatched_after = [finding for finding in unmatched_after if finding is not current]
    return [
        *pairs,
        *((finding, None) for finding in unmatched_before),
        *((None, finding) for finding in unmatched_after),
    ]


def _identities(finding: Finding) -> tuple[str, str, str]:
    """Three keys of a finding: exact, without volatile keys, and without line numbers as well."""
    stable_subject = {name: value for name, value in finding.subject.items() if name not in _VOLATILE_KEYS}
    exact, stable = (
        f"{finding.cause} {sorted((name, str(value)) for name, value in subject.items())}"
        for subject in (finding.subject, stable_subject)
    )
    return exact, stable, _LINE.sub("", stable)


def _table(pair: _Pair, before: Diagnosis, after: Diagnosis) -> Table:
    count_before, count_after = (
        min(finding.conversations, diagnosis.conversations) if finding else 0
        for finding, diagnosis in zip(pair, (before, after), strict=True)
    )
    return Table(count_after, after.conversations, count_before, before.conversations)


def _change(pair: _Pair, table: Table, chance: float) -> Change:
    if pair[0] is None:
        return Change.NEW
    if pair[1] is None:
        return Change.GONE
    if chance > SIGNIFICANT:
        return Change.SAME
    return Change.GREW if table.effect > 0 else Change.SHRANK
