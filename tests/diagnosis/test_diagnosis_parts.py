"""Several processes that read a journal come to what one comes to."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from autogen_otel.diagnosis.changes import Side, compare
from autogen_otel.diagnosis.document import changes_document, document_of
from autogen_otel.diagnosis.evidence.parts import Populations, read_populations
from autogen_otel.diagnosis.findings import conclude
from autogen_otel.diagnosis.of_source import evidence_in, population_of
from autogen_otel.traces.conversations import summaries
from autogen_otel.traces.formats import journal as reading
from autogen_otel.traces.formats import parsing
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import Progress, SourceError
from autogen_otel.traces.sources import files
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.sources.parts import summaries_in
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import START, ProgressLog, RecordedTrace, trace_of, write

if TYPE_CHECKING:
    from pathlib import Path


_NS = 1_000_000_000


@pytest.fixture
def recorded() -> list[RecordedTrace]:
    return journal(incidents()["three things at once"], 1)


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let several processes read files of any size."""
    monkeypatch.setattr(files, "_LARGE", 0)


def parts_of(source: Files, count: int, monkeypatch: pytest.MonkeyPatch) -> list[Files]:
    """The parts that so many processors read."""
    monkeypatch.setattr(files, "processors", lambda: count)
    parts = source.parts()
    assert len(parts) == count
    return parts


def split(recorded: list[RecordedTrace], share: int) -> list[RecordedTrace]:
    """Take every so manyth span away from each, as pieces of their own."""
    pieces = []
    for one in recorded:
        piece = RecordedTrace()
        piece.__dict__.update(one.__dict__)
        piece.spans, one.spans = one.spans[::share], [s for i, s in enumerate(one.spans) if i % share]
        pieces.append(piece)
    return pieces


def batch(*recorded: RecordedTrace) -> str:
    """The spans of several conversations in one line, as programs write them that hold several at once."""
    return json.dumps(
        {"resourceSpans": [part for one in recorded for part in json.loads(one.line)["resourceSpans"]]}
    )


