"""The options that say where traces are read from, and the sources that they mean."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import Final

from autogen_otel.cli import CommandError
from autogen_otel.delivery.journal import NoFolderError, default_dir
from autogen_otel.settings import REDACT_VARIABLE, Settings
from autogen_otel.traces.journal import STANDARD_INPUT
from autogen_otel.traces.source import Source
from autogen_otel.traces.sources.files import Files

HOW_TO_GET_ONE: Final = (
    "call autogen_otel.instrument() in your program and run it with no collector listening: "
    "what no endpoint takes is kept there; or name another file or folder with --journal"
)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    group = parser.add_argument_group("where from (default: the journal of this user)")
    group.add_argument(
        "--journal",
        action="append",
        metavar="PATH",
        help="OTLP JSON file (.gz too) or folder of *.jsonl files; - for standard input; may be repeated",
    )


def opened(args: argparse.Namespace) -> Source:
    """The source that the options name.

    Raises:
        CommandError: there is no such thing.
    """
    return _files(args.journal) if args.journal else _own_journal()


def words(source: Source) -> str:
    """The options that name a source, with a blank before them, for a command to copy."""
    return "".join(f" {shlex.quote(word)}" for word in source.option)


def _files(given: list[str]) -> Files:
    paths = [STANDARD_INPUT if one == "-" else Path(one).expanduser() for one in given]
    for path in paths:
        if path != STANDARD_INPUT and not path.exists():
            raise CommandError(f"{path} does not exist; --journal takes a file or a folder of *.jsonl files.")
    option = [word for one in given if one != "-" for word in ("--journal", one)]
    return Files(paths, option, HOW_TO_GET_ONE)


def _own_journal() -> Files:
    # Their function to redact with is of no use here, and importing it may not be possible.
    Settings.from_environ({name: text for name, text in os.environ.items() if name != REDACT_VARIABLE})
    try:
        path = default_dir()
    except NoFolderError as error:
        raise CommandError(
            f"There is no journal: {error}, and --journal a file or a folder to read."
        ) from None
    if not path.exists():
        raise CommandError(f"There is no journal yet at {path}: {HOW_TO_GET_ONE}.")
    return Files([path], (), HOW_TO_GET_ONE)
