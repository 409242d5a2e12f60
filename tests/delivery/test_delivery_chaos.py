"""Programs and a receiver that has every fault: each span arrives once, or is counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autogen_otel.delivery.journal import Kind
from autogen_otel.delivery.journal.files import count_contents, list_files
from autogen_otel.delivery.journal.forwarding import count_remaining
from autogen_otel.delivery.journal.inventory import inventory
from autogen_otel.traces.formats.journal import journal_files, read_spans
from tests.support.otlp_receiver import ReceiverProcess, until
from tests.support.recorded import ProgressLog

_PROGRAM = """
import sys, time
from autogen_otel.delivery import tracer_provider
from autogen_otel.delivery import counts
from autogen_otel.settings import Settings

provider = tracer_provider(Settings())
tracer = provider.get_tracer("test")
spans, path = int(sys.argv[1]), sys.argv[2]
for number in range(spans):
    with tracer.start_as_current_span("conversation") as span:
        print(f"{span.get_span_context().span_id:016x}", flush=True)
    time.sleep(float(sys.argv[3]))
while sys.argv[4:] == ["wait"]:
    time.sleep(0.1)
provider.shutdown()
open(path, "w").write(str(sum(counts.PROCESS.dropped_items().get("spans", {}).values())))
"""
_PROMPT = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20"}


class _Programs:
    """Programs that make spans, with one journal and one receiver."""

    def __init__(self, folder: Path, receiver: ReceiverProcess) -> None:
        self.folder, self.receiver = folder, receiver
        self.journal = folder / "journal"
        self.dropped = folder / "dropped"
        self.running: list[subprocess.Popen[str]] = []

    def start(self, spans: int, pause: float = 0.0, *more: str, **environment: str) -> subprocess.Popen[str]:
        started = subprocess.Popen(  # noqa: S603 - our own interpreter on our own program
            [sys.executable, "-c", _PROGRAM, str(spans), str(self.dropped), str(pause), *more],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "AUTOGEN_OTEL_JOURNAL_DIR": str(self.journal),
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(started)
        return started

    def run(self, spans: int, pause: float = 0.0, **environment: str) -> set[str]:
        """Run one to its end; the ids of its spans."""
        output, errors = self.start(spans, pause, **environment).communicate(timeout=120)
        assert "Traceback" not in errors, errors
        return set(output.split())

    def journaled(self, *kinds: Kind) -> set[str]:
        """The ids of the spans in the journal's files of these kinds."""
        return {span.span_id for span in read_spans(file.path for file in list_files(self.journal, *kinds))}

    def dropped_spans(self) -> int:
        return int(self.dropped.read_text())


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path / "receiver") as process:
        yield process


@pytest.fixture
def programs(tmp_path: Path, receiver: ReceiverProcess) -> Iterator[_Programs]:
    made = _Programs(tmp_path, receiver)
    yield made
    for program in made.running:
        program.kill()
        program.communicate()


@pytest.mark.parametrize("fault", ["hang", "trickle", "status 500", "page"])
def test_what_is_not_taken_waits_in_the_journal_for_the_next_run(
    programs: _Programs, receiver: ReceiverProcess, fault: str
) -> None:
    receiver.fault(fault)
    ids = programs.run(30)
    assert (programs.journaled(Kind.UNDELIVERED), receiver.taken(), programs.dropped_spans()) == (ids, {}, 0)
    receiver.fault("none")
    program = programs.start(1, 0.0, "wait")
    until(lambda: count_remaining(programs.journal) == (0, 0))
    program.kill()
    assert ids <= receiver.taken().keys()
    assert set(receiver.taken().values()) == {1}


@pytest.mark.parametrize("fault", ["nonsense", "reset"])
def test_a_connection_that_breaks_loses_nothing(
    programs: _Programs, receiver: ReceiverProcess, fault: str
) -> None:
    receiver.fault(fault)
    ids = programs.run(10)
    assert (programs.journaled(Kind.UNDELIVERED), programs.dropped_spans()) == (ids, 0)


