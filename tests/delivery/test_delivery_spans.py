from __future__ import annotations

import json
import logging
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest
import requests
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from autogen_otel.delivery import fork
from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.exporting import otlp_http
from autogen_otel.delivery.exporting.exporters import Endpoint, endpoint
from autogen_otel.delivery.exporting.outcome import Outcome
from autogen_otel.delivery.journal import Journal
from autogen_otel.delivery.signals import SPANS
from autogen_otel.delivery.spans import JournaledSpanExporter
from tests.delivery.receivers import HANG, Receiver, closed_port, finished
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.delivery.endpoints import Clock


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


class _Scripted(SpanExporter):
    """An exporter that does what the test says and remembers what it was given."""

    def __init__(self, *outcomes: SpanExportResult | Exception) -> None:
        self.outcomes = list(outcomes)
        self.batches: list[list[str]] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.batches.append([span.name for span in spans])
        outcome = self.outcomes.pop(0) if self.outcomes else SpanExportResult.SUCCESS
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def shutdown(self) -> None:
        raise RuntimeError("cannot shut down")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        raise RuntimeError("cannot flush")


class _FixedEndpoint(Endpoint):
    def __init__(self, exporter: SpanExporter) -> None:
        super().__init__("the endpoint", self._make_exporter)
        self.made = 0
        self._fixed = exporter

    def _make_exporter(self) -> SpanExporter:
        self.made += 1
        return self._fixed


