"""``autogen-otel check``: say what is wrong with a config_list before the program starts."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from autogen_otel.cli import (
    PROBLEM,
    SUCCESS,
    CommandError,
    add_authorities,
    add_format,
    quantities,
    write_json,
)
from autogen_otel.cli.output import complain
from autogen_otel.network import certificates
from autogen_otel.vocabulary.verdicts import NOT_PROBED, PHRASES, WORKS

if TYPE_CHECKING:
    from autogen_otel.checks import EntryReport, ListReport

_PATIENCE: Final = 1.0
_MOST_SECONDS: Final = 600.0
_DEFAULT_SECONDS: Final = 15.0
_HEADINGS: Final = ("entry", "model", "endpoint", "verdict")
_PROBE_HEADINGS: Final = ("seconds", "stream", "tools", "context", "request id")
_AS_FAR_AS_KNOWN: Final = "Nothing is wrong that can be found without AutoGen."
SUMMARY: Final = "check a config_list before the program starts"
HELP: Final = """\
Check the entries of a config_list with the installed AutoGen, and their endpoints.

examples:
  autogen-otel check OAI_CONFIG_LIST.json            without the network
  autogen-otel check                                 the variable OAI_CONFIG_LIST, else the file of that name
  autogen-otel check settings:CONFIG_LIST            a list, llm_config or LLMConfig in settings.py
  autogen-otel check --probe OAI_CONFIG_LIST.json    and at most five small requests to each entry
  autogen-otel check --format json list.json | jq '.entries[] | select(.dead)'
  export OAI_CONFIG_LIST="$(autogen-otel check --probe --drop-dead list.json)"

Keys are never printed, but with --drop-dead, whose list is for the program.

