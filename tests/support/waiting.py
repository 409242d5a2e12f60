"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is true; fail if that takes for ever."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(_PAUSE_SECONDS)
