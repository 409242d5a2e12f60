from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.journal import Journal, Kind, Limits, limits
from autogen_otel.delivery.journal.files import list_files, new_note_path
from autogen_otel.delivery.journal.forwarding import Forwarding
from autogen_otel.delivery.journal.inventory import inventory
from autogen_otel.delivery.journal.limits import prune
from tests.delivery.receivers import finished

_HOUR = 3600.0


def _age(path: Path, hours: float) -> None:
    then = time.time() - hours * _HOUR
    os.utime(path, (then, then))


def test_what_is_too_old_goes_whatever_its_kind(tmp_path: Path) -> None:
    for hours, kind in ((30, Kind.UNDELIVERED), (30, Kind.KEPT), (30, Kind.REFUSED), (10, Kind.KEPT)):
        journal = Journal(tmp_path)
        journal.append(finished("a", "b"), kind)
        _age(list_files(tmp_path)[-1].path, hours)
    for suffix, hours in (("", 30), (".tmp", 30), ("", 10)):
        note = new_note_path(tmp_path)
        note = note.with_name(f"{note.name}{suffix}")
        note.write_text("{}")
        _age(note, hours)
    old, surplus = prune(tmp_path, Limits(max_age_hours=24))
    assert (old.files, old.undelivered_spans, surplus.files) == (3, 2, 0)
    assert sorted(path.suffixes[-1] for path in tmp_path.iterdir()) == [".inflight", ".jsonl"]


def test_what_is_too_much_goes_the_oldest_first(tmp_path: Path) -> None:
    for number in range(4):
        Journal(tmp_path).append(finished(f"{number}"), Kind.KEPT if number % 2 else Kind.UNDELIVERED)
        _age(list_files(tmp_path)[-1].path, 10 - number)
    files = list_files(tmp_path)
    _, surplus = prune(tmp_path, Limits(max_bytes=sum(file.bytes for file in files[2:])))
    assert (surplus.files, surplus.undelivered_spans) == (2, 1)
    assert [file.path for file in list_files(tmp_path)] == [file.path for file in files[2:]]


def test_notes_of_conversations_in_flight_count_and_those_of_dead_processes_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, alive = [new_note_path(tmp_path) for _ in range(4)], new_note_path(tmp_path)
    for number, path in enumerate(dead):
        for note in (path, path.with_name(f"{path.name}.tmp")):
            note.write_bytes(b"x" * 100)
            _age(note, 10 - number)
    alive.write_bytes(b"x" * 1000)
    Journal(tmp_path).append(finished("a"))
    size = list_files(tmp_path)[0].bytes
    _, surplus = prune(tmp_path, Limits(max_bytes=1000 + size + 350))
    assert surplus.files == 0
    assert inventory(tmp_path).bytes == 1000 + size + 300
    monkeypatch.setattr(limits, "_MOST_NOTES", 1)
    prune(tmp_path, Limits())
    assert {path.name.removesuffix(".tmp") for path in tmp_path.glob("*.inflight*")} == {
        alive.name,
        dead[3].name,
    }
    _, surplus = prune(tmp_path, Limits(max_bytes=1000))
    assert (surplus.files, surplus.undelivered_spans) == (1, 1)
    assert list(tmp_path.iterdir()) == [alive]


def test_what_was_forwarded_of_a_file_is_not_lost_with_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in "abc":
        journal.append(finished(name))
    results = [ExportResult(Outcome.EXPORTED), ExportResult(Outcome.FAILED)]
    Forwarding(journal, lambda _spans: results.pop(0)).run(lambda: True)
    _age(list_files(tmp_path)[0].path, 30)
    old, _ = prune(tmp_path, Limits(max_age_hours=24))
    assert (old.files, old.undelivered_spans) == (1, 2)


def test_a_program_removes_what_is_too_old_when_it_begins_a_file(tmp_path: Path) -> None:
    counts = ProcessCounts()
    Journal(tmp_path).append(finished("a"))
    _age(list_files(tmp_path)[0].path, 30)
    Journal(tmp_path, limits=Limits(max_age_hours=24), counts=counts).append(finished("b"))
    assert len(list_files(tmp_path)) == 1
    assert counts.dropped_items() == {"spans": {"journal_limit": 1}}


def test_the_limit_holds_for_batches_of_any_kind_together(tmp_path: Path) -> None:
    journal = Journal(tmp_path, limits=Limits(max_bytes=40_000))
    for number in range(60):
        journal.append(finished(*"abcdefgh"), (Kind.UNDELIVERED, Kind.KEPT)[number % 2])
        assert sum(file.bytes for file in list_files(tmp_path)) <= 40_000


def test_the_inventory_counts_each_kind_and_each_conversation_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(finished("a", "b"))
    spans = finished("c")
    journal.append(spans)
    journal.append(spans, Kind.KEPT)
    with list_files(tmp_path, Kind.KEPT)[0].path.open("ab") as file:
        file.write(b'{"resourceSpans":[{"sco')
    new_note_path(tmp_path).write_text("{}")
    found = inventory(tmp_path)
    counts = {kind: (contents.batches, contents.spans) for kind, contents in found.kinds.items()}
    assert counts == {Kind.UNDELIVERED: (2, 3), Kind.KEPT: (1, 1), Kind.REFUSED: (0, 0)}
    assert (found.conversations, found.in_flight) == (2, 1)
    newest = spans[0].start_time
    assert found.kinds[Kind.KEPT].oldest_ns == found.kinds[Kind.KEPT].newest_ns == newest
