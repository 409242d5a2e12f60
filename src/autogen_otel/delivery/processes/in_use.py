"""What a process needs once there is telemetry in it: many that are forked only start another program."""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any, Final, Protocol

from autogen_otel.delivery.processes import ending

_AFTER_THE_APPLICATIONS: Final = -100
"""Priority among the finalizers of ``multiprocessing``."""


class Resumed(Protocol):
    """Something with a thread that a fork takes away."""

    def resume(self) -> None:
        """Start it again, if it was taken away."""


RESUMED: Final[weakref.WeakSet[Resumed]] = weakref.WeakSet()
_pid = 0


def begin() -> None:
    """Resume what a fork has ended, and see to the end of this process; once in each."""
    global _pid  # noqa: PLW0603 - once in each process
    if _pid == os.getpid():
        return
    _pid = os.getpid()
    for one in list(RESUMED):
        one.resume()
    ending.catch_sigterm()
    _end_as_child()


def _end_as_child() -> None:
    """Make an export part of the end of a child that ends with ``os._exit``."""
    for package in ("multiprocessing", "billiard"):
        process, util = (sys.modules.get(f"{package}.{module}") for module in ("process", "util"))
        # A child forgets the finalizers of its parent, so that each needs its own.
        if process and util and type(process.current_process()).__name__ != "_MainProcess":
            util.Finalize(None, ending.end, exitpriority=_AFTER_THE_APPLICATIONS)
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        # The children of its workers say so before they end.
        signals.worker_process_shutdown.connect(_end_of_celery, weak=False)


def _end_of_celery(**_details: Any) -> None:
    ending.end()
