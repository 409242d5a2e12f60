"""Two populations of conversations compared: which findings are new, gone, more or less frequent."""

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

_VOLATILE: Final = frozenset({"status_code", "host", "limit_chars"})
"""What one and the same fault answers now so, now so."""
_LINE: Final = re.compile(r":\d+")


class Change(Enum):
    """What became of a finding, what matters most first."""

    NEW = "new"
    GREW = "grew"
    SAME = "same"
    SHRANK = "shrank"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two populations.

    Args:
        label: what to call it.
        selection: which conversations; if it has an attribute, the other side has another value of the same.
    """

    label: str
    selection: Selection


@dataclass(frozen=True, slots=True)
class Changed:
    """One finding in both populations.

    Args:
        change: what became of it.
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
        """It as it is now, or as it was if it is gone."""
        finding = self.after or self.before
        assert finding is not None
        return finding

    @property
    def may_be_chance(self) -> bool:
        """Whether so few conversations tell nothing yet."""
        return self.probability > SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two populations.

    Args:
        sides: the two, before and after.
        before: what was found in the first.
        after: what was found in the second.
        changed: each finding of either, what matters most first.
        known: values that the attribute has, where the sides are told by one; not all of very many.
    """

    sides: tuple[Side, Side]
    before: Diagnosis
    after: Diagnosis
    changed: tuple[Changed, ...]
    known: tuple[str, ...] = ()

    @property
    def got_worse(self) -> bool:
        """Whether anything is new, or happens more often."""
        return any(one.change in {Change.NEW, Change.GREW} for one in self.changed)


def compare(sides: tuple[Side, Side], populations: Populations) -> Changes:
    """Compare two populations, of the selections that the sides have."""
    was, now = map(conclude, populations.each)
    return changes_of(sides, was, now, tuple(populations.attribute_values))


def changes_of(
    sides: tuple[Side, Side], before: Diagnosis, after: Diagnosis, known: tuple[str, ...] = ()
) -> Changes:
    """Compare two diagnoses."""
    return Changes(sides, before, after, _changed(before, after), known)


def _changed(before: Diagnosis, after: Diagnosis) -> tuple[Changed, ...]:
    pairs = _pairs(before.findings, after.findings)
    tables = [_table(pair, before, after) for pair in pairs]
    # Of what became rarer, how probable it is that it was so frequent.
    chances = [
        fisher(one if one.effect > 0 else Table(one.working, one.all_working, one.failing, one.all_failing))
        for one in tables
    ]
    corrected = holm(chances, len(chances))
    found = [
        Changed(_change(pair, table, chance), *pair, table, chance)
        for pair, table, chance in zip(pairs, tables, corrected, strict=True)
    ]
    order = list(Change)
    return tuple(sorted(found, key=lambda one: (order.index(one.change), -one.finding.weight)))


_Pair = tuple["Finding | None", "Finding | None"]


def _pairs(before: Iterable[Finding], after: Iterable[Finding]) -> list[_Pair]:
    """Findings that are one: also where a line has moved, or the same fault answers otherwise."""
    was, now = list(before), list(after)
    pairs: list[_Pair] = []
    for precision in range(3):
        left = {_identities(one)[precision]: one for one in reversed(was)}
        for one in list(now):
            other = left.pop(_identities(one)[precision], None)
            if other is not None:
                pairs.append((other, one))
                was = [finding for finding in was if finding is not other]
                now = [finding for finding in now if finding is not one]
    return [*pairs, *((one, None) for one in was), *((None, one) for one in now)]


def _identities(one: Finding) -> tuple[str, str, str]:
    """How it is told: exactly, if the same fault answers otherwise, and if a line has moved as well."""
    steady = {name: value for name, value in one.subject.items() if name not in _VOLATILE}
    exactly, steadily = (
        f"{one.cause} {sorted((name, str(value)) for name, value in subject.items())}"
        for subject in (one.subject, steady)
    )
    return exactly, steadily, _LINE.sub("", steadily)


def _table(pair: _Pair, before: Diagnosis, after: Diagnosis) -> Table:
    was, now = (
        min(one.conversations, of.conversations) if one else 0
        for one, of in zip(pair, (before, after), strict=True)
    )
    return Table(now, after.conversations, was, before.conversations)


def _change(pair: _Pair, table: Table, chance: float) -> Change:
    if pair[0] is None:
        return Change.NEW
    if pair[1] is None:
        return Change.GONE
    if chance > SIGNIFICANT:
        return Change.SAME
    return Change.GREW if table.effect > 0 else Change.SHRANK