def troubled_folder(folder: Path, recorded: list[RecordedTrace]) -> Path:
    """A journal with all that happens to journals; the spans of a conversation stand far apart."""
    halves, thirds = split(recorded, 2), split(recorded, 3)
    in_base64 = json.loads(recorded[0].line)
    for raw in in_base64["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        raw["traceId"] = base64.b64encode(bytes.fromhex(raw["traceId"])).decode()
    write(folder / "a.1.jsonl", *recorded[1:40]).open("a").write("no JSON\n\n[1]\n")
    packed = "".join(one.line for one in recorded[40:]) + json.dumps(in_base64) + "\n"
    (folder / "a.2.jsonl.gz").write_bytes(gzip.compress(packed.encode()))
    (folder / "a.3.jsonl").write_text(batch(*thirds))
    (folder / "empty.jsonl").touch()
    mixed = "\n".join(batch(*halves[at : at + 4]) for at in range(0, len(halves), 4))
    damaged = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "f" * 32}]}]}]})
    torn = recorded[7].line[: -len(recorded[7].line) // 2]
    (folder / "b.jsonl").write_text(f"{mixed}\n{damaged}\n{torn}\n{recorded[3].line}{torn}")
    return folder


@pytest.mark.parametrize("count", [2, 5])
def test_several_processes_find_what_one_finds(
    tmp_path: Path, recorded: list[RecordedTrace], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    source = Files([troubled_folder(tmp_path, recorded)])
    progress, lone_progress = ProgressLog(), ProgressLog()
    (several,) = read_populations(
        parts_of(source, count, monkeypatch), Populations(EVERYTHING), progress
    ).each
    (alone,) = read_populations([source], Populations(EVERYTHING), lone_progress).each
    document = document_of(conclude(several), "a test")
    assert json.dumps(document) == json.dumps(document_of(conclude(alone), "a test"))
    assert len(document["findings"]) == 3
    assert document["conversations"] == len(recorded)
    assert sum(progress.advances) == sum(lone_progress.advances)
    assert progress.expected == lone_progress.expected
    assert sorted(progress.warnings) == sorted(lone_progress.warnings)
    assert [
        sentence.partition(", ")[2].partition(" passed")[0] for sentence in sorted(lone_progress.warnings)
    ] == [
        "line 40 and following: 2 damaged lines were",
        "line 26 and following: 2 damaged lines were",
    ]


def test_what_one_conversation_is_compared_with_is_read_by_several_processes(
    tmp_path: Path, recorded: list[RecordedTrace], parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Files([write(tmp_path / "a.jsonl", *recorded)])
    since = Selection(since=(START + 20_000) * _NS)
    populations = []
    for count in (1, 2):
        monkeypatch.setattr(files, "processors", lambda count=count: count)
        for asked in (EVERYTHING, since):
            parsed.clear()
            population = population_of(
                source, asked, trace_of(recorded[0]), 1, lambda _: nullcontext(ProgressLog())
            )
            populations.append((document_of(conclude(population), "a test"), len(parsed)))
    (whole, lines), (later, later_lines), (in_parts, lines_here), (later_in_parts, _) = populations
    assert in_parts == whole
    assert later_in_parts == later
    assert 0 < lines_here < lines == len(recorded)
    assert later_lines == later["conversations"] < whole["conversations"]


def test_each_line_is_parsed_by_one(
    tmp_path: Path, recorded: list[RecordedTrace], parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.jsonl", *split(recorded, 2), *recorded)
    traces = [
        {span.trace_id for spans in part.traces(EVERYTHING, Progress()) for span in spans}
        for part in parts_of(Files([path]), 5, monkeypatch)
    ]
    assert sorted(parsed) == sorted(path.read_bytes().splitlines(keepends=True))
    assert sum(map(len, traces)) == len(set().union(*traces)) == len(recorded)


def test_what_waits_for_the_rest_of_its_conversation_is_bounded(
    tmp_path: Path, recorded: list[RecordedTrace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PATIENCE", 20_000)
    monkeypatch.setattr(reading, "_LONGEST", 100_000)
    ends, rootless = recorded[:50], recorded[50:]
    for one in rootless:
        one.spans.pop()
    path = write(tmp_path / "a.jsonl", *ends, *rootless)
    lines = path.read_bytes().splitlines(keepends=True)
    longest = max(map(len, lines))
    progress = ProgressLog()
    given = written = 0
    waited: dict[bool, int] = {True: 0, False: 0}
    for number, spans in enumerate(Files([path]).traces(EVERYTHING, progress)):
        written += len(lines[number])
        given += len(spans)
        ended = any(span.parent_id is None for span in spans)
        waited[ended] = max(waited[ended], sum(progress.advances) - written)
    assert given == sum(len(one.spans) for one in recorded)
    assert 0 < waited[True] <= 20_000 + longest
    assert 20_000 < waited[False] <= 100_000 + longest


def test_several_processes_compare_as_one_does(
    tmp_path: Path, recorded: list[RecordedTrace], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Files([write(tmp_path / "a.jsonl", *recorded)])
    middle = (START + 20_000) * _NS
    before, after = (
        Side("before", Selection(until=middle)),
        Side("after", Selection(since=middle)),
    )
    several, one = (
        compare(
            (before, after),
            read_populations(parts, Populations(before.selection, after.selection), Progress()),
        )
        for parts in (parts_of(source, 3, monkeypatch), [source])
    )
    assert changes_document(several, "a test") == changes_document(one, "a test")
    assert several.before.conversations > 10
    assert several.after.conversations > 10


@pytest.mark.parametrize("count", [2, 5])
def test_several_processes_list_what_one_lists(
    tmp_path: Path, recorded: list[RecordedTrace], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    source = Files([troubled_folder(tmp_path, recorded)])
    asked = Selection(since=(START + 20_000) * _NS)
    progress, lone_progress = ProgressLog(), ProgressLog()
    alone = summaries_in(source, asked, asked, progress=lone_progress)
    monkeypatch.setattr(files, "processors", lambda: count)
    assert len(source.parts()) == count
    several = summaries_in(source, asked, asked, progress=progress)
    assert sorted(map(str, several)) == sorted(map(str, alone))
    assert 10 < len(alone) < len(recorded)
    assert sorted(progress.warnings) == sorted(lone_progress.warnings)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that are parsed here."""
    texts: list[bytes] = []
    loads = parsing.loads

    def counted(text: bytes) -> object:
        texts.append(text)
        return loads(text)

    monkeypatch.setattr(reading, "loads", counted)
    return texts


def test_what_began_too_early_is_not_parsed(
    tmp_path: Path, recorded: list[RecordedTrace], parsed: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LARGE", 50_000_000)
    since = (START + 20_000) * _NS
    whole = Files([write(tmp_path / "whole.jsonl", *recorded)])
    expected = summaries(whole.spans(EVERYTHING), Selection(since=since))
    # Of conversations in pieces, some begin after the moment.
    source = Files([write(tmp_path / "pieces.jsonl", *split(recorded, 2), *recorded)])
    parsed.clear()
    progress = ProgressLog()
    found = summaries_in(source, Selection(since=since), Selection(since=since), progress=progress)
    assert {one.trace_id for one in found} == {one.trace_id for one in expected}
    assert 0 < len(expected) < len(recorded)
    assert len(parsed) == 2 * len(expected)
    assert sum(progress.advances) == progress.expected
    parsed.clear()
    (population,) = read_populations([source], Populations(Selection(since=since)), Progress()).each
    assert population.conversations == len(expected)
    assert len(parsed) == 2 * len(expected)


def test_evidence_is_all_that_is_parsed_for_it(
    tmp_path: Path, recorded: list[RecordedTrace], parsed: list[bytes]
) -> None:
    source = Files([write(tmp_path / "a.jsonl", *recorded)])
    diagnosis = conclude(read_populations([source], Populations(EVERYTHING), Progress()).each[0])
    parsed.clear()
    traces = evidence_in(source, diagnosis, 3)
    assert len(traces) == len(parsed) == 3


def test_what_several_processes_cannot_read_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"\x1f\x8bno gzip")
    with pytest.raises(SourceError, match="is damaged"):
        read_populations(parts_of(Files([path]), 2, monkeypatch), Populations(EVERYTHING), Progress())


def test_a_process_that_ends_before_all_is_read_is_said(
    tmp_path: Path, recorded: list[RecordedTrace], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(Files([write(tmp_path / "a.jsonl", *recorded)]), 2, monkeypatch)
    monkeypatch.setattr("sys.executable", shutil.which("true"))
    with pytest.raises(SourceError, match="A process that helps to read was ended"):
        read_populations(parts, Populations(EVERYTHING), Progress())


def test_little_is_read_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LARGE", 50_000_000)
    monkeypatch.setattr(files, "processors", lambda: 2)
    source = Files([write(tmp_path / "a.jsonl", RecordedTrace())])
    assert source.parts() == [source]
