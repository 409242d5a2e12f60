"""``make pictures``: the pictures of ``docs/``, of one run of the demo: in Jaeger, as a page, in a terminal.

The demo runs in folders of its own, ``/srv/app`` and ``/srv/lib``, as it would on a server: what the pictures
show is what was recorded there. Only that run sees these folders (a mount namespace of Linux); nothing is
written outside of ``docs/pictures/`` and a temporary folder. Jaeger is one that is running, because it has to
have its user interface, and the one that ``make test-servers`` builds has none.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from autogen_otel.cli import PROBLEM
from tests.servers.browser import OPTIONS, NoBrowser, browser
from tests.servers.web import eventually, get_json

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"

_APP, _LIBRARIES = "/srv/app", "/srv/lib/python3/site-packages"
_IN_FOLDERS_OF_ITS_OWN = f"""
set -e
mount -t tmpfs tmpfs /srv
mkdir -p {_APP}/scenarios {_APP}/.cache {_LIBRARIES}
mount --bind "$SCENARIOS" {_APP}/scenarios
mount --bind "$KEPT" {_APP}/.cache
mount --bind "$LIBRARIES" {_LIBRARIES}
cd {_APP}
exec "$@"
"""
_TOOL = "execute_tool"
_ERROR = 2  # STATUS_CODE_ERROR of OTLP
_COLUMNS = 118
_TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{margin: 0; background: {background}; color: {foreground}}}
pre {{margin: 0; padding: 18px 22px; font: 14px/1.4 "DejaVu Sans Mono", monospace}}
{stylesheet}
</style><pre><code>{code}</code></pre>"""


class Unusable(Exception):  # noqa: N818 - it reads as what was given
    """A picture cannot be taken; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures.

    Returns:
        The exit code: 2 if something for them is missing.
    """
    parser = argparse.ArgumentParser(prog="make pictures")
    parser.add_argument("jaeger", help="address of Jaeger's user interface, such as http://localhost:16686")
    parser.add_argument("otlp", help="where that Jaeger takes spans, such as http://localhost:4318")
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder, _started(browser()) as chromium:
            _take_all(chromium, Path(folder), given.jaeger.rstrip("/"), given.otlp)
    except (NoBrowser, Unusable) as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def _take_all(chromium: Browser, folder: Path, jaeger: str, otlp: str) -> None:
    journal = _demo(folder, otlp)
    died, spans = _died(journal)
    if not eventually(lambda: _has(jaeger, died, spans)):
        raise Unusable(f"The trace {died} did not arrive in {jaeger}: does it take spans at {otlp}?")
    _take(chromium, "trace.png", f"{jaeger}/trace/{died}", 1400, _open_the_tool)
    report = folder / "report.html"
    _command("diagnose", "--journal", str(journal), "--html", str(report), expected=PROBLEM)
    _take(chromium, "report.png", report.as_uri(), 1240, lambda _page: 700)
    shown = folder / "shown.html"
    shown.write_text(_as_page(_command("show", died, "--journal", str(journal))), "utf-8")
    _take(chromium, "show.png", shown.as_uri(), 1080, lambda page: _end_of(page.locator("pre")))


# ---------------------------------------------------------------- what they are of


def _demo(folder: Path, otlp: str) -> Path:
    """Run the demo; return its journal."""
    unshare = shutil.which("unshare")
    if unshare is None:
        raise Unusable("The pictures need Linux with unshare (Debian: apt-get install util-linux).")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_"))}
    environ |= {
        "SCENARIOS": str(ROOT / "scenarios"),
        "KEPT": str(folder),
        "LIBRARIES": sysconfig.get_path("purelib"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
        "PYTHONPATH": os.pathsep.join([_APP, _LIBRARIES, str(ROOT / "src")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    demo = [sys.executable, "-W", "ignore", "-m", "scenarios.demo"]
    command = [unshare, "--map-root-user", "--mount", "sh", "-c", _IN_FOLDERS_OF_ITS_OWN, "sh", *demo]
    _run(command, environ)
    return folder / "demo-journal"


def _died(journal: Path) -> tuple[str, int]:
    """The trace of the conversation that died, and how many spans it has."""
    spans = [
        span
        for file in journal.rglob("*.jsonl")
        for line in file.read_text("utf-8").splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    died = next(
        span["traceId"]
        for span in spans
        if not span.get("parentSpanId") and span.get("status", {}).get("code") == _ERROR
    )
    return died, sum(span["traceId"] == died for span in spans)


def _has(jaeger: str, trace: str, spans: int) -> bool:
    try:
        answer = get_json(f"{jaeger}/api/traces/{trace}")["data"]
    except (AssertionError, OSError, ValueError):
        return False
    return bool(answer) and len(answer[0]["spans"]) >= spans


def _command(*words: str, expected: int = 0) -> str:
    """What a command of ours prints on a terminal of so many columns."""
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS), "TERM": "xterm-256color"}
    return _run([sys.executable, "-m", "autogen_otel.cli", *words], environ, expected)


def _run(command: Sequence[str], environ: dict[str, str], expected: int = 0) -> str:
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
    if done.returncode != expected:
        raise Unusable(f"{' '.join(command[-4:])} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _as_page(coloured: str) -> str:
    """What a terminal shows of text with colours."""
    console = Console(record=True, width=_COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123 - to record only
    console.print(Text.from_ansi(coloured), soft_wrap=True)
    return console.export_html(theme=MONOKAI, code_format=_TERMINAL)


# ---------------------------------------------------------------- how they are taken


@contextmanager
def _started(program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield chromium
        chromium.close()


def _take(chromium: Browser, name: str, url: str, width: int, prepare: Callable[[Page], float]) -> None:
    """Take a picture of a page, as high as ``prepare`` says once it has made the page show what it should."""
    page = chromium.new_page(viewport={"width": width, "height": 2400}, color_scheme="light")
    try:
        page.goto(url)
        height = prepare(page)
    except Error as failure:
        raise Unusable(f"{url} does not show what docs/pictures/{name} is to show: {failure}") from failure
    if str(ROOT) in page.content():
        raise Unusable(f"{url} shows the path of this checkout.")
    page.screenshot(path=PICTURES / name, clip={"x": 0, "y": 0, "width": width, "height": height})
    page.close()
    print(f"docs/pictures/{name}", flush=True)


def _open_the_tool(page: Page) -> float:
    """Open the span of the tool, its attributes and its exception."""
    page.locator(".span-row", has_text=_TOOL).locator(".span-view").click()
    details = page.locator(".detail-info-wrapper")
    details.get_by_role("switch").filter(has_text="Tags:").click()
    details.get_by_role("switch").filter(has_text="exception.stacktrace").click()
    page.wait_for_timeout(500)  # rows below move down
    return _end_of(page.locator(".span-row").last)


def _end_of(part: Locator) -> float:
    box: dict[str, float] | None = part.bounding_box()
    if box is None:
        raise Unusable("A part of the page is not visible.")
    return box["y"] + box["height"]


if __name__ == "__main__":
    sys.exit(main())