exit codes:
  0  all is well
  1  something is wrong
  2  could not be done as asked; one sentence on stderr says why
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    parser.add_argument(
        "config",
        nargs="?",
        metavar="CONFIG",
        help="JSON file, name of an environment variable, module:attribute, or - for standard input "
        "(default: OAI_CONFIG_LIST)",
    )
    parser.add_argument(
        "--probe", action="store_true", help="send requests to each entry's endpoint, in parallel"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_DEFAULT_SECONDS,
        metavar="SECONDS",
        help="with --probe: how long each entry may take (default: 15)",
    )
    parser.add_argument(
        "--drop-dead",
        action="store_true",
        help="print the list without the entries that cannot work, and no report",
    )
    add_authorities(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Check, and print the report or the list without its dead entries."""
    from autogen_otel.checks import SourceError, examine  # noqa: PLC0415 - other commands need none of it
    from autogen_otel.checks.source import drop_entries, find  # noqa: PLC0415 - same

    if args.drop_dead and args.format == "json":
        raise CommandError(
            "--drop-dead prints the list, so it goes with no --format json; choose one of them"
        )
    _refuse_authorities(args)
    try:
        source = find(args.config)
        with _progress(len(source.entries), args):
            report = examine([source], args.timeout if args.probe else None, authorities=args.ca)[0]
        if args.drop_dead:
            dead = {entry.index for entry in report.entries if entry.is_dead}
            sys.stdout.write(drop_entries(source, dead))
    except SourceError as error:
        raise CommandError(str(error)) from None
    if args.drop_dead:
        _report_dropped_entries(report)
    elif args.format == "json":
        write_json({"source": source.label, "probed": args.probe, **report.as_dict()})
    else:
        _print(report, source.label, is_probed=args.probe)
    return SUCCESS if report.is_well else PROBLEM


def _refuse_authorities(args: argparse.Namespace) -> None:
    if args.ca is None:
        return
    if not args.probe:
        raise CommandError("--ca names whom endpoints are trusted by, so it goes with --probe")
    try:
        certificates(args.ca)
    except ValueError as error:
        raise CommandError(str(error)) from None


@contextmanager
def _progress(entries: int, args: argparse.Namespace) -> Iterator[None]:
    """Say on a terminal what is under way if it takes longer than a second."""
    activity = "asking AutoGen and the endpoints" if args.probe else "asking AutoGen"
    line = f"autogen-otel: {activity} about {quantities.plural(entries, 'entry', 'entries')} ...\n"
    timer = threading.Timer(_PATIENCE, sys.stderr.write, (line,))
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0, up to {_MOST_SECONDS:g}")
    return seconds


def _report_dropped_entries(report: ListReport) -> None:
    for entry in report.entries:
        if entry.is_dead:
            reasons = "; ".join(_sentences(entry))
            complain(f"dropped entry {entry.index} ({entry.model}): {reasons}")


def _sentences(entry: EntryReport) -> Iterator[str]:
    """The problems of an entry, its endpoint's answer first."""
    probe = entry.probe
    if probe is not None and probe["verdict"] not in {WORKS, NOT_PROBED}:
        yield PHRASES[probe["verdict"]] + (f" ({probe['detail']})" if probe["detail"] else "")
    yield from (problem.message for problem in entry.problems)


def _print(report: ListReport, label: str, *, is_probed: bool) -> None:
    """Print the report for people: a table, then what is wrong, then what could not be checked."""
    from autogen_otel.cli.text.terminal import TextConsole, one_line  # noqa: PLC0415 - JSON works without it

    # The columns of a narrow terminal have no room for all that there is to say of an entry.
    console = TextConsole(wraps=False)

    def line(words: str, style: str) -> None:
        console.say(one_line(words, console), style)

    if report.entries:
        reason = report.host_problem or "no entry is an object"
        host = report.host or f"AutoGen could not be asked ({reason})"
        line(f"{label}: {quantities.plural(len(report.entries), 'entry', 'entries')}, {host}", "bold")
        console.print()
        table = console.table("bold")
        for heading in (*_HEADINGS, *_PROBE_HEADINGS) if is_probed else _HEADINGS:
            table.add_column(heading)
        for entry in report.entries:
            style = "red" if entry.is_dead else "green" if entry.is_well else "yellow"
            cells = (*_cells(entry), *_probe_cells(entry)) if is_probed else _cells(entry)
            table.add_row(*(one_line(cell, console) for cell in cells), style=style)
        console.print(table)
        console.print()
    for problem in report.problems:
        line(f"the list: {problem.message}" if report.entries else f"{label}: {problem.message}", "red")
    for entry in report.entries:
        for sentence in _sentences(entry):
            line(f"entry {entry.index}: {sentence}", "red")
    for note, indices in _notes(report).items():
        noun = "entry" if len(indices) == 1 else "entries"
        line(f"{noun} {', '.join(map(str, indices))}: {note}", "dim")
    if report.is_well:
        line("All is well." if report.host else _AS_FAR_AS_KNOWN, "green")


def _notes(report: ListReport) -> dict[str, list[int]]:
    """Each note with the entries that it is about: what is true of many entries is printed once."""
    entries_by_note: dict[str, list[int]] = {}
    for entry in report.entries:
        for note in (*entry.notes, *_limitations(entry)):
            entries_by_note.setdefault(note, []).append(entry.index)
    return entries_by_note


def _limitations(entry: EntryReport) -> Iterator[str]:
    """What a working endpoint cannot do, and why an endpoint was not asked."""
    probe = entry.probe
    if probe is None:
        return
    if probe["verdict"] == NOT_PROBED:
        yield f"not probed: {probe['detail']}"
    for name in ("streaming", "tools"):
        if probe[name]["detail"]:
            yield f"{name}: {probe[name]['detail']}"
    if probe["models"]:
        yield f"the server has {', '.join(probe['models'])}"


def _cells(entry: EntryReport) -> tuple[str, ...]:
    return str(entry.index), entry.model or "-", entry.endpoint or "-", _verdict(entry)


def _probe_cells(entry: EntryReport) -> tuple[str, ...]:
    probe = entry.probe
    if probe is None:
        return ("-",) * len(_PROBE_HEADINGS)
    seconds, size = probe["seconds"], probe["context_size"]
    return (
        "-" if seconds is None else f"{seconds:.2f}",
        *({None: "-", True: "yes", False: "no"}[probe[name]["supported"]] for name in ("streaming", "tools")),
        "-" if size is None else f"{size:,}",
        probe["request_id"] or "-",
    )


def _verdict(entry: EntryReport) -> str:
    if entry.probe is not None and entry.probe["verdict"] != NOT_PROBED:
        return PHRASES[entry.probe["verdict"]]
    if entry.is_dead:
        return "cannot work"
    if not entry.is_well:
        return "look at it"
    return "not probed" if entry.probe is not None else "ok"
