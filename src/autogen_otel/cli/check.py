"""``autogen-otel check``: say what is wrong with a config_list before the program starts."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.cli import DONE, PROBLEM, CommandError, add_command, add_format, write_json
from autogen_otel.vocabulary.verdicts import NOT_PROBED, PHRASES, WORKS

if TYPE_CHECKING:
    from autogen_otel.checks import EntryReport, ListReport

_PATIENCE: Final = 1.0
_MOST_SECONDS: Final = 600.0
_DEFAULT_SECONDS: Final = 15.0
_HEADINGS: Final = (
    "entry",
    "model",
    "endpoint",
    "verdict",
    "seconds",
    "stream",
    "tools",
    "context",
    "request id",
)
_EPILOG: Final = """\
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


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        subparsers,
        "check",
        run,
        summary="check a config_list before the program starts",
        description="Check the entries of a config_list with the installed AutoGen, and their endpoints.",
        epilog=_EPILOG,
    )
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
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Check, and print the report or the list that is left."""
    from autogen_otel.checks import SourceError, examine  # noqa: PLC0415 - other commands need none of it
    from autogen_otel.checks.dropping import without  # noqa: PLC0415 - same
    from autogen_otel.checks.source import find  # noqa: PLC0415 - same

    if args.drop_dead and args.format == "json":
        raise CommandError(
            "--drop-dead prints the list, so it goes with no --format json; choose one of them"
        )
    try:
        source = find(args.config)
        with _progress(len(source.entries), args):
            report = examine([source], args.timeout if args.probe else None)[0]
        if args.drop_dead:
            dead = {one.index for one in report.entries if one.is_dead}
            sys.stdout.write(without(source, dead))
    except SourceError as error:
        raise CommandError(str(error)) from None
    if args.drop_dead:
        _say_dropped(report)
    elif args.format == "json":
        write_json({"source": source.label, "probed": args.probe, **report.as_dict()})
    else:
        _print(report, source.label, probed=args.probe)
    return DONE if report.is_well else PROBLEM


@contextmanager
def _progress(entries: int, args: argparse.Namespace) -> Iterator[None]:
    """Say on a terminal what takes longer than a second."""
    doing = "asking AutoGen and the endpoints" if args.probe else "asking AutoGen"
    line = f"autogen-otel: {doing} about {_entries(entries)} ...\n"
    timer = threading.Timer(_PATIENCE, sys.stderr.write, (line,))
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_MOST_SECONDS:g}")
    return seconds


def _say_dropped(report: ListReport) -> None:
    for entry in report.entries:
        if entry.is_dead:
            why = "; ".join(_sentences(entry))
            sys.stderr.write(f"autogen-otel: dropped entry {entry.index} ({entry.model}): {why}\n")


def _sentences(entry: EntryReport) -> Iterator[str]:
    """What is wrong with an entry, its endpoint's word first."""
    probe = entry.probe
    if probe is not None and probe["verdict"] not in {WORKS, NOT_PROBED}:
        yield (
            f"{PHRASES[probe['verdict']]} ({probe['detail']})"
            if probe["detail"]
            else PHRASES[probe["verdict"]]
        )
    yield from (problem.message for problem in entry.problems)


def _print(report: ListReport, label: str, *, probed: bool) -> None:
    """Print the report for people: a table, then what is wrong, then what could not be checked."""
    host = report.host or f"AutoGen could not be asked ({report.host_problem or 'there was nothing to ask'})"
    lines = [(f"{label}: {_entries(len(report.entries))}, {host}", "bold"), ("", "")]
    lines += _table(report, probed=probed)
    for problem in report.problems:
        lines.append((f"the list: {problem.message}", "red"))
    for entry in report.entries:
        lines += [(f"entry {entry.index}: {one}", "red") for one in _sentences(entry)]
    lines += [(f"{_named(indices)}: {note}", "dim") for note, indices in _notes(report).items()]
    if report.is_well:
        lines.append(("All is well.", "green"))
    _write(lines)


def _notes(report: ListReport) -> dict[str, list[int]]:
    """What there is to know, with the entries that it is about: of many entries the same is said once."""
    found: dict[str, list[int]] = {}
    for entry in report.entries:
        for note in (*entry.notes, *_unable(entry)):
            found.setdefault(note, []).append(entry.index)
    return found


def _named(indices: list[int]) -> str:
    return f"{'entry' if len(indices) == 1 else 'entries'} {', '.join(map(str, indices))}"


def _unable(entry: EntryReport) -> Iterator[str]:
    """What a working endpoint cannot do, and why one was not asked."""
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


def _table(report: ListReport, *, probed: bool) -> Iterator[tuple[str, str]]:
    width = len(_HEADINGS) if probed else 4
    rows = [_HEADINGS[:width], *(_row(entry)[:width] for entry in report.entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(width)]
    for position, row in enumerate(rows):
        line = "  ".join(cell.ljust(widths[column]) for column, cell in enumerate(row)).rstrip()
        entry = report.entries[position - 1] if position else None
        if entry is None:
            yield line, "bold"
        else:
            yield line, "red" if entry.is_dead else "green" if entry.is_well else "yellow"
    if report.entries:
        yield "", ""


def _row(entry: EntryReport) -> tuple[str, ...]:
    probe = entry.probe
    facts = (str(entry.index), entry.model or "-", entry.endpoint or "-", _verdict(entry))
    if probe is None:
        return (*facts, *("-",) * (len(_HEADINGS) - len(facts)))
    seconds, size = probe["seconds"], probe["context_size"]
    return (
        *facts,
        "-" if seconds is None else f"{seconds:.2f}",
        _yes_or_no(probe["streaming"]["supported"]),
        _yes_or_no(probe["tools"]["supported"]),
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


def _yes_or_no(supported: bool | None) -> str:
    return "-" if supported is None else "yes" if supported else "no"


def _write(lines: list[tuple[str, str]]) -> None:
    """Print lines with their styles where rich is installed; else without."""
    if find_spec("rich") is None:
        sys.stdout.write("".join(f"{line}\n" for line, _ in lines))
        return
    from rich.text import Text  # noqa: PLC0415 - printing works without

    from autogen_otel.cli.text.terminal import TextConsole, one_line  # noqa: PLC0415 - same

    console = TextConsole()
    for line, style in lines:
        console.print(Text(one_line(line, console), style=style), soft_wrap=True)
