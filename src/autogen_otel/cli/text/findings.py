"""Prints a diagnosis for people: what failed, how often, where, what it goes with, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.text.terminal import Text, TextConsole, dim, one_line
from autogen_otel.diagnosis.changes import Change, ChangedFinding, Changes
from autogen_otel.diagnosis.findings import Diagnosis, Evidence, Finding

_LABEL_WIDTH: Final = 12
_CHANGE_WIDTH: Final = 8
_LONG: Final = 160
_SHORT: Final = 60
_STYLES: Final = {
    Change.NEW: "bold red",
    Change.GREW: "red",
    Change.SAME: "dim",
    Change.SHRANK: "green",
    Change.GONE: "green",
}


Look = Callable[[Evidence], Iterator[str]]
"""Says how to see the conversation of an evidence."""


def render_diagnosis(diagnosis: Diagnosis, read_from: str, look: Look) -> None:
    """Print a diagnosis, and what was read for it."""
    console = TextConsole()
    total = quantities.plural(diagnosis.conversations, "conversation")
    when = wording.span_of_time(diagnosis.first_ns, diagnosis.last_ns)
    console.say(f"{total}, {when}, from {one_line(read_from, console, _LONG)}")
    if diagnosis.sampling is not None:
        console.say(wording.sampling_note(diagnosis.sampling), "dim")
    is_one = diagnosis.conversations == 1
    headline = f"something failed in {'it' if is_one else f'{diagnosis.failing:,} of them'}"
    if diagnosis.findings:
        count = sum(finding.ended_conversations for finding in diagnosis.findings)
        ending = wording.ending_of_one(count) if is_one else f"{count:,} ended because of it"
        console.say(f"{headline}; {ending}", "bold")
    elif diagnosis.failing:
        console.say(f"{headline}, but with none of the causes asked for")
    else:
        console.say("nothing failed", "green")
    for number, finding in enumerate(diagnosis.findings, start=1):
        _render_finding(finding, number, diagnosis.conversations, console, look)
    if diagnosis.notes or diagnosis.odd_answers:
        console.say()
    for note in diagnosis.notes:
        times = quantities.plural(note.occurrences, "time")
        conversations = quantities.plural(note.conversations, "conversation")
        tool = one_line(note.tool, console, _SHORT)
        words = (
            f"noted: {tool} returned an error as its result {times}, in {conversations}; that is no failure"
        )
        console.say(words, "dim")
    for odd in diagnosis.odd_answers:
        model = one_line(odd.model, console, _SHORT)
        console.say(f"noted: {wording.odd_answers_note(odd, model)}", "dim")


def render_changes(changes: Changes, read_from: str, look: Look) -> None:
    """Print a comparison: what is new, gone, more or less frequent, and in full what got worse."""
    console = TextConsole()
    console.say(f"from {one_line(read_from, console, _LONG)}")
    for name, side, diagnosis in zip(
        ("before", "after"), changes.sides, (changes.before, changes.after), strict=True
    ):
        total = quantities.plural(diagnosis.conversations, "conversation")
        words = f"{one_line(side.label, console, _LONG)}: {total}, something failed in {diagnosis.failing:,}"
        console.say(dim(f"{name:<{_CHANGE_WIDTH}}").append(words, style="not dim bold"))
        if diagnosis.sampling is not None:
            console.say(f"{'':<{_CHANGE_WIDTH}}{wording.sampling_note(diagnosis.sampling)}", "dim")
    console.say()
    if not changes.changed_findings:
        console.say("nothing failed in either", "green")
    for change in changes.changed_findings:
        _render_change(change, console)
    worse_changes = [
        change for change in changes.changed_findings if change.change in {Change.NEW, Change.GREW}
    ]
    for number, change in enumerate(worse_changes, start=1):
        _render_finding(change.finding, number, changes.after.conversations, console, look)


def _render_change(change: ChangedFinding, console: TextConsole) -> None:
    finding, table = change.finding, change.table
    line = Text(f"{change.change.value:<{_CHANGE_WIDTH}}", style=_STYLES[change.change])
    title = f"{finding.cause}: {wording.title(finding.cause, finding.subject)}"
    console.say(line.append(one_line(title, console, _LONG), style="not dim"))
    before = wording.share_of(table.working, table.all_working)
    after = wording.share_of(table.failing, table.all_failing)
    doubt = ", may be chance" if change.may_be_chance else ""
    words = f"{before} before, {after} after; {wording.chance(change.probability)}{doubt}"
    console.say(f"{'':<{_CHANGE_WIDTH}}{words}", "dim")


def _render_finding(finding: Finding, number: int, total: int, console: TextConsole, look: Look) -> None:
    console.say()
    style = "bold red" if finding.ended_conversations else "bold yellow"
    head = Text(f"{number}. ").append(one_line(finding.cause, console, _SHORT), style=style)
    head.append(f": {one_line(wording.title(finding.cause, finding.subject), console, _LONG)}", style="bold")
    if not finding.ended_conversations:
        head.append(f"  ({wording.state(finding)})", style="yellow")
    console.say(head)
    when = wording.span_of_time(finding.first_ns, finding.last_ns)
    conditions = (
        f"{wording.condition(discriminator)}: {wording.shares(discriminator)}"
        for discriminator in finding.discriminators
    )
    view_hints = (hint for evidence in finding.evidence for hint in look(evidence))
    for label, words in wording.lines(finding, total, when, conditions, view_hints):
        line = dim(f"   {label:<{_LABEL_WIDTH}}")
        console.say(line.append(one_line(words, console, 4 * _LONG), style="not dim"))
