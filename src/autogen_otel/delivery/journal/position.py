"""How far a journal is forwarded, and the lock of the only process that may go on with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from autogen_otel.delivery.fork import in_child
from autogen_otel.delivery.journal import document, locks

_NAME: Final = "forwarding.json"
_LOCK_NAME: Final = "forwarding.lock"
"""Nothing else opens it: a process that closes a file loses its lock on it, however it was opened."""


@dataclass(frozen=True)
class Position:
    """How far a journal is forwarded.

    Args:
        file: name of the file whose beginning is forwarded.
        offset: how many bytes of it are forwarded.
        spans: how many were forwarded from this folder so far.
        at: when the last ones were, in seconds since 1970; 0 for never.
    """

    file: str = ""
    offset: int = 0
    spans: int = 0
    at: float = 0.0

    def of(self, path: Path) -> int:
        """How many bytes of a file are forwarded."""
        return self.offset if path.name == self.file else 0


class BusyError(Exception):
    """Another forwarder has the folder."""


class UnlockableError(Exception):
    """The folder's file system cannot keep two forwarders apart; the message says why."""


_locked_folders: Final[set[Path]] = set()
in_child(_locked_folders.clear)


class PositionFile:
    """How far a folder is forwarded, which this thread alone may do, and keeps up to date.

    Args:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.position = document.read(descriptor, _from_document) or Position()

    def advance(self, path: Path, offset: int, spans: int) -> None:
        """Write down that a file is forwarded up to an offset, with so many more spans.

        Raises:
            OSError: the disk is full.
        """
        self.position = Position(path.name, offset, self.position.spans + spans, time.time())
        document.write(self._descriptor, asdict(self.position))


@contextmanager
def sole_forwarder(folder: Path) -> Iterator[PositionFile]:
    """Be the only one who forwards a folder, in all processes.

    Raises:
        BusyError: somebody else forwards it.
        UnlockableError: nobody can tell whether somebody else does.
    """
    with locks.between_threads():
        if folder in _locked_folders:
            raise BusyError
        _locked_folders.add(folder)
    try:
        with ExitStack() as stack:
            lock = _open(folder / _LOCK_NAME, stack)
            try:
                if not locks.take_now(lock):
                    raise BusyError
            except OSError as error:
                raise UnlockableError(f"files in {folder} cannot be locked ({error.strerror})") from error
            yield PositionFile(_open(folder / _NAME, stack))
    finally:
        _locked_folders.discard(folder)


def _open(path: Path, stack: ExitStack) -> int:
    try:
        return stack.enter_context(document.open_private(path))
    except OSError as error:
        raise UnlockableError(f"{path} cannot be written ({error.strerror})") from error


def read_position(folder: Path) -> Position:
    """Return how far a folder is forwarded; may be outdated at once."""
    return document.read(folder / _NAME, _from_document) or Position()


def _from_document(fields: Any) -> Position:
    return Position(
        str(fields["file"]), int(fields["offset"]), int(fields["spans"]), document.moment(fields["at"])
    )
