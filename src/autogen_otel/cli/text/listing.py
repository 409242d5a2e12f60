"""Prints a conversation in one line: the sentence above its tree, and its row in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autogen_otel import plain_text
from autogen_otel.cli import quantities
from autogen_otel.cli.options import sources
from autogen_otel.cli.span_labels import odd_answers
from autogen_otel.cli.text.terminal import Text, TextConsole, one_line, signs
from autogen_otel.traces.conversations import Outcome, Summary
from autogen_otel.traces.source import Source
from autogen_otel.traces.sources.files import Files
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
_OBVIOUS_ENDINGS: Final = frozenset({"", terminations.ERROR, terminations.CANCELLED})
_SHORTEST_PREFIX: Final = 8
_FOLLOWED_PREFIX: Final = 12
_MOST_ENTRIES: Final = 3
_NARROWEST: Final = 16
_WIDE: Final = 105
_SHORT_NAME: Final = 60
_LONGEST_SENTENCE: Final = 600


def sentence(summary: Summary) -> str:
    """``ok: no failures in 4 turns of 2 agents, 12 s, 3,120 tokens in, 87 out; ended by max_turns``."""
    count = sum(summary.failures.values())
    failures = quantities.plural(count, "failure") if count else "no failures"
    causes = f" ({quantities.causes(summary.failures)})" if count else ""
    turns = f"{quantities.plural(summary.turns, 'turn')} of {quantities.plural(len(summary.agents), 'agent')}"
    tokens = f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out"
    duration = quantities.duration(summary.duration_ns)
    cost = f", {quantities.cost(summary.cost_usd)}" if summary.cost_usd else ""
    # The outcome already says the obvious endings.
    ending = f"; ended by {summary.ended_by}" if summary.ended_by not in _OBVIOUS_ENDINGS else ""
    outcome = f"{summary.outcome}{under_way(summary)}"
    answer_problems = f", but {odd_answers(summary.answer_problems)}," if summary.answer_problems else ""
    words = f"{outcome}: {failures}{causes}{answer_problems} in {turns}, {duration}, {tokens}{cost}{ending}"
    return plain_text.one_line(words, _LONGEST_SENTENCE)


def under_way(summary: Summary) -> str:
    """``in execute_tool lookup since 12:03:09``, after a blank; empty if the conversation has ended."""
    if summary.under_way is None:
        return ""
    since = quantities.local_time(summary.under_way_since_ns)[len("2026-11-29 ") :]
    return f" in {plain_text.one_line(summary.under_way, _SHORT_NAME)} since {since}"


def render_listing(summaries: Sequence[Summary], all_summaries: Sequence[Summary], source: Source) -> None:
    """Print a table of conversations.

    Args:
        summaries: the conversations to list, in order.
        all_summaries: all conversations that were read; shortened trace ids stay unique among them.
        source: where they come from.
    """
    console = TextConsole()
    prefix = _prefix_length([summary.trace_id for summary in all_summaries])
    fixed_column: dict[str, Any] = {"no_wrap": True}
    text_column: dict[str, Any] = {"overflow": "fold", "min_width": _NARROWEST}
    number_column: dict[str, Any] = {"no_wrap": True, "justify": "right"}
    columns: dict[str, tuple[dict[str, Any], Callable[[Summary], str | Text]]] = {
        "time": (fixed_column, lambda summary: quantities.local_time(summary.start_ns)[len("2026-") :]),
        "trace": ({**fixed_column, "style": "bold"}, lambda summary: summary.trace_id[:prefix]),
        "program": ({"overflow": "fold"}, lambda summary: one_line(summary.service, console, _SHORT_NAME)),
        "conversation": (text_column, lambda summary: one_line(summary.name, console, _SHORT_NAME)),
        "outcome": (text_column, _outcome),
        "turns": (number_column, lambda summary: str(summary.turns)),
        "took": (number_column, lambda summary: quantities.duration(summary.duration_ns)),
        "agents": (number_column, lambda summary: str(len(summary.agents))),
        "tokens": (number_column, lambda summary: _tokens(summary, console)),
    }
    if len({summary.service for summary in summaries}) <= 1:
        del columns["program"]
    if console.width < _WIDE:
        # The outcome needs the room of a narrow terminal; the tree has the numbers of agents and tokens.
        del columns["agents"], columns["tokens"]
    table = console.table()
    for heading, (options, _) in columns.items():
        table.add_column(heading, **options)
    for summary in summaries:
        table.add_row(*(cell(summary) for _, cell in columns.values()))
    console.print(table)
    console.say(_footer(summaries, all_summaries, source), "dim")


def render_ended_conversation(summary: Summary) -> None:
    """Print one line about a conversation that has ended."""
    console = TextConsole()
    when = quantities.local_time(summary.start_ns + summary.duration_ns)
    name = one_line(summary.name, console, _SHORT_NAME)
    line = Text(f"{when}  ").append(summary.trace_id[:_FOLLOWED_PREFIX], style="bold").append(f"  {name}  ")
    console.say(line.append(sentence(summary), style=STYLES[summary.outcome]))


def _outcome(summary: Summary) -> Text:
    causes = quantities.causes(summary.failures)
    if summary.failed_entries:
        entries = (
            f"config_list[{entry.index}] {entry.model}".rstrip()
            for entry in summary.failed_entries[:_MOST_ENTRIES]
        )
        causes += f" ({', '.join(entries)})"
    problems = plain_text.one_line("; ".join(filter(None, (causes, odd_answers(summary.answer_problems)))))
    outcome = Text().append(summary.outcome, STYLES[summary.outcome])
    return outcome.append(under_way(summary)).append(f": {problems}" if problems else "")


def _tokens(summary: Summary, console: TextConsole) -> str:
    if not summary.input_tokens and not summary.output_tokens:
        return ""
    return f"{summary.input_tokens:,} {signs(console).arrow} {summary.output_tokens:,}"


def _footer(summaries: Sequence[Summary], all_summaries: Sequence[Summary], source: Source) -> str:
    # Only files are read whole; stores are read only as far back as the list goes.
    counted_summaries = all_summaries if isinstance(source, Files) else summaries
    counts = Counter(summary.outcome for summary in counted_summaries)
    order: tuple[Outcome, ...] = ("failed", "recovered", "cancelled", "interrupted", "running", "unfinished")
    outcome_counts = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in order if counts[outcome])
    total = quantities.plural(len(counted_summaries), "conversation")
    extent, suffix = total, " in all"
    if len(summaries) < len(counted_summaries):
        extent = f"{len(summaries):,} of {total}"
    elif len(summaries) < len(all_summaries):
        newest = "conversation" if len(counted_summaries) == 1 else total
        extent, suffix = f"The newest {newest}", ""
    breakdown = f" ({outcome_counts}{suffix})" if outcome_counts else ""
    return f"{extent}{breakdown}. Show one with: {sources.show_command(source, 'TRACE')}"


def _prefix_length(trace_ids: Sequence[str]) -> int:
    length = _SHORTEST_PREFIX
    while len({trace_id[:length] for trace_id in trace_ids}) < len(trace_ids):
        length += 1
    return length
