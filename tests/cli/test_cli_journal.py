from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autogen_otel import plain_files
from autogen_otel.delivery.journal import Journal, Kind
from autogen_otel.delivery.journal.files import list_files, new_note_path, notes
from autogen_otel.delivery.journal.position import sole_forwarder
from tests.delivery.receivers import finished, receiving

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with a batch of each kind, and a note about a conversation that goes on."""
    folder = tmp_path / "journal"
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(folder))
    for names, kind in (("ab", Kind.UNDELIVERED), ("c", Kind.REFUSED), ("def", Kind.KEPT)):
        Journal(folder).append(finished(*names), kind)
    new_note_path(folder).write_text("{}")
    return folder


def test_it_says_what_is_there(run: Run, folder: Path) -> None:
    code, out, err = run("journal")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"journal: {folder}"
    assert lines[1].endswith(" of at most 268 MB; files go after 168 hours")
    assert lines[2:4] == ["conversations: 3", "in flight: 1 file of conversations that have not ended"]
    assert lines[4].startswith("undelivered: 1 batch, 2 spans, ")
    assert f"`autogen-otel push --journal {folder} --refused` tries again" in lines[5]
    assert lines[6].startswith("kept: 1 batch, 3 spans, ")


def test_machines_get_the_same(run: Run, folder: Path) -> None:
    result = json.loads(run("journal", "--format", "json", "--journal", str(folder)).out)
    size = sum(file.bytes for file in list_files(folder)) + sum(note.bytes for note in notes(folder))
    assert (result["folder"], result["bytes"], result["conversations"]) == (str(folder), size, 3)
    assert (result["max_bytes"], result["max_age_hours"], result["in_flight"]) == (268_435_456, 168, 1)
    assert [result[kind]["spans"] for kind in ("undelivered", "refused", "kept")] == [2, 1, 3]
    assert result["kept"]["oldest"] <= result["kept"]["newest"]
    assert (result["forwarded"], result["removed"]) == ({"spans": 0, "at": None}, None)


def test_prune_removes_what_the_settings_say(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = list_files(folder, Kind.UNDELIVERED)[0].path
    then = time.time() - 3 * 3600
    os.utime(old, (then, then))
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_MAX_AGE_HOURS", "2")
    out = run("journal", "--prune").out
    assert out.startswith("removed: 1 file (")
    assert "with 2 spans that no endpoint has\n" in out
    assert [file.kind for file in list_files(folder)] == [Kind.REFUSED, Kind.KEPT]
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_MAX_BYTES", "10")
    assert json.loads(run("journal", "--prune", "--format", "json").out)["removed"]["files"] == 2


def test_delete_removes_everything_of_the_journal_and_nothing_else(run: Run, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    out = run("journal", "--delete").out
    assert out.startswith("removed: 3 files (")
    assert "undelivered: nothing\n" in out
    assert not list(folder.glob("*.jsonl"))
    assert not list(folder.glob("*.inflight"))
    assert (folder / "notes.txt").exists()


def test_nothing_is_deleted_while_it_is_forwarded(run: Run, folder: Path) -> None:
    with sole_forwarder(folder):
        code, out, err = run("journal", "--delete")
    assert (code, out) == (2, "")
    assert "A program forwards" in err
    assert len(list_files(folder)) == 3


@pytest.mark.parametrize("words", [[], ["--prune"], ["--delete"]])
def test_a_journal_that_does_not_exist_yet_is_empty(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path / "none"))
    code, out, _ = run("journal", *words)
    assert (code, "undelivered: nothing" in out, (tmp_path / "none").exists()) == (0, True, False)


def test_a_folder_that_does_not_exist_is_one_sentence(run: Run) -> None:
    assert run("journal", "--journal", "/no/such") == (
        2,
        "",
        "autogen-otel: /no/such is no folder; --journal takes the folder of a journal.\n",
    )


@pytest.mark.parametrize("words", [[], ["--prune"], ["--delete"], ["--format", "json"]])
@pytest.mark.parametrize("name", ["run.jsonl", "traces-1.jsonl.gz"])
def test_a_folder_of_other_files_does_not_pass_for_an_empty_journal(
    run: Run, tmp_path: Path, words: list[str], name: str
) -> None:
    (tmp_path / name).write_text("{}")
    sentence = (
        f"autogen-otel: The files in {tmp_path} are not those of a journal; "
        f"autogen-otel show --journal {tmp_path} reads them.\n"
    )
    assert run("journal", "--journal", str(tmp_path), *words) == (2, "", sentence)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("counts.json", '{"since": 1, "at": 2, "items": {"exported spans": 1}, "queued": {}}'),
        ("forwarding.json", '{"file": "", "offset": 0, "spans": 1, "at": 2}'),
        ("20261201T003000.000000Z-1-0123abcd.inflight", "{}"),
    ],
)
def test_an_empty_journal_may_have_other_files_beside_it(
    run: Run, tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / "run.jsonl").write_text("{}")
    (tmp_path / file).write_text(text)
    code, out, err = run("journal", "--journal", str(tmp_path))
    assert (code, err) == (0, "")
    assert "undelivered: nothing\n" in out


def test_a_conversation_that_is_kept_and_undelivered_is_told_once(run: Run, tmp_path: Path) -> None:
    spans = finished("invoke_workflow a -> b", attributes={"gen_ai.operation.name": "invoke_workflow"})
    journal = Journal(tmp_path)
    journal.append(spans)
    journal.append(spans, Kind.KEPT)
    shown = json.loads(run("show", "--journal", str(tmp_path), "--format", "json").out)["conversations"]
    found = json.loads(run("diagnose", "--journal", str(tmp_path), "--format", "json").out)
    assert (len(shown), found["conversations"]) == (1, 1)


def _unreadable(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Have the system refuse a file, as it does to all users but root."""
    open_descriptor = plain_files.open_descriptor

    def refuse(asked: Path, flags: int = os.O_RDONLY) -> int:
        if asked == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return open_descriptor(asked, flags)

    monkeypatch.setattr(plain_files, "open_descriptor", refuse)


def test_a_file_that_cannot_be_read_is_said_and_kept(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = list_files(folder, Kind.UNDELIVERED)
    _unreadable(monkeypatch, file.path)
    assert f"cannot be read: {file.path} (Permission denied); it stays there\n" in run("journal").out
    document = json.loads(run("journal", "--format", "json").out)
    assert document["unreadable"] == {str(file.path): "Permission denied"}
    run("journal", "--delete")
    assert [one.path for one in list_files(folder)] == [file.path]


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_pushed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = list_files(folder, Kind.UNDELIVERED)
    Journal(folder).append(finished("later"))
    _unreadable(monkeypatch, file.path)
    with receiving() as receiver:
        code, _, err = run("push", "--endpoint", receiver.url)
    assert (code, receiver.span_names) == (1, ["later"])
    assert f"{file.path} cannot be read: Permission denied." in err
    assert file.path.exists()