def _http(url: str) -> Endpoint:
    return endpoint("otlp_proto_http", {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, SPANS)


def _journalled(journal: Journal) -> list[str]:
    return [
        span["name"]
        for path in sorted(journal.folder.glob("traces-*.jsonl"))
        for line in path.read_text().splitlines()
        for resource_spans in json.loads(line)["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]


def _ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "autogen_otel"]


def _others(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("opentelemetry") and record.levelno >= logging.WARNING
    ]


def test_spans_arrive_at_the_endpoint_and_only_there(receiver: Receiver, journal: Journal) -> None:
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    assert exporter.export(finished("a", "b")) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert receiver.span_names == ["a", "b"]
    assert not journal.folder.exists()


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 429, 500, 503])
def test_what_is_refused_is_offered_once_and_kept_once(
    receiver: Receiver, journal: Journal, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    receiver.status = status
    receiver.headers = {"Location": f"{receiver.url}/elsewhere", "Retry-After": "600"}
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    assert exporter.export(finished("a")) is SpanExportResult.SUCCESS
    exporter.shutdown()
    refused = {"spans": {"refused": 1}} if status in {400, 413} else {}
    assert (len(receiver.requests), _journalled(journal), counts.dropped_items()) == (1, ["a"], refused)
    (warning,) = _ours(caplog)
    assert f"HTTP {status}" in warning
    assert _others(caplog) == []


def test_an_endpoint_that_hangs_costs_its_timeout_once(
    receiver: Receiver, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    receiver.status = HANG
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    exporter.export(finished("a"))
    exporter.export(finished("b"))
    exporter.shutdown()
    wait_until(lambda: receiver.span_names)  # a busy machine reads the request later than it was given up
    assert (receiver.span_names, _journalled(journal)) == (["a"], ["a", "b"])
    assert "no answer in time" in _ours(caplog)[0]


def test_with_nothing_listening_the_exporter_is_not_even_made(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    fixed = _http(f"http://127.0.0.1:{closed_port()}")
    exporter = JournaledSpanExporter(fixed, journal, ProcessCounts())
    exporter.export(finished("a"))
    exporter.shutdown()
    assert fixed.exporter is None
    assert _journalled(journal) == ["a"]
    (warning,) = _ours(caplog)
    assert all(part in warning for part in (fixed.label, str(journal.folder), "autogen-otel show"))


def test_batches_queued_behind_a_silent_endpoint_do_not_each_probe(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fixed = _http(f"http://127.0.0.1:{closed_port()}")
    asked = []

    class Counting:
        def is_reachable(self) -> bool:
            asked.append(clock.now)
            return False

    fixed.probe = Counting()  # type: ignore[assignment]
    exporter = JournaledSpanExporter(fixed, journal, ProcessCounts())
    for name in "abcd":
        exporter.export(finished(name))
    clock.now += 6
    exporter.export(finished("e"))
    assert len(asked) == 2
    assert _journalled(journal) == list("abcde")
    assert len(_ours(caplog)) == 1


def test_an_endpoint_that_comes_back_takes_spans_again_and_it_is_said(
    receiver: Receiver, journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "autogen_otel")
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    receiver.status = 503
    exporter.export(finished("lost to the endpoint"))
    receiver.status = 200
    clock.now += 6
    exporter.export(finished("back"))
    exporter.export(finished("more"))
    exporter.shutdown()
    assert receiver.span_names == ["lost to the endpoint", "back", "more"]
    assert _journalled(journal) == ["lost to the endpoint"]
    assert [record.levelname for record in caplog.records if record.name == "autogen_otel"] == [
        "WARNING",
        "INFO",
    ]


def test_an_endpoint_that_comes_and_goes_does_not_fill_the_log(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "autogen_otel")
    outcomes = [SpanExportResult.FAILURE, SpanExportResult.SUCCESS] * 4
    exporter = JournaledSpanExporter(_FixedEndpoint(_Scripted(*outcomes)), journal, ProcessCounts())
    for _ in outcomes:
        exporter.export(finished("a"))
        clock.now += 6
    assert len(_ours(caplog)) == 2


def test_a_batch_that_alone_is_refused_does_not_stop_the_next(receiver: Receiver, journal: Journal) -> None:
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    receiver.status = 413
    exporter.export(finished("large"))
    receiver.status = 200
    exporter.export(finished("small"))
    exporter.shutdown()
    assert (receiver.span_names, _journalled(journal)) == (["large", "small"], ["large"])


def test_a_batch_that_is_too_large_goes_out_in_parts_and_only_what_is_too_large_alone_is_refused(
    receiver: Receiver, journal: Journal
) -> None:
    receiver.most_bytes = 2000
    small, large = finished(*"abcdefgh"), finished("large", attributes={"text": "x" * 4000})
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    exporter.export([*small[:3], *large, *small[3:], *finished(*map(str, range(20)))])
    exporter.shutdown()
    assert receiver.span_names == [*"abcdefgh", *map(str, range(20))]
    assert (_journalled(journal), counts.dropped_items()) == (["large"], {"spans": {"refused": 1}})


def test_what_an_endpoint_takes_at_once_is_remembered_for_a_while(
    receiver: Receiver, journal: Journal, clock: Clock
) -> None:
    receiver.most_bytes = 300_000
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    refused = []
    for _ in range(3):
        exporter.export(finished(*map(str, range(100)), attributes={"text": "x" * 10_000}))
        refused.append(receiver.too_large)
    clock.now += 3600
    exporter.export(finished("a"))
    exporter.shutdown()
    assert 0 < refused[0] == refused[1] == refused[2]
    assert receiver.span_names == [*map(str, range(100))] * 3 + ["a"]
    assert not journal.folder.exists()


def test_an_endpoint_that_takes_nothing_at_all_is_paused_like_one_that_fails(
    receiver: Receiver, journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 413
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    names = [f"{number}" for number in range(64)]
    exporter.export(finished(*names))
    assert len(receiver.requests) < 20
    assert (sorted(_journalled(journal)), counts.dropped_items()) == (
        sorted(names),
        {"spans": {"refused": 3}},
    )
    clock.now += 6
    before = len(receiver.requests)
    exporter.export(finished(*names))
    assert len(receiver.requests) < before + 10
    clock.now += 6
    receiver.status = 200
    before = len(receiver.requests)
    exporter.export(finished("a", "b"))
    exporter.shutdown()
    assert (receiver.span_names[-2:], len(receiver.requests)) == (["a", "b"], before + 1)
    assert "413" in _ours(caplog)[0]


@pytest.mark.parametrize("outcome", [SpanExportResult.FAILURE, RuntimeError("boom"), ValueError()])
def test_any_exporter_may_fail_or_raise(journal: Journal, outcome: SpanExportResult | Exception) -> None:
    scripted = _Scripted(outcome)
    exporter = JournaledSpanExporter(_FixedEndpoint(scripted), journal, ProcessCounts())
    assert exporter.export(finished("a")) is SpanExportResult.SUCCESS
    assert (scripted.batches, _journalled(journal)) == ([["a"]], ["a"])


def test_large_batches_arrive_in_several_requests(receiver: Receiver, journal: Journal) -> None:
    names = [f"{number}" for number in range(300)]
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    exporter.export(finished(*names, attributes={"text": "x" * 16_000}))
    exporter.shutdown()
    assert receiver.span_names == names
    assert len(receiver.requests) == 2
    assert all(len(body) < 4 * 1024 * 1024 for body in receiver.requests)


def test_half_a_surrogate_pair_costs_no_span(
    receiver: Receiver, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    exporter.export(finished("a", "b\ud800", "c"))
    receiver.status = 500
    exporter.export(finished("d\udfff"))
    exporter.shutdown()
    assert receiver.span_names == ["a", "b?", "c", "d?"]
    assert (_journalled(journal), counts.dropped_items()) == (["d?"], {})
    assert _others(caplog) == []


def _unencodable() -> ReadableSpan:
    context = trace.SpanContext(1, 2**70, is_remote=False)
    return ReadableSpan("poison", context=context, start_time=1, end_time=2)


def test_a_span_that_cannot_be_encoded_is_the_only_one_lost(
    receiver: Receiver, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    batch = [*finished("a", "b"), _unencodable(), *finished("c", "d")]
    assert exporter.export(batch) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert receiver.span_names == ["a", "b", "c", "d"]
    assert (counts.dropped_items(), journal.folder.exists()) == ({"spans": {"not_encoded": 1}}, False)
    (warning,) = _ours(caplog)
    assert "cannot be encoded" in warning


def test_a_span_that_cannot_be_encoded_is_the_only_one_the_journal_lacks(journal: Journal) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(None, journal, counts)
    exporter.export([*finished("a"), _unencodable(), *finished("b")])
    assert (_journalled(journal), counts.dropped_items()) == (["a", "b"], {"spans": {"not_encoded": 1}})


def test_what_the_journal_cannot_write_is_counted_and_said_once(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(None, Journal(tmp_path / "file" / "journal"), counts)
    for _ in range(3):
        assert exporter.export(finished("a", "b")) is SpanExportResult.FAILURE
    assert counts.dropped_items()["spans"]["not_delivered"] == 6
    assert len(_ours(caplog)) == 1
    clock.now += 61
    exporter.export(finished("c"))
    assert "7 so far" in _ours(caplog)[1]


def test_a_process_that_cannot_load_the_encoder_says_so_and_blames_no_span(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(None, journal, counts)
    monkeypatch.setattr(fork, "_can_import", False)
    assert exporter.export(finished("one", "two")) is SpanExportResult.FAILURE
    assert counts.dropped_items() == {"spans": {"not_delivered": 2}}
    assert "Spans were dropped: this process was forked while its parent loaded modules" in caplog.text


def test_without_a_journal_what_is_refused_is_counted_and_said(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_FixedEndpoint(_Scripted(SpanExportResult.FAILURE)), None, counts)
    assert exporter.export(finished("a")) is SpanExportResult.FAILURE
    assert counts.dropped_items() == {"spans": {"not_delivered": 1}}
    assert any("no journal is kept" in message for message in _ours(caplog))


def test_an_exporter_that_cannot_be_made_is_one_sentence_and_the_journal(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def make() -> SpanExporter:
        raise ValueError("invalid timeout: 'soon'")

    exporter = JournaledSpanExporter(Endpoint("the endpoint", make), journal, ProcessCounts())
    for _ in range(3):
        exporter.export(finished("a"))
        clock.now += 6
    (warning,) = _ours(caplog)
    assert "invalid timeout: 'soon'" in warning
    assert _journalled(journal) == ["a", "a", "a"]


def test_after_shutdown_spans_go_to_the_journal(receiver: Receiver, journal: Journal) -> None:
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    exporter.shutdown()
    exporter.shutdown()
    exporter.export(finished("late"))
    assert (receiver.requests, _journalled(journal)) == ([], ["late"])


def test_an_exporter_that_fails_to_flush_or_shut_down_is_nobodys_problem(journal: Journal) -> None:
    exporter = JournaledSpanExporter(_FixedEndpoint(_Scripted()), journal, ProcessCounts())
    exporter.export(finished("a"))
    assert exporter.force_flush() is False
    exporter.shutdown()


@pytest.mark.parametrize("spans_endpoint", [None, _FixedEndpoint(_Scripted())])
def test_there_is_nothing_to_flush_before_the_first_batch(spans_endpoint: Endpoint | None) -> None:
    assert JournaledSpanExporter(spans_endpoint, None, ProcessCounts()).force_flush() is True


def test_a_forked_process_gets_its_own_exporter(journal: Journal) -> None:
    fixed = _FixedEndpoint(_Scripted())
    exporter = JournaledSpanExporter(fixed, journal, ProcessCounts())
    exporter.export(finished("a"))
    exporter.export(finished("b"))
    assert fixed.made == 1
    fixed.after_fork()
    exporter.export(finished("c"))
    assert fixed.made == 2


def test_the_loggers_of_exporters_speak_up_for_others(
    receiver: Receiver, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 400
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    exporter.export(finished("a"))
    exporter.shutdown()
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    logging.getLogger(name).error("the application's own exporter")
    assert _others(caplog) == ["the application's own exporter"]


def test_secrets_in_the_endpoint_are_not_logged(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    port = closed_port()
    exporter = JournaledSpanExporter(
        _http(f"http://user:pass-word@127.0.0.1:{port}/in?key=sec-ret#"), journal, ProcessCounts()
    )
    exporter.export(finished("a"))
    (warning,) = _ours(caplog)
    assert f"http://127.0.0.1:{port}/in does not" in warning
    assert "pass-word" not in caplog.text
    assert "sec-ret" not in caplog.text


class _Credentials(requests.Session):
    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["headers"] = {**kwargs["headers"], "Authorization": "Bearer of-a-plugin"}
        return super().request(method, url, *args, **kwargs)


@pytest.mark.parametrize("word", ["", "TRACES_"])
def test_the_session_of_a_credential_plugin_is_used(
    receiver: Receiver, journal: Journal, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    def entry_points(group: str, name: str) -> list[EntryPoint]:
        assert (group, name) == ("opentelemetry_otlp_credential_provider", "a_plugin")
        return [EntryPoint(name, f"{__name__}:_Credentials", group)]

    monkeypatch.setenv(f"OTEL_PYTHON_EXPORTER_OTLP_HTTP_{word}CREDENTIAL_PROVIDER", "a_plugin")
    monkeypatch.setattr(otlp_http, "entry_points", entry_points)
    JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts()).export(finished("a"))
    assert receiver.span_names == ["a"]
    assert receiver.request_headers[0]["Authorization"] == "Bearer of-a-plugin"


def test_a_credential_plugin_that_is_not_installed_is_said(
    receiver: Receiver, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "no_plugin")
    JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts()).export(finished("a"))
    assert "no installed package has the credential provider no_plugin" in caplog.text
    assert receiver.span_names == []


def test_a_forked_process_neither_flushes_nor_shuts_down_its_parents_exporter() -> None:
    scripted = _Counting()
    fixed = _FixedEndpoint(scripted)
    assert fixed.export(finished("a")).outcome is Outcome.EXPORTED
    assert fixed.force_flush(1000)
    assert scripted.calls == ["flush"]
    fixed.after_fork()
    assert fixed.force_flush(1000)
    fixed.shutdown()
    assert scripted.calls == ["flush"]
    assert fixed.export(finished("b")).outcome is Outcome.EXPORTED
    fixed.shutdown()
    assert scripted.calls == ["flush", "shutdown"]


class _Counting(_Scripted):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.calls.append("flush")
        return True


def test_what_became_of_spans_is_counted(receiver: Receiver, journal: Journal, clock: Clock) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    exporter.export(finished("a", "b"))
    receiver.status = 503
    exporter.export(finished("c"))
    assert counts.of("exported") == {"spans": 2}
    assert counts.of("journaled") == {"spans": 1}


def test_an_endpoint_that_says_when_it_is_to_be_asked_again_is_not_asked_before(
    receiver: Receiver, journal: Journal, clock: Clock
) -> None:
    exporter = JournaledSpanExporter(_http(receiver.url), journal, ProcessCounts())
    receiver.status, receiver.headers = 429, {"Retry-After": "30"}
    exporter.export(finished("a"))
    receiver.status = 200
    clock.now += 29
    exporter.export(finished("b"))
    clock.now += 2
    exporter.export(finished("c"))
    exporter.shutdown()
    assert (receiver.span_names, _journalled(journal)) == (["a", "c"], ["a", "b"])


def test_what_an_endpoint_takes_only_half_of_is_counted_and_said_once(
    receiver: Receiver, journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    counts = ProcessCounts()
    exporter = JournaledSpanExporter(_http(receiver.url), journal, counts)
    receiver.headers = {"Content-Type": "application/json"}
    receiver.body = b'{"partialSuccess": {"rejectedSpans": 1, "errorMessage": "too old"}}'
    for _ in range(3):
        assert exporter.export(finished("a", "b")) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert counts.dropped_items() == {"spans": {"refused": 3}}
    (warning,) = _ours(caplog)
    assert "did not take 1 spans of a batch: too old" in warning
    assert not journal.folder.exists()
