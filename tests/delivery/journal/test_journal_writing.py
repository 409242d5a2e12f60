from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.journal import Journal, Limits, NoFolderError, default_dir, folder, locks
from tests.delivery.receivers import finished
from tests.support.telemetry import own_log_records

posix_only = pytest.mark.needs(os.name == "posix", "POSIX file modes")


def _lines(journal: Journal) -> list[dict[str, Any]]:
    files = sorted(journal.folder.glob("traces-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines() if line]


def _one_file(journal: Journal) -> Path:
    (path,) = journal.folder.glob("traces-*.jsonl")
    return path


def _names(journal: Journal) -> list[str]:
    return [
        span["name"]
        for line in _lines(journal)
        for resource_spans in line["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]


def _rich_spans() -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests", "1", "https://example.org/schema")
    with tracer.start_as_current_span("outer", kind=trace.SpanKind.CLIENT) as outer:
        outer.set_attributes(
            {
                "text": "zwölf \N{SNOWMAN}\u2028 lines\n",
                "whole": 2**53 + 1,
                "broken": 0.5,
                "yes": True,
                "many": ["a", "b"],
            }
        )
        link = trace.Link(outer.get_span_context(), {"why": "earlier"})
        with tracer.start_as_current_span("inner", links=[link]) as inner:
            inner.record_exception(ValueError("no"))
            inner.set_status(trace.StatusCode.ERROR, "no")
    return list(exporter.get_finished_spans())


def _with_bytes_ids(line: dict[str, Any]) -> ExportTraceServiceRequest:
    """Parse OTLP JSON as protobuf does, which wants ids in base64."""

    def convert(value: Any) -> Any:
        if isinstance(value, list):
            return [convert(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: _base64(item) if key in {"traceId", "spanId", "parentSpanId"} else convert(item)
            for key, item in value.items()
        }

    return ParseDict(convert(line), ExportTraceServiceRequest())


def _base64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def test_a_line_holds_the_same_spans_as_the_protobuf_encoding(tmp_path: Path) -> None:
    spans = _rich_spans()
    journal = Journal(tmp_path)
    journal.append(spans)
    assert _with_bytes_ids(_lines(journal)[0]) == encode_spans(spans)


def test_a_line_follows_otlp_json(tmp_path: Path) -> None:
    inner_span, outer_span = _rich_spans()
    journal = Journal(tmp_path)
    journal.append([inner_span, outer_span])
    inner, outer = _lines(journal)[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert outer["traceId"] == trace.format_trace_id(outer_span.context.trace_id)
    assert inner["parentSpanId"] == outer["spanId"] == inner["links"][0]["spanId"]
    assert inner["links"][0]["traceId"] == outer["traceId"]
    assert (outer["kind"], inner["status"]["code"]) == (3, 2)
    assert outer["startTimeUnixNano"] == str(outer_span.start_time)
    values = {attribute["key"]: attribute["value"] for attribute in outer["attributes"]}
    assert values["whole"] == {"intValue": str(2**53 + 1)}


def test_an_empty_batch_leaves_no_trace(tmp_path: Path) -> None:
    Journal(tmp_path).append([])
    assert list(tmp_path.iterdir()) == []


def test_each_batch_is_one_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(finished("a\nb", "c\u2028d"))
    journal.append(finished("e"))
    assert _one_file(journal).read_bytes().count(b"\n") == 2
    assert _names(journal) == ["a\nb", "c\u2028d", "e"]


def test_nothing_is_created_before_the_first_batch(tmp_path: Path) -> None:
    Journal(tmp_path / "journal")
    assert list(tmp_path.iterdir()) == []


@posix_only
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_folder_and_file_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    journal = Journal(tmp_path / "journal")
    before = os.umask(umask)
    try:
        journal.append(finished("a"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(_one_file(journal).stat().st_mode) == 0o600


@posix_only
def test_the_modes_of_a_folder_that_exists_are_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    Journal(shared).append(finished("a"))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_missing_parents_of_the_folder_are_made(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a" / "b" / "journal")
    journal.append(finished("a"))
    assert _names(journal) == ["a"]


def test_a_torn_last_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(finished("a"))
    path = _one_file(journal)
    with path.open("ab") as file:
        file.write(b'{"resourceSpans":[{"sco')
    journal.append(finished("b"))
    first, torn, last = path.read_bytes().splitlines()
    assert (b'"name":"a"' in first, torn, b'"name":"b"' in last) == (True, b'{"resourceSpans":[{"sco', True)


def test_a_write_cut_short_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(OSError):
        journal.append(finished("a"))
    monkeypatch.undo()
    journal.append(finished("b"))
    assert b'"name":"b"' in _one_file(journal).read_bytes().splitlines()[1]


def test_a_file_that_was_removed_is_followed_by_a_new_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(finished("a"))
    _one_file(journal).unlink()
    journal.append(finished("b"))
    assert _names(journal) == ["b"]


def test_a_file_that_would_grow_too_large_is_followed_by_a_new_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_file_bytes=2000)
    for name in "abcdefgh":
        journal.append(finished(name))
    files = list(tmp_path.glob("traces-*.jsonl"))
    assert len(files) > 1
    assert all(path.stat().st_size <= 2000 for path in files)
    assert sorted(_names(journal)) == list("abcdefgh")


def test_the_oldest_files_make_room_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counts = ProcessCounts()
    journal = Journal(tmp_path, max_file_bytes=1000, limits=Limits(max_bytes=4000), counts=counts)
    foreign = tmp_path / "notes.txt"
    foreign.write_text("x" * 9000)
    now = time.time()
    for number in range(30):
        journal.append(finished(f"span {number}"))
        for age, path in enumerate(sorted(tmp_path.glob("traces-*.jsonl"), reverse=True)):
            os.utime(path, (now - age, now - age))
    files = list(tmp_path.glob("traces-*.jsonl"))
    assert sum(path.stat().st_size for path in files) <= 4000
    assert "span 29" in _names(journal)
    assert "span 0" not in _names(journal)
    assert counts.dropped_items() == {"spans": {"journal_limit": 30 - len(_names(journal))}}
    assert "reached its limit of" in caplog.text
    assert foreign.exists()


@pytest.mark.needs(hasattr(os, "fork"), "needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_writes_its_own_file_even_if_the_lock_was_held(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(finished("before"))
    spans = finished("child")
    with locks._threads:
        child = os.fork()
        if child == 0:
            try:
                journal.append(spans)
            finally:
                os._exit(0)
    os.waitpid(child, 0)
    files = sorted(tmp_path.glob("traces-*.jsonl"))
    assert {path.stem.rsplit("-", 1)[1] for path in files} == {str(os.getpid()), str(child)}
    assert sorted(_names(journal)) == ["before", "child"]


def test_the_folder_is_the_environments_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path))
    assert default_dir() == Journal().folder == tmp_path


def test_the_folder_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path / "a"))
    assert Journal(tmp_path / "b").folder == tmp_path / "b"


def test_a_folder_does_not_move_with_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Journal("here").folder == tmp_path / "here"


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_STATE_HOME": "/state"}, "/state/autogen-otel/journal"),
        ("linux", {"XDG_STATE_HOME": "relative"}, "/home/u/.local/state/autogen-otel/journal"),
        ("linux", {}, "/home/u/.local/state/autogen-otel/journal"),
        ("darwin", {}, "/home/u/Library/Application Support/autogen-otel"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/autogen-otel"),
    ],
)
@posix_only
def test_the_default_folder_is_where_the_platform_keeps_state(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.setattr(folder, "write_problem", lambda _folder, **_: None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_dir() == Path(expected)


def test_a_user_without_a_home_gets_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert default_dir().name.startswith("autogen-otel-")


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary files go; nobody can write into the user's home."""
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@posix_only
def test_where_the_state_folder_cannot_be_written_a_temporary_one_is_used(temporary: Path) -> None:
    folder = temporary / f"autogen-otel-{os.getuid()}"
    assert default_dir() == folder
    Journal().append(finished("a"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert default_dir() == folder


@posix_only
def test_a_temporary_folder_that_others_can_read_is_not_used(temporary: Path) -> None:
    folder = temporary / f"autogen-otel-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(NoFolderError, match="AUTOGEN_OTEL_JOURNAL_DIR may name another"):
        default_dir()
    folder.rmdir()
    (temporary / "theirs").mkdir(mode=0o700)
    folder.symlink_to(temporary / "theirs")
    with pytest.raises(NoFolderError):
        default_dir()


def test_appending_says_nothing_when_all_is_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "autogen_otel"):
        Journal(tmp_path).append(finished("a"))
    assert own_log_records(caplog) == []
