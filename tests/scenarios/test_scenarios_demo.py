from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import autogen_otel
import scenarios
from scenarios import claims, demo
from tests.support import forking

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(scenarios.__file__).parent.parent
RUN = "import sys; from pathlib import Path; from scenarios import demo; demo.JOURNAL = Path(sys.argv[1]); "


def run_demo(journal: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    return forking.run(
        ["-c", f"{RUN}sys.exit(demo.main())", str(journal)],
        folder=ROOT,
        environment={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "NO_COLOR": "1",
            "COLUMNS": "200",
        },
    )


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector that keeps what it is sent."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((self.path, self.headers["content-type"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", taken
        finally:
            server.shutdown()
            thread.join()


def test_the_demo_shows_the_bare_error_and_then_why_and_sends_a_copy(tmp_path: Path) -> None:
    with collector() as (endpoint, taken):
        done = run_demo(tmp_path / "journal", f"{endpoint}/")
    assert done.returncode == 0, done.stderr
    without, bare, tree = done.stdout.partition("With one line, autogen_otel.instrument():")
    assert bare
    assert "InternalServerError: Error code: 500" in without
    assert "null" not in without
    for part in (
        "MOTOR-null-20417",
        "ValueError",
        "KeyError: 'null'",
        "policies.py:",
        "POST 500",
        "req_000108",
    ):
        assert part in tree
    _, said, diagnosis = tree.partition("autogen-otel diagnose:")
    assert said
    assert "36 conversations" in diagnosis
    assert "1. tool_exception: lookup_policy raises ValueError at policies.py:" in diagnosis
    assert "autogen.tool.argument.policy_id = MOTOR-null-20417: 100% of the failing calls" in diagnosis
    assert "config_entry: config_list[0] gpt-4-32k at 127.0.0.1 answers 404  (recovered)" in diagnosis
    assert "--html report.html" in tree
    assert {(path, kind) for path, kind, _ in taken} == {("/v1/traces", "application/json")}
    spans = [
        span
        for _, _, body in taken
        for resource in body["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert sum(not span.get("parentSpanId") for span in spans) == 36
    assert f"(sent to {endpoint})" in tree


def test_without_a_collector_it_says_how_to_have_a_copy_sent(capsys: pytest.CaptureFixture[str]) -> None:
    demo._show_next("http://127.0.0.1:9", [b"{}"], "7")
    assert "run this again with a collector at http://127.0.0.1:9 (now: " in capsys.readouterr().out


def test_the_demo_fails_if_the_failure_was_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(demo, "JOURNAL", tmp_path / "journal")
    monkeypatch.setattr(claims, "EARLIER", ())
    monkeypatch.setattr(autogen_otel, "instrument", lambda: None)
    assert demo.main() == 1
    assert "has 0 conversations that died" in capsys.readouterr().err
