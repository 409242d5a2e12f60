"""Files of ours are regular files: anything else in their place is refused at once, and left as it is."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autogen_otel import plain_files

pytestmark = pytest.mark.needs(sys.platform != "win32", "Windows has no FIFOs, nor permissions like these")


def _link(target: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        os.mkfifo(path.with_name("pipe"))
        path.with_name("other").write_text("other")
        path.symlink_to(target)

    return make


ODD_FILES: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "link to a fifo": _link("pipe"),
    "link to a device": _link("/dev/zero"),
    "link to a file": _link("other"),
    "link to nothing": _link("nothing"),
    "folder": Path.mkdir,
}


@pytest.fixture(params=ODD_FILES.values(), ids=list(ODD_FILES))
def odd_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "file"
    request.param(path)
    return path


@pytest.fixture(params=[0o077, 0o777, 0o000], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT])
def test_what_is_no_regular_file_is_not_opened(odd_path: Path, flags: int) -> None:
    with pytest.raises(OSError):
        plain_files.open_descriptor(odd_path, flags)
    assert not odd_path.with_name("nothing").exists()


def test_what_is_no_regular_file_is_not_replaced(odd_path: Path) -> None:
    before = sorted((path.name, path.lstat().st_mode) for path in odd_path.parent.iterdir())
    with pytest.raises(OSError):
        plain_files.replace(odd_path, b"new")
    assert sorted((path.name, path.lstat().st_mode) for path in odd_path.parent.iterdir()) == before


def test_a_file_with_another_name_is_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"mine")
    (tmp_path / "other").hardlink_to(path)
    with pytest.raises(PermissionError):
        plain_files.open_descriptor(path, os.O_RDWR | os.O_CREAT)
    with plain_files.open_file(path) as file:
        assert file.read() == b"mine"


@pytest.mark.needs(hasattr(os, "geteuid") and os.geteuid() == 0, "only root may give files away")
def test_a_file_of_another_owner_is_not_written_but_where_the_folder_is_theirs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.chown(path, 12345, 12345)
    with pytest.raises(PermissionError):
        plain_files.open_descriptor(path, os.O_RDWR)
    os.chown(tmp_path, 12345, 12345)
    os.close(plain_files.open_descriptor(path, os.O_RDWR))


@pytest.mark.usefixtures("_umask")
def test_a_new_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    plain_files.make_folders(tmp_path / "a" / "b", 0o700)
    os.close(plain_files.open_descriptor(tmp_path / "a" / "b" / "file", os.O_RDWR | os.O_CREAT))
    assert [_mode(path) for path in sorted(tmp_path.rglob("*"))] == [0o700, 0o700, 0o600]


@pytest.mark.usefixtures("_umask")
def test_a_replaced_file_has_the_permissions_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    plain_files.replace(path, b"first", 0o644)
    assert (_mode(path), path.read_bytes()) == (0o644, b"first")


def test_a_replaced_file_keeps_its_permissions_and_leaves_its_other_name_alone(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"first")
    path.chmod(0o640)
    other.hardlink_to(path)
    plain_files.replace(path, b"second")
    assert (_mode(path), path.read_bytes(), other.read_bytes()) == (0o640, b"second", b"first")


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")

    def fail(*_args: object) -> None:
        raise OSError

    monkeypatch.setattr(plain_files, "set_mode", fail)
    with pytest.raises(OSError):
        plain_files.replace(path, b"second")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"first")]
