"""``autogen-otel show``: list the conversations of the journal, or show one as a tree."""

from __future__ import annotations

import argparse
import base64
import math
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import (
    DONE,
    CommandError,
    add_command,
    add_format,
    add_html,
    journals,
    quantities,
    require_rich,
    write_json,
    write_page,
)
from autogen_otel.cli.page.conversation import conversation_page
from autogen_otel.cli.selecting import add_selection, selected
from autogen_otel.traces.conversations import Summary, summaries, summarize
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.trace import KINDS, STATUSES, Span, Trace

_DEFAULT_LIMIT: Final = 20
_MOST_IDS: Final = 10
_ID_DIGITS: Final = frozenset("0123456789abcdef")
_STATUSES: Final = dict(enumerate(STATUSES))
_KINDS: Final = dict(enumerate(KINDS))
_EPILOG: Final = """\
examples:
  autogen-otel show                      the newest conversations
  autogen-otel show --failing            those in which something failed, also if it recovered
  autogen-otel show --since 2h --cause tool_exception
  autogen-otel show --agent planner --text "claim 7"
  autogen-otel show 4bf92f35             one conversation as a tree; any unique beginning of the id will do
  autogen-otel show 4bf92f35 --failing   only what failed in it, and where
  autogen-otel show 4bf92f35 --full      with whole stack traces, arguments and results
  autogen-otel show 4bf92f35 --html trace.html   as one page, to attach to a ticket
  autogen-otel show --journal run.jsonl --format json | jq .conversations

outcomes:
  ok          nothing failed
  recovered   something failed and the conversation went on
  failed      the conversation ended with an exception
  cancelled   the program itself ended it: Ctrl-C, a cancelled task
  unfinished  it is still running, or the program was killed

exit codes:
  0  shown
  2  no such journal, trace or option; one sentence on stderr says which
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        subparsers,
        "show",
        run,
        summary="list the conversations of the journal, or show one as a tree",
        description="List the conversations of the journal, newest first, or show one as a tree.",
        epilog=_EPILOG,
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
    add_selection(parser)
    add_format(parser)
    parser.add_argument("--full", action="store_true", help="whole stack traces, arguments and results")
    add_html(parser, "write the trace as one self-contained page to this file instead")


def run(args: argparse.Namespace) -> int:
    """Print the conversations or the trace."""
    if args.html is not None and (args.trace_id is None or args.format != "text"):
        raise CommandError("--html is the page of one trace: autogen-otel show TRACE_ID --html FILE.")
    if args.format == "text" and args.html is None:
        require_rich()
    path = journals.locate(args.journal)
    if args.trace_id is None:
        _list(path, args)
    else:
        _show(path, args)
    return DONE


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _list(path: Path, args: argparse.Namespace) -> None:
    selection = selected(args)
    found = summaries(journals.spans(path), selection)
    every = sorted(found, key=lambda summary: summary.start_ns, reverse=True)
    if not every and selection == Selection():
        raise CommandError(f"The journal {path} holds no conversations: {journals.HOW_TO_GET_ONE}.")
    if not every:
        raise CommandError(f"The journal {path} holds no such conversation; ask for less to see others.")
    wanted = (one for one in every if one.failures or one.outcome == "failed" or not args.failing)
    listed = list(islice(wanted, args.limit or None))
    if args.format == "json":
        write_json({"conversations": list(map(_summary_document, listed))})
        return
    from autogen_otel.cli.listing import render_listing  # noqa: PLC0415 - JSON output works without rich
    from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

    render_listing(listed, every, TextConsole())


def _trace(path: Path, trace_id: str) -> Trace:
    prefix = trace_id.strip().lower()
    if not prefix or not _ID_DIGITS.issuperset(prefix):
        raise CommandError(f"{trace_id!r} is not a trace id: those are made of the digits 0-9 and a-f.")
    ids: dict[str, None] = {}
    spans: list[Span] = []
    for span in journals.spans(path, lambda candidate: candidate.startswith(prefix)):
        ids[span.trace_id] = None
        if len(ids) == 1:
            spans.append(span)
    if not ids:
        raise CommandError(
            f"No trace in {path} begins with {prefix}; autogen-otel show lists those that are there."
        )
    if len(ids) > 1:
        first = ", ".join(list(ids)[:_MOST_IDS])
        more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
        raise CommandError(
            f"{prefix} is the beginning of {len(ids)} traces: {first}{more}; give more digits."
        )
    return Trace.of(spans)


def _show(path: Path, args: argparse.Namespace) -> None:
    trace = _trace(path, args.trace_id)
    if args.html is not None:
        write_page(args.html, conversation_page(trace, f"journal {path}"))
        return
    if args.format == "json":
        write_json(trace_document(trace, failing=args.failing))
        return
    from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415 - JSON output works without rich
    from autogen_otel.cli.tree import render_trace  # noqa: PLC0415

    render_trace(trace, TextConsole(), full=args.full, failing=args.failing)


# ---------------------------------------------------------------- JSON
def trace_document(trace: Trace, *, failing: bool = False) -> dict[str, Any]:
    """One trace for programs, its spans nested.

    Args:
        trace: what to show.
        failing: leave out what neither failed nor leads to what failed.
    """
    branch: list[dict[str, Any]] = [{"children": []}]
    for span, depth in (trace.failing() if failing else trace).walk():
        del branch[depth + 1 :]
        branch.append(_json_value(_span_document(span)))
        branch[-2]["children"].append(branch[-1])
    return {
        "trace_id": trace.trace_id,
        "conversation": _summary_document(summarize(trace)),
        "spans": branch[0]["children"],
    }


def _summary_document(summary: Summary) -> dict[str, Any]:
    return {
        "trace_id": summary.trace_id,
        "name": summary.name,
        "service": summary.service,
        "start": quantities.utc_time(summary.start_ns),
        "duration_seconds": summary.duration_ns / quantities.NS_PER_SECOND,
        "agents": list(summary.agents),
        "turns": summary.turns,
        "outcome": summary.outcome,
        "failures": {"count": sum(summary.failures.values()), "causes": dict(summary.failures)},
        "tokens": {"input": summary.input_tokens, "output": summary.output_tokens},
        "cost_usd": summary.cost_usd,
        "ended_by": summary.ended_by or None,
    }


def _span_document(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": _KINDS.get(span.kind, str(span.kind)),
        "start": quantities.utc_time(span.start_ns),
        "duration_seconds": span.duration_ns / quantities.NS_PER_SECOND,
        "status": _STATUSES.get(span.status_code, str(span.status_code)),
        "status_message": span.status_message,
        "attributes": span.attributes,
        "events": [
            {"name": event.name, "time": quantities.utc_time(event.time_ns), "attributes": event.attributes}
            for event in span.events
        ],
        "links": list(map(asdict, span.links)),
        "scope": span.scope,
        "service": span.service,
        "children": [],
    }


def _json_value(value: Any) -> Any:
    """Turn what JSON has no word for into text: bytes into base64, NaN and infinities into their names."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_json_value(one) for one in value]
    if isinstance(value, dict):
        return {name: _json_value(one) for name, one in value.items()}
    return value
