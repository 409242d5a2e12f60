"""The options by which commands choose conversations."""

from __future__ import annotations

import argparse
from datetime import datetime

from autogen_otel.traces.conversations import OUTCOMES
from autogen_otel.traces.selection import Selection, moment
from autogen_otel.vocabulary.causes import CAUSES


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    group = parser.add_argument_group("which conversations")
    when = "2h, 30m, 7d ago, or 2026-11-22T07:00"
    group.add_argument("--since", type=moment_option, metavar="TIME", help=f"begun since then: {when}")
    group.add_argument("--until", type=moment_option, metavar="TIME", help="begun before then")
    group.add_argument("--service", metavar="NAME", help="of this program")
    group.add_argument("--outcome", choices=OUTCOMES, help="that ended so")
    group.add_argument("--agent", metavar="NAME", help="in which this agent took part")
    group.add_argument("--tool", metavar="NAME", help="in which this tool was called")
    group.add_argument("--cause", choices=CAUSES, metavar="CAUSE", help="with a failure of this cause")
    group.add_argument("--session", metavar="ID", help="of this session.id")
    group.add_argument("--user", metavar="ID", help="of this user.id")
    group.add_argument("--text", metavar="TEXT", help="in which any span says this")


def selected(args: argparse.Namespace) -> Selection:
    """What the options ask for."""
    return Selection(
        since=args.since,
        until=args.until,
        service=args.service,
        outcome=args.outcome,
        agent=args.agent,
        tool=args.tool,
        cause=args.cause,
        session=args.session,
        user=args.user,
        text=args.text,
    )


def moment_option(text: str) -> int:
    """A moment in nanoseconds since 1970, for an option that takes one; local time without a time zone."""
    try:
        return moment(text, datetime.now().astimezone())
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; say 30m, 2h, 7d, or a date such as 2026-11-22T07:00"
        ) from None
