from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import ReadableSpan

from autogen_otel.delivery import forwarder
from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.exporting.exporters import Endpoint, ExportResult, Outcome
from autogen_otel.delivery.forwarder import Forwarder
from autogen_otel.delivery.journal import Journal, Kind
from autogen_otel.delivery.journal.files import list_files
from autogen_otel.delivery.journal.forwarding import count_remaining
from tests.delivery.receivers import finished
from tests.support.otlp_receiver import until

_TAKEN = ExportResult(Outcome.EXPORTED)
_DOWN = ExportResult(Outcome.UNREACHABLE, "nothing answers there")
_BUSY = ExportResult(Outcome.FAILED, "HTTP 429 Too Many Requests", is_retryable=True, retry_after=600.0)
_BAD = ExportResult(Outcome.REFUSED, "HTTP 400 Bad Request", is_final=True)
_BROKEN = ExportResult(Outcome.FAILED, "HTTP 500 Internal Server Error", is_final=True)


class _Endpoint(Endpoint):
    """Answers all requests with a result that can be changed."""

    def __init__(self, result: ExportResult) -> None:
        super().__init__("the endpoint", dict)
        self.result = result
        self.batches: list[list[ReadableSpan]] = []
        self.has: list[list[ReadableSpan]] = []
        self.empty: ExportResult | None = None
        self.is_traced = False
        self.asked = threading.Event()

    def with_own_exporter(self) -> Endpoint:
        return self

    def _export(self, batch: Any) -> ExportResult:
        self.is_traced |= is_instrumentation_enabled()
        self.batches.append(batch)
        self.asked.set()
        result = self.empty if self.empty is not None and not batch else self.result
        if result is _TAKEN:
            self.has.append(batch)
        return result

    @property
    def names(self) -> list[str]:
        """Of the spans that it was offered."""
        return [span.name for batch in self.batches for span in batch]

    @property
    def taken(self) -> list[str]:
        """Of the spans that it has."""
        return [span.name for batch in self.has for span in batch]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "_CHECK_SECONDS", 0.02)
    monkeypatch.setattr(forwarder, "_IDLE_SECONDS", 0.02)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def endpoint() -> _Endpoint:
    return _Endpoint(_TAKEN)


@pytest.fixture
def counts() -> ProcessCounts:
    return ProcessCounts()


@pytest.fixture
def running(endpoint: _Endpoint, journal: Journal, counts: ProcessCounts) -> Iterator[Forwarder]:
    made = Forwarder(endpoint, journal, counts)
    yield made
    made.shutdown()


def test_what_an_earlier_run_left_is_sent(
    journal: Journal, endpoint: _Endpoint, running: Forwarder, counts: ProcessCounts
) -> None:
    assert not running.has_work()
    journal.append(finished("a", "b"))
    journal.append(finished("c"))
    assert running.has_work()
    running.wake()
    until(lambda: not running.has_work())
    assert endpoint.names == ["a", "b", "c"]
    until(lambda: counts.of("forwarded") == {"spans": 3})
    assert not endpoint.is_traced


def test_an_endpoint_that_is_back_gets_everything_without_help(
    journal: Journal, endpoint: _Endpoint, running: Forwarder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "autogen_otel")
    endpoint.result = _DOWN
    journal.append(finished("a"))
    running.wake()
    assert endpoint.asked.wait(30)
    journal.append(finished("b"))
    endpoint.result = _TAKEN
    until(lambda: not running.has_work())
    assert endpoint.taken == ["a", "b"]
    until(lambda: "2 spans of the journal" in caplog.text)


def test_what_is_refused_is_counted_and_said(
    journal: Journal,
    endpoint: _Endpoint,
    running: Forwarder,
    counts: ProcessCounts,
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint.result = _BAD
    journal.append(finished("a", "b"))
    running.wake()
    until(lambda: counts.dropped_items() == {"spans": {"refused": 2}})
    until(lambda: "refused 2 spans" in caplog.text)
    until(lambda: [file.kind for file in list_files(journal.folder)] == [Kind.REFUSED])


def test_an_endpoint_that_asks_for_patience_is_left_alone(
    journal: Journal, endpoint: _Endpoint, running: Forwarder
) -> None:
    endpoint.result = _BUSY
    journal.append(finished("a"))
    running.wake()
    until(lambda: endpoint.pause.until > 0)
    endpoint.result = _TAKEN
    running.shutdown()
    assert (endpoint.names, endpoint.taken, count_remaining(journal.folder)) == (["a"], [], (1, 1))


@pytest.mark.parametrize("empty", [_BAD, _BROKEN], ids=str)
def test_a_receiver_that_dislikes_empty_requests_gets_what_there_is(
    journal: Journal, endpoint: _Endpoint, running: Forwarder, empty: ExportResult
) -> None:
    endpoint.empty = empty
    journal.append(finished("a"))
    running.wake()
    until(lambda: not running.has_work())
    assert endpoint.taken == ["a"]


def test_an_endpoint_that_may_refuse_all_batches_is_asked_without_spans(
    journal: Journal, endpoint: _Endpoint, running: Forwarder
) -> None:
    endpoint.result = _BROKEN
    journal.append(finished("a"))
    running.wake()
    until(lambda: len(endpoint.batches) > 5)
    assert endpoint.names == ["a"]
    endpoint.result = _TAKEN
    until(lambda: not running.has_work())
    assert endpoint.taken == ["a"]


def test_one_that_dislikes_that_too_is_offered_a_batch_once_more_and_not_at_each_look(
    journal: Journal, endpoint: _Endpoint, running: Forwarder
) -> None:
    endpoint.empty, endpoint.result = _BAD, _BROKEN
    journal.append(finished("a"))
    running.wake()
    until(lambda: len(endpoint.batches) > 10)
    assert endpoint.names == ["a", "a"]


def test_now_and_then_it_is_offered_a_batch_all_the_same(
    journal: Journal, endpoint: _Endpoint, running: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_DOUBT_SECONDS", 0.0)
    endpoint.empty = endpoint.result = _BROKEN
    journal.append(finished("a"))
    running.wake()
    until(lambda: endpoint.names.count("a") > 2)
    endpoint.result = _TAKEN
    until(lambda: not running.has_work())
    assert endpoint.taken == ["a"]


def test_a_program_that_ends_leaves_the_rest_to_the_next(journal: Journal, endpoint: _Endpoint) -> None:
    released = threading.Event()

    class Slow(_Endpoint):
        def export(self, batch: Any) -> ExportResult:
            super().export(batch)
            if batch:
                released.wait(30)
            return _TAKEN

    slow = Slow(_TAKEN)
    for name in "abc":
        journal.append(finished(name))
    first = Forwarder(slow, journal, ProcessCounts())
    first.wake()
    until(lambda: slow.names)
    first.hurry()
    until(lambda: not first._may_go_on())
    released.set()
    first.shutdown()
    assert first._thread is not None
    first._thread.join(30)
    assert (slow.names, count_remaining(journal.folder)) == (["a"], (2, 2))
    first.wake()
    second = Forwarder(endpoint, journal, ProcessCounts())
    second.wake()
    until(lambda: not second.has_work())
    second.shutdown()
    assert (slow.names, endpoint.names) == (["a"], ["b", "c"])


def test_a_forked_process_starts_a_thread_of_its_own(
    journal: Journal, endpoint: _Endpoint, running: Forwarder
) -> None:
    running.wake()
    parents = running._thread
    assert parents is not None
    running._wake_event.set()
    running.after_fork()
    running.wake()
    assert running._thread is not parents
    running.shutdown()
