from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.journal import Journal, Kind, locks, position
from autogen_otel.delivery.journal.files import list_files
from autogen_otel.delivery.journal.forwarding import Forwarding, Tally, count_remaining
from autogen_otel.delivery.journal.position import BusyError, read_position, sole_forwarder
from tests.delivery.receivers import finished

_TAKEN = ExportResult(Outcome.EXPORTED)
_BUSY = ExportResult(Outcome.FAILED, "HTTP 503 Service Unavailable", retry_after=1.0)
_BROKEN = ExportResult(Outcome.FAILED, "HTTP 500 Internal Server Error", is_final=True)
_LARGE = ExportResult(Outcome.TOO_LARGE, "HTTP 413 Content Too Large", is_final=True)
_BAD = ExportResult(Outcome.REFUSED, "HTTP 400 Bad Request", is_final=True)


class _Endpoint:
    """Takes what the test says."""

    def __init__(self, *results: ExportResult | Exception) -> None:
        self.results = list(results)
        self.offered: list[str] = []
        self.taken: list[str] = []

    def send(self, spans: Sequence[Any]) -> ExportResult:
        names = [span.name for span in spans]
        self.offered += names
        result = self.results.pop(0) if self.results else _TAKEN
        if isinstance(result, Exception):
            raise result
        if result.outcome is Outcome.EXPORTED:
            self.taken += names
        return result


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def _run(journal: Journal, endpoint: _Endpoint, go_on: Callable[[], bool] = lambda: True) -> Any:
    return Forwarding(journal, endpoint.send).run(go_on)


def _names(journal: Journal, *kinds: Kind) -> str:
    text = "".join(file.path.read_text() for file in list_files(journal.folder, *kinds))
    return "".join(name for name in "abcdefgh" if f'"name":"{name}"' in text)


def test_batches_are_sent_in_order_and_leave_the_journal(tmp_path: Path) -> None:
    journal, endpoint = Journal(tmp_path, max_file_bytes=1500), _Endpoint()
    for name in "abcdefgh":
        journal.append(finished(name))
    assert len(list_files(tmp_path)) > 1
    assert _run(journal, endpoint) is None
    assert endpoint.taken == list("abcdefgh")
    assert (list_files(tmp_path), count_remaining(tmp_path), read_position(tmp_path).spans) == ([], (0, 0), 8)
    assert _run(journal, endpoint) is None
    assert endpoint.taken == list("abcdefgh")


def test_an_endpoint_that_fails_keeps_the_journal_whole_and_it_goes_on_where_it_was(journal: Journal) -> None:
    for name in "abc":
        journal.append(finished(name))
    endpoint = _Endpoint(_TAKEN, _BUSY)
    assert _run(journal, endpoint) is _BUSY
    assert (endpoint.offered, count_remaining(journal.folder)) == (["a", "b"], (2, 2))
    journal.append(finished("d"))
    assert _run(journal, endpoint) is None
    assert endpoint.taken == list("abcd")


