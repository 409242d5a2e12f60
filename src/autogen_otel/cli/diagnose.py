"""``autogen-otel diagnose``: say what fails, why, and what it goes with."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from autogen_otel.cli import (
    DONE,
    PROBLEM,
    CommandError,
    add_command,
    add_format,
    require_rich,
    write_json,
)
from autogen_otel.cli.progress import shown
from autogen_otel.cli.selecting import (
    add_selection,
    add_trace,
    count_option,
    one_trace,
    selected,
    with_beginning,
)
from autogen_otel.cli.sources import add_prometheus, add_sources, link, nothing_in, opened, prometheus
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.findings import Diagnosis, diagnose, diagnose_sample
from autogen_otel.diagnosis.stored.diagnosis import diagnose_stored
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import SampledSource, Source, Weighted
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.prometheus import Counts, count, reweighted

_MOST_OF_EITHER: Final = 1000
_MANY_OBJECTS: Final = 200_000
_EPILOG: Final = """\
examples:
  autogen-otel diagnose                         all conversations of the journal
  autogen-otel diagnose --since 2h              those that began in the last two hours
  autogen-otel diagnose --since 2026-11-22T07:00 --until 2026-11-22T09:00
  autogen-otel diagnose 4bf92f35                explain one conversation
  autogen-otel diagnose --journal traces.jsonl.gz --format json | jq .findings
  zcat old/*.gz | autogen-otel diagnose --journal -
  autogen-otel diagnose --clickhouse http://localhost:8123 --table otel.otel_traces --since 1d

exit codes:
  0  nothing failed
  1  there are findings
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
    add_sources(parser)
    add_prometheus(parser)
    add_selection(parser, failures=False)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    if args.format == "text":
        require_rich()
    source, selection = opened(args), selected(args)
    diagnosis, read_from = _diagnose(source, selection, args)
    if args.format == "json":
        write_json(document_of(diagnosis, read_from, partial(link, source, args.link)))
    else:
        from autogen_otel.cli.findings import render_diagnosis  # noqa: PLC0415 - JSON output works without rich
        from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

        render_diagnosis(diagnosis, read_from, source, TextConsole(), args.link)
    return PROBLEM if diagnosis.findings else DONE


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
        with shown(source.name) as progress, _few_collections():
            spans = source.spans(selection, may_repeat=True, progress=progress)
            diagnosis = diagnose(spans, selection, args.limit)
    if not diagnosis.conversations:
        raise nothing_in(source, selection, asked)
    return diagnosis, read_from


def _sample(source: SampledSource, selection: Selection, most: int) -> list[Weighted]:
    with shown(source.name) as progress, _few_collections():
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
