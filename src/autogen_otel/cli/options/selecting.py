"""The options that choose conversations, and the option that compares two choices of them."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from datetime import datetime
from typing import Final

from autogen_otel.cli import CommandError, quantities
from autogen_otel.cli.options import sources
from autogen_otel.cli.text.progress import show_progress
from autogen_otel.diagnosis.changes import Side
from autogen_otel.traces.conversations import OUTCOMES
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.selection import Selection, moment
from autogen_otel.traces.source import NO_TIME, Source, with_beginning
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary.causes import CAUSES

_NARROWING_FIELDS: Final = (
    "since", "until", "service", "outcome", "agent", "tool", "cause", "session", "user", "text",
)  # fmt: skip
"""Fields of a selection, each set by the option of the same name."""
_MOST_IDS: Final = 10
_MOST_DIGITS: Final = len(str(sys.maxsize))
_ID_DIGITS: Final = frozenset("0123456789abcdef")


def add_trace(parser: argparse.ArgumentParser, action: str) -> None:
    """Add the argument that names a trace to a command; its help begins with what the command does."""
    parser.add_argument(
        "trace_id", nargs="?", metavar="TRACE_ID", help=f"{action}; the beginning of its id is enough"
    )
    parser.add_argument("--conversation", metavar="TRACE_ID", help="the same as TRACE_ID")


def add_selection(parser: argparse.ArgumentParser, *, failures: bool = True) -> None:
    """Add the options that choose conversations to a command, and if asked those that choose by failures."""
    group = parser.add_argument_group("which conversations")
    when = "2h, 30m, 7d ago, or 2026-11-22T07:00"
    group.add_argument("--since", type=moment_option, metavar="TIME", help=f"begun since then: {when}")
    group.add_argument("--until", type=moment_option, metavar="TIME", help="begun before then")
    group.add_argument("--service", metavar="NAME", help="of this program")
    group.add_argument("--agent", metavar="NAME", help="in which this agent took part")
    group.add_argument("--tool", metavar="NAME", help="in which this tool was called")
    group.add_argument("--session", metavar="ID", help="of this session.id")
    group.add_argument("--user", metavar="ID", help="of this user.id")
    if not failures:
        parser.set_defaults(outcome=None, cause=None, text=None)
        return
    group.add_argument("--outcome", choices=OUTCOMES, help="that ended so")
    group.add_argument("--cause", choices=CAUSES, metavar="CAUSE", help="with a failure of this cause")
    group.add_argument("--text", metavar="TEXT", help="in which any span says this")


def selection_of(args: argparse.Namespace) -> Selection:
    """The selection that the options ask for.

    Raises:
        CommandError: they name a malformed trace id, or two, or no time between ``--since`` and ``--until``.
    """
    if args.since is not None and args.until is not None and args.since >= args.until:
        raise CommandError(NO_TIME)
    trace_ids = [trace_id for trace_id in (args.trace_id, args.conversation) if trace_id is not None]
    if len(trace_ids) > 1:
        raise CommandError("TRACE_ID and --conversation are the same; give one of them.")
    trace = id_prefix(trace_ids[0]) if trace_ids else ""
    return Selection(trace=trace, **{name: getattr(args, name) for name in _NARROWING_FIELDS})


def one_trace(source: Source, selection: Selection) -> Trace:
    """The trace whose id begins as the selection says.

    Raises:
        CommandError: there is none, or there are several.
    """
    selection = with_beginning(source, selection)
    digits = selection.trace
    ids: dict[str, None] = {}
    spans: list[Span] = []
    with show_progress(f"reading {source.name}") as progress:
        for span in source.spans(selection, progress=progress):
            if span.trace_id.startswith(digits):
                ids[span.trace_id] = None
                if len(ids) == 1:
                    spans.append(span)
    if not ids:
        hint = f"{sources.show_command(source)} lists those that are there"
        since = f" since {quantities.local_time(selection.since)}" if selection.since else ""
        raise CommandError(f"No trace in {source.name}{since} begins with {digits}; {hint}.")
    if len(ids) > 1:
        first = ", ".join(list(ids)[:_MOST_IDS])
        more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
        raise CommandError(
            f"{digits} is the beginning of {len(ids)} traces: {first}{more}; give more digits."
        )
    return Trace.of(spans)


def moment_option(text: str) -> int:
    """A moment in nanoseconds since 1970, for an option that takes one; local time without a time zone."""
    try:
        return moment(text, datetime.now().astimezone())
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; say 30m, 2h, 7d, or a date such as 2026-11-22T07:00"
        ) from None


def count_option(text: str) -> int:
    """A whole number from 0, for an option that takes one."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    # No list is longer, and Python parses no number of thousands of digits.
    return sys.maxsize if len(text.lstrip("0")) > _MOST_DIGITS else min(int(text), sys.maxsize)


