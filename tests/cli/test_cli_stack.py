"""``autogen-otel stack``: the files of the Compose stack, as the checkout has them."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml

from autogen_otel.cli.commands.dashboards import DASHBOARDS
from tests.cli.conftest import Run

_ROOT = Path(__file__).parents[2]


def _refused(run: Run, *words: str) -> str:
    code, out, err = run("stack", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


def _files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_everything_that_compose_mounts_is_written(run: Run, tmp_path: Path) -> None:
    result = run("stack", "--out", str(tmp_path / "stack"))
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith(f"docker compose --project-directory {tmp_path / 'stack'} up -d\n")
    written = _files(tmp_path / "stack")
    assert {f"wrote {tmp_path / 'stack' / name}" for name in written} <= set(result.out.splitlines())
    services = yaml.safe_load(written["docker-compose.yml"])["services"].values()
    mounts = [volume.split(":") for service in services for volume in service.get("volumes", ())]
    sources = [source for source, *_ in mounts if source.startswith("./")]
    assert len(sources) > 4
    for source in sources:
        assert (tmp_path / "stack" / source).exists(), source
    assert written["docker-compose.yml"] == (_ROOT / "docker-compose.yml").read_text()


def test_files_that_somebody_changed_are_not_written_over_unasked(run: Run, tmp_path: Path) -> None:
    assert run("stack", "--out", str(tmp_path)).code == 0
    assert run("stack", "--out", str(tmp_path)).code == 0
    changed = tmp_path / "deploy" / "collector.yaml"
    changed.write_text("ours: true\n")
    sentence = _refused(run, "--out", str(tmp_path))
    assert f"{changed} is there and differs" in sentence
    assert "--force" in sentence
    assert changed.read_text() == "ours: true\n"
    document = json.loads(run("stack", "--out", str(tmp_path), "--force", "--format", "json").out)
    assert str(changed) in document["written"]
    assert changed.read_text() != "ours: true\n"


def test_a_folder_that_cannot_be_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--out needs the name of a folder" in _refused(run, "--out", "")
    assert "file cannot be written: File exists." in _refused(run, "--out", str(tmp_path / "file"))


def _modes(folder: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (folder, *folder.rglob("*"))}


@pytest.mark.needs(sys.platform != "win32", "Windows knows no umask")
@pytest.mark.parametrize("umask", [0o077, 0o777, 0o000])
def test_the_users_of_containers_can_read_what_is_written(run: Run, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert run("stack", "--out", str(tmp_path / "stack")).code == 0
    finally:
        os.umask(before)
    assert _modes(tmp_path / "stack") == {(True, 0o755), (False, 0o644)}


@pytest.mark.needs(sys.platform != "win32", "Windows knows no umask")
def test_files_that_an_earlier_version_kept_from_containers_are_readable_when_it_runs_again(
    run: Run, tmp_path: Path
) -> None:
    assert run("stack", "--out", str(tmp_path)).code == 0
    for path in tmp_path.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert run("stack", "--out", str(tmp_path)).code == 0
    assert (tmp_path / "deploy").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "docker-compose.yml").stat().st_mode & 0o777 == 0o644


@pytest.mark.needs(sys.platform != "win32", "Windows has neither these links nor FIFOs")
@pytest.mark.parametrize("words", [["stack", "--force"], ["stack"], ["dashboards"]])
@pytest.mark.parametrize("kind", ["link", "link to nothing", "fifo"])
def test_nothing_is_written_through_a_link(run: Run, tmp_path: Path, words: list[str], kind: str) -> None:
    folder, other = tmp_path / "out", tmp_path / "other"
    folder.mkdir()
    name = "docker-compose.yml" if words[0] == "stack" else next(iter(DASHBOARDS))
    if kind == "fifo":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(other)
    if kind == "link":
        other.write_text("somebody else's")
    mode = (folder / name).lstat().st_mode
    code, out, err = run(*words, "--out", str(folder))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(folder / name) in err
    assert (folder / name).lstat().st_mode == mode
    assert other.exists() is (kind == "link")
    assert kind != "link" or other.read_text() == "somebody else's"


@pytest.mark.needs(sys.platform != "win32", "Windows has no such links")
def test_a_folder_below_that_is_a_link_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deploy").symlink_to(tmp_path / "elsewhere")
    assert f"{tmp_path / 'out' / 'deploy'} cannot be written: it is a link." in _refused(
        run, "--force", "--out", str(tmp_path / "out")
    )
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_with_another_name_keeps_its_content_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "other").write_text("mine")
    (tmp_path / "out" / "docker-compose.yml").hardlink_to(tmp_path / "other")
    assert run("stack", "--force", "--out", str(tmp_path / "out")).code == 0
    assert (tmp_path / "other").read_text() == "mine"
    assert (tmp_path / "out" / "docker-compose.yml").read_text() != "mine"
