"""A diagnosis as JSON: ``docs/diagnose.md`` says what each field means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from autogen_otel.diagnosis.changes import Changed, Changes
from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.distribution import Bar
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.findings import Diagnosis, Evidence, Finding
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.trace import NS

_SHARE_DIGITS: Final = 4
_SECONDS: Final = len("2026-11-22T12:46:48")
_OF_A_SIDE: Final = ("conversations", "failing", "first_conversation", "last_conversation")

Link = Callable[[str, str], str | None]
"""Gives the address at which a browser shows a span, if there is one."""


def document_of(diagnosis: Diagnosis, source: str, link: Link | None = None) -> dict[str, Any]:
    """What was found in what was read from ``source``, for programs; but for the number of the schema."""
    return {
        "source": source,
        "conversations": diagnosis.conversations,
        "failing": diagnosis.failing,
        "sampling": None if diagnosis.sampling is None else asdict(diagnosis.sampling),
        "first_conversation": _time(diagnosis.first_ns),
        "last_conversation": _time(diagnosis.last_ns),
        "findings": [_finding(finding, link) for finding in diagnosis.findings],
        "noted": [
            {"tool": one.tool, "returned_errors": one.occurrences, "conversations": one.conversations}
            for one in diagnosis.noted
        ],
        "interval_seconds": diagnosis.interval_seconds,
        "over_time": _over_time(diagnosis.over_time),
    }


def changes_document(changes: Changes, source: str, link: Link | None = None) -> dict[str, Any]:
    """The diagnosis of what came after, with what changed; arguments as for ``document_of``."""
    sides = {}
    for name, side, diagnosis in zip(
        ("before", "after"), changes.sides, (changes.before, changes.after), strict=True
    ):
        document = document_of(diagnosis, source)
        sides[name] = {"label": side.label} | {key: document[key] for key in _OF_A_SIDE}
    return {
        **document_of(changes.after, source, link),
        "comparison": {**sides, "changes": [_changed(one, link) for one in changes.changed]},
    }


def _changed(one: Changed, link: Link | None) -> dict[str, Any]:
    table = one.table
    return {
        "change": one.change.value,
        "may_be_chance": one.may_be_chance,
        "p": one.probability,
        "before": {"conversations": table.working, "share": round(table.working_share, _SHARE_DIGITS)},
        "after": {"conversations": table.failing, "share": round(table.failing_share, _SHARE_DIGITS)},
        "finding": _finding(one.finding, link),
    }


def _over_time(counts: Mapping[int, int]) -> list[dict[str, Any]]:
    return [{"from": _time(begin * NS), "conversations": count} for begin, count in counts.items()]


def _finding(finding: Finding, link: Link | None) -> dict[str, Any]:
    return {
        "cause": finding.cause,
        "occurrences": finding.occurrences,
        "conversations": finding.conversations,
        "first_seen": _time(finding.first_ns),
        "last_seen": _time(finding.last_ns),
        "subject": dict(finding.subject),
        "over_time": _over_time(finding.over_time),
        "discriminators": [
            _discriminator(one, bars)
            for one, bars in zip(finding.discriminators, finding.distributions, strict=True)
        ],
        "message": finding.message,
        "evidence": [_evidence(one, link) for one in finding.evidence],
        "visible_as": finding.visible_as,
        "advice": finding.advice,
        "ended_conversations": finding.ended,
        "recovered": finding.recovered,
        "lost_seconds": finding.lost_seconds,
        "attempts": finding.attempts,
        "status_codes": dict(finding.status_codes),
        "effects": {effect.name.lower(): count for effect, count in finding.effects.items()},
        "symptoms": [{"what": what, "times": times} for what, times in finding.symptoms.items()],
        "compared": {"failing": finding.compared[0], "working": finding.compared[1]},
    }


def _evidence(one: Evidence, link: Link | None) -> dict[str, Any]:
    document = {"trace_id": one.trace_id, "span_id": one.span_id}
    url = None if link is None else link(one.trace_id, one.span_id)
    return document if url is None else {**document, "url": url}


def _discriminator(one: Discriminator, bars: Iterable[Bar]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "attribute": one.property.attribute,
        "value": one.property.text,
        "failing": round(one.table.failing_share, _SHARE_DIGITS),
        "working": round(one.table.working_share, _SHARE_DIGITS),
        "comparison": one.property.comparison.value,
        "p": one.probability,
        "distribution": [
            {"value": bar.value, "failing": bar.failing, "working": bar.working} for bar in bars
        ],
    }
    if one.property.comparison in {Comparison.AT_LEAST, Comparison.AT_MOST}:
        document["threshold"] = one.property.value
    return document


def _time(nanoseconds: int) -> str | None:
    return f"{utc_time(nanoseconds)[:_SECONDS]}Z" if nanoseconds else None
