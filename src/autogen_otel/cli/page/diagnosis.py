"""A diagnosis as a page: the findings with their charts, and the conversations that show them best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.page.charts import property_chart, when_chart
from autogen_otel.cli.page.conversation import conversation, tone_of
from autogen_otel.cli.page.html import Node, document, element, fact, hint, summary_list, table, terms
from autogen_otel.cli.page.spans import in_a_line, in_a_sentence
from autogen_otel.diagnosis.changes import Change, ChangedFinding, Changes
from autogen_otel.diagnosis.findings import Diagnosis, Finding
from autogen_otel.traces.conversations import summarize
from autogen_otel.traces.trace import Trace

MOST_TRACES: Final = 24
_LARGEST: Final = 6_000_000
"""Characters that the recorded values of all conversations may have together."""
_TONES: Final = {Change.NEW: "bad", Change.GREW: "bad", Change.SHRANK: "good", Change.GONE: "good"}


def diagnosis_page(
    diagnosis: Diagnosis,
    source: str,
    traces: Mapping[str, Trace],
    command: Callable[[str], str],
    changes: Changes | None,
) -> str:
    """The page of a diagnosis.

    Args:
        diagnosis: the diagnosis.
        source: where the conversations were read from.
        traces: the traces of the evidence that the page embeds, by id.
        command: returns the command that shows a trace that is not embedded.
        changes: the comparison that the diagnosis is a part of, if any.
    """
    finding_count = quantities.plural(len(diagnosis.findings), "finding")
    title = f"{finding_count} in {quantities.plural(diagnosis.conversations, 'conversation')}"
    evidence = _Evidence(traces, command)
    numbered_findings = list(enumerate(diagnosis.findings, 1))
    return document(
        title,
        source,
        element("header", element("h1", title), summary_list(_facts(diagnosis))),
        None if changes is None else element("section", _changes(changes)),
        element(
            "ol",
            (_overview_item(finding, number) for number, finding in numbered_findings),
            class_="overview",
        ),
        [_finding(finding, number, diagnosis, evidence) for number, finding in numbered_findings],
        _notes(diagnosis),
    )


def _facts(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "when", _span_of_time(diagnosis.first_ns, diagnosis.last_ns)
    yield "something failed in", f"{diagnosis.failing:,}"
    yield "ended because of it", f"{sum(finding.ended_conversations for finding in diagnosis.findings):,}"


def _overview_item(finding: Finding, number: int) -> Element:
    title = in_a_line(wording.title(finding.cause, finding.subject))
    frequency = f" {quantities.plural(finding.conversations, 'conversation')}, {wording.ending(finding)}"
    cause = element("span", finding.cause, class_="cause")
    return element("li", cause, " ", element("a", title, href=f"#f{number}"), fact(frequency))


def _finding(finding: Finding, number: int, diagnosis: Diagnosis, evidence: _Evidence) -> Element:
    tone = "bad" if finding.ended_conversations else "good" if finding.has_recovered else "warn"
    title = in_a_line(wording.title(finding.cause, finding.subject))
    state = None if finding.ended_conversations else fact(wording.state(finding), tone)
    lines = wording.lines(finding, diagnosis.conversations, _span_of_time(finding.first_ns, finding.last_ns))
    charts = [when_chart(title, finding.over_time, diagnosis.over_time, diagnosis.interval_seconds)]
    for discriminator, bars in zip(finding.discriminators, finding.distributions, strict=True):
        charts.append(property_chart(discriminator, bars))
    return element(
        "article",
        element(
            "h2", f"{number}. ", element("span", finding.cause, class_=f"outcome {tone}"), f" {title} ", state
        ),
        element("dl", terms((label, in_a_sentence(words)) for label, words in lines)),
        element("div", charts, class_="charts"),
        element("h3", "Conversations that show it best"),
        [evidence.of(example.trace_id) for example in finding.evidence],
        id=f"f{number}",
        class_="finding",
    )


class _Evidence:
    """The conversations of the page, each of which is in it once."""

    def __init__(self, traces: Mapping[str, Trace], command: Callable[[str], str]) -> None:
        self._traces, self._command = traces, command
        self._ids = {trace_id: f"t{number}" for number, trace_id in enumerate(traces)}
        self._embedded_ids: set[str] = set()

    def of(self, trace_id: str) -> Element:
        """The conversation where it is needed first, and a link to it after that."""
        trace = self._traces.get(trace_id)
        if trace is None:
            return hint(self._command(trace_id))
        own_id = self._ids[trace_id]
        if trace_id in self._embedded_ids:
            return hint(f"Trace {trace_id}: ", element("a", "it stands above", href=f"#{own_id}"))
        self._embedded_ids.add(trace_id)
        size_limit = _LARGEST // len(self._traces)
        return element(
            "details",
            element("summary", _line(trace)),
            conversation(trace, own_id, level=3, largest=size_limit),
            id=own_id,
            class_="evidence",
        )


def _line(trace: Trace) -> Iterator[Node]:
    summary = summarize(trace)
    yield fact(summary.outcome, tone_of(summary.outcome))
    yield f" {in_a_line(summary.name)} "
    yield fact(f"{quantities.utc_time(summary.start_ns)}, trace {trace.trace_id}")


def _notes(diagnosis: Diagnosis) -> Node:
    if not (diagnosis.notes or diagnosis.odd_answers):
        return None
    tools = (
        f"{in_a_line(note.tool)} returned an error {quantities.plural(note.occurrences, 'time')}, in "
        f"{quantities.plural(note.conversations, 'conversation')}; it raised nothing"
        for note in diagnosis.notes
    )
    models = (wording.odd_answers_note(odd, in_a_line(odd.model)) for odd in diagnosis.odd_answers)
    items = (element("li", words) for words in (*tools, *models))
    return element("section", element("h2", "Noted, no findings"), element("ul", items, class_="noted"))


# ---------------------------------------------------------------- comparison
def _changes(changes: Changes) -> Iterator[Node]:
    before, after = (side.label for side in changes.sides)
    yield element("h2", "What changed")
    totals = (
        f"before: {before}, {quantities.plural(changes.before.conversations, 'conversation')}; "
        f"after: {after}, {quantities.plural(changes.after.conversations, 'conversation')}"
    )
    yield hint(totals)
    if not changes.changed_findings:
        yield element("p", "Nothing failed in either.")
        return
    yield table(
        ("", "finding", "before", "after", "chance"),
        map(_cells, changes.changed_findings),
        {"before", "after"},
    )


def _cells(change: ChangedFinding) -> Iterator[Node]:
    finding, counts = change.finding, change.table
    yield fact(change.change.value, _TONES.get(change.change, ""))
    yield in_a_line(f"{finding.cause}: {wording.title(finding.cause, finding.subject)}")
    yield wording.share_of(counts.working, counts.all_working)
    yield wording.share_of(counts.failing, counts.all_failing)
    yield wording.chance(change.probability), " (may be chance)" if change.may_be_chance else ""


def _span_of_time(first_ns: int, last_ns: int) -> str:
    first, last = quantities.utc_time(first_ns), quantities.utc_time(last_ns)
    return first if first == last else f"{first} to {last}"
