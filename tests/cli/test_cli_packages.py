"""What is installed has the dashboards: from a wheel, from a source distribution, and from a checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_COMMITTED = {path.name: path.read_bytes() for path in (_ROOT / "dashboards").iterdir()}


def build(root: Path, folder: Path, target: str) -> Path:
    """A distribution of the sources in ``root``."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)  # noqa: S603 - the build backend
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(_ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def test_a_wheel_has_the_files_and_not_their_builders(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    folder = "autogen_otel/dashboards/"
    assert {
        name.removeprefix(folder): data for name, data in files.items() if name.startswith(folder)
    } == _COMMITTED
    (information,) = {name.split("/")[0] for name in files} - {"autogen_otel"}
    assert information.endswith(".dist-info")


def test_a_wheel_has_the_package_and_nothing_else_and_is_the_same_each_time(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert "autogen_otel/py.typed" in names
    assert not [
        name for name in names if name.split("/")[0] in {"tests", "tools", "bench", "scenarios", "src"}
    ]
    sources = {
        str(path.relative_to(_ROOT / "src"))
        for path in (_ROOT / "src").rglob("*")
        if "__pycache__" not in path.parts
    }
    assert {name for name in sources if (_ROOT / "src" / name).is_file()} <= set(names)
    assert build(_ROOT, tmp_path / "again", "wheel").read_bytes() == wheel.read_bytes()


def test_each_extra_for_a_host_brings_what_a_model_call_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        (path,) = (name for name in opened.namelist() if name.endswith("/METADATA"))
        required = [
            line for line in opened.read(path).decode().splitlines() if line.startswith("Requires-Dist")
        ]
    for extra in ("pyautogen", "ag2"):
        assert any("openai" in line and line.endswith(f"extra == '{extra}'") for line in required), required


def test_the_command_writes_the_files_of_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")  # noqa: S202 - our own
    program = "import autogen_otel; from autogen_otel.cli import main; print(autogen_otel.__file__); main()"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, "dashboards", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == _COMMITTED


def test_the_command_writes_the_stack_of_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")  # noqa: S202 - our own
    subprocess.run(
        [sys.executable, "-m", "autogen_otel.cli", "stack", "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
    )
    folder = tmp_path / "out"
    committed = [
        _ROOT / "docker-compose.yml",
        *(_ROOT / "deploy").rglob("*"),
        *(_ROOT / "dashboards").iterdir(),
    ]
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == {
        path.relative_to(_ROOT): path.read_bytes() for path in committed if path.is_file()
    }


def test_a_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(_ROOT, tmp_path / "sdist", "sdist")) as opened:
        opened.extractall(tmp_path / "sources", filter="data")
    (sources,) = (tmp_path / "sources").iterdir()
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(build(sources, tmp_path / "wheel", "wheel")) as other:
        assert {entry.filename: entry.CRC for entry in one.infolist()} == {
            entry.filename: entry.CRC for entry in other.infolist()
        }
    assert (sources / "tools" / "dashboards" / "__main__.py").exists()


def test_what_an_index_shows_leads_nowhere_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (one for one in opened.namelist() if one.endswith(".dist-info/METADATA"))
        shown = opened.read(name).decode().partition("\n\n")[2]
    assert shown.startswith("# autogen-otel")
    assert "docs/pictures/trace.png" in shown
    assert [link for link in re.findall(r"\]\(([^)]*)\)", shown) if not link.startswith("http")] == []


def test_an_editable_install_reads_the_files_of_the_checkout(tmp_path: Path) -> None:
    program = f"import hatchling.build; hatchling.build.build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=_ROOT, check=True, capture_output=True)  # noqa: S603
    (editable,) = tmp_path.iterdir()
    with zipfile.ZipFile(editable) as opened:
        (path,) = (name for name in opened.namelist() if ".dist-info/" not in name)
        assert opened.read(path).decode().strip() == str(_ROOT / "src")
