"""``autogen-otel show``: list conversations, or show one as a tree."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from itertools import islice
from typing import Final, NoReturn

from autogen_otel.cli import DONE, CommandError, add_format, add_html, write_json, write_page
from autogen_otel.cli.options import selecting, sources
from autogen_otel.cli.page.conversation import conversation_page
from autogen_otel.cli.text.progress import shown
from autogen_otel.traces.document import summary_document, trace_document
from autogen_otel.traces.following import FollowedSource, Following
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Source, with_beginning
from autogen_otel.traces.sources.parts import summaries_in
from autogen_otel.traces.trace import Trace

_DEFAULT_LIMIT: Final = 20
_ONE_PAGE: Final = "--html is the page of one trace: autogen-otel show TRACE_ID --html FILE."
SUMMARY: Final = "list the conversations of the journal, a file or a backend, or show one as a tree"
HELP: Final = """\
List conversations, newest first, or show one as a tree.

examples:
  autogen-otel show                      the newest conversations
  autogen-otel show --failing            those in which something failed, also if it recovered
  autogen-otel show --since 2h --cause tool_exception
  autogen-otel show --agent planner --text "claim 7"
  autogen-otel show 4bf92f35             one conversation as a tree; any unique beginning of the id will do
  autogen-otel show 4bf92f35 --failing   only what failed in it, and where
  autogen-otel show 4bf92f35 --full      with whole stack traces, arguments, results and messages
  autogen-otel show 4bf92f35 --html trace.html   as one page, to attach to a ticket
  autogen-otel show --follow --failing   tell of those that fail as they end
  autogen-otel show --jaeger http://localhost:16686 --since 1d --session s-7
  autogen-otel show --tempo http://localhost:3200 --header 'X-Scope-OrgID: team-a'
  autogen-otel show --journal run.jsonl --format json | jq .conversations
  zcat old/*.gz | autogen-otel show --journal -

outcomes:
  ok          nothing failed
  recovered   something failed and the conversation went on
  failed      the conversation ended with an exception
  cancelled   the program itself ended it: Ctrl-C, a cancelled task
  running     it goes on
  interrupted the program was killed meanwhile, or ended without waiting for it
  unfinished  its end is not in what was read

exit codes:
  0    shown
  2    no such source, trace or option; one sentence on stderr says which
  130  ended with Ctrl-C
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    selecting.add_trace(parser, "show this trace")
    parser.add_argument(
        "--limit",
        type=selecting.count_option,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help="conversations to list (default: 20, 0: all)",
    )
    parser.add_argument("--failing", action="store_true", help="only what failed, also if it recovered")
    parser.add_argument(
        "--follow", action="store_true", help="tell of conversations as they end, until Ctrl-C"
    )
    sources.add_sources(parser)
    selecting.add_selection(parser)
    add_format(parser)
    parser.add_argument(
        "--full", action="store_true", help="whole stack traces, arguments, results and messages"
    )
    add_html(parser, "write the trace as one self-contained page to this file instead")


def run(args: argparse.Namespace) -> int:
    """Print the conversations or the trace."""
    source, selection = sources.opened(args), selecting.selected(args)
    if args.html is not None and (args.follow or args.format != "text" or not selection.trace):
        raise CommandError(_ONE_PAGE)
    if args.follow:
        _follow(source, selection, args)
    elif selection.trace:
        _show(source, selecting.one_trace(source, selection), args)
    else:
        _list(source, selection, args)
    return DONE


def _list(source: Source, asked: Selection, args: argparse.Namespace) -> None:
    selection = with_beginning(source, asked)
    narrowed = replace(selection, failing=args.failing)
    with shown(f"reading {source.name}") as progress:
        found = summaries_in(source, narrowed, selection, newest=args.limit, progress=progress)
    # However many processes have read it, the order is the same.
    every = sorted(found, key=lambda summary: (summary.start_ns, summary.trace_id), reverse=True)
    if not every:
        raise sources.nothing_in(source, narrowed, replace(asked, failing=args.failing))
    wanted = (one for one in every if one.failures or one.outcome == "failed" or not args.failing)
    listed = list(islice(wanted, args.limit or None))
    if args.format == "json":
        write_json({"conversations": list(map(summary_document, listed))})
        return
    from autogen_otel.cli.text.listing import render_listing  # noqa: PLC0415 - JSON output works without rich

    render_listing(listed, every, source)


def _follow(source: Source, asked: Selection, args: argparse.Namespace) -> NoReturn:
    """Tell of conversations as they end, until the user has seen enough."""
    if not isinstance(source, FollowedSource):
        raise CommandError(f"{source.name} cannot be followed.")
    selection = replace(asked, failing=args.failing)
    following = Following(source.arrivals(selection), selection)
    while True:
        for summary in following.ended_conversations():
            if args.format == "json":
                sys.stdout.write(json.dumps(summary_document(summary), allow_nan=False) + "\n")
                continue
            from autogen_otel.cli.text.listing import render_ended  # noqa: PLC0415 - JSON works without rich

            render_ended(summary)
        sys.stdout.flush()
        time.sleep(source.pause_seconds)


def _show(source: Source, trace: Trace, args: argparse.Namespace) -> None:
    if args.html is not None:
        write_page(args.html, conversation_page(trace, source.name))
        return
    if args.format == "json":
        write_json(trace_document(trace, failing=args.failing))
        return
    from autogen_otel.cli.text.tree import render_trace  # noqa: PLC0415 - JSON output works without rich

    url = sources.link(source, args.link, trace.trace_id, trace.top[0].span_id)
    render_trace(trace, full=args.full, failing=args.failing, link=url)
