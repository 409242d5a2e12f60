"""The options by which commands choose conversations, and compare two choices of them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from typing import Final

from autogen_otel.cli import CommandError, quantities
from autogen_otel.cli.options import sources
from autogen_otel.cli.text.progress import shown
from autogen_otel.diagnosis.changes import Side
from autogen_otel.traces.conversations import OUTCOMES
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.selection import Selection, moment
from autogen_otel.traces.source import NO_TIME, Source, with_beginning
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary.causes import CAUSES

_NARROWED: Final = (
    "since", "until", "service", "outcome", "agent", "tool", "cause", "session", "user", "text",
)  # fmt: skip
"""Fields of a selection that options of these names set."""
_MOST_IDS: Final = 10
_ID_DIGITS: Final = frozenset("0123456789abcdef")


def add_trace(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the argument that names a trace to a command, with what the command does with it."""
    parser.add_argument(
        "trace_id", nargs="?", metavar="TRACE_ID", help=f"{what}; the beginning of its id is enough"
    )
    parser.add_argument("--conversation", metavar="TRACE_ID", help="the same as TRACE_ID")


def add_selection(parser: argparse.ArgumentParser, *, failures: bool = True) -> None:
    """Add the options that choose conversations to a command, on request also by what failed in them."""
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
    group.add_argument("--cause", type=cause_option, metavar="CAUSE", help="with a failure of this cause")
    group.add_argument("--text", metavar="TEXT", help="in which any span says this")


def cause_option(text: str) -> str:
    """The value of an option that names a cause."""
    if text not in CAUSES:
        raise argparse.ArgumentTypeError(f"{text!r} is no cause; use one of {', '.join(CAUSES)}")
    return text


def selected(args: argparse.Namespace) -> Selection:
    """What the options ask for.

    Raises:
        CommandError: they name no trace id, or two, or no time.
    """
    if args.since is not None and args.until is not None and args.since >= args.until:
        raise CommandError(NO_TIME)
    given = [one for one in (args.trace_id, args.conversation) if one is not None]
    if len(given) > 1:
        raise CommandError("TRACE_ID and --conversation are the same; give one of them.")
    trace = beginning(given[0]) if given else ""
    return Selection(trace=trace, **{name: getattr(args, name) for name in _NARROWED})


def one_trace(source: Source, selection: Selection) -> Trace:
    """The trace whose id begins as asked.

    Raises:
        CommandError: there is none, or there are several.
    """
    selection = with_beginning(source, selection)
    digits = selection.trace
    ids: dict[str, None] = {}
    spans: list[Span] = []
    with shown(f"reading {source.name}") as progress:
        for span in source.spans(selection, progress=progress):
            if span.trace_id.startswith(digits):
                ids[span.trace_id] = None
                if len(ids) == 1:
                    spans.append(span)
    if not ids:
        others = f"{sources.show_command(source)} lists those that are there"
        since = f" since {quantities.local_time(selection.since)}" if selection.since else ""
        raise CommandError(f"No trace in {source.name}{since} begins with {digits}; {others}.")
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
    return int(text)


def beginning(given: str, what: str = "trace") -> str:
    """The beginning of the id of a ``trace`` or a ``span``, as the user wrote it.

    Raises:
        CommandError: it is none.
    """
    digits = given.strip().lower()
    if not digits or not _ID_DIGITS.issuperset(digits):
        raise CommandError(f"{given!r} is not a {what} id: those are made of the digits 0-9 and a-f.")
    return digits


# ---------------------------------------------------------------- before and after
def sides(text: str, wanted: Selection) -> tuple[Side, Side]:
    """The two that an option asks for, before and after.

    Args:
        text: ``SINCE..UNTIL``, the time before, or ``KEY=BEFORE..AFTER``, two values of an attribute.
        wanted: which conversations count as after; for values of an attribute, on both sides.

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
        return Side(f"{key}={before}", wanted, key, before), Side(f"{key}={after}", wanted, key, after)
    since, until = _moment(before), _moment(after)
    if since is not None and until is not None and since >= until:
        raise CommandError(f"--compare SINCE..UNTIL: {before} is not before {after}.")
    earlier = replace(wanted, since=since, until=until)
    if wanted.since is None and wanted.until is None:
        # Whoever names only the time before means what came after it.
        wanted = replace(wanted, since=until)
    if _begins_before_end(earlier, wanted) and _begins_before_end(wanted, earlier):
        raise CommandError(
            f"The time before ({_label(earlier)}) and the time to compare with it ({_label(wanted)}) overlap;"
            " --compare SINCE..UNTIL is the one, --since and --until the other."
        )
    return Side(_label(earlier), earlier), Side(_label(wanted), wanted)


def _moment(text: str) -> int | None:
    try:
        return moment_option(text) if text else None
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"--compare: {error}") from None


def _begins_before_end(one: Selection, other: Selection) -> bool:
    return one.since is None or other.until is None or one.since < other.until


def _label(wanted: Selection) -> str:
    since, until = (
        None if one is None else utc_time(one)[: len("2026-11-22T12:46")] + "Z"
        for one in (wanted.since, wanted.until)
    )
    if until is None:
        return "at any time" if since is None else f"since {since}"
    return f"until {until}" if since is None else f"{since} to {until}"
