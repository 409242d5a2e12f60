"""Fixtures for all tests: telemetry in memory, a scripted server, and our own errors made fatal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import autogen_otel
from autogen_otel.hooks import guard
from scenarios.server import ScriptedServer
from tests.telemetry import Telemetry

collect_ignore = ["servers"]
"""It needs programs that take long to build, so its tests run only if it is named: ``make test-servers``."""


EVERYTHING = autogen_otel.Settings(capture_message_content="SPAN_AND_EVENT")
"""All that can be recorded, for tests of what must hold whatever is."""


@pytest.fixture
def our_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """Errors of our own; a test that leaves any there fails, since users would have lost telemetry."""
    errors: list[BaseException] = []
    monkeypatch.setattr(guard, "on_error", errors.append)
    yield errors
    if errors:
        raise errors[0]


@contextlib.contextmanager
def instrumented(settings: autogen_otel.Settings | None = None) -> Iterator[Telemetry]:
    """AutoGen instrumented inside the block, with its spans kept in memory."""
    kept = Telemetry()
    report = autogen_otel.instrument(
        tracer_provider=kept.provider,
        meter_provider=kept.meter_provider,
        settings=settings or autogen_otel.Settings(),
    )
    try:
        assert report.attached, report
        assert not report.missing, report
        yield kept
    finally:
        autogen_otel.uninstrument()


@pytest.fixture
def telemetry(our_errors: list[BaseException]) -> Iterator[Telemetry]:
    """AutoGen instrumented for one test."""
    with instrumented() as kept:
        yield kept


@pytest.fixture
def serve() -> Iterator[Callable[[Any], ScriptedServer]]:
    """Starts scripted servers and stops them at the end."""
    started: list[ScriptedServer] = []

    def start(script: Any) -> ScriptedServer:
        server = ScriptedServer(script)
        server.__enter__()
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A skipped test proves nothing, so none may be marked so; what cannot exist here is not collected.

    ``@pytest.mark.needs(condition, reason)`` is for what a lineage, a Python or an operating system lacks.
    """
    for item in items:
        for mark in ("skip", "skipif", "xfail"):
            assert not list(item.iter_markers(mark)), f"{item.nodeid} is marked {mark}"
    items[:] = [item for item in items if all(mark.args[0] for mark in item.iter_markers("needs"))]
