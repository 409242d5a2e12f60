"""What a process was at when it was killed is found beside the journal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from random import SystemRandom
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from autogen_otel.delivery.journal.files import NOTE_SUFFIX
from autogen_otel.delivery.processes.in_flight import InFlight
from autogen_otel.traces.conversations import summaries, summarize
from autogen_otel.traces.formats.journal import journal_files, read_spans
from autogen_otel.traces.trace import Trace
from tests.delivery.receivers import closed_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import Span

    from autogen_otel.traces.conversations import Summary
    from tests.delivery.programs import Program

pytestmark = pytest.mark.needs(hasattr(os, "fork"), "there are no files of this kind")
_MOMENTS = 5
_RANDOM = SystemRandom()
_PROGRAM = """
import itertools, sys, time
from opentelemetry import trace
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
process = delivery.Process([tracers])
tracer = tracers.get_tracer("autogen_otel")

for number in itertools.count():
    with tracer.start_as_current_span(f"invoke_workflow user -> agent_{number}") as span:
        process.on_span_start(span)
        print(number, time.time(), flush=True)
        with tracer.start_as_current_span("execute_tool lookup") as tool:
            process.on_span_start(tool)
            time.sleep(float(sys.argv[1]))
"""


@pytest.fixture
def tracer() -> trace.Tracer:
    return TracerProvider(shutdown_on_exit=False).get_tracer("autogen_otel")


def _begun(in_flight: InFlight, tracer: trace.Tracer, name: str, parent: trace.Span | None = None) -> Span:
    span: Span = tracer.start_span(name, trace.set_span_in_context(parent) if parent is not None else None)  # type: ignore[assignment]
    in_flight.started_spans.append(span)
    return span


def _listed(folder: Path) -> list[Summary]:
    return summaries(read_spans(journal_files(folder)))


def test_a_conversation_under_way_is_running_and_then_interrupted(
    tmp_path: Path, tracer: trace.Tracer
) -> None:
    in_flight = InFlight(tmp_path / "journal")
    conversation = _begun(in_flight, tracer, "invoke_workflow user -> helper")
    tool = _begun(in_flight, tracer, "execute_tool lookup", conversation)
    tool.set_attribute("gen_ai.tool.name", "lookup")
    in_flight.write()
    (running,) = _listed(in_flight.folder)
    assert (running.outcome, running.name) == ("running", "user -> helper")
    assert running.under_way == "execute_tool lookup"
    assert running.under_way_since_ns == tool.start_time
    (file,) = in_flight.folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    in_flight.after_fork()  # as if its process were gone: its lock is
    (killed,) = _listed(in_flight.folder)
    assert (killed.outcome, killed.under_way) == ("interrupted", "execute_tool lookup")
    spans = Trace.of(read_spans(journal_files(in_flight.folder)))
    assert [span.state for span in spans.spans] == ["interrupted", "interrupted"]
    assert summarize(spans) == killed


def test_without_anything_under_way_there_is_no_file(tmp_path: Path, tracer: trace.Tracer) -> None:
    in_flight = InFlight(tmp_path / "journal")
    in_flight.write()
    assert not in_flight.folder.exists()
    conversation = _begun(in_flight, tracer, "invoke_workflow user -> helper")
    in_flight.write()
    conversation.end()
    in_flight.write()
    (ended,) = _listed(in_flight.folder)
    assert (ended.outcome, ended.under_way) == ("ok", None), "nothing else tells of it yet"
    in_flight.note_exported([conversation])
    in_flight.write()
    assert list(in_flight.folder.iterdir()) == []


def test_what_ends_soon_and_what_is_forgotten_is_not_noted(tmp_path: Path, tracer: trace.Tracer) -> None:
    in_flight = InFlight(tmp_path / "journal")
    around = tracer.start_span("around")
    _begun(in_flight, tracer, "execute_tool lookup", around).end()
    in_flight.started_spans.append(trace.NonRecordingSpan(around.get_span_context()))  # type: ignore[arg-type]
    _begun(in_flight, tracer, "execute_tool never ended", around)
    in_flight.write()
    in_flight.write()
    assert not in_flight.folder.exists() or list(in_flight.folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_once(
    tmp_path: Path, tracer: trace.Tracer, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    in_flight = InFlight(tmp_path / "file" / "journal")
    _span = _begun(in_flight, tracer, "invoke_workflow user -> helper")
    with caplog.at_level("INFO", "autogen_otel"):
        in_flight.write()
        in_flight.write()
    (record,) = [one for one in caplog.records if one.name == "autogen_otel"]
    assert "Conversations in flight are not noted" in record.getMessage()
    _begun(in_flight, tracer, "invoke_workflow user -> helper")
    in_flight.write()
    assert not in_flight.started_spans, "spans that nobody will note must not be kept alive"


def test_a_program_whose_endpoint_works_removes_what_dead_processes_left(program: Program) -> None:
    program.journal.mkdir()
    dead = program.journal / f"20260101T000000.000000Z-0-0123abcd{NOTE_SUFFIX}"
    for left in (dead, dead.with_name(f"{dead.name}.tmp")):
        left.touch()
        os.utime(left, (0, 0))
    program.script("""
import pathlib, os, time
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
process = delivery.Process([tracers])
with tracers.get_tracer("autogen_otel").start_as_current_span("invoke_workflow user -> helper") as span:
    process.on_span_start(span)
    folder = pathlib.Path(os.environ["AUTOGEN_OTEL_JOURNAL_DIR"])
    while any(folder.glob("20*Z-0-*")):
        time.sleep(0.05)
""")
    assert list(program.journal.glob("*.inflight*")) == []


def test_a_system_without_threads_loses_what_is_in_flight_and_nothing_else(program: Program) -> None:
    program.script("""
import threading
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
process = delivery.Process([tracers])
def refuse(self):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
for number in range(600):
    with tracers.get_tracer("autogen_otel").start_as_current_span(f"{number}") as span:
        if process.on_span_start is not None:
            process.on_span_start(span)
assert process.on_span_start is None
""")
    assert program.span_names() == [f"{number}" for number in range(600)]


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(_MOMENTS))
def test_a_killed_process_leaves_each_conversation_that_began_a_second_before(
    tmp_path: Path, moment: int
) -> None:
    del moment
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "AUTOGEN_OTEL_JOURNAL_DIR": str(tmp_path / "journal"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{closed_port()}",
    }
    log = tmp_path / "log"
    with log.open("w") as output:
        running = subprocess.Popen(  # noqa: S603 - our own interpreter on our own script
            [sys.executable, "-c", _PROGRAM, str(_RANDOM.uniform(0.01, 2.0))],
            env=environ,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
    wait_until(log.read_text)
    time.sleep(_RANDOM.uniform(1.5, 4.0))
    killed_at = time.time()
    running.send_signal(signal.SIGKILL)
    running.wait(60)
    begun = [line.split() for line in log.read_text().splitlines()]
    due = {f"user -> agent_{number}" for number, began in begun if float(began) < killed_at - 1.0}
    assert due
    listed = {one.name: one.outcome for one in _listed(tmp_path / "journal")}
    assert due <= listed.keys()
    assert set(listed.values()) <= {"ok", "interrupted"}
