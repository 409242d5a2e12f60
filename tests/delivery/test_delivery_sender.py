from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator

import pytest

from autogen_otel.delivery.exporting.sender import _EXIT, Sender

_LONG = 60.0


@pytest.fixture(autouse=True)
def _another_exit() -> Iterator[None]:
    _EXIT.forget()
    yield
    _EXIT.forget()


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What a call waits for until the test ends."""
    released = threading.Event()
    yield released
    released.set()


def test_a_call_returns_what_it_is_to_return_in_the_context_of_its_caller() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("here")
    sender = Sender()
    assert sender.call(lambda: (variable.get(), threading.current_thread().name), _LONG) == (
        "here",
        "autogen-otel-send",
    )
    sender.end()


def test_a_call_that_takes_too_long_is_given_up_and_the_next_one_made(hanging: threading.Event) -> None:
    sender = Sender(most_abandoned=2)
    assert sender.call(lambda: hanging.wait(_LONG), 0.01) is None
    assert sender.call(lambda: "next", _LONG) == "next"
    assert sender.call(lambda: hanging.wait(_LONG), 0.01) is None
    assert sender.call(lambda: "none while two hang", _LONG) is None
    hanging.set()
    for thread in sender._abandoned_threads:
        thread.join(_LONG)
    assert sender.call(lambda: "again", _LONG) == "again"
    sender.end()


def test_the_end_of_a_program_does_not_wait_for_what_is_under_way(hanging: threading.Event) -> None:
    sender, results = Sender(), []
    waiting = threading.Thread(target=lambda: results.append(sender.call(lambda: hanging.wait(_LONG), _LONG)))
    waiting.start()
    sender.hurry()
    waiting.join(_LONG / 2)
    assert results == [None]


def test_calls_that_hang_at_the_end_of_a_program_share_the_time(hanging: threading.Event) -> None:
    left = [_EXIT.remaining()]
    for _ in range(3):
        sender = Sender()
        sender.hurry()
        assert sender.call(lambda: hanging.wait(_LONG), _LONG) is None
        left.append(_EXIT.remaining())
    assert left == sorted(left, reverse=True)
    assert left[0] < 1


def test_an_endpoint_that_is_known_to_be_slow_is_waited_for_at_the_end_too() -> None:
    def slow() -> str:
        time.sleep(0.3)
        return "slow"

    sender = Sender()
    _EXIT.waste(1.0)
    assert sender.call(slow, _LONG) == "slow"
    sender.hurry()
    # Nothing is left to wait with; but this one has answered before.
    assert sender.call(slow, _LONG) == "slow"
    assert sender.is_late()
    sender.end()


def test_what_works_at_the_end_of_a_program_costs_the_others_nothing() -> None:
    before = _EXIT.remaining()
    sender = Sender()
    sender.hurry()
    assert sender.call(lambda: "fast", _LONG) == "fast"
    assert (_EXIT.remaining(), sender.is_late()) == (before, False)
    sender.end()


def test_an_interpreter_that_starts_no_threads_makes_the_call_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert Sender().call(threading.get_ident, _LONG) == threading.get_ident()


def test_a_forked_process_has_a_thread_of_its_own() -> None:
    sender = Sender()
    parents = sender.call(threading.get_ident, _LONG)
    sender.hurry()
    sender.after_fork()
    assert not sender.is_late()
    assert sender.call(threading.get_ident, _LONG) not in {parents, threading.get_ident()}
    sender.end()
