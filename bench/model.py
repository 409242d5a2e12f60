"""The model: a scripted server in a process of its own, so that what it spends is nobody's cost here.

It remembers nothing. The conversation says in its first message after how many tools it is over, so that one
server does for all workloads, all variants and several processes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from autogen_otel.testing import ChatRequest, ScriptedServer, text, tool_call

_OPENING = "Look {turns} policies up, please."
_TOOL_CALLS = re.compile(r"Look (\d+) policies up")


def opening(turns: int) -> str:
    """What to say to this model for a conversation of so many turns."""
    return _OPENING.format(turns=turns)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The model in its process; gives the ``base_url``."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("done")
        process.join()


def _serve(pipe: Connection) -> None:
    with ScriptedServer(_reply) as server:
        pipe.send(server.base_url)
        pipe.recv()


def _reply(request: ChatRequest) -> Any:
    roles = [message["role"] for message in request.messages]
    match = _TOOL_CALLS.search(str(request.messages[roles.index("user")]["content"]))
    assert match is not None
    if roles.count("tool") < int(match[1]):
        return tool_call("lookup", {"policy_id": "P-1"})
    return text("Done. TERMINATE")
