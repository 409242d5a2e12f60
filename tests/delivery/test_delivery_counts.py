"""What programs count is found beside their journal."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import pytest

from autogen_otel.delivery.counts import ProcessCounts, shared
from autogen_otel.delivery.counts.shared import SharedCountsFile, read
from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver


@pytest.fixture(autouse=True)
def counts(monkeypatch: pytest.MonkeyPatch) -> ProcessCounts:
    """Those of the process."""
    made = ProcessCounts()
    monkeypatch.setattr("autogen_otel.delivery.counts.PROCESS", made)
    monkeypatch.setattr(shared, "_SECONDS", 0.0)
    return made


def test_what_processes_count_is_added_up(tmp_path: Path, counts: ProcessCounts) -> None:
    first, second = SharedCountsFile(tmp_path), SharedCountsFile(tmp_path)
    assert read(tmp_path) == shared.SharedCounts()
    first.write()
    assert list(tmp_path.iterdir()) == [], "there is nothing to say"
    counts.add("exported", "spans", 3)
    counts.drop("spans", "queue_full", 1)
    first.write()
    first.write()
    second.write()
    counts.add("journaled", "spans", 2)
    first.write()
    found = read(tmp_path)
    assert (found.of("exported"), found.of("journaled")) == ({"spans": 6}, {"spans": 2})
    assert found.dropped_items() == {"spans": {"queue_full": 2}}
    assert found.since <= found.at
    assert (tmp_path / "counts.json").stat().st_mode & 0o777 == 0o600


def test_what_waits_is_known_of_each_process_that_lives(
    tmp_path: Path, counts: ProcessCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = deque(range(5))
    counts.watch("spans", queue)
    sharing = [SharedCountsFile(tmp_path), SharedCountsFile(tmp_path)]
    for one in sharing:
        one.write()
    assert read(tmp_path).queued_items() == {"spans": 10}
    queue.pop()
    sharing[0].write()
    sharing[1].write(is_last=True)
    assert read(tmp_path).queued_items() == {"spans": 4}
    monkeypatch.setattr(shared, "_FORGOTTEN_SECONDS", 0.0)
    assert read(tmp_path).queued_items() == {}, "it was killed"


def test_a_damaged_file_begins_anew_and_a_folder_that_cannot_be_written_is_let_be(
    tmp_path: Path, counts: ProcessCounts
) -> None:
    counts.add("exported", "spans", 3)
    (tmp_path / "counts.json").write_text('{"since": 1, "items')
    assert read(tmp_path) == shared.SharedCounts()
    SharedCountsFile(tmp_path).write()
    assert read(tmp_path).of("exported") == {"spans": 3}
    (tmp_path / "file").touch()
    SharedCountsFile(tmp_path / "file" / "journal").write()
    SharedCountsFile(tmp_path / "none").write(is_last=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "text",
    [
        '{"since": 1, "at": Infinity, "items": {"exported spans": Infinity}, "queued": {}}',
        '{"since": 1e14, "at": 1e17, "items": {"exported spans": 5}, "queued": {}}',
        "[" * 100_000,
        "[]",
    ],
)
def test_a_file_of_somebody_elses_ends_nothing(tmp_path: Path, counts: ProcessCounts, text: str) -> None:
    counts.add("exported", "spans", 3)
    (tmp_path / "counts.json").write_text(text)
    SharedCountsFile(tmp_path).write()
    assert read(tmp_path).of("exported") == {"spans": 3}
    (tmp_path / "counts.json").write_text('{"since": 1, "at": 2, "items": {"exported": 1}, "queued": {}}')
    assert (read(tmp_path).of("exported"), read(tmp_path).dropped_items()) == ({}, {})


def test_a_forked_process_adds_its_own_only(tmp_path: Path, counts: ProcessCounts) -> None:
    counts.add("exported", "spans", 3)
    sharing = SharedCountsFile(tmp_path)
    sharing.write()
    counts.after_fork()
    sharing.after_fork()
    counts.add("exported", "spans", 1)
    sharing.write()
    assert read(tmp_path).of("exported") == {"spans": 4}


def test_programs_write_what_they_count(program: Program, receiver: Receiver) -> None:
    code = """
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
for name in "abc":
    with tracers.get_tracer("test").start_as_current_span(name):
        pass
late = tracers.get_tracer("test").start_span("late")
tracers.shutdown()
late.end()
"""
    program.journal.mkdir()
    said = program.script(code)
    assert "Spans that end after their provider was shut down are dropped, and counted." in said
    program.script(code, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    found = read(program.journal)
    assert (found.of("exported"), found.of("journaled")) == ({"spans": 3}, {"spans": 3})
    assert found.dropped_items() == {"spans": {"after_shutdown": 2}}
    assert os.access(program.journal / "counts.json", os.R_OK)


def test_a_program_that_goes_on_with_another_journal_counts_nothing_twice(program: Program) -> None:
    program.script("""
from autogen_otel import Settings
from autogen_otel.delivery import spans
for folder, number in (("first", 2), ("second", 3), ("first", 4)):
    tracers = spans.build(Settings(journal_dir=folder))
    for _ in range(number):
        tracers.get_tracer("test").start_span("journaled").end()
    tracers.shutdown()
""")
    journaled = [read(program.folder / folder).of("journaled") for folder in ("first", "second")]
    assert journaled == [{"spans": 6}, {"spans": 3}]
