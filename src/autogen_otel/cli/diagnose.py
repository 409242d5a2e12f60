"""``autogen-otel diagnose``: say what fails, why, and what it goes with."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import (
    DONE,
    PROBLEM,
    CommandError,
    add_command,
    add_format,
    journals,
    require_rich,
    write_json,
)
from autogen_otel.cli.selecting import moment_option
from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.evidence.population import Filter
from autogen_otel.diagnosis.findings import Diagnosis, diagnose
from autogen_otel.traces.journal import STANDARD_INPUT

_ID_DIGITS: Final = frozenset("0123456789abcdef")
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
    parser.add_argument(
        "trace_id", nargs="?", metavar="TRACE_ID", help="explain this trace; its beginning is enough"
    )
    parser.add_argument(
        "--journal",
        metavar="PATH",
        help="OTLP JSON file (.gz too), or folder of *.jsonl files, to read; - for standard input",
    )
    parser.add_argument(
        "--since",
        type=moment_option,
        metavar="TIME",
        help="begun since then: 2h, 3d ago, or 2026-11-22T07:00",
    )
    parser.add_argument("--until", type=moment_option, metavar="TIME", help="begun before then")
    parser.add_argument("--service", metavar="NAME", help="only conversations of this program")
    parser.add_argument("--conversation", metavar="TRACE", help="the same as TRACE_ID")
    parser.add_argument(
        "--limit",
        type=_limit,
        default=0,
        metavar="N",
        help="conversations to read at most, as they are stored (default: all)",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    if args.format == "text":
        require_rich()
    path = STANDARD_INPUT if args.journal == "-" else journals.locate(args.journal)
    wanted = Filter(args.since or 0, args.until or 0, args.service, _trace(args), args.limit)
    diagnosis, source = _diagnose(path, wanted)
    if args.format == "json":
        write_json(document_of(diagnosis, source))
    else:
        from autogen_otel.cli.findings import render_diagnosis  # noqa: PLC0415 - JSON output works without rich
        from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

        render_diagnosis(diagnosis, source, TextConsole(), journal=args.journal)
    return PROBLEM if diagnosis.findings else DONE


def _diagnose(path: Path, wanted: Filter) -> tuple[Diagnosis, str]:
    prefix = wanted.trace
    ids: set[str] = set()

    def is_wanted(trace_id: str) -> bool:
        if trace_id.startswith(prefix):
            ids.add(trace_id)
            return True
        return False

    trace_filter = is_wanted if prefix else None
    with _few_collections():
        diagnosis = diagnose(journals.spans(path, trace_filter, may_repeat=True), wanted)
    source = "standard input" if path == STANDARD_INPUT else f"journal {path}"
    if prefix and len(ids) > 1:
        raise CommandError(f"{prefix} is the beginning of {len(ids)} traces; give more digits.")
    if prefix and not ids:
        raise CommandError(f"No trace in {source} begins with {prefix}.")
    if not diagnosis.conversations:
        narrowed = wanted.since_ns or wanted.until_ns or wanted.service or prefix
        why = "none fits the options" if narrowed else journals.HOW_TO_GET_ONE
        raise CommandError(f"No conversations in {source}: {why}.")
    return diagnosis, source


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for unreachable cycles rarely: what is read has none, and there is much to look through."""
    before = gc.get_threshold()
    gc.set_threshold(_MANY_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _trace(args: argparse.Namespace) -> str:
    given = args.trace_id or args.conversation
    if given is None:
        return ""
    if args.trace_id and args.conversation:
        raise CommandError("TRACE_ID and --conversation are the same; give one of them.")
    prefix = str(given).strip().lower()
    if not prefix or not _ID_DIGITS.issuperset(prefix):
        raise CommandError(f"{given!r} is not a trace id: those are made of the digits 0-9 and a-f.")
    return prefix


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)
