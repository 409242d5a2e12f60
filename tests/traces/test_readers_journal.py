from __future__ import annotations

import base64
import gzip
import json
import os
import threading
import tracemalloc
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.traces.formats.journal import journal_files, read_spans, traces_begun_before
from autogen_otel.traces.formats.otlp import attributes_of, value_of
from autogen_otel.traces.source import SourceError
from tests.support.incidents import failing_tool, recovered
from tests.support.recorded import NS, START, ProgressLog, RecordedTrace, write

if TYPE_CHECKING:
    from autogen_otel.traces.trace import Span


def read(*paths: Path, **more: Any) -> tuple[list[Span], list[str]]:
    progress = ProgressLog()
    return list(read_spans(paths, progress=progress, **more)), progress.warnings


def simple(number: int = 1) -> RecordedTrace:
    it = RecordedTrace(number)
    it.leaf("execute_tool a", 1)
    return it


def test_a_span_is_read_with_all_that_was_recorded(tmp_path: Path) -> None:
    it = failing_tool()
    spans, said = read(write(tmp_path / "a.jsonl", it))
    tool = next(span for span in spans if span.operation == "execute_tool")
    failed_chat = next(span for span in spans if span.operation == "chat" and span.failed)
    assert said == []
    assert len(spans) == len(it.spans)
    assert (tool.trace_id, tool.service, tool.scope, tool.kind) == (it.trace_id, "claims", "autogen_otel", 1)
    assert (tool.duration_ns, tool.subject, tool.failed) == (3_000_000, "lookup_policy", True)
    assert tool.attributes["autogen.tool.arguments.problems"] == ["policy_id: expected string, got null"]
    assert tool.exception is not None
    assert tool.exception.attributes["exception.type"] == "ValueError"
    assert tool.status_message == "no such policy: None"
    assert failed_chat.links[0].span_id == tool.span_id
    assert failed_chat.parent_id in {span.span_id for span in spans}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"stringValue": "a"}, "a"),
        ({"intValue": "42"}, 42),
        ({"intValue": 42}, 42),
        ({"intValue": str(-(2**63))}, -(2**63)),
        ({"intValue": "9" * 400}, "9" * 400),
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"boolValue": False}, False),
        ({"bytesValue": base64.b64encode(b"\x00\xff").decode()}, b"\x00\xff"),
        ({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}]}}, [1, "b"]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "7"}}]}}, {"k": 7}),
        ({}, None),
        (None, None),
        ({"kindOfTheFuture": 1}, None),
    ],
)
def test_every_kind_of_value_is_understood(raw: object, expected: object) -> None:
    assert value_of(raw) == expected
    assert attributes_of([{"key": "k", "value": raw}]) == {"k": expected}


def test_integers_may_be_numbers_and_enums_names_and_ids_upper_case_or_base64(tmp_path: Path) -> None:
    it = simple()
    raw = it.spans[0]
    start, ids = raw["startTimeUnixNano"], (raw["traceId"], raw["spanId"])
    raw |= {
        "startTimeUnixNano": int(start),
        "kind": "SPAN_KIND_CLIENT",
        "status": {"code": "STATUS_CODE_ERROR"},
    }
    raw |= {
        "traceId": base64.b64encode(bytes.fromhex(ids[0])).decode(),
        "spanId": ids[1].upper(),
        "brandNew": {},
    }
    (span,), said = read(write(tmp_path / "a.jsonl", it))
    assert said == []
    assert (span.start_ns, span.kind, span.failed) == (int(start), 3, True)
    assert (span.trace_id, span.span_id) == ids


def test_a_parent_of_zeros_is_none(tmp_path: Path) -> None:
    it = simple()
    it.spans[0]["parentSpanId"] = "0" * 16
    assert read(write(tmp_path / "a.jsonl", it))[0][0].parent_id is None


def test_a_torn_last_line_is_passed_over_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", simple(1), simple(2))
    path.write_text(path.read_text()[:-40])
    spans, said = read(path)
    assert [span.trace_id for span in spans] == [simple(1).trace_id]
    assert said == []


def test_damaged_lines_cost_only_themselves_and_are_said_once_per_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        simple(1).line.encode()
        + b'{"resourceSpans": [{"resou\n'
        + b"\x00\x00\xff\n\n[1]\n7\n"
        + simple(2).line.encode()
    )
    spans, said = read(path)
    assert len(spans) == 2
    (sentence,) = said
    assert sentence == (
        f"{path}, line 2 and following: 4 damaged lines were passed over, all else was read; "
        "delete what is damaged to silence this."
    )


