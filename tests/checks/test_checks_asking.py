"""The process in which the host is asked: it connects nowhere, and a host that cannot be asked is said."""

from __future__ import annotations

import subprocess
import sys

import pytest

from autogen_otel import check_config_list
from autogen_otel.checks import ask as asking
from autogen_otel.checks.ask import ask
from autogen_otel.checks.source import ConfigList
from tests.support.agents import Serve
from tests.support.config_lists import gpt, local

pytestmark = pytest.mark.usefixtures("_asked_anew")
CONNECTS = """
from autogen_otel.checks.process import Wire
import asyncio, socket, subprocess, urllib.request
wire = Wire()
for connect in (
    lambda: socket.create_connection(("127.0.0.1", {port})),
    lambda: socket.socket().connect_ex(("127.0.0.1", {port})),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", {port})),
    lambda: urllib.request.urlopen("http://127.0.0.1:{port}"),
    lambda: asyncio.run(asyncio.open_connection("127.0.0.1", {port})),
    lambda: subprocess.run(["true"]),
):
    try:
        connect()
    except OSError as error:
        print("cut off" in str(error))
wire.connect()
socket.create_connection(("127.0.0.1", {port})).close()
print("connected")
"""


def test_nothing_connects_while_the_wire_is_cut(serve: Serve) -> None:
    port = serve([]).origin.rpartition(":")[2]
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", CONNECTS.format(port=port)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True"] * 7 + ["connected"]


def test_offline_no_endpoint_is_asked(serve: Serve) -> None:
    server = serve([])
    report = check_config_list(
        [local(base_url=server.base_url), local(base_url=server.base_url, stream=True)]
    )
    assert report.host is not None
    assert not server.requests


def test_a_host_that_takes_too_long_is_said() -> None:
    answers = ask([ConfigList("", [])], limit=0.01)
    assert answers.host is None
    assert answers.problem == "it did not answer within 0 s"


def test_a_process_that_dies_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_START", "import os; os._exit(7)")
    report = check_config_list(
        [gpt(api_key="sk-..."), {"model": "gpt-4o", "price": ["x"], "api_key": "EMPTY"}]
    )
    assert report.host_problem == "its process ended with exit code 7 and no answer"
    kinds = [{problem.kind for problem in entry.problems} for entry in report.entries]
    assert kinds == [{"key_placeholder"}, {"key_placeholder", "price"}]


def test_a_process_whose_asker_has_ended_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = "import sys, time; sys.path[:] = {path!r}; from autogen_otel.checks import process; "
    start = "process._answer = lambda _: time.sleep(600); process.main()"
    monkeypatch.setattr(asking, "_START", hangs + start)
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *words, **more: run(*words, **{**more, "timeout": 60}))
    assert ask([ConfigList("", [])], limit=0.2).problem == "its process ended with exit code 1 and no answer"


def test_a_frozen_program_is_not_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "no Python interpreter" in str(ask([ConfigList("", [])]).problem)


def test_no_host_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = "import sys; sys.path[:] = {path!r}; sys.modules['autogen'] = None; "
    start = "from autogen_otel.checks.process import main; main()"
    monkeypatch.setattr(asking, "_START", hidden + start)
    report = check_config_list([{"model": "gpt-4o", "api_key": ""}])
    assert report.host is None
    assert report.host_problem is not None
    assert "supported are" in report.host_problem
    assert [problem.kind for _, problem in report.all_problems()] == ["key_missing"]
