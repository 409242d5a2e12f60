"""A diagnosis for people: each finding with what, how often, where, what it goes with, and what to do."""

from __future__ import annotations

from functools import partial
from typing import Final

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.text.drawing import Console, Text
from autogen_otel.cli.text.terminal import dim, one_line
from autogen_otel.diagnosis.findings import Diagnosis, Finding
from autogen_otel.traces.source import Source

_LABEL_WIDTH: Final = 12
_LONG: Final = 160
_SHORT: Final = 60


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
    when = wording.span_of_time(diagnosis.first_ns, diagnosis.last_ns)
    console.print(Text(f"{total}, {when}, from {one_line(read_from, console, _LONG)}"), soft_wrap=True)
    if diagnosis.sampling is not None:
        console.print(dim(wording.sampled(diagnosis.sampling)), soft_wrap=True)
    if diagnosis.findings:
        ended = sum(finding.ended for finding in diagnosis.findings)
        words = f"something failed in {diagnosis.failing:,} of them; {ended:,} ended because of it"
        console.print(Text(words, style="bold"), soft_wrap=True)
    elif diagnosis.failing:
        words = f"something failed in {diagnosis.failing:,} of them, but with none of the causes asked for"
        console.print(Text(words), soft_wrap=True)
    else:
        console.print(Text("nothing failed", style="green"), soft_wrap=True)
    for number, finding in enumerate(diagnosis.findings, start=1):
        console.print()
        look = partial(wording.places_to_look, source, link)
        render_finding(finding, number, diagnosis.conversations, console, look)
    if diagnosis.noted:
        console.print()
    for one in diagnosis.noted:
        times = quantities.plural(one.occurrences, "time")
        where = quantities.plural(one.conversations, "conversation")
        tool = one_line(one.tool, console, _SHORT)
        words = f"noted: {tool} returned an error as its result {times}, in {where}; that is no failure"
        console.print(dim(words), soft_wrap=True)


def render_finding(finding: Finding, number: int, total: int, console: Console, look: wording.Look) -> None:
    """Print one finding.

    Args:
        finding: what to print.
        number: of it.
        total: of how many conversations.
        console: where to print.
        look: says where to look at an evidence.
    """
    style = "bold red" if finding.ended else "bold yellow"
    head = Text(f"{number}. ").append(finding.cause, style=style)
    head.append(f": {one_line(wording.title(finding.cause, finding.subject), console, _LONG)}", style="bold")
    if not finding.ended:
        head.append(f"  ({wording.state(finding)})", style="yellow")
    console.print(head, soft_wrap=True)
    for label, words in wording.lines(finding, total, look):
        line = dim(f"   {label:<{_LABEL_WIDTH}}").append(one_line(words, console, 4 * _LONG), style="not dim")
        console.print(line, soft_wrap=True)
