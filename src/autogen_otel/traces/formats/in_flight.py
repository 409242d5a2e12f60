"""Reading what processes were at: files beside the journal that name the spans which are under way.

``delivery.processes.in_flight`` writes them. A process holds a lock on its file for as long as it lives.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from autogen_otel.traces.trace import INTERRUPTED, RUNNING, Span, State

try:
    import fcntl
except ImportError:
    # None is written there.
    fcntl = None  # type: ignore[assignment]

PATTERN: Final = "*.inflight"


def state_of(path: Path) -> tuple[State, int]:
    """Whether the process of a file goes on, and its last sign of life in nanoseconds since 1970.

    Raises:
        OSError: it cannot be read, or it is gone because nothing is under way any more.
    """
    with path.open("rb") as file:
        if fcntl is not None:
            try:
                # Only for a moment: the process itself locks no file that it has made visible.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return RUNNING, time.time_ns()
        return INTERRUPTED, path.stat().st_mtime_ns


def marked(span: Span, state: State, now_ns: int) -> Span:
    """A span of such a file: one without an end is under way, up to the last sign of life."""
    if span.end_ns == 0:
        span.state, span.end_ns = state, max(now_ns, span.start_ns)
    return span
