"""Threads of our own, none of which keeps the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def start_thread(name: str, work: Callable[..., object], *arguments: Any) -> threading.Thread | None:
    """Start a thread.

    Args:
        name: what it is for.
        work: what it does.
        arguments: of ``work``.

    Returns:
        ``None`` where none can be started: the system has no more, or the interpreter shuts down.
    """
    thread = threading.Thread(target=work, args=arguments, name=f"autogen-otel-{name}", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread
