"""``autogen-otel diagnose``: say what fails, why, and what it goes with."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Final

from autogen_otel.cli import PROBLEM, SUCCESS, CommandError, add_format, add_html, write_json, write_page
from autogen_otel.cli.options import selecting, sources
from autogen_otel.cli.page.diagnosis import MOST_TRACES, diagnosis_page
from autogen_otel.cli.text.progress import show_progress
from autogen_otel.cli.wording import view_hints
from autogen_otel.diagnosis.changes import Changes
from autogen_otel.diagnosis.document import changes_document, document_of
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.findings import Diagnosis, conclude
from autogen_otel.diagnosis.of_source import MOST_OF_EITHER, compare_source, diagnose_source, evidence_in
from autogen_otel.plain_text import one_line
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Source, with_beginning
from autogen_otel.vocabulary.causes import CAUSES

_MOST_VALUES: Final = 10
SUMMARY: Final = "say what fails, why, and what it goes with"
HELP: Final = """\
Read conversations and say what fails in them, why, what it goes with, and what to do.

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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    selecting.add_trace(parser, "explain this trace")
    parser.add_argument(
        "--limit",
        type=selecting.count_option,
        default=0,
        metavar="N",
        help="conversations to read at most, as they are stored (default: all); "
        f"of Jaeger and Tempo so many that fail and so many others (default: {MOST_OF_EITHER:,} each)",
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
        choices=CAUSES,
        default=[],
        metavar="CAUSE",
        help="show only findings with this cause; may be repeated (" + ", ".join(CAUSES) + ")",
    )
    sources.add_sources(parser)
    sources.add_prometheus(parser)
    selecting.add_selection(parser, failures=False)
    add_format(parser)
    add_html(parser, "write one self-contained page to this file too, with charts and the best traces")


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    selection = selecting.selection_of(args)
    changes = None
    # A page needs a source that can be read twice.
    with (
        sources.open_rereadable(args)
        if args.html is not None
        else nullcontext(sources.open_source(args)) as source
    ):
        if args.compare is not None:
            changes = _changes(source, selection, args)
            diagnosis, read_from = changes.after, source.name
        else:
            diagnosis, read_from = _diagnose(source, selection, args)
        if args.html is not None:
            traces = evidence_in(source, diagnosis, MOST_TRACES)
            command = partial(sources.show_command, source)
            write_page(args.html, diagnosis_page(diagnosis, read_from, traces, command, changes))
    if args.html != "-":
        _print(args, source, diagnosis, read_from, changes)
    return PROBLEM if (diagnosis.findings if changes is None else changes.got_worse) else SUCCESS


def _print(
    args: argparse.Namespace, source: Source, diagnosis: Diagnosis, read_from: str, changes: Changes | None
) -> None:
    if args.format == "json":
        link_of = partial(sources.link, source, args.link)
        if changes is None:
            write_json(document_of(diagnosis, read_from, link_of))
        else:
            write_json(changes_document(changes, read_from, link_of))
        return
    from autogen_otel.cli.text.findings import render_changes, render_diagnosis  # noqa: PLC0415 - JSON needs no drawing

    look = partial(view_hints, source, args.link)
    if changes is None:
        render_diagnosis(diagnosis, read_from, look)
    else:
        render_changes(changes, read_from, look)


def _diagnose(source: Source, selection: Selection, args: argparse.Namespace) -> tuple[Diagnosis, str]:
    counting = sources.prometheus(args)
    if selection.trace:
        trace = selecting.one_trace(source, selection)
        diagnosis, read_from = conclude(Population.of_trace(trace)), source.name
    else:
        diagnosis, read_from = diagnose_source(source, selection, args.limit, counting, show_progress)
    if not diagnosis.conversations:
        raise sources.no_conversation_error(source, with_beginning(source, selection), selection)
    return _with_causes(diagnosis, args.causes), read_from


def _with_causes(diagnosis: Diagnosis, causes: Collection[str]) -> Diagnosis:
    """The diagnosis with only the findings of these causes; with all findings if no cause is named."""
    if not causes:
        return diagnosis
    return replace(
        diagnosis, findings=tuple(finding for finding in diagnosis.findings if finding.cause in causes)
    )


def _changes(source: Source, selection: Selection, args: argparse.Namespace) -> Changes:
    if selection.trace:
        raise CommandError("--compare is about many conversations; leave the trace id out.")
    changes = compare_source(source, *selecting.sides(args.compare, selection), args.limit, show_progress)
    for side, diagnosis in zip(changes.sides, (changes.before, changes.after), strict=True):
        if not diagnosis.conversations:
            known_values = one_line(", ".join(changes.attribute_values[:_MOST_VALUES]))
            hint = f"; there are: {known_values}" if known_values else ""
            raise CommandError(f"{source.name} holds no conversations to compare ({side.label}){hint}.")
    if not args.causes:
        return changes
    remaining_changes = tuple(
        change for change in changes.changed_findings if change.finding.cause in args.causes
    )
    return replace(
        changes, after=_with_causes(changes.after, args.causes), changed_findings=remaining_changes
    )
