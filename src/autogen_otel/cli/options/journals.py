"""The journals that commands read or push: which one is meant, and what to do about one without anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from autogen_otel.cli import CommandError, quantities
from autogen_otel.delivery.counts import EXPORTED, shared
from autogen_otel.delivery.journal import (
    Kind,
    NoFolderError,
    command_for,
    default_dir,
    journal_option,
    write_problem,
)
from autogen_otel.delivery.journal.files import list_files, notes
from autogen_otel.delivery.journal.position import read_position
from autogen_otel.settings import REDACT_VARIABLE, Settings
from autogen_otel.traces.conversations import is_conversation
from autogen_otel.traces.formats.journal import IN_FLIGHT, STANDARD_INPUT, journal_files, read_spans
from autogen_otel.traces.source import Source, SourceError
from autogen_otel.traces.sources.files import Files
from autogen_otel.vocabulary.metrics import SPANS

HOW_TO_GET_ONE: Final = (
    "call autogen_otel.instrument() in your program and run it; spans that no endpoint takes are kept there, "
    "AUTOGEN_OTEL_JOURNAL=all keeps every conversation, a tracer provider of your own needs "
    "provider.add_span_processor(autogen_otel.JournalProcessor()), and --journal names another file or folder"
)
_DELIVERED: Final = (
    "the endpoint of your programs took {spans}; look in the backend behind it (--jaeger, --tempo or "
    "--clickhouse), or set AUTOGEN_OTEL_JOURNAL=all to keep a copy of every conversation here"
)
_ANOTHER: Final = "name another file or folder with --journal"
_TO_READ: Final = "a file or a folder to read"


def journal_settings() -> Settings:
    """The settings that concern the journal.

    Raises:
        SettingsError: variables do not hold what they may.
    """
    return Settings.from_environ(environ_without_redact())


def journal_folder(path_option: str | None, advice_on_other_files: str) -> Path:
    """The journal's folder: the option's, else the default one, which may not exist yet.

    Args:
        path_option: what ``--journal`` says.
        advice_on_other_files: what to do with a folder of files that no journal has, which would pass for an
            empty journal; with ``{show}`` where the command belongs that reads them.

    Raises:
        CommandError: the option names no folder, or one of other files, or there is no default folder.
        OSError: it may not be read.
    """
    path = _default_dir("its folder") if path_option is None else Path(path_option).expanduser().absolute()
    is_there = _exists(path)
    if path_option is not None and not (is_there and path.is_dir()):
        raise CommandError(f"{path} is no folder; --journal takes the folder of a journal.")
    with suppress(FileNotFoundError), os.scandir(path):
        # A folder that we may not read would pass for an empty one.
        if any(path.glob("*.jsonl*")) and not _is_journal(path):
            advice = advice_on_other_files.format(show=command_for(path, "show"))
            raise CommandError(f"The files in {path} are not those of a journal; {advice}.")
    return path


def _is_journal(folder: Path) -> bool:
    """Whether a program has used it as its journal; an empty one may have other files beside it."""
    return bool(
        list_files(folder) or notes(folder) or shared.read(folder).since or read_position(folder).spans
    )


def _default_dir(alternative: str) -> Path:
    try:
        return default_dir()
    except NoFolderError as error:
        raise CommandError(f"There is no journal: {error}, and --journal {alternative}.") from None


def environ_without_redact() -> dict[str, str]:
    """The environment without the user's redaction function: it has no use here, and its import may fail."""
    return {name: text for name, text in os.environ.items() if name != REDACT_VARIABLE}


def files(arguments: list[str], standard_input: Path = STANDARD_INPUT) -> Files:
    """The journals that ``--journal`` names.

    Args:
        arguments: files and folders; ``-`` for standard input.
        standard_input: a file that holds what stood there, if it was read before.

    Raises:
        CommandError: one of them does not exist.
    """
    paths = [standard_input if argument == "-" else Path(argument).expanduser() for argument in arguments]
    for path in paths:
        if path != STANDARD_INPUT and not _exists(path):
            raise CommandError(f"{path} does not exist; --journal takes a file or a folder of *.jsonl files.")
    # Absolute, because users paste a suggested command in any folder.
    absolute_paths = (
        str(path.absolute()) for argument, path in zip(arguments, paths, strict=True) if argument != "-"
    )
    option = [word for path in absolute_paths for word in ("--journal", path)]
    return Files(paths, option, partial(_advice, paths), standard_input)


def own_journal(*, may_begin_later: bool) -> Files:
    """The journal that the environment names.

    Args:
        may_begin_later: whether it need not exist yet.

    Raises:
        CommandError: there is none, and why.
    """
    journal_settings()
    path = _default_dir(_TO_READ)
    if _exists(path):
        return Files([path], journal_option(path), partial(_advice, [path]))
    problem = _why_not_written(path)
    if problem:
        raise CommandError(f"There is no journal: {problem}.")
    if may_begin_later:
        return Files([path], journal_option(path))
    raise CommandError(f"There is no journal yet at {path}: {HOW_TO_GET_ONE}.")


def _exists(path: Path) -> bool:
    """Whether something is there; a journal that may not be read would pass for a missing one.

    Raises:
        CommandError: nobody may know.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise CommandError(f"{path} cannot be read: {problem}.") from None
    return True


def _advice(paths: Sequence[Path]) -> str:
    """What to do about an empty journal: if nothing can write to it, running the program is no help."""
    folders = _folders(paths)
    if not folders:
        return _ANOTHER
    problem = next(filter(None, map(_why_not_written, folders)), "")
    if problem:
        return problem
    spans = sum(map(_delivered_spans, folders))
    return _delivered(spans) if spans else HOW_TO_GET_ONE


def _folders(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if not path.is_file() and path != STANDARD_INPUT]


def _delivered(spans: int) -> str:
    return _DELIVERED.format(spans=quantities.plural(spans, "span"))


class EndpointWatch:
    """Notices that an endpoint takes what somebody waits for in a journal, where it does not arrive then.

    Args:
        source: what is followed; nothing is known of the programs that send to a store.
    """

    def __init__(self, source: Source) -> None:
        self._folders = _folders(source.paths) if isinstance(source, Files) else []
        self._spans_before = self._spans()

    def advice(self) -> str:
        """What to do about it; empty if no endpoint took spans meanwhile, or copies stay in the journal."""
        spans = self._spans() - self._spans_before
        has_copies = any(list_files(folder, Kind.KEPT) for folder in self._folders)
        return _delivered(spans) if spans > 0 and not has_copies else ""

    def _spans(self) -> int:
        return sum(map(_delivered_spans, self._folders))


def _why_not_written(folder: Path) -> str:
    """Why nothing can be written into a journal, and what to do; empty if it can."""
    problem = write_problem(folder)
    return "" if problem is None else f"{problem}, and --journal {_TO_READ}"


def has_conversation_in_flight(paths: Iterable[Path]) -> bool:
    """Whether journals have a conversation that has not ended."""
    return is_conversation(read_spans(file for path in paths for file in _in_flight_files(path)))


def _in_flight_files(path: Path) -> list[Path]:
    # A journal that does not exist, or may not be read, has none.
    with suppress(SourceError):
        return [file for file in journal_files(path) if file.match(IN_FLIGHT)]
    return []


def _delivered_spans(folder: Path) -> int:
    """How many spans of the programs that share a journal were exported at once, or forwarded from it."""
    return shared.read(folder).of(EXPORTED).get(SPANS, 0) + read_position(folder).spans
