"""Real gunicorn, uvicorn and Celery: nothing is lost when they recycle, stop or end their workers."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autogen_otel.traces.formats.journal import journal_files, read_spans
from tests.delivery.receivers import Receiver, closed_port, receiving
from tests.servers.conftest import Start
from tests.servers.process import Server, free_port, program_environ
from tests.support.waiting import wait_until

_PROGRAMS = "tests.servers.programs"
_UVICORN = "uvicorn_worker.UvicornWorker"
_REQUESTS = 24
_PATIENCE_SECONDS = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


class _Web(Server):
    """A web server that runs an application of ``programs/web.py``.

    Args:
        folder: its own; the journal is in there.
        words: what starts it, with ``{port}`` where that belongs.
        endpoint: where it exports to; nowhere by default.
    """

    def __init__(self, folder: Path, *words: str, endpoint: str = "") -> None:
        super().__init__(folder)
        self.port, self.journal = free_port(), folder / "journal"
        self._words, self._endpoint = words, endpoint or f"http://127.0.0.1:{closed_port()}"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", *(word.format(port=self.port) for word in self._words)]

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def environ(self) -> Mapping[str, str]:
        return program_environ(self.journal, self._endpoint)

    def ask(self, name: str) -> int:
        """Have a conversation with the agent of this name; returns the process that held it."""
        with urllib.request.urlopen(self.ready_url + name, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - loopback
            return int(answer.read())

    def terminated(self) -> int:
        """End it with SIGTERM; returns its exit code."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        return process.wait(_PATIENCE_SECONDS)


def _conversations(journal: Path) -> dict[str, int]:
    """The process that held each conversation, by the agent."""
    spans = read_spans(journal_files(journal)) if journal.exists() else ()
    return {
        span.name.rpartition(" ")[2]: span.resource["process.pid"]
        for span in spans
        if span.name.startswith("invoke_workflow")
    }


@pytest.mark.parametrize(
    "options",
    [
        ["--workers=2"],
        ["--workers=2", "--preload"],
        ["--workers=1", "--worker-class=gevent"],
        ["--workers=1", "--preload", "--max-requests=5"],
    ],
    ids=" ".join,
)
def test_gunicorn_answers_all_requests_and_its_workers_export_as_themselves(
    tmp_path: Path, start: Start, options: list[str]
) -> None:
    words = ["gunicorn", f"{_PROGRAMS}.web:wsgi", "--bind=127.0.0.1:{port}", *options]
    server = start(_Web(tmp_path, *words))
    names = [f"agent_{number}" for number in range(_REQUESTS)]
    with ThreadPoolExecutor(8) as clients:
        asked = dict(zip(names, clients.map(server.ask, names), strict=True))
    assert server.terminated() == 0
    assert _conversations(server.journal) == asked


_GUNICORN = ["gunicorn", f"{_PROGRAMS}.web:asgi", "--bind=127.0.0.1:{port}", f"--worker-class={_UVICORN}"]


@pytest.mark.parametrize(
    ("words", "last"),
    [
        # It loads the application when it has looked who else handles the signal: its last moment is its own.
        (["uvicorn", f"{_PROGRAMS}.web:asgi", "--port={port}"], ()),
        ([f"{_PROGRAMS}.web", "{port}"], ("last",)),
        (_GUNICORN, ("last",)),
        ([*_GUNICORN, "--preload", "--config=python:tests.servers.programs.gunicorn_conf"], ("last",)),
    ],
    ids=["uvicorn", "uvicorn.run", "gunicorn", "gunicorn --preload"],
)
def test_uvicorn_ends_by_the_signal_and_takes_nothing_along(
    tmp_path: Path, start: Start, receiver: Receiver, words: list[str], last: tuple[str, ...]
) -> None:
    server = start(_Web(tmp_path, *words, endpoint=receiver.url))
    server.ask("agent_0")
    server.ask("agent_1")
    first = {f"invoke_workflow user -> agent_{number}" for number in range(2)}
    # By then exporters are loaded, for which a second may be too short on a busy machine.
    wait_until(lambda: first <= set(receiver.span_names))
    assert server.terminated() == (0 if words[0] == "gunicorn" else -signal.SIGTERM)
    kept = {name.rpartition(" ")[2] for name in receiver.span_names} | _conversations(server.journal).keys()
    assert set(last) <= kept
    assert "autogen.conversation.duration" in receiver.metrics


def test_celery_recycles_its_children_and_loses_nothing(tmp_path: Path) -> None:
    journal, broker = tmp_path / "journal", tmp_path / "broker"
    broker.mkdir()
    environ = program_environ(journal, f"http://127.0.0.1:{closed_port()}") | {"BROKER_FOLDER": str(broker)}
    send = f"from {_PROGRAMS}.tasks import converse\nfor n in range(6): converse.delay(f'agent_{{n}}')"
    subprocess.run([sys.executable, "-c", send], env=environ, check=True, timeout=_PATIENCE_SECONDS)  # noqa: S603 - ours
    command = [sys.executable, "-m", "celery", "-A", f"{_PROGRAMS}.tasks", "worker"]
    command += [
        "--pool=prefork",
        "--concurrency=2",
        "--max-tasks-per-child=1",
        "--without-mingle",
        "--without-gossip",
    ]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path)  # noqa: S603 - ours
    try:
        wait_until(lambda: len(_conversations(journal)) == 6)
    finally:
        worker.terminate()
        worker.wait(_PATIENCE_SECONDS)
    held = _conversations(journal)
    assert sorted(held) == [f"agent_{number}" for number in range(6)], (tmp_path / "log").read_text()
    assert len(set(held.values())) == 6
