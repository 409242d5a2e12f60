"""``make screenshots JAEGER=URL``: a picture of the demo's report, and of a conversation in that Jaeger."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_trace_id

import autogen_otel
from autogen_otel import cli
from autogen_otel.testing.server import ScriptedServer
from scenarios.demo import JOURNAL

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SERVICE = "claims-desk"
_REPORT: Final = ("report.png", (1240, 700))
_TRACE: Final = ("trace.png", (1400, 620))
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-device-scale-factor=1"
)
_DEADLINE_SECONDS = 30.0
_DRAWING_MILLIS = 15_000


class Unusable(Exception):  # noqa: N818 - it reads as what was given
    """What the pictures need is not there; the message says what to do."""


def main(arguments: list[str]) -> int:
    """Take the pictures.

    Returns:
        The exit code: 2 if there is no Jaeger or no browser.
    """
    if not arguments or not urlsplit(arguments[0]).hostname:
        print(
            "Say where Jaeger's user interface is: make screenshots JAEGER=http://localhost:16686",
            file=sys.stderr,
        )
        return 2
    jaeger = arguments[0].rstrip("/")
    try:
        browser = _browser()
        _report(browser)
        _answer(f"{jaeger}/api/v3/services")
        _take(browser, f"{jaeger}/trace/{_died(_recorded(_otlp(jaeger)), jaeger)}", *_TRACE)
    except Unusable as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def _browser() -> str:
    for name in (os.environ.get("BROWSER_PROGRAM", ""), *_BROWSERS):
        if name and (found := shutil.which(name)):
            return found
    raise Unusable("The pictures need Chromium or Chrome: install it, or name it in BROWSER_PROGRAM.")


def _otlp(jaeger: str) -> str:
    given = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return given.rstrip("/") if given else f"http://{urlsplit(jaeger).hostname}:4318"


def _recorded(endpoint: str) -> list[ReadableSpan]:
    """Hold the conversations; their spans go to the endpoint."""
    # The hosts warn while they are imported about packages that nobody needs here.
    warnings.simplefilter("ignore")
    from scenarios.claims import CONVERSATIONS, ClaimsModel, play  # noqa: PLC0415

    kept, exporter = InMemorySpanExporter(), OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider = TracerProvider(resource=Resource({"service.name": SERVICE}))
    for one in (kept, exporter):
        provider.add_span_processor(SimpleSpanProcessor(one))
    autogen_otel.instrument(tracer_provider=provider, meter_provider=NoOpMeterProvider())
    model = ClaimsModel()
    with ScriptedServer(model) as server:
        for conversation in CONVERSATIONS:
            play(conversation, server, model)
    return list(kept.get_finished_spans())


def _report(browser: str) -> None:
    """The page about the conversations that the demo held last."""
    if not JOURNAL.is_dir():
        raise Unusable("The picture of the report is of the demo's journal: run make demo first.")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        if cli.main(["diagnose", "--journal", str(JOURNAL), "--html", str(page)]) != cli.PROBLEM:
            raise Unusable(f"Nothing is found in {JOURNAL}: run make demo again.")
        _take(browser, page.as_uri(), *_REPORT)


def _died(spans: list[ReadableSpan], jaeger: str) -> str:
    """The trace of the conversation that died, once Jaeger shows all of it."""
    died = next(span for span in spans if span.parent is None and span.status.status_code is StatusCode.ERROR)
    trace = _trace_of(died)
    _await(f"{jaeger}/api/traces/{trace}", sum(_trace_of(span) == trace for span in spans))
    return trace


def _trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_trace_id(span.context.trace_id)


def _await(url: str, spans: int) -> None:
    """Wait until Jaeger shows the whole trace."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            found = json.loads(_answer(url))["data"][0]["spans"]
        except (Unusable, LookupError, ValueError):
            found = []
        if len(found) >= spans:
            return
        time.sleep(0.2)
    raise Unusable(
        f"The trace did not arrive at {url}. "
        "Name the endpoint that leads to this Jaeger in OTEL_EXPORTER_OTLP_ENDPOINT."
    )


def _answer(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - the user's own Jaeger
            body: bytes = response.read()
            return body
    except (OSError, ValueError) as error:
        refusal = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Unusable(f"No Jaeger answers at {url} ({refusal}).") from error


def _take(browser: str, url: str, name: str, size: tuple[int, int]) -> None:
    picture = PICTURES / name
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            *_QUIET.split(),
            f"--user-data-dir={profile}",
            f"--window-size={size[0]},{size[1]}",
            f"--virtual-time-budget={_DRAWING_MILLIS}",
            f"--screenshot={picture}",
            url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - what the user has installed
    if done.returncode != 0 or not picture.exists():
        raise Unusable(f"{browser} took no picture of {url}: {done.stderr.strip()[-300:]}")
    print(f"docs/pictures/{name}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
