"""A diagnosis for people: each finding with what, how often, where, what it goes with, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from autogen_otel.cli import quantities, sources
from autogen_otel.cli.terminal import dim, one_line
from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.findings import Diagnosis, Evidence, Finding, Sampling
from autogen_otel.traces.source import Source
from autogen_otel.vocabulary import causes

Look = Callable[[Evidence], Iterator[str]]
"""Says where to look at an evidence."""

_LABEL_WIDTH: Final = 12
_LONG: Final = 160
_SHORT: Final = 60
_TINY: Final = 1e-6
_PREFIX: Final = 12


def render_diagnosis(
    diagnosis: Diagnosis, read_from: str, source: Source, console: Console, link: str | None
) -> None:
    """Print a diagnosis.

    Args:
        diagnosis: what to print.
        read_from: what it was made of.
        source: where the conversations were read from.
        console: where to print.
        link: the option ``--link``.
    """
    total = quantities.plural(diagnosis.conversations, "conversation")
    when = _span_of_time(diagnosis.first_ns, diagnosis.last_ns)
    console.print(Text(f"{total}, {when}, from {one_line(read_from, console, _LONG)}"), soft_wrap=True)
    if diagnosis.sampling is not None:
        console.print(dim(_sampled(diagnosis.sampling)), soft_wrap=True)
    if diagnosis.findings:
        ended = sum(finding.ended for finding in diagnosis.findings)
        words = f"something failed in {diagnosis.failing:,} of them, {ended:,} ended with it"
        console.print(Text(words, style="bold"), soft_wrap=True)
    else:
        console.print(Text("nothing failed", style="green"), soft_wrap=True)
    for number, finding in enumerate(diagnosis.findings, start=1):
        console.print()
        _render(finding, number, diagnosis.conversations, console, partial(_look, source, link))
    if diagnosis.noted:
        console.print()
    for one in diagnosis.noted:
        times = quantities.plural(one.occurrences, "time")
        where = quantities.plural(one.conversations, "conversation")
        tool = one_line(one.tool, console, _SHORT)
        words = f"noted: {tool} returned an error {times}, in {where}; it raised nothing"
        console.print(dim(words), soft_wrap=True)


def _render(finding: Finding, number: int, total: int, console: Console, look: Look) -> None:
    style = "bold red" if finding.ended else "bold yellow"
    head = Text(f"{number}. ").append(finding.cause, style=style)
    head.append(f": {one_line(_title(finding), console, _LONG)}", style="bold")
    if not finding.ended:
        head.append("  (recovered)" if finding.recovered else "  (swallowed)", style="yellow")
    console.print(head, soft_wrap=True)
    for label, words in _lines(finding, total, look):
        line = dim(f"   {label:<{_LABEL_WIDTH}}").append(one_line(words, console, 4 * _LONG), style="not dim")
        console.print(line, soft_wrap=True)


def _lines(finding: Finding, total: int, look: Look) -> Iterator[tuple[str, str]]:
    share = finding.conversations / total if total else 0
    often = f"{finding.conversations:,} of {quantities.plural(total, 'conversation')} ({share:.1%})"
    if finding.occurrences != finding.conversations:
        often += f", {finding.occurrences:,} times"
    if finding.attempts > finding.occurrences:
        often += f", {finding.attempts:,} attempts"
    yield "how often", f"{often}; {finding.ended:,} ended with it"
    yield "when", _span_of_time(finding.first_ns, finding.last_ns)
    if finding.recovered or finding.lost_seconds >= 1:
        yield "cost", f"{quantities.duration(round(finding.lost_seconds * quantities.NS_PER_SECOND))} of time"
    for label, words in zip(_once("goes with"), map(_goes_with, finding.discriminators), strict=False):
        yield label, words
    if not finding.discriminators and finding.compared[0] > 1:
        failing, working = finding.compared
        yield "goes with", f"nothing that {failing:,} failing and {working:,} working calls would show"
    for label, (what, times) in zip(_once("symptoms"), finding.symptoms.items(), strict=False):
        yield label, f"{what}, {quantities.plural(times, 'time')}"
    yield "seen as", finding.visible_as
    yield "do", finding.advice
    places = [place for evidence in finding.evidence for place in look(evidence)]
    yield from zip(_once("look"), places, strict=False)


def _look(source: Source, template: str | None, evidence: Evidence) -> Iterator[str]:
    """How to see a conversation: the command, and where a browser shows it."""
    # What is searched for finds a whole id at once, however old the trace is.
    digits = _PREFIX if source.lookback_ns is None else None
    yield f"autogen-otel show {evidence.trace_id[:digits]}{sources.words(source)}"
    url = sources.link(source, template, evidence.trace_id, evidence.span_id)
    if url is not None:
        yield url


def _sampled(one: Sampling) -> str:
    def part(read: int, of: int, what: str) -> str:
        return f"all {of:,} {what}" if read == of else f"{read:,} of about {of:,} {what}"

    failing = part(one.failing_read, one.failing, "conversations in which something failed")
    working = part(one.working_read, one.working, "others")
    return f"read {failing} and {working}, chosen at random; what is counted below is extrapolated"


def _once(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def _title(finding: Finding) -> str:
    subject = finding.subject
    return _TITLES.get(finding.cause, _of_model)(subject)


def _of_tool(subject: Any) -> str:
    where = f" at {subject['location']}" if "location" in subject else ""
    return f"{subject.get('tool', 'a tool')} raises {subject.get('exception', 'an exception')}{where}"


def _of_arguments(subject: Any) -> str:
    what = f"{subject.get('tool', 'a tool')}, {subject.get('argument', 'arguments')}"
    return f"{what}: {subject.get('problem', 'do not fit')}"


def _of_model(subject: Any) -> str:
    parts = [f"config_list[{subject['entry']}]"] if "entry" in subject else []
    parts += [str(subject[name]) for name in ("model", "exception") if name in subject]
    if "host" in subject:
        parts.append(f"at {subject['host']}")
    if "status_code" in subject:
        parts.append(f"answers {subject['status_code']}")
    if "limit_chars" in subject:
        parts.append(f"to prompts from {subject['limit_chars']:,} characters on")
    if "tool" in subject:
        parts.append(f"after {subject['tool']} took long")
    if "location" in subject:
        parts.append(f"at {subject['location']}")
    return " ".join(parts) or "a model call"


def _of_agent(subject: Any) -> str:
    if "tool" in subject:
        return f"{subject.get('agent', 'an agent')} calls {subject['tool']} over and over"
    return f"{subject.get('agent', 'an agent')}: who speaks next does not lead on"


def _of_function(subject: Any) -> str:
    name = subject.get("function") or subject.get("callback") or subject.get("agent") or "code"
    where = f" at {subject['location']}" if "location" in subject else ""
    return f"{name} raises {subject.get('exception', 'an exception')}{where}"


_TITLES: Final = {
    causes.TOOL_EXCEPTION: _of_tool,
    causes.TOOL_ARGUMENTS: _of_arguments,
    causes.ORCHESTRATION: _of_agent,
    causes.CALLBACK: _of_function,
    causes.CODE_EXECUTION: _of_function,
    causes.UNKNOWN: _of_function,
}
_SIGNS: Final = {Comparison.EQUALS: "= ", Comparison.INCLUDES: "includes ", Comparison.IS: "is "}


def _goes_with(one: Discriminator) -> str:
    table = one.table
    what = f"{one.property.attribute} {_SIGNS.get(one.property.comparison, '')}{one.property.text}"
    chance = "p < 1e-6" if one.probability < _TINY else f"p = {one.probability:.2g}"
    failing = f"{table.failing_share:.0%} of the failing calls ({table.failing:,} of {table.all_failing:,})"
    working = f"{_percent(table.working_share)} of the working ones"
    return f"{what}: {failing}, {working} ({table.working:,} of {table.all_working:,}); {chance}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in {0, 1} or 0.01 <= share <= 0.99 else f"{share:.1%}"  # noqa: PLR2004


def _span_of_time(first_ns: int, last_ns: int) -> str:
    first, last = quantities.local_time(first_ns), quantities.local_time(last_ns)
    if first == last:
        return first
    day = len("2026-11-22 ")
    return f"{first} to {last[day:] if first[:day] == last[:day] else last}"