def id_prefix(text: str, noun: str = "trace") -> str:
    """Check and normalise the beginning of an id, as the user wrote it.

    Args:
        text: the beginning of the id.
        noun: what has the id: ``trace`` or ``span``.

    Raises:
        CommandError: the text is no beginning of an id.
    """
    digits = text.strip().lower()
    if not digits or not _ID_DIGITS.issuperset(digits):
        advice = "; --journal reads files and folders" if os.path.lexists(text) else ""
        raise CommandError(f"{text!r} is not a {noun} id: those are made of the digits 0-9 and a-f{advice}.")
    return digits


# ---------------------------------------------------------------- before and after
def sides(text: str, selection: Selection) -> tuple[Side, Side]:
    """The two sides that ``--compare`` asks for, before and after.

    Args:
        text: ``SINCE..UNTIL``, the time before, or ``KEY=BEFORE..AFTER``, two values of an attribute.
        selection: the conversations of the side after; for values of an attribute, of both sides.

    Raises:
        CommandError: it is neither, there is no time in it, or the two times overlap.
    """
    key, _, values = text.rpartition("=")
    before, dots, after = values.partition("..")
    if not dots or (key and not (before and after)) or not (before or after):
        raise CommandError(
            f"--compare takes SINCE..UNTIL, such as 26h..24h, or KEY=BEFORE..AFTER, such as"
            f" service.version=1.4..1.5; {text!r} is neither."
        )
    if key:
        before_selection, after_selection = (
            replace(selection, attribute=(key, value)) for value in (before, after)
        )
        return Side(f"{key}={before}", before_selection), Side(f"{key}={after}", after_selection)
    since, until = _moment(before), _moment(after)
    if since is not None and until is not None and since >= until:
        raise CommandError(f"--compare SINCE..UNTIL: {before} is not before {after}.")
    before_selection = replace(selection, since=since, until=until)
    if selection.since is None and selection.until is None:
        # A user who names only the time before means the time after it.
        selection = replace(selection, since=until)
    if _begins_before_end(before_selection, selection) and _begins_before_end(selection, before_selection):
        raise CommandError(
            f"The time before ({_label(before_selection)}) and the time to compare with it"
            f" ({_label(selection)}) overlap;"
            " --compare SINCE..UNTIL is the one, --since and --until the other."
        )
    return Side(_label(before_selection), before_selection), Side(_label(selection), selection)


def _moment(text: str) -> int | None:
    try:
        return moment_option(text) if text else None
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"--compare: {error}") from None


def _begins_before_end(first: Selection, second: Selection) -> bool:
    return first.since is None or second.until is None or first.since < second.until


def _label(selection: Selection) -> str:
    since, until = (
        None if time_ns is None else utc_time(time_ns)[: len("2026-11-22T12:46")] + "Z"
        for time_ns in (selection.since, selection.until)
    )
    if until is None:
        return "at any time" if since is None else f"since {since}"
    return f"until {until}" if since is None else f"{since} to {until}"
