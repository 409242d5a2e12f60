"""Reading in a process of its own, so that the process that works with the spans need not decode them."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Final, TypeVar

from autogen_otel.traces.source import SourceError

T = TypeVar("T")

_BATCH_ITEMS: Final = 32
"""Items sent at once: enough to be worth it, and few enough that waiting items take little memory."""
_MANY_OBJECTS: Final = 200_000
# A fork of a program with threads may hang, and multiprocessing would run the user's main module again.
_PROGRAM: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer);"
    f" from {__name__} import send; send(sys.stdin.buffer, sys.stdout.buffer)"
)

_ENDED_FROM_OUTSIDE: Final = (
    "A process that helps to read was ended from outside, perhaps because memory ran out; try again, "
    "or read less of it (--since); diagnose --limit N reads the first N conversations in one process"
)


def processors() -> int:
    """How many processes can work at once; one if there is no Python to run another."""
    if not sys.executable:
        return 1
    # A container may have fewer than the machine; only Linux tells.
    get_affinity = getattr(os, "sched_getaffinity", None)
    return len(get_affinity(0)) if get_affinity is not None else os.cpu_count() or 1


@contextmanager
def read_in_process(read: Callable[..., Iterator[T]], *arguments: object) -> Iterator[Iterator[T]]:
    """Run a function in another process, and give what it yields, in the same order.

    The process works from the beginning of the block to its end, whether or not anything is taken from it. It
    is ahead by what a pipe holds.

    Args:
        read: a function of a module, which that process imports.
        arguments: of the function. They, and what it yields, can be sent to another process.

    Raises:
        SourceError: where its results are taken: that process was ended; or what else the function raises.
    """
    # An interrupt is for a whole group of processes; its reader ends this process.
    reader = subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            with suppress(BrokenPipeError), reader.stdin as pipe:
                pickle.dump(sys.path, pipe)
                pickle.dump((read, arguments), pipe)
            yield _results(reader.stdout)
        finally:
            reader.kill()


def _results(pipe: IO[bytes]) -> Iterator[Any]:
    is_last = False
    while not is_last:
        try:
            items, error, is_last = pickle.load(pipe)  # noqa: S301 - from our own process
        except (EOFError, pickle.UnpicklingError):
            raise SourceError(_ENDED_FROM_OUTSIDE) from None
        yield from items
        if error is not None:
            raise error


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect garbage rarely: the objects that are read have no cycles, and there are many of them."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_MANY_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@few_collections()
def send(request: IO[bytes], pipe: IO[bytes]) -> None:
    """Run the requested function in the other process, and send what it yields."""
    read, arguments = pickle.load(request)  # noqa: S301 - from our own process
    items: list[Any] = []
    error = None
    try:
        for item in read(*arguments):
            items.append(item)
            if len(items) == _BATCH_ITEMS:
                pipe.write(_pack(items, None, is_last=False))
                items = []
    except Exception as read_error:  # noqa: BLE001 - raised again where it is read
        error = read_error
    pipe.write(_pack(items, error, is_last=True))
    pipe.flush()


def _pack(items: list[Any], error: Exception | None, *, is_last: bool) -> bytes:
    """Pack items as one piece: the reader may still be busy, and then finds it ready."""
    return pickle.dumps((items, error, is_last), pickle.HIGHEST_PROTOCOL)
