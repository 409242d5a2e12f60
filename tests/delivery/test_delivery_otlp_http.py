from __future__ import annotations

import gzip
import itertools
import zlib
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from unittest.mock import Mock

import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from autogen_otel.delivery.exporting import otlp_http
from autogen_otel.delivery.exporting.exporters import endpoint
from autogen_otel.delivery.exporting.otlp_http import HttpExporter
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.journal.writing import line_of
from autogen_otel.delivery.otlp_json import spans_of
from autogen_otel.delivery.signals import LOGS, METRICS, SPANS, Signal
from tests.delivery.receivers import Receiver, finished


@pytest.fixture(autouse=True)
def _nothing_hangs_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_http, "_paused_until", {})


def _exporter(url: str, signal: Signal = SPANS, seconds: float = 10.0) -> HttpExporter:
    return HttpExporter(url, signal, seconds, headers={}, compression="", tls={})


def _failing(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    send, remaining = requests.Session.request, list(errors)

    def request(self: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
        calls.append(kwargs)
        if remaining:
            raise remaining.pop(0)
        return send(self, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", request)
    return calls


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, requests.exceptions.ConnectionError())
    assert _exporter(receiver.url).export([]) == ExportResult(Outcome.EXPORTED)


@pytest.mark.parametrize(
    ("error", "reason", "tries"),
    [
        (requests.exceptions.ConnectionError, "no connection", 2),
        (requests.exceptions.ProxyError, "the proxy does not answer", 2),
        (requests.exceptions.SSLError, "its certificate is not accepted", 2),
        (requests.exceptions.ReadTimeout, "no answer in time", 1),
        (requests.exceptions.ConnectTimeout, "no answer in time", 1),
        (requests.exceptions.InvalidHeader, "InvalidHeader", 1),
    ],
)
def test_the_reason_of_a_failure_contains_no_url(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], reason: str, tries: int
) -> None:
    calls = _failing(monkeypatch, *[error("http://user:secret@host")] * 2)
    assert _exporter("http://host").export([]) == ExportResult(Outcome.FAILED, reason)
    assert len(calls) == tries


@pytest.mark.parametrize(("given", "expected"), [(10, (3, 10)), (1, (1, 1))])
def test_connecting_takes_three_seconds_at_most(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, given: float, expected: tuple[float, float]
) -> None:
    calls = _failing(monkeypatch)
    _exporter(receiver.url, seconds=given).export([])
    assert calls[0]["timeout"] == expected


def test_a_host_that_hangs_is_waited_for_once_whichever_signal_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _failing(monkeypatch, requests.exceptions.ReadTimeout())
    for path in ("traces", "metrics", "logs"):
        result = _exporter(f"http://collector:4318/v1/{path}").export([])
        assert result == ExportResult(Outcome.FAILED, "no answer in time")
    assert len(calls) == 1


def test_a_host_that_hung_is_asked_again_after_a_while(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _failing(monkeypatch, requests.exceptions.ReadTimeout())
    exporter = _exporter(receiver.url)
    assert exporter.export([]).outcome is Outcome.FAILED
    (host,) = otlp_http._paused_until
    otlp_http._paused_until[host] = 0.0  # the while is over
    for _ in range(2):
        assert exporter.export([]).outcome is Outcome.EXPORTED
    assert (len(calls), otlp_http._paused_until) == (3, {})


def test_batches_go_out_over_one_connection(receiver: Receiver) -> None:
    exporter = _exporter(receiver.url)
    receiver.keeps_alive, receiver.body = True, b"\n\x00"
    for _ in range(3):
        assert exporter.export([]).outcome is Outcome.EXPORTED
    assert (len(receiver.requests), receiver.connections) == (3, 1)


def _result(receiver: Receiver, signal: Signal = SPANS) -> ExportResult:
    return _exporter(receiver.url, signal)._send(b"", "application/x-protobuf")


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("status", "outcome", "is_final"),
    [
        (200, Outcome.EXPORTED, False),
        (204, Outcome.EXPORTED, False),
        (302, Outcome.FAILED, True),
        (304, Outcome.FAILED, True),
        (400, Outcome.REFUSED, True),
        (401, Outcome.FAILED, True),
        (403, Outcome.FAILED, True),
        (404, Outcome.FAILED, True),
        (408, Outcome.FAILED, True),
        (413, Outcome.TOO_LARGE, True),
        (422, Outcome.REFUSED, True),
        (429, Outcome.FAILED, False),
        (500, Outcome.FAILED, True),
        (501, Outcome.FAILED, True),
        (502, Outcome.FAILED, False),
        (503, Outcome.FAILED, False),
        (504, Outcome.FAILED, False),
    ],
)
def test_what_a_status_means_is_what_otlp_says(
    receiver: Receiver, status: int, outcome: Outcome, *, is_final: bool
) -> None:
    receiver.status = status
    result = _result(receiver)
    assert (result.outcome, result.is_final) == (outcome, is_final)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("86400", 600, 600),
        (500.0, 60, 500),
        (-120.0, 0, 0),
        (86400.0, 600, 600),
    ],
    ids=["seconds", "none", "a day", "a date", "a date that is over", "a date too far"],
)
def test_retry_after_is_obeyed_within_bounds(
    receiver: Receiver, header: str | float, least: float, most: float
) -> None:
    receiver.status, receiver.headers = (
        503,
        {"Retry-After": header if isinstance(header, str) else _date(header)},
    )
    waited = _result(receiver).retry_after
    assert waited is not None
    assert least <= waited <= most


