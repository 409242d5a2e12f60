"""The command line ``autogen-otel``: parse, call a room, print, exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final, NoReturn

from autogen_otel import distribution, plain_files
from autogen_otel.cli.output import complain, visible_output
from autogen_otel.network import CERTIFICATE_VARIABLES
from autogen_otel.plain_text import one_line, visible
from autogen_otel.settings import SettingsError
from autogen_otel.traces.source import SourceError

_COMMANDS: Final = ("check", "dashboards", "diagnose", "doctor", "journal", "push", "repro", "show", "stack")

SUCCESS: Final = 0
PROBLEM: Final = 1
BAD_INPUT: Final = 2
_INTERRUPTED: Final = 130
_PIPE_CLOSED: Final = 141
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_EPILOG: Final = """\
examples:
  autogen-otel doctor            is everything attached, and does telemetry arrive?
  autogen-otel show --failing    the conversations in which something failed
  autogen-otel diagnose          what fails, why, and what it goes with
  autogen-otel show --help       the options and examples of one command

exit codes:
  0    done
  1    looked, and found a problem (commands that check something)
  2    could not be done as asked; one sentence on stderr says why
  130  interrupted
"""
_FORMATTER: Final = argparse.RawDescriptionHelpFormatter
_LONGEST_MESSAGE: Final = 1000
_PIECES: Final = 10_000
_SCHEMA: Final = 1
"""The version of the JSON that commands print; a change that breaks readers raises it."""


class CommandError(Exception):
    """Ends a command with exit code 2 and one sentence on stderr: what is wrong and what to do about it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The parent process closed it, as it does for daemons.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Recorded values may hold characters that this stdout cannot encode.
        sys.stdout.reconfigure(errors="backslashreplace")
    with visible_output():
        return _code(argv)


