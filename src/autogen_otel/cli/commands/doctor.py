"""``autogen-otel doctor``: what is attached, what stood down, and whether telemetry arrives."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.cli.errors import DONE, CommandError
from autogen_otel.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.cli.checkup import Checkup
    from autogen_otel.cli.checkup_endpoints import Endpoint

_PROBLEM: Final = 1
_SCHEMA: Final = 1
_EPILOG: Final = """\
examples:
  autogen-otel doctor                  in the environment (variables included) that your program runs in
  autogen-otel doctor --rows           with every function of the host that is attached to
  autogen-otel doctor --format json | jq .problems

It attaches and detaches in a process of its own, and sends one empty request to each endpoint.

exit codes:
  0  all is well
  1  something is wrong: no supported host, a function not attached, or nowhere for telemetry to go
  2  a word or a setting that cannot be used; one sentence on stderr says which
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="check what is attached, what stood down, and whether telemetry arrives",
        description="Check the host, what is attached to it, and whether telemetry arrives.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", action="store_true", help="list every function that is attached to")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, and print what was found.

    Raises:
        CommandError: a setting cannot be used, or text is asked for without rich.
    """
    if args.format == "text":
        _need_rich()
    try:
        settings = Settings.from_environ()
    except SettingsError as error:
        raise CommandError(f"{error}.") from error
    from autogen_otel.cli.checkup import examine  # noqa: PLC0415 - loads all rooms; other commands need few

    checkup = examine(settings)
    if args.format == "json":
        sys.stdout.write(json.dumps(_document(checkup), indent=2) + "\n")
    else:
        from autogen_otel.cli.checkup_text import render_checkup  # noqa: PLC0415 - JSON works without rich
        from autogen_otel.cli.terminal import TextConsole  # noqa: PLC0415

        render_checkup(checkup, TextConsole(), rows=args.rows)
    return _PROBLEM if checkup.problems else DONE


def _need_rich() -> None:
    try:
        importlib.import_module("rich")
    except ImportError:
        raise CommandError(
            "Text output needs rich: pip install 'autogen-otel[cli]' (or ask for --format json)."
        ) from None


def _document(checkup: Checkup) -> dict[str, Any]:
    report, journal = checkup.report, checkup.journal
    return {
        "schema": _SCHEMA,
        "problems": list(checkup.problems),
        "host": None
        if report.lineage is None
        else {"name": str(report.lineage), "lineage": report.lineage.name},
        "versions": dict(checkup.versions),
        "attached": [{"target": row.target, "yields": row.yields} for row in report.attached],
        "absent": [
            {"target": row.target, "yields": row.yields, "reason": row.reason, "expected": row.expected}
            for row in report.absent
        ],
        "stood_down": [
            {"target": one.target, "who": one.who, "reason": one.reason} for one in report.stood_down
        ],
        "overlapping": dict(checkup.overlapping),
        "endpoints": _endpoints(checkup.endpoints),
        "metrics_endpoints": _endpoints(checkup.metrics),
        "logs_endpoints": None if checkup.logs is None else _endpoints(checkup.logs),
        "message_content": checkup.message_content,
        "journal": {
            "folder": str(journal.folder),
            "kept": journal.kept,
            "bytes": journal.size,
            "writable": journal.writable,
        },
        "settings": [
            {"name": one.name, "value": one.value, "variable": one.env, "set": one.source is not None}
            for one in checkup.knobs
        ],
    }


def _endpoints(found: Sequence[Endpoint]) -> list[dict[str, Any]]:
    return [{"endpoint": one.label, "takes": one.takes, "problem": one.problem} for one in found]
