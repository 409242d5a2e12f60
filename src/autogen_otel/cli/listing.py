"""A conversation in one line: the sentence above its tree, and its row in the table of conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autogen_otel.cli import quantities
from autogen_otel.cli.terminal import one_line, signs, visible
from autogen_otel.traces.conversations import Outcome, Summary
from autogen_otel.vocabulary import terminations

STYLES: Final[Mapping[Outcome, str]] = {
    "failed": "bold red",
    "recovered": "yellow",
    "ok": "green",
    "cancelled": "cyan",
    "running": "cyan",
    "interrupted": "magenta",
    "unfinished": "cyan",
}
_SAID: Final = frozenset({"", terminations.ERROR, terminations.CANCELLED})
_SHORTEST_PREFIX: Final = 8
_NARROWEST: Final = 16
_WIDE: Final = 105
_SHORT_NAME: Final = 60


def sentence(summary: Summary) -> str:
    """``ok: no failures in 4 turns of 2 agents, 12 s, 3,120 tokens in, 87 out; ended by max_turns``."""
    count = sum(summary.failures.values())
    failures = quantities.plural(count, "failure") if count else "no failures"
    causes = f" ({quantities.causes(summary.failures)})" if count else ""
    turns = f"{quantities.plural(summary.turns, 'turn')} of {quantities.plural(len(summary.agents), 'agent')}"
    tokens = f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out"
    duration = quantities.duration(summary.duration_ns)
    cost = f", about ${summary.cost_usd:.4f}" if summary.cost_usd else ""
    # Of the others the outcome says it.
    ended = f"; ended by {visible(summary.ended_by)}" if summary.ended_by not in _SAID else ""
    outcome = f"{summary.outcome}{under_way(summary)}"
    return f"{outcome}: {failures}{causes} in {turns}, {duration}, {tokens}{cost}{ended}"


def under_way(summary: Summary) -> str:
    """``in execute_tool lookup since 12:03:09``, with a blank before it; nothing if it has ended."""
    if summary.under_way is None:
        return ""
    since = quantities.local_time(summary.under_way_since_ns)[len("2026-11-29 ") :]
    return f" in {visible(summary.under_way)} since {since}"


def render_listing(listed: Sequence[Summary], every: Sequence[Summary], console: Console) -> None:
    """Print a table of conversations.

    Args:
        listed: the conversations to list, in order.
        every: all of the journal: trace ids are shortened so that they stay unique among these.
        console: where.
    """
    prefix = _prefix_length([summary.trace_id for summary in every])
    fixed: dict[str, Any] = {"no_wrap": True}
    text: dict[str, Any] = {"overflow": "fold", "min_width": _NARROWEST}
    number: dict[str, Any] = {"no_wrap": True, "justify": "right"}
    columns: dict[str, tuple[dict[str, Any], Callable[[Summary], str | Text]]] = {
        "time": (fixed, lambda one: quantities.local_time(one.start_ns)[len("2026-") :]),
        "trace": ({**fixed, "style": "bold"}, lambda one: one.trace_id[:prefix]),
        "program": ({"overflow": "fold"}, lambda one: one_line(one.service, console, _SHORT_NAME)),
        "conversation": (text, lambda one: one_line(one.name, console, _SHORT_NAME)),
        "outcome": (text, _outcome),
        "turns": (number, lambda one: str(one.turns)),
        "took": (number, lambda one: quantities.duration(one.duration_ns)),
        "agents": (number, lambda one: str(len(one.agents))),
        "tokens": (number, lambda one: _tokens(one, console)),
    }
    if len({summary.service for summary in listed}) <= 1:
        del columns["program"]
    if console.width < _WIDE:
        # The tree says how many agents and tokens; on a narrow terminal the outcome needs the room.
        del columns["agents"], columns["tokens"]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading, (options, _) in columns.items():
        table.add_column(heading, **options)
    for summary in listed:
        table.add_row(*(cell(summary) for _, cell in columns.values()))
    console.print(table)
    console.print(Text(_footer(listed, every), style="dim"))


def _outcome(summary: Summary) -> Text:
    causes = quantities.causes(summary.failures)
    outcome = Text().append(summary.outcome, STYLES[summary.outcome])
    return outcome.append(under_way(summary)).append(f": {causes}" if causes else "")


def _tokens(summary: Summary, console: Console) -> str:
    if not summary.input_tokens and not summary.output_tokens:
        return ""
    return f"{summary.input_tokens:,} {signs(console).arrow} {summary.output_tokens:,}"


def _footer(listed: Sequence[Summary], every: Sequence[Summary]) -> str:
    counts = Counter(summary.outcome for summary in every)
    unwell: tuple[Outcome, ...] = ("failed", "recovered", "cancelled", "interrupted", "running", "unfinished")
    what = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in unwell if counts[outcome])
    total = quantities.plural(len(every), "conversation")
    of = f"{len(listed):,} of {total}" if len(listed) < len(every) else total
    return of + (f" ({what} in all)" if what else "") + ". Show one with: autogen-otel show TRACE"


def _prefix_length(trace_ids: Sequence[str]) -> int:
    length = _SHORTEST_PREFIX
    while len({trace_id[:length] for trace_id in trace_ids}) < len(trace_ids):
        length += 1
    return length
