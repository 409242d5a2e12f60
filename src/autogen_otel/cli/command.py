"""What all commands share: how they are declared, how they end, and their output for programs."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from typing import Any, Final

DONE: Final = 0
PROBLEM: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

_SCHEMA: Final = 1
"""Of the JSON that commands print; a change that breaks readers raises it."""


class CommandError(Exception):
    """Ends a command with exit code 2 and one sentence on stderr.

    Args:
        sentence: what is wrong and what to do about it.
    """


def add_command(
    subparsers: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str,
    description: str,
    epilog: str,
) -> argparse.ArgumentParser:
    """Add a command to the command line.

    Args:
        subparsers: of the command line.
        name: the command.
        run: takes the parsed arguments and returns the exit code.
        summary: its line in the list of commands.
        description: the first paragraph of its help.
        epilog: the end of its help, with examples and exit codes.
    """
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--format`` to a command."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def require_rich() -> None:
    """Make sure that text can be printed.

    Raises:
        CommandError: rich is not installed.
    """
    try:
        importlib.import_module("rich")
    except ImportError:
        raise CommandError(
            "Text output needs rich: pip install 'autogen-otel[cli]' (or ask for --format json)."
        ) from None


def write_json(document: dict[str, Any]) -> None:
    """Print one JSON object with the number of its schema."""
    sys.stdout.write(json.dumps({"schema": _SCHEMA, **document}, indent=2, allow_nan=False) + "\n")
