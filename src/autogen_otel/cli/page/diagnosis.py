"""A diagnosis as a page: the findings with their charts, and the conversations that show them best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.page.charts import property_chart, when_chart
from autogen_otel.cli.page.conversation import TONES, conversation, footer, toolbar
from autogen_otel.cli.page.html import Node, document, element
from autogen_otel.cli.page.spans import in_a_line, in_a_sentence
from autogen_otel.diagnosis.changes import Change, Changes
from autogen_otel.diagnosis.findings import Diagnosis, Finding
from autogen_otel.traces.conversations import summarize
from autogen_otel.traces.trace import Trace

MOST_TRACES: Final = 24
_LARGEST: Final = 6_000_000
"""Characters that the recorded values of all conversations may have together."""
_NOT_HERE: Final = frozenset({"look", "when"})
_CHANGED: Final = {
    Change.NEW: "bad",
    Change.GREW: "bad",
    Change.SHRANK: "good",
    Change.GONE: "good",
    Change.SAME: "",
}


def diagnosis_page(
    diagnosis: Diagnosis,
    source: str,
    traces: Mapping[str, Trace],
    command: Callable[[str], str],
    changes: Changes | None = None,
) -> str:
    """The page of a diagnosis.

    Args:
        diagnosis: what was found.
        source: where the conversations were read from.
        traces: those that are evidence, as far as they are to be embedded, by id.
        command: says how to see a trace that is not embedded.
        changes: the comparison that it is a part of.
    """
    found = quantities.plural(len(diagnosis.findings), "finding")
    title = f"{found} in {quantities.plural(diagnosis.conversations, 'conversation')}"
    evidence = _Evidence(traces, command)
    main = element(
        "main",
        element("header", element("h1", title), element("dl", _facts(diagnosis), class_="summary")),
        None if changes is None else element("section", _changes(changes)),
        element("ol", (_entry(one, n) for n, one in enumerate(diagnosis.findings, 1)), class_="overview"),
        [
            _finding(finding, number, diagnosis, evidence)
            for number, finding in enumerate(diagnosis.findings, 1)
        ],
        _noted(diagnosis),
    )
    return document(title, toolbar(), main, footer(source))


def _facts(diagnosis: Diagnosis) -> Iterator[Element]:
    ended = sum(finding.ended for finding in diagnosis.findings)
    for key, value in (
        ("when", _span_of_time(diagnosis.first_ns, diagnosis.last_ns)),
        ("something failed in", f"{diagnosis.failing:,}"),
        ("ended because of it", f"{ended:,}"),
    ):
        yield element("div", element("dt", key), element("dd", value))


def _entry(finding: Finding, number: int) -> Element:
    title = in_a_line(wording.title(finding.cause, finding.subject))
    often = f" {quantities.plural(finding.conversations, 'conversation')}, {wording.ended(finding)}"
    cause = element("span", finding.cause, class_="cause")
    return element(
        "li", cause, " ", element("a", title, href=f"#f{number}"), element("span", often, class_="fact")
    )


def _finding(finding: Finding, number: int, diagnosis: Diagnosis, evidence: _Evidence) -> Element:
    tone = "bad" if finding.ended else "good" if finding.recovered else "warn"
    title = in_a_line(wording.title(finding.cause, finding.subject))
    state = None
    if not finding.ended:
        state = element("span", wording.state(finding), class_=f"fact {tone}")
    charts = [when_chart(title, finding.over_time, diagnosis.over_time, diagnosis.interval_seconds)]
    for one, bars in zip(finding.discriminators, finding.distributions, strict=True):
        charts.append(property_chart(one, bars))
    return element(
        "article",
        element(
            "h2", f"{number}. ", element("span", finding.cause, class_=f"outcome {tone}"), f" {title} ", state
        ),
        element("dl", _lines(finding, diagnosis.conversations)),
        element("div", charts, class_="charts"),
        element("h3", "Conversations that show it best"),
        [evidence.of(one.trace_id) for one in finding.evidence],
        id=f"f{number}",
        class_="finding",
    )


def _lines(finding: Finding, total: int) -> Iterator[Node]:
    drawn = bool(finding.discriminators)
    label = ""
    for new_label, words in wording.lines(finding, total, lambda _: iter(())):
        label = new_label or label
        if label in _NOT_HERE or (drawn and label == "goes with"):
            continue
        yield element("dt", new_label)
        yield element("dd", in_a_sentence(words))
        if label == "how often":
            yield element("dt", "when")
            yield element("dd", _span_of_time(finding.first_ns, finding.last_ns))


class _Evidence:
    """The conversations of the page, each of which stands in it once."""

    def __init__(self, traces: Mapping[str, Trace], command: Callable[[str], str]) -> None:
        self._traces, self._command = traces, command
        self._ids = {trace_id: f"t{number}" for number, trace_id in enumerate(traces)}
        self._shown: set[str] = set()

    def of(self, trace_id: str) -> Element:
        """A conversation where it is needed first, and from there on a link to it."""
        trace = self._traces.get(trace_id)
        if trace is None:
            return element("p", self._command(trace_id), class_="hint")
        own_id = self._ids[trace_id]
        if trace_id in self._shown:
            where = element("a", "it stands above", href=f"#{own_id}")
            return element("p", f"Trace {trace_id}: ", where, class_="hint")
        self._shown.add(trace_id)
        room = _LARGEST // len(self._traces)
        return element(
            "details",
            element("summary", _line(trace)),
            conversation(trace, own_id, level=3, largest=room),
            id=own_id,
            class_="evidence",
        )


def _line(trace: Trace) -> Iterator[Node]:
    summary = summarize(trace)
    yield element("span", summary.outcome, class_=f"fact {TONES[summary.outcome]}")
    yield f" {in_a_line(summary.name)} "
    yield element("span", f"{_moment(summary.start_ns)}, trace {trace.trace_id}", class_="fact")


def _noted(diagnosis: Diagnosis) -> Node:
    if not diagnosis.noted:
        return None
    items = (
        element(
            "li",
            f"{in_a_line(one.tool)} returned an error {quantities.plural(one.occurrences, 'time')}, in "
            f"{quantities.plural(one.conversations, 'conversation')}; it raised nothing",
        )
        for one in diagnosis.noted
    )
    return element("section", element("h2", "Noted, no findings"), element("ul", items, class_="noted"))


# ---------------------------------------------------------------- comparison
def _changes(changes: Changes) -> Iterator[Node]:
    before, after = (side.label for side in changes.sides)
    yield element("h2", "What changed")
    totals = (
        f"before: {before}, {quantities.plural(changes.before.conversations, 'conversation')}; "
        f"after: {after}, {quantities.plural(changes.after.conversations, 'conversation')}"
    )
    yield element("p", totals, class_="hint")
    if not changes.changed:
        yield element("p", "Nothing failed in either.")
        return
    head = (
        element("th", text, class_="number" if text in {"before", "after"} else None)
        for text in ("", "finding", "before", "after", "chance")
    )
    rows = []
    for one in changes.changed:
        table = one.table
        title = f"{one.finding.cause}: {wording.title(one.finding.cause, one.finding.subject)}"
        rows.append(
            element(
                "tr",
                element(
                    "td", element("span", one.change.value, class_=f"fact {_CHANGED[one.change]}".strip())
                ),
                element("td", in_a_line(title)),
                element("td", wording.share_of(table.working, table.all_working), class_="number"),
                element("td", wording.share_of(table.failing, table.all_failing), class_="number"),
                element(
                    "td", wording.chance(one.probability), " (may be chance)" if one.may_be_chance else ""
                ),
            )
        )
    table_of_all = element("table", element("thead", element("tr", head)), element("tbody", rows))
    yield element("div", table_of_all, class_="scroll")


def _span_of_time(first_ns: int, last_ns: int) -> str:
    first, last = _moment(first_ns), _moment(last_ns)
    return first if first == last else f"{first} to {last}"


def _moment(nanoseconds: int) -> str:
    return f"{quantities.utc_time(nanoseconds)[: len('2026-11-22T12:46:48')].replace('T', ' ')} UTC"
