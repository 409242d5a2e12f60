"""``autogen-otel diagnose``: say what fails, why, and what it goes with."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import (
    DONE,
    PROBLEM,
    CommandError,
    add_command,
    add_format,
    add_html,
    journals,
    require_rich,
    write_json,
    write_page,
)
from autogen_otel.cli.comparing import sides
from autogen_otel.cli.page.diagnosis import MOST_TRACES, diagnosis_page
from autogen_otel.cli.page.html import clean
from autogen_otel.cli.page.spans import in_a_line
from autogen_otel.cli.selecting import moment_option
from autogen_otel.diagnosis.changes import Changes, compare
from autogen_otel.diagnosis.document import changes_document, document_of
from autogen_otel.diagnosis.evidence.population import Filter
from autogen_otel.diagnosis.findings import Diagnosis, diagnose
from autogen_otel.traces.journal import STANDARD_INPUT
from autogen_otel.traces.trace import Span, Trace

_ID_DIGITS: Final = frozenset("0123456789abcdef")
_MOST_NAMED: Final = 10
_MANY_OBJECTS: Final = 200_000
_EPILOG: Final = """\
examples:
  autogen-otel diagnose                         all conversations of the journal
  autogen-otel diagnose --since 2h              those that began in the last two hours
  autogen-otel diagnose --since 2026-11-22T07:00 --until 2026-11-22T09:00
  autogen-otel diagnose 4bf92f35                explain one conversation
  autogen-otel diagnose --journal traces.jsonl.gz --format json | jq .findings
  zcat old/*.gz | autogen-otel diagnose --journal -
  autogen-otel diagnose --html report.html      as one page too, with charts and the best traces
  autogen-otel diagnose --compare service.version=1.4..1.5   what the new version broke or mended
  autogen-otel diagnose --since 2h --compare 26h..24h        the last two hours with the same of yesterday

exit codes:
  0  nothing failed; with --compare: nothing is new or more frequent
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
    parser.add_argument(
        "--compare",
        metavar="WHAT",
        help="with what was before: SINCE..UNTIL, or KEY=BEFORE..AFTER for two values of an attribute",
    )
    add_format(parser)
    add_html(parser, "write one self-contained page to this file too, with charts and the best traces")


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    if args.format == "text":
        require_rich()
    path = STANDARD_INPUT if args.journal == "-" else journals.locate(args.journal)
    wanted = Filter(args.since or 0, args.until or 0, args.service, _trace(args), args.limit)
    # A page is made of what is read twice.
    with journals.kept(path) if args.html is not None else nullcontext(path) as readable:
        source = "standard input" if path == STANDARD_INPUT else f"journal {path}"
        if args.compare is not None:
            return _compare(readable, source, wanted, args)
        diagnosis = _diagnose(readable, source, wanted)
        _write(args, readable, source, diagnosis)
    if args.html == "-":
        pass
    elif args.format == "json":
        write_json(document_of(diagnosis, source))
    else:
        from autogen_otel.cli.findings import render_diagnosis  # noqa: PLC0415 - JSON output works without rich
        from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

        render_diagnosis(diagnosis, source, TextConsole(), journal=args.journal)
    return PROBLEM if diagnosis.findings else DONE


def _compare(path: Path, source: str, wanted: Filter, args: argparse.Namespace) -> int:
    if wanted.trace:
        raise CommandError("--compare is about many conversations; leave the trace id out.")
    before, after = sides(args.compare, wanted)
    with _few_collections():
        changes = compare(journals.spans(path, may_repeat=True), before, after)
    for side, diagnosis in zip(changes.sides, (changes.before, changes.after), strict=True):
        if not diagnosis.conversations:
            named = clean(in_a_line(", ".join(changes.known[:_MOST_NAMED])))
            there = f"; there are: {named}" if named else ""
            raise CommandError(f"No conversations in {source} are {side.label}{there}.")
    _write(args, path, source, changes.after, changes)
    if args.html == "-":
        pass
    elif args.format == "json":
        write_json(changes_document(changes, source))
    else:
        from autogen_otel.cli.changes import render_changes  # noqa: PLC0415 - JSON output works without rich
        from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

        render_changes(changes, source, TextConsole(), journal=args.journal)
    return PROBLEM if changes.got_worse else DONE


def _write(
    args: argparse.Namespace, path: Path, source: str, diagnosis: Diagnosis, changes: Changes | None = None
) -> None:
    if args.html is None:
        return
    best = [one.trace_id for finding in diagnosis.findings for one in finding.evidence]
    wanted = dict.fromkeys(best[:MOST_TRACES])
    spans: dict[str, list[Span]] = {trace_id: [] for trace_id in wanted}
    if wanted:
        for span in journals.spans(path, wanted.__contains__):
            spans[span.trace_id].append(span)
    traces = {trace_id: Trace.of(found) for trace_id, found in spans.items() if found}
    write_page(args.html, diagnosis_page(diagnosis, source, traces, changes))


def _diagnose(path: Path, source: str, wanted: Filter) -> Diagnosis:
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
    if prefix and len(ids) > 1:
        raise CommandError(f"{prefix} is the beginning of {len(ids)} traces; give more digits.")
    if prefix and not ids:
        raise CommandError(f"No trace in {source} begins with {prefix}.")
    if not diagnosis.conversations:
        narrowed = wanted.since_ns or wanted.until_ns or wanted.service or prefix
        why = "none fits the options" if narrowed else journals.HOW_TO_GET_ONE
        raise CommandError(f"No conversations in {source}: {why}.")
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
