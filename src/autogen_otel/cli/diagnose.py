"""``autogen-otel diagnose``: say what fails, why, and what it goes with."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Final

from autogen_otel.cli import (
    DONE,
    PROBLEM,
    CommandError,
    add_command,
    add_format,
    add_html,
    write_json,
    write_page,
)
from autogen_otel.cli.options.comparing import sides
from autogen_otel.cli.options.selecting import (
    add_selection,
    add_trace,
    cause_option,
    count_option,
    one_trace,
    selected,
    with_beginning,
)
from autogen_otel.cli.options.sources import (
    add_prometheus,
    add_sources,
    link,
    nothing_in,
    opened,
    prometheus,
    read_again,
    show_command,
)
from autogen_otel.cli.page.diagnosis import MOST_TRACES, diagnosis_page
from autogen_otel.cli.page.html import clean
from autogen_otel.cli.page.spans import in_a_line
from autogen_otel.cli.text.progress import shown
from autogen_otel.cli.wording import places_to_look
from autogen_otel.diagnosis.changes import Changes, Compared, Side, changes_of
from autogen_otel.diagnosis.document import changes_document, document_of
from autogen_otel.diagnosis.evidence.parts import read_parts
from autogen_otel.diagnosis.evidence.population import Wanted
from autogen_otel.diagnosis.findings import Diagnosis, conclude_listed, diagnose, diagnose_sample
from autogen_otel.diagnosis.stored.diagnosis import compare_stored, diagnose_stored
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import SampledSource, Source, Weighted
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.prometheus import Counts, count, reweighted
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary.causes import CAUSES

_MOST_NAMED: Final = 10
_MOST_OF_EITHER: Final = 1000
_MANY_OBJECTS: Final = 200_000
_EPILOG: Final = """\
examples:
  autogen-otel diagnose                         all conversations of the journal
  autogen-otel diagnose --since 2h              those that began in the last two hours
  autogen-otel diagnose --since 2026-11-22T07:00 --until 2026-11-22T09:00
  autogen-otel diagnose 4bf92f35                explain one conversation
  autogen-otel diagnose --cause timeout --cause rate_limit   only what has one of these causes
  autogen-otel diagnose --journal traces.jsonl.gz --format json | jq .findings
  zcat old/*.gz | autogen-otel diagnose --journal -
  autogen-otel diagnose --html report.html      as one page too, with charts and the best traces
  autogen-otel diagnose --compare service.version=1.4..1.5   what the new version broke or fixed
  autogen-otel diagnose --since 2h --compare 26h..24h        the last two hours with the same of yesterday
  autogen-otel diagnose --jaeger http://localhost:16686 --since 6h --service claims
  autogen-otel diagnose --tempo http://localhost:3200 --since 7d --prometheus http://localhost:9090
  autogen-otel diagnose --clickhouse http://localhost:8123 --table otel.otel_traces --since 1d

exit codes:
  0  nothing failed, or nothing of what --cause names; with --compare: nothing is new or more frequent
  1  there are findings; with --compare: something is new or more frequent
  2  could not be done as asked; one sentence on stderr says why
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        subparsers,
        "diagnose",
        run,
        summary="say what fails, why, and what it goes with",
        description="Read conversations and say what fails in them, why, what it goes with, and what to do.",
        epilog=_EPILOG,
    )
    add_trace(parser, "explain this trace")
    parser.add_argument(
        "--limit",
        type=count_option,
        default=0,
        metavar="N",
        help="conversations to read at most, as they are stored (default: all); "
        f"of Jaeger and Tempo so many that fail and so many others (default: {_MOST_OF_EITHER:,} each)",
    )
    parser.add_argument(
        "--compare",
        metavar="WHAT",
        help="with what was before: SINCE..UNTIL, or KEY=BEFORE..AFTER for two values of an attribute",
    )
    parser.add_argument(
        "--cause",
        dest="causes",
        action="append",
        type=cause_option,
        default=[],
        metavar="CAUSE",
        help="show only findings with this cause; may be repeated (" + ", ".join(CAUSES) + ")",
    )
    add_sources(parser)
    add_prometheus(parser)
    add_selection(parser, failures=False)
    add_format(parser)
    add_html(parser, "write one self-contained page to this file too, with charts and the best traces")


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    # A page is made of what is read twice.
    with read_again(args) if args.html is not None else nullcontext(opened(args)) as source:
        selection = selected(args)
        if args.compare is not None:
            return _compare(source, selection, args)
        diagnosis, read_from = _diagnose(source, selection, args)
        diagnosis = _only(diagnosis, args.causes)
        _write(args, source, read_from, diagnosis)
    if args.html == "-":
        pass
    elif args.format == "json":
        write_json(document_of(diagnosis, read_from, partial(link, source, args.link)))
    else:
        from autogen_otel.cli.text.findings import render_diagnosis  # noqa: PLC0415 - JSON output needs no drawing
        from autogen_otel.cli.text.terminal import TextConsole  # noqa: PLC0415

        render_diagnosis(diagnosis, read_from, source, TextConsole(), args.link)
    return PROBLEM if diagnosis.findings else DONE


def _only(diagnosis: Diagnosis, causes: Collection[str]) -> Diagnosis:
    """The diagnosis with only the findings of these causes; all if none is named."""
    if not causes:
        return diagnosis
    return replace(diagnosis, findings=tuple(one for one in diagnosis.findings if one.cause in causes))


def _compare(source: Source, selection: Selection, args: argparse.Namespace) -> int:
    if selection.trace:
        raise CommandError("--compare is about many conversations; leave the trace id out.")
    before, after = sides(args.compare, selection)
    changes = _changes(source, before, after, args)
    for side, diagnosis in zip(changes.sides, (changes.before, changes.after), strict=True):
        if not diagnosis.conversations:
            named = clean(in_a_line(", ".join(changes.known[:_MOST_NAMED])))
            there = f"; there are: {named}" if named else ""
            raise CommandError(f"No conversations in {source.name} are {side.label}{there}.")
    if args.causes:
        changed = tuple(one for one in changes.changed if one.finding.cause in args.causes)
        changes = replace(changes, after=_only(changes.after, args.causes), changed=changed)
    _write(args, source, source.name, changes.after, changes)
    if args.html == "-":
        pass
    elif args.format == "json":
        write_json(changes_document(changes, source.name, partial(link, source, args.link)))
    else:
        from autogen_otel.cli.text.changes import render_changes  # noqa: PLC0415 - JSON output needs no drawing
        from autogen_otel.cli.text.terminal import TextConsole  # noqa: PLC0415

        look = partial(places_to_look, source, args.link)
        render_changes(changes, source.name, TextConsole(), look)
    return PROBLEM if changes.got_worse else DONE


def _changes(source: Source, before: Side, after: Side, args: argparse.Namespace) -> Changes:
    if isinstance(source, ClickHouse):
        with shown(source.name) as progress, _few_collections():
            return compare_stored(source, before, after, args.limit, progress)
    if not isinstance(source, SampledSource):
        with shown(f"reading {source.name}") as progress, _few_collections():
            compared = Compared(before, after, args.limit)
            return read_parts(_parts(source, args.limit), EVERYTHING, compared, progress).changes()
    if before.key is not None:
        raise CommandError(
            f"--compare KEY=BEFORE..AFTER needs all conversations, which {source.name} does not give; "
            "compare times: --compare SINCE..UNTIL."
        )
    was, now = (
        diagnose_sample(
            _sample(source, with_beginning(source, side.selection), args.limit or _MOST_OF_EITHER)
        )
        for side in (before, after)
    )
    return changes_of((before, after), was, now)


def _write(
    args: argparse.Namespace,
    source: Source,
    read_from: str,
    diagnosis: Diagnosis,
    changes: Changes | None = None,
) -> None:
    """Write the page, with the conversations that show each finding best."""
    if args.html is None:
        return
    best = [one.trace_id for finding in diagnosis.findings for one in finding.evidence]
    wanted = list(dict.fromkeys(best))[:MOST_TRACES]
    # Files are read as a whole, all others find one by its id.
    asked = [EVERYTHING] if isinstance(source, Files) else [Selection(trace=one) for one in wanted]
    spans: dict[str, list[Span]] = {trace_id: [] for trace_id in wanted}
    for selection in asked if wanted else ():
        for span in source.spans(selection):
            if span.trace_id in spans:
                spans[span.trace_id].append(span)
    traces = {trace_id: Trace.of(found) for trace_id, found in spans.items() if found}
    command = partial(show_command, source)
    write_page(args.html, diagnosis_page(diagnosis, read_from, traces, command, changes))


def _diagnose(source: Source, asked: Selection, args: argparse.Namespace) -> tuple[Diagnosis, str]:
    """The diagnosis, and what it was made of."""
    selection, read_from = asked, source.name
    counting = prometheus(args)
    if counting is not None and not isinstance(source, SampledSource):
        raise CommandError("--prometheus counts what --jaeger or --tempo give a sample of; name one of them.")
    if asked.trace:
        diagnosis = diagnose(one_trace(source, asked).spans)
    elif isinstance(source, SampledSource):
        selection = with_beginning(source, asked)
        sample = _sample(source, selection, args.limit or _MOST_OF_EITHER)
        if counting is not None and sample:
            sample = reweighted(sample, _counted(counting, selection))
            read_from = f"{source.name}, counted by {counting.name}"
        diagnosis = diagnose_sample(sample)
    elif isinstance(source, ClickHouse):
        with shown(source.name) as progress, _few_collections():
            diagnosis = diagnose_stored(source, selection, args.limit, progress)
    else:
        with shown(f"reading {source.name}") as progress, _few_collections():
            parts = _parts(source, args.limit)
            wanted = read_parts(parts, selection, Wanted(selection, args.limit), progress)
            diagnosis = conclude_listed(wanted.population)
    if not diagnosis.conversations:
        raise nothing_in(source, selection, asked)
    return diagnosis, read_from


def _parts(source: Source, limit: int) -> Sequence[Files]:
    """What several processes read; a limit counts conversations in the order that one reads them in."""
    assert isinstance(source, Files)
    return [source] if limit else source.parts()


def _sample(source: SampledSource, selection: Selection, most: int) -> list[Weighted]:
    with shown(f"reading {source.name}") as progress, _few_collections():
        return source.sample(selection, failing=most, working=most, progress=progress)


def _counted(counting: Client, selection: Selection) -> Counts:
    if replace(selection, since=None, until=None, service=None) != EVERYTHING:
        raise CommandError(
            "--prometheus counts by --since, --until and --service only: leave the other options out."
        )
    return count(counting, replace(selection, until=selection.until or time.time_ns()))


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for unreachable cycles rarely: what is read has none, and there is much to look through."""
    before = gc.get_threshold()
    gc.set_threshold(_MANY_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
