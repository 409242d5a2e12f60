"""``autogen-otel repro``: write a test that fails for the reason a trace has recorded."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from autogen_otel.cli import PROBLEM, SUCCESS, CommandError, write_file
from autogen_otel.cli.options.selecting import id_prefix, moment_option, one_trace
from autogen_otel.cli.options.sources import add_sources, open_rereadable
from autogen_otel.cli.output import complain
from autogen_otel.cli.text.progress import show_progress
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Occurrence
from autogen_otel.diagnosis.of_source import population_of
from autogen_otel.repro.failure import Context, Failures, NoFailureError, NotReproducibleError
from autogen_otel.repro.source import words
from autogen_otel.repro.writing import write_test
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Source

_SAMPLE: Final = 200
_MOST_OTHERS: Final = 50
SUMMARY: Final = "write a test that fails for the reason a trace has recorded"
HELP: Final = """\
Write a pytest file that fails for the recorded reason, and passes once it is fixed.

examples:
  autogen-otel repro 4bf92f35 -o test_repro.py    the failure that was noticed most, as a pytest file
  autogen-otel repro 4bf92f35 --span 00f067aa     the failure of this span, or inside it
  autogen-otel repro 4bf92f35 --config settings:config_list -o test_repro.py
  autogen-otel repro 4bf92f35 --force -o test_repro.py     in the place of a file that is there
  pytest test_repro.py                            fails until the cause is fixed

The file calls your function with the recorded arguments, or sends a request of the same shape to the same
entry of your config_list. Nothing of it is run now. Where no honest test can be written, it says why instead.

exit codes:
  0  written
  1  there is a failure, but no honest test of it can be written; one sentence on stderr says why
  2  no such journal, trace, failure or option; one sentence on stderr says which
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    parser.add_argument("trace_id", metavar="TRACE_ID", help="the conversation; its beginning is enough")
    parser.add_argument(
        "--span", metavar="SPAN_ID", help="a span that failed (default: the failure noticed most)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="new file to write (default: standard output)")
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it is there")
    parser.add_argument(
        "--installed",
        action="store_true",
        help="also call a function of an installed package; a trace can name any, so look at it first",
    )
    parser.add_argument(
        "--config",
        metavar="CONFIG",
        help="where the test finds your config_list: an environment variable with JSON or a path, "
        "a JSON file, or module:attribute (default: OAI_CONFIG_LIST)",
    )
    parser.add_argument(
        "--since",
        type=moment_option,
        metavar="TIME",
        help="read only conversations begun since then: 2h, 30m, 7d ago, or 2026-11-22T07:00 "
        "(default: all; with --jaeger and --tempo, those within a day of the trace)",
    )
    add_sources(parser)


def run(args: argparse.Namespace) -> int:
    """Write the test, or say why not."""
    output = None if args.output is None else _file(args.output, is_forced=args.force)
    with open_rereadable(args) as source_of_traces:
        selection = Selection(since=args.since)
        failures = Failures.of(
            one_trace(source_of_traces, replace(selection, trace=id_prefix(args.trace_id)))
        )
        try:
            occurrence = failures.choose("" if args.span is None else id_prefix(args.span, "span"))
        except NoFailureError as error:
            raise CommandError(str(error)) from None
        context = _context(source_of_traces, selection, failures, occurrence, args)
    occurrence = context.as_diagnosed(occurrence)
    try:
        source = write_test(failures.trace, occurrence, context)
    except NotReproducibleError as error:
        complain(str(error))
        _tell_of_others(failures, occurrence)
        return PROBLEM
    if output is None:
        sys.stdout.write(source)
        return SUCCESS
    write_file(output, source)
    complain(f"{output} is written; it fails until the cause is fixed: {shlex.join(('pytest', str(output)))}")
    _tell_of_others(failures, occurrence)
    return SUCCESS


def _context(
    source: Source, selection: Selection, failures: Failures, occurrence: Occurrence, args: argparse.Namespace
) -> Context:
    """What to compare the failure with."""
    # Only a failing model call may have another cause than the one that it shows by itself.
    if occurrence.kind != MODEL:
        return Context(failures.population, failures.root_failures, args.config, args.installed)
    population = population_of(source, selection, failures.trace, _SAMPLE, show_progress)
    failures.hold_in(population, occurrence)
    return Context.of(population, args.config, allows_installed=args.installed)


def _file(output: str, *, is_forced: bool) -> Path:
    path = Path(output).expanduser()
    if path.exists() and not (is_forced and path.is_file()):
        raise CommandError(f"{path} exists already; name a new file, or give --force to overwrite it.")
    if not path.parent.is_dir():
        raise CommandError(f"The folder {path.parent} does not exist.")
    return path


def _tell_of_others(failures: Failures, occurrence: Occurrence) -> None:
    """Say how to reproduce the other failures of the trace."""
    other_failures = [failure for failure in failures.root_failures if failure.span_id != occurrence.span_id]
    if not other_failures:
        return
    lines = [
        f"  --span {failure.span_id}  {words(failure.words)}\n" for failure in other_failures[:_MOST_OTHERS]
    ]
    if len(other_failures) > _MOST_OTHERS:
        lines.append(f"  and {len(other_failures) - _MOST_OTHERS:,} more\n")
    sys.stderr.write(f"Also failed in this trace:\n{''.join(lines)}")