@pytest.mark.parametrize("header", ["soon", "-3", "", "1e9", "\u0662"])
def test_a_retry_after_that_says_nothing_is_none(receiver: Receiver, header: str) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": header.encode().decode("latin-1")}
    assert _result(receiver).retry_after is None


@pytest.mark.parametrize(
    ("signal", "answer", "field"),
    [
        (SPANS, ExportTraceServiceResponse, "rejected_spans"),
        (METRICS, ExportMetricsServiceResponse, "rejected_data_points"),
        (LOGS, ExportLogsServiceResponse, "rejected_log_records"),
    ],
    ids=["spans", "metrics", "logs"],
)
def test_a_partial_success_says_how_much_was_not_taken(
    receiver: Receiver, signal: Signal, answer: Any, field: str
) -> None:
    message = answer()
    setattr(message.partial_success, field, 3)
    message.partial_success.error_message = "too old"
    receiver.headers = {"Content-Type": "application/x-protobuf"}
    receiver.body = message.SerializeToString()
    assert _result(receiver, signal) == ExportResult(Outcome.EXPORTED, "too old", rejected_items=3)


@pytest.mark.parametrize(
    ("kind", "body", "rejected"),
    [
        ("application/json", b"{}", 0),
        ("application/json; charset=utf-8", b'{"partialSuccess": {}}', 0),
        ("application/json", b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "no"}}', 2),
        ("text/plain", b'{"status": "ok"}', 0),
        ("text/plain", b"OK\n", 0),
        ("application/x-protobuf", b"", 0),
        ("application/x-protobuf", b"\n\x00", 0),
    ],
)
def test_receivers_may_say_yes_in_several_ways(
    receiver: Receiver, kind: str, body: bytes, rejected: int
) -> None:
    receiver.headers, receiver.body = {"Content-Type": kind}, body
    result = _result(receiver)
    assert (result.outcome, result.rejected_items) == (Outcome.EXPORTED, rejected)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<!DOCTYPE html><html>Please log in</html>"),
        ("application/x-protobuf", b"<html></html>"),
        ("application/x-protobuf", b"\xff\x00 garbage"),
        ("application/x-protobuf", b"\x50\x01"),
        ("application/json", b"[]"),
        ("application/json", b"not json"),
        ("text/plain", b"Welcome"),
        ("", b"It works!"),
    ],
)
def test_an_answer_that_no_receiver_gives_is_no_success(receiver: Receiver, kind: str, body: bytes) -> None:
    receiver.headers, receiver.body = {"Content-Type": kind} if kind else {}, body
    result = _result(receiver)
    assert (result.outcome, result.is_final) == (Outcome.FAILED, True)
    assert "proxy or a login page" in result.reason


