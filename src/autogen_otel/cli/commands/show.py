"""``autogen-otel show``: list conversations, or show one as a tree."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from itertools import islice
from typing import Final, NoReturn

from autogen_otel.cli import SUCCESS, CommandError, add_format, add_html, write_json, write_page
from autogen_otel.cli.options import journals, selecting, sources
from autogen_otel.cli.page.conversation import conversation_page
from autogen_otel.cli.text.progress import show_progress
from autogen_otel.plain_text import one_line
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
    source, selection = sources.open_source(args), selecting.selection_of(args)
    if args.html is not None and (args.follow or args.format != "text" or not selection.trace):
        raise CommandError(_ONE_PAGE)
    if args.follow:
        _follow(source, selection, args)
    elif selection.trace:
        _show(source, selecting.one_trace(source, selection), args)
    else:
        _list(source, selection, args)
    return SUCCESS


def _list(source: Source, requested_selection: Selection, args: argparse.Namespace) -> None:
    selection = with_beginning(source, requested_selection)
    narrowed_selection = replace(selection, failing=args.failing)
    with show_progress(f"reading {source.name}") as progress:
        summaries = summaries_in(source, narrowed_selection, selection, newest=args.limit, progress=progress)
    # The order does not depend on the number of processes that read.
    all_summaries = sorted(summaries, key=lambda summary: (summary.start_ns, summary.trace_id), reverse=True)
    if not all_summaries:
        raise sources.no_conversation_error(
            source, narrowed_selection, replace(requested_selection, failing=args.failing)
        )
    matching_summaries = (
        summary
        for summary in all_summaries
        if summary.failures or summary.outcome == "failed" or not args.failing
    )
    listed_summaries = list(islice(matching_summaries, args.limit or None))
    if args.format == "json":
        write_json({"conversations": list(map(summary_document, listed_summaries))})
        return
    from autogen_otel.cli.text.listing import render_listing  # noqa: PLC0415 - JSON output works without rich

    render_listing(listed_summaries, all_summaries, source)


def _follow(source: Source, requested_selection: Selection, args: argparse.Namespace) -> NoReturn:
    """Print conversations as they end, until the user stops it."""
    if not isinstance(source, FollowedSource):
        raise CommandError(f"{source.name} cannot be followed.")
    selection = replace(requested_selection, failing=args.failing)
    following = Following(source.arrivals(selection), selection)
    endpoint_watch = journals.EndpointWatch(source)
    is_advice_due = True
    sys.stderr.write(f"Waiting for conversations to end in {one_line(source.name)}; Ctrl-C stops it.\n")
    while True:
        for summary in following.ended_conversations():
            if args.format == "json":
                sys.stdout.write(json.dumps(summary_document(summary), allow_nan=False) + "\n")
                continue
            from autogen_otel.cli.text.listing import render_ended_conversation  # noqa: PLC0415 - JSON works without rich

            render_ended_conversation(summary)
        sys.stdout.flush()
        is_advice_due = is_advice_due and not following.has_spans
        advice = endpoint_watch.advice() if is_advice_due else ""
        if advice:
            is_advice_due = False
            sys.stderr.write(f"Nothing has arrived in {one_line(source.name)}: {advice}.\n")
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
