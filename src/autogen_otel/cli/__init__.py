"""The command line ``autogen-otel``: parse, call a room, print, exit code."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from autogen_otel import distribution
from autogen_otel.cli.command import BAD_INPUT, DONE, INTERRUPTED, PIPE_CLOSED, CommandError

_COMMANDS: Final = ("dashboards", "doctor", "show")
"""The modules of this room with a function ``register(subparsers)``, which adds the command."""

_EPILOG = """\
exit codes:
  0    done
  1    looked, and found a problem (commands that check something)
  2    could not be done as asked; one sentence on stderr says why
  130  interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What programs recorded may hold characters that this stdout cannot encode.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()
    except CommandError as error:
        sys.stderr.write(f"autogen-otel: {error}\n")
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard(sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        return BAD_INPUT
    code: int = args.run(args)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    # Looking the version up costs more than parsing, so it is done only when asked for.
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"autogen-otel {distribution.version()}\n")
        parser.exit(DONE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="autogen-otel",
        description="Look at what AutoGen agents did, and at the failures AutoGen and the OpenAI SDK hide.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in _COMMANDS:
        importlib.import_module(f"{__name__}.{name}").register(subparsers)
    return parser


def _discard(descriptor: int) -> None:
    # The interpreter flushes stdout once more on exit, and would complain about the pipe again.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