def _code(argv: Sequence[str] | None) -> int:
    try:
        code = _run(argv)
        sys.stdout.flush()
    except (CommandError, SourceError, SettingsError) as error:
        complain(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return _PIPE_CLOSED
    except OSError as error:
        if error.filename is None and error.errno not in _DISK_FULL:
            raise
        problem = f"{error.filename} cannot be used"
        if error.filename is None:
            problem = "the output cannot be written"
            _discard_stdout()
        complain(f"{problem}: {error.strerror}")
        return BAD_INPUT
    return code


@contextmanager
def _explaining_opentelemetry() -> Iterator[None]:
    """Say in a sentence what OpenTelemetry has against its variables, some of which it reads on import."""
    try:
        yield
    except Exception as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        variables = sorted(name for name in os.environ if name.startswith("OTEL_"))
        if not variables or not str(frame.f_globals.get("__name__")).startswith("opentelemetry."):
            raise
        reason = one_line(f"{type(error).__name__}: {error}".removesuffix(": "))
        sentence = f"OpenTelemetry cannot use its variables ({reason}); look at {', '.join(variables)}"
        raise CommandError(sentence) from None


def _discard_stdout() -> None:
    """Discard the rest of stdout: the interpreter flushes it again on exit, and would fail again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, for its page in the documentation."""
    return dict(_parser()[1].choices)


def _parser() -> tuple[argparse.ArgumentParser, Any]:
    """The parser, and its commands."""
    parser = _Parser(
        prog="autogen-otel",
        description="Look at what AutoGen agents did, and at the failures AutoGen and the OpenAI SDK hide.",
        epilog=_EPILOG,
        formatter_class=_FORMATTER,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in _COMMANDS:
        command = importlib.import_module(f"{__name__}.commands.{name}")
        description, _, epilog = command.HELP.partition("\n\n")
        command_parser = subparsers.add_parser(
            name, help=command.SUMMARY, description=description, epilog=epilog, formatter_class=_FORMATTER
        )
        command.add_options(command_parser)
        command_parser.set_defaults(run=command.run)
    return parser, subparsers


def _run(argv: Sequence[str] | None) -> int:
    parser, commands = _parser()
    words = sys.argv[1:] if argv is None else argv
    try:
        _refuse_early_option(words, parser, commands.choices.values())
        args, unknown_words = parser.parse_known_args(words)
        if unknown_words:
            _refuse(unknown_words, commands.choices.get(args.command, parser))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else BAD_INPUT
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        return BAD_INPUT
    with _explaining_opentelemetry():
        code: int = args.run(args)
    return code


def _refuse_early_option(
    words: Sequence[str], parser: argparse.ArgumentParser, commands: Iterable[argparse.ArgumentParser]
) -> None:
    """Refuse an option of a command that stands before it, where its value would pass for the command."""
    option = words[0].partition("=")[0] if words else ""
    if option not in _options(parser) and any(option in _options(command) for command in commands):
        parser.error(f"{option} has to stand after the command")


def _refuse(unknown_words: Sequence[str], parser: argparse.ArgumentParser) -> NoReturn:
    """Refuse words that a command does not know, and name the option that was probably meant."""
    hint = _suggestion(unknown_words[0].partition("=")[0], _options(parser))
    parser.error(f"unrecognized arguments: {' '.join(unknown_words)}{hint}")


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [
        option
        for action in parser._actions  # noqa: SLF001 - its only list
        for option in action.option_strings
    ]


def _suggestion(word: str, known_words: Iterable[str]) -> str:
    """Ask whether the user meant the nearest of the words that are known; empty if none is near."""
    # Without the hyphens, which all options share.
    by_letters = {known.lstrip("-"): known for known in known_words}
    matches = get_close_matches(word.lstrip("-").lower(), by_letters, n=1)
    return f"; did you mean {by_letters[matches[0]]}?" if matches else ""


class _Parser(argparse.ArgumentParser):
    def _check_value(self, action: argparse.Action, value: str) -> None:
        # Python 3.14 can do this itself; subclasses of earlier ones have only this method for it.
        if action.choices is not None and value not in action.choices:
            hint = _suggestion(value, action.choices)
            if hint:
                raise argparse.ArgumentError(action, f"invalid choice: {value!r}{hint}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {one_line(message, _LONGEST_MESSAGE)} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    # The look-up of the version costs more than parsing, so it waits until a user asks for it.
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"autogen-otel {distribution.version()}\n")
        parser.exit(SUCCESS)


# ---------------------------------------------------------------- what all commands share
def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--format`` to a command."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def add_authorities(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--ca`` to a command, or to a group of its options."""
    parser.add_argument(
        "--ca",
        metavar="FILE",
        help="certificates of the authorities to trust, or a folder of them "
        f"(default: {', '.join(CERTIFICATE_VARIABLES)}, else those of the system)",
    )


def add_html(parser: argparse.ArgumentParser, summary: str) -> None:
    """Add the option ``--html`` to a command."""
    parser.add_argument("--html", metavar="FILE", help=f"{summary} (- for standard output)")


def write_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object with the number of its schema."""
    # A large trace as one text takes more memory than all of its spans.
    pieces = json.JSONEncoder(indent=2, allow_nan=False).iterencode({"schema": _SCHEMA, **document})
    while some := "".join(islice(pieces, _PIECES)):
        sys.stdout.write(some)
    sys.stdout.write("\n")


def answer(args: argparse.Namespace, document: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print a document for programs or the lines for people, as ``--format`` says."""
    if args.format == "json":
        write_json(document)
    else:
        sys.stdout.writelines(f"{visible(line, kept='')}\n" for line in lines)


def write_file(path: Path, text: str, advice: str = "", *, mode: int | None = None) -> None:
    """Write a whole file, in the place of the one that is there.

    Args:
        path: of the file.
        text: its content.
        advice: what to do where it cannot be written.
        mode: its permissions; ``None`` for those that it has, or that the umask gives.

    Raises:
        CommandError: it cannot be written, or something else than a regular file is there.
    """
    try:
        plain_files.replace(path, text.encode("utf-8"), mode)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}{advice}.") from None


def write_page(file: str, page: str) -> None:
    """Write a page where ``--html`` says, and say so on stderr.

    Raises:
        CommandError: it cannot be written.
    """
    if file == "-":
        # The page says that it is UTF-8, whatever the console is.
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(page)
        else:
            buffer.write(page.encode("utf-8"))
        return
    write_file(Path(file).expanduser(), page, "; name another file")
    sys.stderr.write(f"Wrote {file} ({max(1, len(page) // 1000):,} kB); a browser opens it.\n")
