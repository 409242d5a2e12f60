"""``python -m tests.servers.build``: build the real servers, once; install a browser."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.browser import NoBrowser, install_browser
from tests.servers.go import Go, GoFailed, find_go

MANIFEST = Path(__file__).with_name("otelcol.yaml")
_BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"
_SHOWN_LINES = 30


def cache_folder() -> Path:
    """Return the folder of the binaries; one for all checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autogen-otel-servers"


@dataclass(frozen=True)
class Program:
    """A binary to build.

    Args:
        name: what it is called.
        version: of the module or, for the Collector, of its parts; another version is another file.
        build: builds it with a Go into a file, in a folder to work in.
    """

    name: str
    version: str
    build: Callable[[Go, Path, Path], None]

    @property
    def path(self) -> Path:
        """Where the binary is once it is built."""
        return cache_folder() / f"{self.name}-{self.version}"


def _of_module(module: str, package: str) -> Callable[[Go, Path, Path], None]:
    """Build a package in its module's own folder: ``go install`` refuses modules that replace others."""

    def build(go: Go, work: Path, target: Path) -> None:
        answer = go.run("mod", "download", "-json", module, folder=work)
        folder = json.loads(answer[answer.index("{") :])["Dir"]
        go.run("build", "-ldflags=-s -w", "-o", str(target), package, folder=Path(folder))

    return build


def _collector(go: Go, work: Path, target: Path) -> None:
    go.run("install", _BUILDER, folder=work, GOBIN=str(work))
    go.execute([str(work / "builder"), f"--config={MANIFEST}"], folder=work)
    (work / "out" / "otelcol").rename(target)


def _manifest_version() -> str:
    return "0.161.0-" + hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:8]


_PROMETHEUS = "github.com/prometheus/prometheus@v0.313.5"
PROGRAMS = {
    program.name: program
    for program in (
        Program("jaeger", "1.76.0", _of_module("github.com/jaegertracing/jaeger@v1.76.0", "./cmd/jaeger")),
        Program("prometheus", "0.313.5", _of_module(_PROMETHEUS, "./cmd/prometheus")),
        Program("promtool", "0.313.5", _of_module(_PROMETHEUS, "./cmd/promtool")),
        Program("otelcol", _manifest_version(), _collector),
        Program("docker-compose", "2.40.3", _of_module("github.com/docker/compose/v2@v2.40.3", "./cmd")),
    )
}
"""Jaeger 2.13, Prometheus 3.13, its promtool, the Collector 0.161 and Compose 2.40."""


def binary(name: str) -> Path:
    """Return a built program.

    Raises:
        FileNotFoundError: it was not built; the message says how.
    """
    path = PROGRAMS[name].path
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not built yet: make test-servers, or python -m tests.servers.build"
        )
    return path


def build_all() -> None:
    """Build what is missing, with a line on standard output for each program.

    Raises:
        GoFailed: one cannot be built.
    """
    cache_folder().mkdir(parents=True, exist_ok=True)
    with _alone():
        missing = [program for program in PROGRAMS.values() if not program.path.exists()]
        go = find_go(cache_folder()) if missing else None
        for program in PROGRAMS.values():
            if go is None or program not in missing:
                print(f"{program.name} {program.version}: built before", flush=True)
            else:
                _build(program, go)


def _build(program: Program, go: Go) -> None:
    print(f"{program.name} {program.version}: building ...", end="", flush=True)
    start = time.monotonic()
    # In the cache folder, because a rename is atomic only within one file system.
    with tempfile.TemporaryDirectory(prefix="building-", dir=cache_folder()) as folder:
        built = Path(folder) / f"{program.name}.built"
        try:
            program.build(go, Path(folder), built)
        except GoFailed as error:
            print(" failed", flush=True)
            raise GoFailed(f"{program.name} {program.version} cannot be built: {error}", error.log) from error
        built.replace(program.path)
    print(f" {time.monotonic() - start:.0f} s", flush=True)


@contextmanager
def _alone() -> Iterator[None]:
    with (cache_folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build is running; waiting for it ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build and install everything.

    Returns:
        The exit code: 2 if something could not be had.
    """
    try:
        install_browser()
        build_all()
    except (GoFailed, NoBrowser, OSError, subprocess.SubprocessError) as error:
        log = getattr(error, "log", "").splitlines()
        print("\n".join([*log[-_SHOWN_LINES:], f"{error}"]), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
