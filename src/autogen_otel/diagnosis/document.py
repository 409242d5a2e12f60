"""A diagnosis as JSON: ``docs/diagnose.md`` says what each field means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from autogen_otel.diagnosis.changes import ChangedFinding, Changes
from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.distribution import Bar
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.findings import Diagnosis, Evidence, Finding
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.trace import NS

_SHARE_DIGITS: Final = 4
_SECONDS: Final = len("2026-11-22T12:46:48")
_SIDE_KEYS: Final = ("conversations", "failing", "first_conversation", "last_conversation")

Link = Callable[[str, str], str | None]
"""Returns the address at which a browser shows a span, if there is one."""


def document_of(diagnosis: Diagnosis, source: str, link: Link | None = None) -> dict[str, Any]:
    """The diagnosis of ``source`` for programs, all but the number of the schema."""
    return {
        "source": source,
        "conversations": diagnosis.conversations,
        "failing": diagnosis.failing,
        "sampling": None if diagnosis.sampling is None else asdict(diagnosis.sampling),
        "first_conversation": _time(diagnosis.first_ns),
        "last_conversation": _time(diagnosis.last_ns),
        "findings": [_finding(finding, link) for finding in diagnosis.findings],
        "noted": [
            {"tool": note.tool, "returned_errors": note.occurrences, "conversations": note.conversations}
            for note in diagnosis.notes
        ],
        "odd_answers": [
            {
                "model": odd.model,
                "problem": odd.problem,
                "answers": odd.occurrences,
                "conversations": odd.conversations,
            }
            for odd in diagnosis.odd_answers
        ],
        "interval_seconds": diagnosis.interval_seconds,
        "over_time": _over_time(diagnosis.over_time),
    }


def changes_document(changes: Changes, source: str, link: Link | None = None) -> dict[str, Any]:
    """The diagnosis of the second side, with the changes; arguments as for ``document_of``."""
    sides = {}
    for name, side, diagnosis in zip(
        ("before", "after"), changes.sides, (changes.before, changes.after), strict=True
    ):
        document = document_of(diagnosis, source)
        sides[name] = {"label": side.label} | {key: document[key] for key in _SIDE_KEYS}
    return {
        **document_of(changes.after, source, link),
        "comparison": {
            **sides,
            "changes": [_changed_finding(changed, link) for changed in changes.changed_findings],
        },
    }


def _changed_finding(changed: ChangedFinding, link: Link | None) -> dict[str, Any]:
    table = changed.table
    return {
        "change": changed.change.value,
        "may_be_chance": changed.may_be_chance,
        "p": changed.probability,
        "before": {"conversations": table.working, "share": round(table.working_share, _SHARE_DIGITS)},
        "after": {"conversations": table.failing, "share": round(table.failing_share, _SHARE_DIGITS)},
        "finding": _finding(changed.finding, link),
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
            _discriminator(discriminator, bars)
            for discriminator, bars in zip(finding.discriminators, finding.distributions, strict=True)
        ],
        "rates": [asdict(rate) | {"values": list(rate.values)} for rate in finding.rates],
        "message": finding.message,
        "evidence": [_evidence(evidence, link) for evidence in finding.evidence],
        "visible_as": finding.visible_as,
        "advice": finding.advice,
        "ended_conversations": finding.ended_conversations,
        "recovered": finding.has_recovered,
        "lost_seconds": finding.lost_seconds,
        "attempts": finding.attempts,
        "status_codes": dict(finding.status_codes),
        "effects": {effect.name.lower(): count for effect, count in finding.effects.items()},
        "symptoms": [{"what": words, "times": times} for words, times in finding.symptoms.items()],
        "compared": {"failing": finding.compared_calls[0], "working": finding.compared_calls[1]},
    }


def _evidence(evidence: Evidence, link: Link | None) -> dict[str, Any]:
    document = {"trace_id": evidence.trace_id, "span_id": evidence.span_id}
    url = None if link is None else link(evidence.trace_id, evidence.span_id)
    return document if url is None else {**document, "url": url}


def _discriminator(discriminator: Discriminator, bars: Iterable[Bar]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "attribute": discriminator.property.attribute,
        "value": discriminator.property.text,
        "failing": round(discriminator.table.failing_share, _SHARE_DIGITS),
        "working": round(discriminator.table.working_share, _SHARE_DIGITS),
        "comparison": discriminator.property.comparison.value,
        "p": discriminator.probability,
        "distribution": [
            {"value": bar.value, "failing": bar.failing, "working": bar.working} for bar in bars
        ],
    }
    if discriminator.property.comparison in {Comparison.AT_LEAST, Comparison.AT_MOST}:
        document["threshold"] = discriminator.property.value
    return document


def _time(nanoseconds: int) -> str | None:
    return f"{utc_time(nanoseconds)[:_SECONDS]}Z" if nanoseconds else None