def test_a_forwarder_that_dies_is_followed_by_one_that_goes_on(journal: Journal) -> None:
    for name in "abc":
        journal.append(finished(name))
    endpoint = _Endpoint(_TAKEN, RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        _run(journal, endpoint)
    assert _run(journal, endpoint) is None
    assert endpoint.taken == list("abc")


def test_it_stops_when_it_is_not_to_go_on(journal: Journal) -> None:
    for name in "abc":
        journal.append(finished(name))
    endpoint = _Endpoint()
    assert _run(journal, endpoint, lambda: len(endpoint.taken) < 2) is None
    assert (endpoint.taken, count_remaining(journal.folder)) == (["a", "b"], (1, 1))


def test_what_is_refused_stays_to_be_read_and_does_not_stop_the_others(journal: Journal) -> None:
    for name in "abc":
        journal.append(finished(name))
    tallies: list[Tally] = []
    endpoint = _Endpoint(_TAKEN, _BAD)
    assert Forwarding(journal, endpoint.send, tallies.append).run(lambda: True) is None
    assert endpoint.taken == ["a", "c"]
    assert (_names(journal, Kind.REFUSED), _names(journal, Kind.UNDELIVERED)) == ("b", "")
    assert [(tally.spans, tally.refused_spans) for tally in tallies] == [(1, 0), (0, 1), (1, 0)]


def test_a_batch_that_breaks_the_endpoint_each_time_is_refused_in_the_end(journal: Journal) -> None:
    for name in "ab":
        journal.append(finished(name))
    # Besides what it is offered, it is asked whether it takes anything.
    endpoint = _Endpoint(_BROKEN, _BROKEN, _TAKEN)
    forwarding = Forwarding(journal, endpoint.send)
    assert forwarding.run(lambda: True) is _BROKEN
    assert forwarding.run(lambda: True) is None
    assert (endpoint.offered, endpoint.taken) == (["a", "a", "b"], ["b"])
    assert _names(journal, Kind.REFUSED) == "a"


def test_a_batch_is_not_to_blame_as_long_as_the_endpoint_takes_nothing_else(journal: Journal) -> None:
    journal.append(finished("a"))
    endpoint = _Endpoint(*[_BROKEN] * 9)
    forwarding = Forwarding(journal, endpoint.send)
    assert [forwarding.run(lambda: True) for _ in range(5)] == [_BROKEN] * 5
    assert _names(journal, Kind.UNDELIVERED) == "a"
    assert forwarding.run(lambda: True) is None
    assert endpoint.taken == ["a"]


def test_what_is_too_large_goes_out_in_parts(journal: Journal) -> None:
    journal.append(finished(*"abcd"))
    journal.append(finished("e"))
    # All four, the first two, one of them; the other two.
    endpoint = _Endpoint(_LARGE, _LARGE, _LARGE, _TAKEN, _TAKEN)
    assert _run(journal, endpoint) is None
    assert "".join(endpoint.taken) == "bcde"
    assert (_names(journal, Kind.REFUSED), _names(journal, Kind.UNDELIVERED)) == ("a", "")
    assert read_position(journal.folder).spans == 4


def test_a_part_that_was_taken_is_not_sent_again_when_the_endpoint_fails_at_the_next(
    journal: Journal,
) -> None:
    journal.append(finished(*"abcd"))
    journal.append(finished("e"))
    endpoint = _Endpoint(_LARGE, _TAKEN, _BUSY)
    assert _run(journal, endpoint) is _BUSY
    assert count_remaining(journal.folder) == (2, 3)
    assert _run(journal, endpoint) is None
    assert "".join(endpoint.taken) == "abecd"
    assert list_files(journal.folder) == []


def test_an_endpoint_that_asks_for_patience_is_offered_a_batch_as_often_as_it_takes(journal: Journal) -> None:
    journal.append(finished("a"))
    endpoint = _Endpoint(*[_BUSY] * 5)
    forwarding = Forwarding(journal, endpoint.send)
    assert [forwarding.run(lambda: True) for _ in range(6)] == [_BUSY] * 5 + [None]
    assert endpoint.taken == ["a"]


def test_torn_and_damaged_lines_are_passed_over(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.append(finished("a"))
    (file,) = list_files(journal.folder)
    with file.path.open("ab") as lines:
        lines.write(b'{"resourceSpans":[{"sco')
    journal.append(finished("b"))
    with file.path.open("ab") as lines:
        lines.write(b'{"resourceSpans":[{"sco')
    endpoint = _Endpoint()
    with caplog.at_level(logging.WARNING, "autogen_otel"):
        assert _run(journal, endpoint) is None
    assert (endpoint.taken, list_files(journal.folder)) == (["a", "b"], [])
    assert caplog.text.count("a damaged line was passed over") == 1


def test_copies_are_never_sent(journal: Journal) -> None:
    journal.append(finished("a"), Kind.KEPT)
    journal.append(finished("b"), Kind.REFUSED)
    journal.append(finished("c"))
    (journal.folder / "note.inflight").write_text("{}")
    endpoint = _Endpoint()
    assert _run(journal, endpoint) is None
    assert (endpoint.offered, _names(journal)) == (["c"], "ab")
    assert (journal.folder / "note.inflight").exists()


def test_what_is_written_while_it_is_forwarded_is_forwarded_too(journal: Journal) -> None:
    journal.append(finished("a"))
    late = list("bcd")
    endpoint = _Endpoint()

    def send(spans: Sequence[Any]) -> ExportResult:
        if late:
            journal.append(finished(late.pop(0)))
        return endpoint.send(spans)

    assert Forwarding(journal, send).run(lambda: True) is None
    assert endpoint.taken == list("abcd")


def test_writers_and_forwarders_that_take_turns_lose_nothing(tmp_path: Path) -> None:
    names = [f"{writer}-{number}" for writer in range(3) for number in range(20)]
    endpoint, done = _Endpoint(), threading.Event()

    def write(writer: int) -> None:
        own = Journal(tmp_path)
        for name in names[writer * 20 : writer * 20 + 20]:
            own.append(finished(name))

    def forward() -> None:
        while not done.is_set():
            with suppress(BusyError):
                _run(Journal(tmp_path), endpoint)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    forwarders = [threading.Thread(target=forward) for _ in range(2)]
    for thread in (*writers, *forwarders):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in forwarders:
        thread.join()
    _run(Journal(tmp_path), endpoint)
    assert sorted(endpoint.taken) == sorted(names)


def test_a_folder_has_one_forwarder_at_a_time(journal: Journal) -> None:
    journal.append(finished("a"))
    with sole_forwarder(journal.folder), pytest.raises(BusyError):
        _run(journal, _Endpoint())
    assert _run(journal, _Endpoint()) is None


def test_where_nobody_can_tell_who_forwards_nobody_does(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(_descriptor: int, *, wait: bool) -> None:
        raise OSError(37, "No locks available")

    journal.append(finished("a"))
    monkeypatch.setattr(locks, "take", take)
    journal.append(finished("b"))
    endpoint = _Endpoint()
    with pytest.raises(position.UnlockableError, match="No locks available"):
        _run(journal, endpoint)
    assert (endpoint.offered, _names(journal)) == ([], "ab")


@pytest.mark.parametrize("text", ['{"file": "traces', '{"file": "", "offset": 0, "spans": 9, "at": 1e20}'])
def test_progress_that_cannot_be_read_is_none(journal: Journal, text: str) -> None:
    (journal.folder / "forwarding.json").write_text(text)
    assert position.read_position(journal.folder) == position.Position()
    journal.append(finished("a"))
    endpoint = _Endpoint()
    assert _run(journal, endpoint) is None
    assert endpoint.taken == ["a"]
