"""A comparison for people: what is new, gone, more or less frequent, and in full what got worse."""

from __future__ import annotations

from typing import Final

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.text.drawing import Console, Text
from autogen_otel.cli.text.findings import render_finding
from autogen_otel.cli.text.terminal import dim, one_line
from autogen_otel.diagnosis.changes import Change, Changed, Changes

_LONG: Final = 160
_WIDTH: Final = 8
_STYLES: Final = {
    Change.NEW: "bold red",
    Change.GREW: "red",
    Change.SAME: "dim",
    Change.SHRANK: "green",
    Change.GONE: "green",
}


def render_changes(changes: Changes, read_from: str, console: Console, look: wording.Look) -> None:
    """Print a comparison.

    Args:
        changes: what to print.
        read_from: what it was made of.
        console: where to print.
        look: says where to look at an evidence.
    """
    console.print(Text(f"from {one_line(read_from, console, _LONG)}"), soft_wrap=True)
    for name, side, diagnosis in zip(
        ("before", "after"), changes.sides, (changes.before, changes.after), strict=True
    ):
        total = quantities.plural(diagnosis.conversations, "conversation")
        words = f"{one_line(side.label, console, _LONG)}: {total}, something failed in {diagnosis.failing:,}"
        console.print(dim(f"{name:<{_WIDTH}}").append(words, style="not dim bold"), soft_wrap=True)
        if diagnosis.sampling is not None:
            console.print(dim(f"{'':<{_WIDTH}}{wording.sampled(diagnosis.sampling)}"), soft_wrap=True)
    console.print()
    if not changes.changed:
        console.print(Text("nothing failed in either", style="green"))
    for one in changes.changed:
        _render_line(one, console)
    worse = [one for one in changes.changed if one.change in {Change.NEW, Change.GREW}]
    for number, one in enumerate(worse, start=1):
        console.print()
        render_finding(one.finding, number, changes.after.conversations, console, look)


def _render_line(one: Changed, console: Console) -> None:
    finding, table = one.finding, one.table
    line = Text(f"{one.change.value:<{_WIDTH}}", style=_STYLES[one.change])
    title = f"{finding.cause}: {wording.title(finding.cause, finding.subject)}"
    console.print(line.append(one_line(title, console, _LONG), style="not dim"), soft_wrap=True)
    before = wording.share_of(table.working, table.all_working)
    after = wording.share_of(table.failing, table.all_failing)
    sure = ", may be chance" if one.may_be_chance else ""
    words = f"{before} before, {after} after; {wording.chance(one.probability)}{sure}"
    console.print(dim(f"{'':<{_WIDTH}}{words}"), soft_wrap=True)
