"""A server as a child process: started on free loopback ports, waited for, stopped."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0
_PAUSE_SECONDS = 0.05
_SHOWN_CHARACTERS = 6000


def free_port() -> int:
    """Return a free loopback port, not one that an outgoing connection may take in the meantime."""
    for _ in range(200):
        port = random.randrange(20_000, 32_000)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("there is no free port between 20000 and 32000")


def program_environ(journal: Path, endpoint: str) -> dict[str, str]:
    """The environment of a program that is observed: ours, with nothing of OpenTelemetry's.

    Args:
        journal: its folder.
        endpoint: where the program exports to.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "ignore",
        "AUTOGEN_OTEL_JOURNAL_DIR": str(journal),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
    }


class Server(ABC):
    """A program that runs inside a ``with`` block and logs into a file of its folder.

    Args:
        folder: its own; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return what to run."""

    @property
    @abstractmethod
    def ready_url(self) -> str:
        """The address that answers with 200 once the server takes requests."""

    @property
    def environ(self) -> Mapping[str, str] | None:
        """The environment it runs in; ours if ``None``."""
        return None

    @property
    def log(self) -> str:
        """All it has written so far."""
        return (self.folder / "log").read_text("utf-8", "replace")

    @property
    def cpu_seconds(self) -> float:
        """Seconds of CPU that it has taken so far."""
        assert self._process is not None
        # The name of the command, in brackets, may have spaces in it.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = fields[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server we built
                self.command(), cwd=self.folder, env=self.environ, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it as an orchestrator would, and without mercy if that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(self.ready_url):
                return
            time.sleep(_PAUSE_SECONDS)
        state = "is not ready" if process.returncode is None else f"ended with {process.returncode}"
        raise AssertionError(f"{type(self).__name__} {state}. It wrote:\n{self.log[-_SHOWN_CHARACTERS:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - loopback
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False
