"""``autogen-otel diagnose``: say what fails, why, and what it goes with."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from contextlib import contextmanager
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
from autogen_otel.cli.selecting import add_selection, add_trace, count_option, one_trace, selected
from autogen_otel.cli.sources import HOW_TO_GET_ONE, add_sources, opened
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.findings import Diagnosis, diagnose
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import Source

_MANY_OBJECTS: Final = 200_000
_EPILOG: Final = """\
examples:
  autogen-otel diagnose                         all conversations of the journal
  autogen-otel diagnose --since 2h              those that began in the last two hours
  autogen-otel diagnose --since 2026-11-22T07:00 --until 2026-11-22T09:00
  autogen-otel diagnose 4bf92f35                explain one conversation
  autogen-otel diagnose --journal traces.jsonl.gz --format json | jq .findings
  zcat old/*.gz | autogen-otel diagnose --journal -

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
        help="conversations to read at most, as they are stored (default: all)",
    )
    add_sources(parser)
    add_selection(parser, failures=False)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    if args.format == "text":
        require_rich()
    source, selection = opened(args), selected(args)
    diagnosis = _diagnose(source, selection, args.limit)
    if args.format == "json":
        write_json(document_of(diagnosis, source.name))
    else:
        from autogen_otel.cli.findings import render_diagnosis  # noqa: PLC0415 - JSON output works without rich
        from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

        render_diagnosis(diagnosis, source, TextConsole())
    return PROBLEM if diagnosis.findings else DONE


def _diagnose(source: Source, selection: Selection, limit: int) -> Diagnosis:
    if selection.trace:
        diagnosis = diagnose(one_trace(source, selection).spans)
    else:
        with shown(source.name) as progress, _few_collections():
            spans = source.spans(selection, may_repeat=True, progress=progress)
            diagnosis = diagnose(spans, selection, limit)
    if not diagnosis.conversations:
        why = HOW_TO_GET_ONE if selection == EVERYTHING else "none fits the options"
        raise CommandError(f"No conversations in {source.name}: {why}.")
    return diagnosis


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for unreachable cycles rarely: what is read has none, and there is much to look through."""
    before = gc.get_threshold()
    gc.set_threshold(_MANY_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
