"""A conversation in one line: the sentence above its tree, and its row in the table of conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from autogen_otel.cli import quantities
from autogen_otel.cli.options import sources
from autogen_otel.cli.span_labels import odd_answers
from autogen_otel.cli.text.terminal import Text, TextConsole, one_line, signs, visible
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
_SAID: Final = frozenset({"", terminations.ERROR, terminations.CANCELLED})
_SHORTEST_PREFIX: Final = 8
_FOLLOWED_PREFIX: Final = 12
_MOST_ENTRIES: Final = 3
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
    odd = visible(f", but {odd_answers(summary.answer_problems)}," if summary.answer_problems else "")
    return f"{outcome}: {failures}{causes}{odd} in {turns}, {duration}, {tokens}{cost}{ended}"


def under_way(summary: Summary) -> str:
    """``in execute_tool lookup since 12:03:09``, with a blank before it; nothing if it has ended."""
    if summary.under_way is None:
        return ""
    since = quantities.local_time(summary.under_way_since_ns)[len("2026-11-29 ") :]
    return f" in {visible(summary.under_way)} since {since}"


def render_listing(listed: Sequence[Summary], every: Sequence[Summary], source: Source) -> None:
    """Print a table of conversations.

    Args:
        listed: the conversations to list, in order.
        every: all that were read: trace ids are shortened so that they stay unique among these.
        source: where they come from.
    """
    console = TextConsole()
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
    table = console.table()
    for heading, (options, _) in columns.items():
        table.add_column(heading, **options)
    for summary in listed:
        table.add_row(*(cell(summary) for _, cell in columns.values()))
    console.print(table)
    console.say(_footer(listed, every, source), "dim")


def render_ended(summary: Summary) -> None:
    """Print one line of a conversation that has ended."""
    console = TextConsole()
    when = quantities.local_time(summary.start_ns + summary.duration_ns)
    name = one_line(summary.name, console, _SHORT_NAME)
    line = Text(f"{when}  ").append(summary.trace_id[:_FOLLOWED_PREFIX], style="bold").append(f"  {name}  ")
    console.say(line.append(sentence(summary), style=STYLES[summary.outcome]))


def _outcome(summary: Summary) -> Text:
    causes = quantities.causes(summary.failures)
    if summary.failed_entries:
        named = (
            f"config_list[{one.index}] {one.model}".rstrip() for one in summary.failed_entries[:_MOST_ENTRIES]
        )
        causes += f" ({', '.join(named)})"
    said = visible("; ".join(filter(None, (causes, odd_answers(summary.answer_problems)))))
    outcome = Text().append(summary.outcome, STYLES[summary.outcome])
    return outcome.append(under_way(summary)).append(f": {said}" if said else "")


def _tokens(summary: Summary, console: TextConsole) -> str:
    if not summary.input_tokens and not summary.output_tokens:
        return ""
    return f"{summary.input_tokens:,} {signs(console).arrow} {summary.output_tokens:,}"


def _footer(listed: Sequence[Summary], every: Sequence[Summary], source: Source) -> str:
    # All but files are read only as far back as the list reaches.
    counted = every if isinstance(source, Files) else listed
    counts = Counter(summary.outcome for summary in counted)
    unwell: tuple[Outcome, ...] = ("failed", "recovered", "cancelled", "interrupted", "running", "unfinished")
    what = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in unwell if counts[outcome])
    total = quantities.plural(len(counted), "conversation")
    of, in_all = total, " in all"
    if len(listed) < len(counted):
        of = f"{len(listed):,} of {total}"
    elif len(listed) < len(every):
        of, in_all = f"The newest {total}", ""
    said = f" ({what}{in_all})" if what else ""
    return f"{of}{said}. Show one with: {sources.show_command(source, 'TRACE')}"


def _prefix_length(trace_ids: Sequence[str]) -> int:
    length = _SHORTEST_PREFIX
    while len({trace_id[:length] for trace_id in trace_ids}) < len(trace_ids):
        length += 1
    return length
