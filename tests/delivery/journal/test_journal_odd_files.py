"""What others put into the journal's folder keeps nobody waiting, and stays as it is."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from autogen_otel.delivery.counts import PROCESS, shared
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.journal import Journal, Kind, Limits, limits
from autogen_otel.delivery.journal.files import list_files, new_note_path, new_path, notes
from autogen_otel.delivery.journal.forwarding import Forwarding
from autogen_otel.delivery.journal.inventory import inventory
from autogen_otel.delivery.journal.position import UnlockableError, read_position, sole_forwarder
from autogen_otel.delivery.pushing import PushedJournal
from tests.delivery.endpoints import ScriptedEndpoint
from tests.delivery.receivers import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from autogen_otel.delivery.otlp_json import StoredSpan

pytestmark = pytest.mark.needs(sys.platform != "win32", "Windows has no FIFOs, nor permissions like these")
_LINE = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1"}]}]}]}\n'


def _hard_link(path: Path) -> None:
    other = path.parent.parent / f"other-{path.name}"
    other.write_bytes(_LINE)
    path.hardlink_to(other)


def _link(path: Path) -> None:
    other = path.parent.parent / f"other-{path.name}"
    other.write_bytes(_LINE)
    path.symlink_to(other)


ODD: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to a file": _link,
    "other name": _hard_link,
}


@pytest.fixture(params=list(ODD.values()), ids=list(ODD))
def make(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    odd: Callable[[Path], None] = request.param
    return odd


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "journal"
    folder.mkdir()
    return folder


def _state(folder: Path) -> list[object]:
    """What a test's folder holds, the targets of links included."""
    return [
        (str(path), path.lstat().st_mode, path.read_bytes() if path.name.startswith("other") else b"")
        for path in sorted(folder.parent.rglob("*"))
        if not path.name.startswith("forwarding")
    ]


def _forward(folder: Path, taken: list[str] | None = None) -> ExportResult | None:
    def send(spans: Sequence[StoredSpan]) -> ExportResult:
        if taken is not None:
            taken.extend(span.name for span in spans)
        return ExportResult(Outcome.EXPORTED)

    return Forwarding(Journal(folder), send).run(lambda: True)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_file_of_batches_that_is_none_of_ours_is_neither_read_nor_changed(
    folder: Path, make: Callable[[Path], None], kind: Kind
) -> None:
    make(new_path(folder, kind))
    make(new_note_path(folder))
    before = _state(folder)
    assert _forward(folder) is None
    assert inventory(folder).bytes == 0
    limits.prune(folder, Limits(max_bytes=1, max_age_hours=0))
    limits.remove(folder, [*list_files(folder), *notes(folder)])
    assert _state(folder) == before


def test_a_file_that_becomes_something_else_meanwhile_is_not_opened(
    folder: Path, make: Callable[[Path], None]
) -> None:
    Journal(folder).append(finished("a"))
    files = list_files(folder)
    files[0].path.unlink()
    make(files[0].path)
    before = _state(folder)
    limits.remove(folder, files)
    assert _state(folder) == before


@pytest.mark.parametrize("name", ["forwarding.json", "forwarding.lock"])
def test_the_forwarders_own_files_are_regular_ones(
    folder: Path, make: Callable[[Path], None], name: str
) -> None:
    Journal(folder).append(finished("a"))
    make(folder / name)
    with pytest.raises(UnlockableError, match="cannot be written"), sole_forwarder(folder):
        pass
    assert read_position(folder).spans == 0


def test_the_counts_are_written_to_a_regular_file_only(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "counts.json")
    before = _state(folder)
    PROCESS.add("exported", "spans", 1)
    sharing = shared.SharedCountsFile(folder)
    sharing.write()
    assert (_state(folder), shared.read(folder).since) == (before, 0.0)


@pytest.mark.parametrize(
    "name", ["traces-mine.jsonl", "traces-2026.jsonl", "traces-1Z-1.kept.jsonl", "a.inflight"]
)
def test_a_file_with_another_name_is_not_touched(folder: Path, name: str) -> None:
    (folder / name).write_bytes(_LINE)
    os.utime(folder / name, (0, 0))
    assert _forward(folder) is None
    limits.prune(folder, Limits(max_bytes=1, max_age_hours=1))
    limits.remove(folder, [*list_files(folder), *notes(folder)])
    assert (folder / name).read_bytes() == _LINE


def test_refused_batches_are_offered_again_from_our_files_only(
    folder: Path, make: Callable[[Path], None]
) -> None:
    make(new_path(folder, Kind.REFUSED))
    before = _state(folder)
    PushedJournal(folder, Limits(), ScriptedEndpoint()).offer_again()
    assert _state(folder) == before


def test_lines_that_nobody_can_read_are_kept(folder: Path) -> None:
    journal = Journal(folder)
    journal.append(finished("a"))
    journal.append_line(b"what a later version may write\n", Kind.UNDELIVERED)
    journal.append(finished("b"))
    taken: list[str] = []
    assert _forward(folder, taken) is None
    assert taken == ["a", "b"]
    (file,) = list_files(folder)
    assert (file.kind, file.path.read_bytes()) == (Kind.REFUSED, b"what a later version may write\n")


@pytest.fixture(params=[0o777, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_the_journal_can_be_written_and_read_again_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "journal"
    Journal(folder).append(finished("a"))
    with sole_forwarder(folder) as progress:
        progress.advance(list_files(folder)[0].path, 1, 1)
    PROCESS.add("exported", "spans", 1)
    shared.SharedCountsFile(folder).write()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
