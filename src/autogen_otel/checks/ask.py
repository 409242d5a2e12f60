"""Asks the installed AutoGen about lists, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from autogen_otel.checks.source import ConfigList
from autogen_otel.network import is_loopback

_SECONDS: Final = 60.0
"""Seconds that the host may take; the process has to import it."""
_PER_ENTRY: Final = 1.0
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_START: Final = "import sys; sys.path[:] = {path!r}; from autogen_otel.checks.process import main; main()"


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the host.

    Args:
        host: its name and version; ``None`` if it could not be asked.
        problem: why it could not be asked.
        lists: for each list, for each object in it, what ``ask_about`` found.
        refusals_of_objects: for each list, what the host ends with if it is one object; else ``None``.
    """

    host: str | None = None
    problem: str | None = None
    lists: Sequence[Sequence[dict[str, Any]]] = field(default_factory=tuple)
    refusals_of_objects: Sequence[str | None] = field(default_factory=tuple)


def ask(
    sources: Sequence[ConfigList],
    probe_seconds: float | None = None,
    limit: float = _SECONDS,
    authorities: str | None = None,
) -> Answers:
    """Ask the host about lists, in one process.

    Args:
        sources: the lists.
        probe_seconds: how long each entry's endpoint may take to answer; ``None`` asks no endpoint.
        limit: seconds that the host may take to be imported and to answer, beyond one second an entry.
        authorities: the file or folder with the certificates that endpoints are trusted by; ``None`` for
            those of the environment.
    """
    limit += sum(len(source.objects) for source in sources) * _PER_ENTRY + (probe_seconds or 0.0)
    questions = {
        "lists": [
            {"options": one.options, "entries": one.objects, "single_object": one.single_object}
            for one in sources
        ],
        "probe_seconds": probe_seconds,
        "environ": {} if probe_seconds is None else _probe_environ(sources, authorities),
        "limit": limit,
    }
    if not sys.executable or getattr(sys, "frozen", False):
        # A frozen program would start itself again.
        return Answers(problem="there is no Python interpreter to start a process of its own with")
    try:
        process = subprocess.run(  # noqa: S603 - this interpreter
            # Isolated, because other code that starts with this interpreter (coverage, another
            # instrumentation) would run there too; with the same path, so that it is the same host.
            [sys.executable, "-I", "-c", _START.format(path=[os.path.abspath(entry) for entry in sys.path])],  # noqa: PTH100 - '' is the working folder
            input=json.dumps(questions).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit,
            check=False,
        )
        answer = json.loads(process.stdout)
    except subprocess.TimeoutExpired:
        return Answers(problem=f"it did not answer within {limit:.0f} s")
    except OSError as error:
        return Answers(problem=f"no process could be started for it ({type(error).__name__})")
    except ValueError:
        return Answers(problem=f"its process ended with exit code {process.returncode} and no answer")
    return Answers(**answer)


def _loopback_hosts(sources: Sequence[ConfigList]) -> list[str]:
    """The hosts of this machine that the lists name, each in the form in which it stands there."""
    texts = (value for source in sources for entry in source.objects for value in entry.values())
    hosts = {_host(value) for value in texts if type(value) is str and "://" in value}
    return sorted(host for host in hosts if host not in _LOOPBACK and is_loopback(host))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _probe_environ(sources: Sequence[ConfigList], authorities: str | None) -> dict[str, str]:
    """The variables by which HTTP clients trust the authorities, and ask this machine without a proxy."""
    no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    hosts = ",".join(filter(None, (no_proxy, *_LOOPBACK, *_loopback_hosts(sources))))
    environ = {"NO_PROXY": hosts, "no_proxy": hosts}
    if authorities is not None:
        path = Path(authorities).absolute()
        environ["SSL_CERT_DIR" if path.is_dir() else "SSL_CERT_FILE"] = str(path)
    return environ