def test_a_batch_that_is_wrong_goes_out_once_and_is_counted(
    programs: _Programs, receiver: ReceiverProcess
) -> None:
    receiver.fault("status 400")
    ids = programs.run(30)
    receiver.fault("none")
    assert (programs.journaled(Kind.REFUSED), programs.dropped_spans()) == (ids, 30)
    programs.run(1)
    assert set(receiver.offered().values()) == {1}
    assert programs.journaled(Kind.REFUSED) == ids


def test_what_half_a_batch_is_rejected_of_is_counted_and_said(
    programs: _Programs, receiver: ReceiverProcess
) -> None:
    receiver.fault("half")
    program = programs.start(10)
    output, errors = program.communicate(timeout=120)
    assert len(set(output.split())) == 10 == len(receiver.taken()) + programs.dropped_spans()
    assert "half is enough" in errors
    assert set(receiver.offered().values()) == {1}
    assert not programs.journal.exists()


def test_a_slow_receiver_gets_each_span_once(programs: _Programs, receiver: ReceiverProcess) -> None:
    receiver.fault("slow 0.3")
    ids = programs.run(60, 0.01, **_PROMPT)
    left = programs.journaled(Kind.UNDELIVERED)
    until(lambda: receiver.taken().keys() >= ids - left)
    assert set(receiver.taken().values()) == {1}
    assert programs.dropped_spans() == 0


def test_a_running_program_forwards_when_the_receiver_is_back(
    programs: _Programs, receiver: ReceiverProcess
) -> None:
    receiver.kill()
    program = programs.start(40, 0.0, "wait", **_PROMPT)
    assert program.stdout is not None
    ids = {program.stdout.readline().strip() for _ in range(40)}
    until(
        lambda: programs.journal.exists() and inventory(programs.journal).kinds[Kind.UNDELIVERED].spans == 40
    )
    receiver.start()
    until(lambda: receiver.taken().keys() == ids)
    until(lambda: not list_files(programs.journal))
    assert set(receiver.taken().values()) == {1}


def test_programs_that_share_a_folder_and_are_killed_forward_each_batch_once(
    programs: _Programs, receiver: ReceiverProcess
) -> None:
    receiver.kill()
    ids = set[str]()
    for _ in range(3):
        ids |= programs.run(100, 0.0, **_PROMPT)
    receiver.fault("slow 0.05")
    receiver.start()
    first = [programs.start(0, 0.0, "wait") for _ in range(3)]
    until(lambda: len(receiver.taken()) > 60)
    for program in first:
        program.send_signal(signal.SIGKILL)
    second = [programs.start(0, 0.0, "wait") for _ in range(3)]
    until(lambda: not list_files(programs.journal))
    for program in second:
        program.kill()
    taken = receiver.taken()
    assert taken.keys() == ids
    # The batch that was under way when its sender was killed is the only one that may have come twice.
    assert sum(count - 1 for count in taken.values()) <= 20


def test_after_a_kill_the_journal_reads_and_is_forwarded(
    programs: _Programs, receiver: ReceiverProcess
) -> None:
    receiver.kill()
    program = programs.start(10_000, 0.001, **_PROMPT)
    until(
        lambda: (
            programs.journal.exists()
            and sum(count_contents(f.path)[1] for f in list_files(programs.journal)) > 100
        )
    )
    program.kill()
    program.communicate()
    progress = ProgressLog()
    ids = {span.span_id for span in read_spans(journal_files(programs.journal), progress=progress)}
    assert progress.warnings == []
    assert len(ids) > 100
    receiver.start()
    forwarding: Callable[[], subprocess.Popen[str]] = lambda: programs.start(0, 0.0, "wait")  # noqa: E731
    forwarding()
    until(lambda: not list_files(programs.journal))
    assert receiver.taken().keys() == ids
    assert set(receiver.taken().values()) == {1}
