"""``autogen-otel show``: list the conversations of the journal, or show one as a tree."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import as_json, journals
from autogen_otel.cli.errors import DONE, CommandError
from autogen_otel.diagnosis.conversations import Summary, gather
from autogen_otel.diagnosis.trace import Span, Trace

_DEFAULT_LIMIT: Final = 20
_NAMED_AT_MOST: Final = 10
_ID_DIGITS: Final = frozenset("0123456789abcdef")
_EPILOG: Final = """\
examples:
  autogen-otel show                      the newest conversations
  autogen-otel show --failing            those in which something failed, also if it recovered
  autogen-otel show 4bf92f35             one conversation as a tree; any unique beginning of the id will do
  autogen-otel show 4bf92f35 --failing   only what failed in it, and where
  autogen-otel show 4bf92f35 --full      with whole stack traces, arguments and results
  autogen-otel show --journal run.jsonl --format json | jq .conversations

outcomes:
  ok          nothing failed
  recovered   something failed and the conversation went on
  failed      the conversation ended with an exception
  unfinished  it is still running, or the program was killed

exit codes:
  0  shown
  2  no such journal, trace or option; one sentence on stderr says which
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "show",
        help="list the conversations of the journal, or show one as a tree",
        description="List the conversations of the journal, newest first, or show one as a tree.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "trace_id", nargs="?", metavar="TRACE_ID", help="trace to show; its beginning is enough"
    )
    parser.add_argument(
        "--journal", metavar="PATH", help="OTLP JSON file, or folder of *.jsonl files, to read"
    )
    parser.add_argument(
        "--limit",
        type=_limit,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help="conversations to list (default: 20, 0: all)",
    )
    parser.add_argument("--failing", action="store_true", help="only what failed, also if it recovered")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--full", action="store_true", help="whole stack traces, arguments and results")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what was asked for.

    Raises:
        CommandError: there is nothing to read, or no such trace.
    """
    if args.format == "text":
        _need_rich()
    path = journals.locate(args.journal)
    if args.trace_id is None:
        _list(path, args)
    else:
        _show(_find(path, args.trace_id), args)
    return DONE


def _need_rich() -> None:
    try:
        importlib.import_module("rich")
    except ImportError:
        raise CommandError(
            "Text output needs rich: pip install 'autogen-otel[cli]' (or ask for --format json)."
        ) from None


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _list(path: Path, args: argparse.Namespace) -> None:
    every = sorted(
        (gatherer.summary() for gatherer in gather(journals.spans(path))),
        key=lambda summary: summary.start_ns,
        reverse=True,
    )
    if not every:
        raise CommandError(f"The journal {path} holds no conversations: {journals.HOW_TO_GET_ONE}.")
    shown = [
        summary for summary in every if summary.failures or summary.outcome == "failed" or not args.failing
    ]
    _print_list(shown[: args.limit or None], every, args)


def _print_list(shown: list[Summary], every: list[Summary], args: argparse.Namespace) -> None:
    if args.format == "json":
        sys.stdout.write(as_json.listing_json(shown) + "\n")
        return
    from autogen_otel.cli.listing import render_listing  # noqa: PLC0415 - JSON output works without rich
    from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

    render_listing(shown, every, TextConsole())


def _find(path: Path, trace_id: str) -> Trace:
    prefix = trace_id.strip().lower()
    if not prefix or not _ID_DIGITS.issuperset(prefix):
        raise CommandError(f"{trace_id!r} is not a trace id: those are made of the digits 0-9 and a-f.")
    matching: dict[str, None] = {}
    kept: list[Span] = []
    for span in journals.spans(path, wanted=lambda candidate: candidate.startswith(prefix)):
        matching[span.trace_id] = None
        if len(matching) == 1:
            kept.append(span)
    if not matching:
        raise CommandError(
            f"No trace in {path} begins with {prefix}; autogen-otel show lists those that are there."
        )
    if len(matching) > 1:
        named = ", ".join(list(matching)[:_NAMED_AT_MOST])
        more = f" and {len(matching) - _NAMED_AT_MOST} more" if len(matching) > _NAMED_AT_MOST else ""
        raise CommandError(
            f"{prefix} is the beginning of {len(matching)} traces: {named}{more}; give more digits."
        )
    return Trace.of(kept)


def _show(trace: Trace, args: argparse.Namespace) -> None:
    if args.format == "json":
        sys.stdout.write(as_json.trace_json(trace, failing=args.failing) + "\n")
        return
    from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415 - JSON output works without rich
    from autogen_otel.cli.tree import render_trace  # noqa: PLC0415

    render_trace(trace, TextConsole(), full=args.full, failing=args.failing)
