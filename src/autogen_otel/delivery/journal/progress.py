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
class Progress:
    """How far a journal is forwarded.

    Args:
        file: name of the file whose beginning is forwarded.
        offset: bytes of it that are.
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


_held: Final[set[Path]] = set()
in_child(_held.clear)


class Forwarded:
    """The progress of a folder that this thread alone may forward, and keeps up to date.

    Args:
        descriptor: of the file that it is kept in.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.progress = document.read(descriptor, _made) or Progress()

    def advance(self, path: Path, offset: int, spans: int) -> None:
        """Write down that a file is forwarded up to an offset, with so many more spans.

        Raises:
            OSError: the disk is full.
        """
        self.progress = Progress(path.name, offset, self.progress.spans + spans, time.time())
        document.write(self._descriptor, asdict(self.progress))


@contextmanager
def sole_forwarder(folder: Path) -> Iterator[Forwarded]:
    """Be the only one who forwards a folder, in all processes.

    Raises:
        BusyError: somebody else is.
        UnlockableError: nobody can tell.
    """
    with locks.between_threads():
        if folder in _held:
            raise BusyError
        _held.add(folder)
    try:
        with ExitStack() as stack:
            lock = _opened(folder / _LOCK_NAME, stack)
            try:
                if not locks.take_now(lock):
                    raise BusyError
            except OSError as error:
                raise UnlockableError(f"files in {folder} cannot be locked ({error.strerror})") from error
            yield Forwarded(_opened(folder / _NAME, stack))
    finally:
        _held.discard(folder)


def _opened(path: Path, stack: ExitStack) -> int:
    try:
        return stack.enter_context(document.opened(path))
    except OSError as error:
        raise UnlockableError(f"{path} cannot be written ({error.strerror})") from error


def read_progress(folder: Path) -> Progress:
    """Return how far a folder is forwarded; may be outdated at once."""
    return document.read(folder / _NAME, _made) or Progress()


def _made(known: Any) -> Progress:
    return Progress(str(known["file"]), int(known["offset"]), int(known["spans"]), float(known["at"]))