def test_by_default_damage_is_said_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("no json\n")
    assert list(read_spans([path])) == []
    assert capsys.readouterr().err == (
        f"autogen-otel: {path}, line 1: a damaged line was passed over, all else was read; "
        "delete what is damaged to silence this.\n"
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"spanId": "xyz"},
        {"startTimeUnixNano": str(2**63)},
        {"endTimeUnixNano": -1},
        {"traceId": None},
        {"spanId": "0" * 16},
        {"startTimeUnixNano": "soon"},
        {"attributes": [{"value": {}}]},
        {"attributes": [{"key": 5, "value": {"stringValue": "x"}}]},
        {"attributes": [{"key": None, "value": {"intValue": "1"}}]},
        {"attributes": "a"},
        {"events": 7},
        {"status": "bad"},
    ],
)
def test_a_damaged_span_does_not_hide_its_neighbours(tmp_path: Path, damage: dict[str, Any]) -> None:
    it = RecordedTrace()
    for name in ("a", "b", "c"):
        it.leaf(name)
    it.spans[1] |= damage
    spans, said = read(write(tmp_path / "a.jsonl", it))
    assert [span.name for span in spans] == ["a", "c"]
    assert len(said) == 1


def test_other_signals_in_the_same_folder_are_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"resourceMetrics": []}\n{"resourceLogs": []}\n')
    assert read(path) == ([], [])


def test_one_pretty_printed_document_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(json.loads(recovered().line), indent=2))
    spans, said = read(path)
    assert len(spans) == len(recovered().spans)
    assert said == []


