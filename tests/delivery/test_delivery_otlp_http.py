from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from autogen_otel.delivery import otlp_http
from autogen_otel.delivery.exporters import ExportResult, Outcome
from autogen_otel.delivery.otlp_http import ExportError, SingleAttemptSession

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
    with SingleAttemptSession() as session, pytest.raises(ExportError) as raised:
        session.post("http://host")
    assert (raised.value.result, len(calls)) == (ExportResult(Outcome.FAILED, reason), tries)


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
