"""``autogen-otel stack``: the files of the Compose stack, as the checkout has them."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

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
