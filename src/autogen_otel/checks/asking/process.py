"""The process in which the host is asked: questions on stdin, one JSON answer on stdout.

``ask.py`` starts it. Nothing else is printed: what the host prints goes nowhere, and nothing reaches the
network until the process is told to.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

from autogen_otel.checks.host.interview import interview
from autogen_otel.lineages import detect


def main() -> None:
    """Answer, and end without waiting for anything that is under way."""
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    questions = json.loads(sys.stdin.buffer.read())
    # Who asked may have ended meanwhile; nothing that the host does keeps this process beyond that.
    faulthandler.dump_traceback_later(questions["limit"], exit=True)
    # AutoGen keeps a cache in the folder where it runs.
    with tempfile.TemporaryDirectory(prefix="autogen-otel-check-") as folder:
        os.chdir(folder)
        warnings.simplefilter("ignore")
        answer = _answer(questions)
        os.chdir(Path(folder).anchor)
    try:
        with os.fdopen(out, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _answer(questions: dict[str, Any]) -> dict[str, Any]:
    wire = Wire()
    host = detect()
    if host.lineage is None:
        return {"host": None, "problem": host.problem, "lists": []}
    interviews = [
        [interview(asked["options"], entry) for entry in asked["entries"]] for asked in questions["lists"]
    ]
    answers = [[answer for answer, _ in entries] for entries in interviews]
    patience = questions["probe_seconds"]
    if patience is not None:
        from autogen_otel.checks.probe.probing import probe_all  # noqa: PLC0415 - only those who probe need it

        wire.mend()
        pairs = [pair for entries in interviews for pair in entries]
        probe_all(pairs, patience)
    return {"host": str(host.lineage), "problem": None, "lists": answers}


# ---------------------------------------------------------------- the network
_EVENTS: Final = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "urllib.Request",
    }
)
_PROGRAMS: Final = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
"""Other programs would have a wire of their own: credentials are asked of some."""


class WireCutError(ConnectionRefusedError):
    """Somebody wanted to connect."""


class Wire:
    """The wire of this process: while it is cut, as from the start, nothing of it reaches the network.

    An audit hook sees every connection that Python makes, whichever library asks for it, and cannot be taken
    out.
    """

    def __init__(self) -> None:
        self._is_cut = True
        sys.addaudithook(self._look)

    def mend(self) -> None:
        """Let the process connect from now on."""
        self._is_cut = False

    def _look(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if self._is_cut and (event in _EVENTS or event in _PROGRAMS):
            raise WireCutError("the network is cut off here")