# ---------------------------------------------------------------- answers without end
_BOMB = gzip.compress(b"{" + b" " * 5_000_000)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Encoding": "gzip"}, _BOMB),
        (200, {"Content-Encoding": "deflate"}, zlib.compress(b" " * 5_000_000)),
        (200, {"Content-Encoding": "br"}, b"xyz"),
        (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        (200, {"Content-Type": "application/json"}, b"{" + b" " * 5_000_000),
        (200, {}, b"x" * 5_000_000),
        (302, {"Location": "/", "Content-Encoding": "gzip"}, _BOMB),
        (500, {"Content-Encoding": "gzip"}, _BOMB),
    ],
)
def test_of_an_answer_little_is_read(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], body: bytes
) -> None:
    read: list[int] = []
    decoder = zlib.decompressobj

    class Decoder:
        def __init__(self, bits: int) -> None:
            self._decoder = decoder(bits)

        def decompress(self, data: bytes, most: int) -> bytes:
            result = self._decoder.decompress(data, most)
            read.append(len(result))
            return result

        @property
        def unconsumed_tail(self) -> bytes:
            return self._decoder.unconsumed_tail

    monkeypatch.setattr(zlib, "decompressobj", Decoder)
    monkeypatch.setattr(requests.Response, "content", property(lambda _: pytest.fail("all of it is read")))
    receiver.status, receiver.headers, receiver.body = status, headers, body
    result = _result(receiver)
    assert (result.outcome, result.is_final) == (Outcome.FAILED, True)
    assert sum(read) <= 64 * 1024


def test_an_answer_that_a_proxy_compressed_is_read(receiver: Receiver) -> None:
    receiver.headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    receiver.body = gzip.compress(b'{"partialSuccess": {"rejectedSpans": "2"}}')
    assert _result(receiver) == ExportResult(Outcome.EXPORTED, rejected_items=2)


def test_an_answer_that_comes_in_drops_is_none(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver.drops = 10_000
    clock = itertools.count(step=3.0)
    monkeypatch.setattr(otlp_http, "time", Mock(monotonic=lambda: next(clock)))
    assert _result(receiver) == ExportResult(Outcome.FAILED, "no answer in time")


@pytest.mark.parametrize(
    "text", ["\x1b[2Jfine\x07", "fine\nERROR autogen_otel: forged", "\u202efine", "fine" * 60_000]
)
def test_what_an_endpoint_says_is_one_plain_line(receiver: Receiver, text: str) -> None:
    message = ExportTraceServiceResponse()
    message.partial_success.error_message = text[:60_000]
    receiver.body = message.SerializeToString()
    reason = _result(receiver).reason
    assert "fine" in reason
    assert reason.isprintable()
    assert len(reason) <= 300


def test_the_words_beside_a_status_are_one_plain_line(receiver: Receiver) -> None:
    receiver.status, receiver.phrase = 503, "\x1b[31mgone" + "!" * 9_000
    reason = _result(receiver).reason
    assert reason.startswith("HTTP 503 \\x1b[31mgone!!!")
    assert len(reason) == 300


# ---------------------------------------------------------------- spans of the journal
def test_spans_of_the_journal_go_out_as_they_stand(receiver: Receiver) -> None:
    line = line_of(finished("a", "b"))
    assert _exporter(receiver.url).export(spans_of(line)).outcome is Outcome.EXPORTED
    assert (receiver.content_types, receiver.span_names) == (["application/json"], ["a", "b"])


@pytest.mark.parametrize("status", [400, 415, 422, 500])
def test_an_endpoint_that_takes_no_json_is_asked_once(receiver: Receiver, status: int) -> None:
    receiver.json_status, exporter = status, _exporter(receiver.url)
    for name in ("a", "b"):
        assert exporter.export(spans_of(line_of(finished(name)))).outcome is Outcome.EXPORTED
    assert receiver.content_types == ["application/json", "application/x-protobuf", "application/x-protobuf"]
    assert receiver.span_names == ["a", "b"]


def test_an_endpoint_that_has_taken_json_is_not_asked_twice_for_a_batch(receiver: Receiver) -> None:
    exporter = _exporter(receiver.url)
    for receiver.status in (200, 400):
        exporter.export(spans_of(line_of(finished("a"))))
    assert receiver.content_types == ["application/json"] * 2


@pytest.mark.parametrize("status", [401, 404, 413, 429, 503])
def test_an_answer_that_is_not_about_json_is_taken_as_it_is(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert _exporter(receiver.url).export(spans_of(line_of(finished("a")))).outcome is not Outcome.EXPORTED
    assert receiver.content_types == ["application/json"]


def test_spans_that_neither_can_hold_are_refused(receiver: Receiver) -> None:
    receiver.json_status = 400
    line = line_of(finished("a")).replace(b'"startTimeUnixNano":"', b'"startTimeUnixNano":"x')
    target = endpoint("otlp_proto_http", {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}, SPANS)
    result = target.export(spans_of(line))
    target.shutdown()
    assert (result.outcome, result.is_final) == (Outcome.REFUSED, True)
