from __future__ import annotations

import logging
from typing import Any

import pytest

from autogen_otel.setup import sending as sending_module
from autogen_otel.setup.outlet import Outlet, Refusal
from autogen_otel.setup.sending import Sending
from autogen_otel.setup.signals import METRICS

_ABSENT = Refusal("HTTP 404 Not Found", lasting=False, absent=True)
_SILENT = Refusal("nothing answers there", silent=True)
_BUSY = Refusal("HTTP 503 Service Unavailable")
_REFUSED = Refusal("HTTP 401 Unauthorized", lasting=False)


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(sending_module, "time", clock)
    caplog.set_level(logging.INFO, "autogen_otel")
    return clock


class _Scripted(Outlet):
    """Refuses as the test says, then takes everything."""

    def __init__(self, *answers: Refusal | None) -> None:
        super().__init__("the endpoint")
        self.answers = list(answers)
        self.offered = 0

    def offer(self, batch: Any) -> Refusal | None:
        self.offered += 1
        return self.answers.pop(0) if self.answers else None

    def _make(self) -> Any:
        raise AssertionError

    def close(self) -> None:
        raise RuntimeError("cannot shut down")

    def flush(self, timeout_millis: int) -> bool:
        raise RuntimeError("cannot flush")


def _sending(way: Outlet, *, asked_for: bool = False) -> Sending:
    return Sending(way, METRICS, asked_for=asked_for, consequence="They wait")


@pytest.mark.parametrize(
    ("refusal", "seconds"), [(_ABSENT, 300), (_SILENT, 5), (_BUSY, 5), (_REFUSED, 0)], ids=str
)
def test_who_refused_is_left_alone_for_a_while(clock: _Clock, refusal: Refusal, seconds: int) -> None:
    way = _Scripted(refusal)
    sending = _sending(way)
    assert not sending.send("first")
    clock.now += seconds - 0.1
    assert sending.send("second") is (seconds == 0)
    clock.now += 0.2
    assert sending.send("third")
    assert way.offered == (3 if seconds == 0 else 2)


@pytest.mark.parametrize(
    ("refusal", "asked_for", "level"),
    [
        (_ABSENT, False, "INFO"),
        (_SILENT, False, "INFO"),
        (_BUSY, False, "WARNING"),
        (_REFUSED, False, "WARNING"),
        (_ABSENT, True, "WARNING"),
        (_SILENT, True, "WARNING"),
    ],
    ids=str,
)
def test_only_what_somebody_can_mind_is_a_warning(
    clock: _Clock, caplog: pytest.LogCaptureFixture, refusal: Refusal, *, asked_for: bool, level: str
) -> None:
    _sending(_Scripted(refusal), asked_for=asked_for).send("batch")
    (record,) = caplog.records
    assert record.levelname == level
    assert record.getMessage() == (
        f"the endpoint does not take metrics ({refusal.reason}). They wait; "
        "set OTEL_METRICS_EXPORTER=none to not send them."
    )


def test_an_endpoint_that_comes_and_goes_does_not_fill_the_log(
    clock: _Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sending = _sending(_Scripted(*[_BUSY, None] * 4))
    for _ in range(8):
        sending.send("batch")
        clock.now += 6
    said = [record.getMessage() for record in caplog.records]
    assert [text.startswith("the endpoint does not") for text in said] == [True, False]
    assert said[1] == "the endpoint takes metrics again."


def test_nothing_is_sent_after_the_end_and_failing_to_end_is_nobodys_problem() -> None:
    way = _Scripted()
    sending = _sending(way)
    sending.close()
    sending.close()
    assert not sending.send("late")
    assert way.offered == 0
    assert sending.flush(1) is False
