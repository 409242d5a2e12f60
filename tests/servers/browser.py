"""A headless Chromium: the one that is installed, which root has Debian's package manager install."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGE = "chromium"
_HOW = "install Chromium (Debian: apt-get install chromium), or name it in BROWSER_PROGRAM"

OPTIONS = (
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser that asks nobody for anything but the page."""


class NoBrowser(Exception):  # noqa: N818 - it reads as what happened
    """There is no browser, and none can be installed; the message says what to do.

    Args:
        reason: one sentence.
        log: what the package manager said.
    """

    def __init__(self, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


def browser() -> str:
    """The browser's program.

    Raises:
        NoBrowser: none is installed.
    """
    for name in (os.environ.get("BROWSER_PROGRAM", ""), *_PROGRAMS):
        if name and (found := shutil.which(name)):
            return found
    raise NoBrowser(f"The tests of pages need a browser: {_HOW}.")


def install_browser() -> None:
    """Install one if there is none, with a line on standard output.

    Raises:
        NoBrowser: it cannot be installed.
    """
    try:
        print(f"{browser()}: installed before", flush=True)
    except NoBrowser:
        apt = shutil.which("apt-get")
        if apt is None or os.geteuid() != 0:
            raise
        print(f"{_PACKAGE}: installing ...", end="", flush=True)
        start = time.monotonic()
        for command in ([apt, "update"], [apt, "install", "--yes", "--no-install-recommends", _PACKAGE]):
            _run(command)
        print(f" {time.monotonic() - start:.0f} s", flush=True)
        browser()


def _run(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - the system's package manager
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(" failed", flush=True)
        raise NoBrowser(f"{' '.join(command)} failed: {_HOW}.", done.stdout)
