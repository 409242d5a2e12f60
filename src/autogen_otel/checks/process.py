"""The process that asks the host: it reads questions from stdin and writes one JSON answer to stdout.

``ask.py`` starts it. It writes nothing else: the output of the host is discarded, and nothing reaches the
network unless the questions ask for a probe.
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

from autogen_otel.checks.host import refusal_of_object
from autogen_otel.checks.host_answer import ask_about
from autogen_otel.hosts.classic.lineages import detect


def main() -> None:
    """Answer, and end without waiting for anything that is under way."""
    stdout_copy = os.dup(1)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    questions = json.loads(sys.stdin.buffer.read())
    os.environ.update(questions["environ"])
    # The process that asked may have ended meanwhile; whatever the host does, this one ends at the limit.
    faulthandler.dump_traceback_later(questions["limit"], exit=True)
    # AutoGen keeps a cache in the folder where it runs.
    with tempfile.TemporaryDirectory(prefix="autogen-otel-check-") as folder:
        os.chdir(folder)
        warnings.simplefilter("ignore")
        answer = _answer(questions)
        os.chdir(Path(folder).anchor)
    try:
        with os.fdopen(stdout_copy, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _answer(questions: dict[str, Any]) -> dict[str, Any]:
    wire = Wire()
    host = detect()
    if host.lineage is None:
        return {"host": None, "problem": host.problem, "lists": [], "refusals_of_objects": []}
    asked_entries = [
        [ask_about(question["options"], entry) for entry in question["entries"]]
        for question in questions["lists"]
    ]
    answers = [[answer for answer, _ in entries] for entries in asked_entries]
    probe_seconds = questions["probe_seconds"]
    if probe_seconds is not None:
        from autogen_otel.checks.probing import probe_all  # noqa: PLC0415 - only those who probe need it

        wire.connect()
        pairs = [pair for entries in asked_entries for pair in entries]
        probe_all(pairs, probe_seconds)
    return {
        "host": str(host.lineage),
        "problem": None,
        "lists": answers,
        "refusals_of_objects": [
            refusal_of_object(question["options"], question["entries"][0])
            if question["single_object"]
            else None
            for question in questions["lists"]
        ],
    }


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
"""Other programs would have a wire of their own: some libraries ask a program for credentials."""


class WireCutError(ConnectionRefusedError):
    """Code wanted to connect while the wire is cut."""


class Wire:
    """The wire of this process: it is cut at first, and while it is cut, nothing reaches the network.

    An audit hook sees every connection that Python makes, whichever library asks for it, and cannot be
    removed.
    """

    def __init__(self) -> None:
        self._is_cut = True
        sys.addaudithook(self._audit)

    def connect(self) -> None:
        """Let the process connect from now on."""
        self._is_cut = False

    def _audit(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if self._is_cut and (event in _EVENTS or event in _PROGRAMS):
            raise WireCutError("the network is cut off here")
