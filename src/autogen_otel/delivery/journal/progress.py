"""How far a journal is forwarded, and the lock of the only process that may go on with it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from autogen_otel.delivery.fork import in_child
from autogen_otel.delivery.journal import locks

_NAME: Final = "forwarding.json"
_LOCK_NAME: Final = "forwarding.lock"
"""Nothing else opens it: a process that closes a file loses its lock on it, however it was opened."""
_MOST_BYTES: Final = 4096
_FLAGS: Final = os.O_RDWR | os.O_CREAT | sum(getattr(os, flag, 0) for flag in ("O_CLOEXEC", "O_NOFOLLOW"))


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


class BusyError(Exception):
    """Another forwarder has the folder."""


class UnlockableError(Exception):
    """The folder's file system cannot keep two forwarders apart; the message says why."""


_held: set[Path] = set()
_changing = threading.Lock()


def _after_fork() -> None:
    global _held, _changing
    _held, _changing = set(), threading.Lock()


in_child(_after_fork)


class Forwarded:
    """The progress of a folder that this thread alone may forward, and keeps up to date.

    Args:
        descriptor: of the file that it is kept in.
        progress: as it is there.
    """

    def __init__(self, descriptor: int, progress: Progress) -> None:
        self._descriptor, self.progress = descriptor, progress

    def keep(self, progress: Progress) -> None:
        """Write it down, with a single call, so that a process that is killed leaves a whole text.

        Raises:
            OSError: the disk is full.
        """
        self.progress = progress
        text = json.dumps(asdict(progress)).encode()
        size = os.fstat(self._descriptor).st_size
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text.ljust(size))


@contextmanager
def sole_forwarder(folder: Path) -> Iterator[Forwarded]:
    """Be the only one who forwards a folder, in all processes.

    Raises:
        BusyError: somebody else is.
        UnlockableError: nobody can tell.
    """
    with _changing:
        if folder in _held:
            raise BusyError
        _held.add(folder)
    try:
        yield from _locked(folder)
    finally:
        with _changing:
            _held.discard(folder)


def _locked(folder: Path) -> Iterator[Forwarded]:
    with ExitStack() as stack:
        lock = _opened(folder / _LOCK_NAME, stack)
        try:
            locks.take(lock, wait=False)
        except (BlockingIOError, PermissionError):
            raise BusyError from None
        except OSError as error:
            raise UnlockableError(f"files in {folder} cannot be locked ({error.strerror})") from error
        kept = _opened(folder / _NAME, stack)
        yield Forwarded(kept, _parsed(os.read(kept, _MOST_BYTES)))


def _opened(path: Path, stack: ExitStack) -> int:
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise UnlockableError(f"{path} cannot be written ({error.strerror})") from error
    # Which unlocks it too.
    stack.callback(os.close, descriptor)
    return descriptor


def read_progress(folder: Path) -> Progress:
    """Return how far a folder is forwarded; may be outdated at once."""
    with suppress(OSError):
        return _parsed((folder / _NAME).read_bytes())
    return Progress()


def _parsed(text: bytes) -> Progress:
    try:
        known: dict[str, Any] = json.loads(text)
        return Progress(str(known["file"]), int(known["offset"]), int(known["spans"]), float(known["at"]))
    except (ValueError, TypeError, KeyError):
        return Progress()
