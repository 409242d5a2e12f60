from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from autogen_otel.delivery.exporting import otlp_http
from autogen_otel.delivery.exporting.exporters import ExportResult, Outcome
from autogen_otel.delivery.exporting.otlp_http import ExportError, SingleAttemptSession
from autogen_otel.delivery.signals import LOGS, METRICS, SPANS, Signal

if TYPE_CHECKING:
    from tests.delivery.receivers import Receiver


@pytest.fixture(autouse=True)
def _nothing_hangs_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_http, "_paused_until", {})


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
    with SingleAttemptSession() as session:
        assert session.post(receiver.url, data=b"").status_code == 200
        assert session.take_result() == ExportResult(Outcome.EXPORTED)


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
    with SingleAttemptSession() as session, pytest.raises(ExportError, match=f"^{reason}$"):
        session.post("http://host")
    assert (session.take_result(), len(calls)) == (ExportResult(Outcome.FAILED, reason), tries)


@pytest.mark.parametrize(("given", "expected"), [(10, (3, 10)), (1, (1, 1)), (None, (3, None))])
def test_connecting_takes_three_seconds_at_most(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    given: float | None,
    expected: tuple[float, float | None],
) -> None:
    calls = _failing(monkeypatch)
    with SingleAttemptSession() as session:
        session.request("POST", receiver.url, data=b"", timeout=given)
    assert calls[0]["timeout"] == expected


def test_a_host_that_hangs_is_waited_for_once_whichever_signal_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _failing(monkeypatch, requests.exceptions.ReadTimeout())
    for path in ("traces", "metrics", "logs"):
        with SingleAttemptSession() as session, pytest.raises(ExportError, match="no answer in time"):
            session.post(f"http://collector:4318/v1/{path}")
    assert len(calls) == 1


def test_a_host_that_hung_is_asked_again_after_a_while(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _failing(monkeypatch, requests.exceptions.ReadTimeout())
    with SingleAttemptSession() as session:
        with pytest.raises(ExportError):
            session.post(receiver.url, data=b"")
        (host,) = otlp_http._paused_until
        otlp_http._paused_until[host] = 0.0  # the while is over
        for _ in range(2):
            assert session.post(receiver.url, data=b"").status_code == 200
    assert (len(calls), otlp_http._paused_until) == (3, {})


def _result(receiver: Receiver, signal: Signal = SPANS) -> ExportResult:
    with SingleAttemptSession(signal) as session:
        with suppress(ExportError):
            session.post(receiver.url, data=b"")
        result = session.take_result()
        assert result is not None
        return result


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