@pytest.mark.parametrize("wrapping", ['{{"result": {0}}}', '{{"trace": {0}}}', "[{0}, {0}]"])
def test_answers_of_query_interfaces_are_read(tmp_path: Path, wrapping: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(wrapping.format(simple().line.strip()))
    spans, said = read(path)
    assert [span.name for span in spans] == ["execute_tool a"]
    assert said == []


def test_a_span_stored_twice_is_given_once(tmp_path: Path) -> None:
    paths = write(tmp_path / "a.jsonl", recovered(), recovered()), write(tmp_path / "b.jsonl", recovered())
    assert len(read(*paths)[0]) == len(recovered().spans)


def test_only_wanted_traces_are_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", simple(1), simple(2))
    wanted = simple(2).trace_id
    assert {span.trace_id for span in read(path, trace_filter=wanted.__eq__)[0]} == {wanted}


@pytest.mark.parametrize(
    ("written", "is_early"),
    [
        (f'"startTimeUnixNano": "{START * NS}"', True),
        (f'"startTimeUnixNano":{START * NS}}}', True),
        (f'"startTimeUnixNano" : {START * NS} }}', True),
        (f'"startTimeUnixNano": "{(START + 60) * NS}"', False),
        ('"startTimeUnixNano": 1.7953516e+18', False),
        ('"startTimeUnixNano": "0"', False),
        (f'"startTimeUnixNano": "{"7" * 5000}"', False),
        (f'"startTimeUnixNano": "{START * NS}", "exemplars": [], "resourceMetrics": []', False),
    ],
)
def test_only_what_surely_began_too_early_is_known_without_parsing(
    tmp_path: Path, written: str, *, is_early: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"traceId": "{simple().trace_id}", {written}')
    early = traces_begun_before([path], (START + 60) * NS, ProgressLog())
    assert early == ({hash(simple().trace_id)} if is_early else set())


def test_progress_adds_up_to_the_size_of_the_file(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", simple(1), simple(2))
    document = tmp_path / "b.json"
    document.write_text(json.dumps(json.loads(simple(3).line), indent=2))
    progress = ProgressLog()
    list(read_spans((lines, document), progress=progress))
    assert progress.advances == [lines.stat().st_size // 2] * 2 + [document.stat().st_size]


def test_a_folder_holds_its_jsonl_files_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.jsonl").mkdir()
    assert [path.name for path in journal_files(tmp_path)] == ["a.jsonl", "b.jsonl"]
    assert journal_files(tmp_path / "c.txt") == [tmp_path / "c.txt"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(SourceError, match="none does not exist"):
        journal_files(missing)
    with pytest.raises(SourceError, match="none cannot be read: No such file"):
        list(read_spans([missing]))


JAEGER = {
    "data": [
        {
            "traceID": "1f",
            "spans": [
                {
                    "traceID": "1f",
                    "spanID": "a",
                    "operationName": "execute_tool t",
                    "references": [
                        {"refType": "CHILD_OF", "traceID": "1f", "spanID": "b"},
                        {"refType": "FOLLOWS_FROM", "traceID": "1f", "spanID": "c"},
                    ],
                    "startTime": 1_795_351_608_000_123,
                    "duration": 2500,
                    "tags": [
                        {"key": "gen_ai.tool.name", "type": "string", "value": "t"},
                        {"key": "n", "type": "int64", "value": 3},
                        {"key": "span.kind", "type": "string", "value": "internal"},
                        {"key": "otel.status_code", "type": "string", "value": "ERROR"},
                        {"key": "otel.status_description", "type": "string", "value": "bad"},
                        {"key": "error", "type": "bool", "value": True},
                        {"key": "otel.scope.name", "type": "string", "value": "autogen_otel"},
                    ],
                    "logs": [
                        {
                            "timestamp": 1_795_351_608_000_200,
                            "fields": [
                                {"key": "event", "type": "string", "value": "exception"},
                                {"key": "exception.type", "type": "string", "value": "ValueError"},
                            ],
                        }
                    ],
                    "processID": "p1",
                },
                {"traceID": "1f", "spanID": "b"},
            ],
            "processes": {"p1": {"serviceName": "claims"}},
        }
    ]
}


def test_a_download_of_jaegers_interface_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(JAEGER, indent=2))
    (span,), said = read(path)
    assert (span.trace_id, span.span_id, span.parent_id) == (
        "1f".rjust(32, "0"),
        "a".rjust(16, "0"),
        "b".rjust(16, "0"),
    )
    assert (span.name, span.service, span.scope, span.kind) == ("execute_tool t", "claims", "autogen_otel", 1)
    assert (span.start_ns, span.duration_ns) == (1_795_351_608_000_123_000, 2_500_000)
    assert (span.failed, span.status_message) == (True, "bad")
    assert span.attributes == {"gen_ai.tool.name": "t", "n": 3}
    assert span.exception is not None
    assert span.exception.attributes == {"exception.type": "ValueError"}
    assert [link.span_id for link in span.links] == ["c".rjust(16, "0")]
    assert len(said) == 1, "the span without a start is damage"


# ---------------------------------------------------------------- files without end
def compressed(path: Path, pieces: Iterable[bytes]) -> Path:
    """A file of these pieces, compressed as far as possible."""
    compressor = zlib.compressobj(9, wbits=31)
    path.write_bytes(b"".join(compressor.compress(piece) for piece in pieces) + compressor.flush())
    return path


MEGABYTE = 1 << 20
WITHOUT_END: dict[str, tuple[Iterable[bytes], str]] = {
    "a line": ([b" " * MEGABYTE] * 64, "a line is longer than 32 MB"),
    "nested": ([b"[" * MEGABYTE] * 64, "a line is longer than 32 MB"),
    "a document": (
        [b"{\n", *[b'"a":' + bytes(range(48, 91)) * 10_000 + b"\n"] * 100],
        "a document is longer",
    ),
    "lines": ([b"{}\n" * (MEGABYTE // 3)] * 4, "it expands to more than 250 times its size"),
    "empty lines": ([b"\n" * MEGABYTE], "it expands to more than 250 times its size"),
}


@pytest.mark.parametrize("kind", WITHOUT_END)
def test_a_compressed_file_that_hardly_ends_is_given_up_and_all_else_is_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces, problem = WITHOUT_END[kind]
    if "lines" in kind:
        monkeypatch.setattr("autogen_otel.traces.formats.journal._EXPANDED", 2_000_000)
    bomb = compressed(tmp_path / "a.jsonl.gz", pieces)
    other = write(tmp_path / "b.jsonl", simple())
    tracemalloc.start()
    try:
        spans, said = read(bomb, other)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert len(spans) == 1
    assert any(f"{bomb} is damaged: {problem}" in warning for warning in said)
    with pytest.raises(SourceError, match=problem):
        read(bomb)


def test_many_files_in_one_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autogen_otel.traces.formats.journal._EXPANDED", 2_000_000)
    bomb = tmp_path / "a.jsonl.gz"
    bomb.write_bytes(gzip.compress(b"\n" * 100_000) * 16)
    with pytest.raises(SourceError, match="it expands to more than 250 times its size"):
        read(bomb)


def test_a_sparse_file_is_given_up(tmp_path: Path) -> None:
    sparse = tmp_path / "a.jsonl"
    with sparse.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SourceError, match="a line is longer than 32 MB"):
        read(sparse)


def test_what_compresses_well_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autogen_otel.traces.formats.journal._EXPANDED", 0)
    lines = [simple(number).line.encode() for number in range(1, 1000)]
    spans, said = read(compressed(tmp_path / "a.jsonl.gz", lines))
    assert (len(spans), said) == (999, [])


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom", "/dev/tty"])
def test_a_device_is_no_file(path: str) -> None:
    with pytest.raises(SourceError, match=f"{path} is neither a file nor a folder"):
        journal_files(Path(path))
    with pytest.raises(SourceError, match=f"{path} cannot be read"):
        read(Path(path))


def test_a_pipe_is_read_while_something_writes_and_is_empty_else(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read(pipe) == ([], [])
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pipe.open("wb", buffering=0) as writer:
        writer.write(simple().line.encode())
        threading.Timer(0.1, writer.close).start()
        assert len(read(pipe)[0]) == 1
    os.close(reading)
