from __future__ import annotations

import codecs
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.delivery.exporting.probe import Probe, probe_for
from tests.delivery.receivers import Receiver, closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stuck_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A network on which nothing answers until the event is set; then every attempt succeeds."""
    released = threading.Event()
    here, there = socket.socketpair()

    def connect(*_args: Any, **_kwargs: Any) -> socket.socket:
        if not released.wait(30):
            raise TimeoutError
        return here

    monkeypatch.setattr(socket, "create_connection", connect)
    yield released
    released.set()
    here.close()
    there.close()


def test_a_listening_port_answers(receiver: Receiver) -> None:
    assert Probe("127.0.0.1", receiver.port).is_reachable()


def test_a_closed_port_does_not_answer() -> None:
    assert not Probe("127.0.0.1", closed_port()).is_reachable()


def test_an_endpoint_that_comes_up_answers_the_next_time(receiver: Receiver) -> None:
    probe = Probe("127.0.0.1", closed_port())
    assert not probe.is_reachable()
    probe._target = ("127.0.0.1", receiver.port)
    assert probe.is_reachable()


def test_a_network_that_swallows_everything_is_not_waited_for(stuck_network: threading.Event) -> None:
    probe = Probe("collector.example", 4318)
    assert not probe.is_reachable()
    assert not stuck_network.is_set()


def test_an_attempt_under_way_is_not_doubled(stuck_network: threading.Event) -> None:
    probe = Probe("collector.example", 4318)
    probe.is_reachable()
    first = probe._attempt
    probe.is_reachable()
    assert probe._attempt is first


def test_an_attempt_is_waited_for_once_however_many_ask(stuck_network: threading.Event) -> None:
    probe = Probe("collector.example", 4318)
    probe._patience = 0.01
    assert not probe.is_reachable()
    probe._patience = 3600
    assert not probe.is_reachable()


def test_the_signals_of_one_endpoint_share_a_probe() -> None:
    traces, metrics = (probe_for(f"http://collector:4318/v1/{path}", 80) for path in ("traces", "metrics"))
    assert traces is metrics is not probe_for("http://collector:4319/v1/traces", 80)


def test_what_a_lookup_needs_is_loaded_before_the_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    monkeypatch.setattr(codecs, "lookup", lambda name: loaded.append((name, threading.current_thread())))
    Probe("127.0.0.1", closed_port()).is_reachable()
    assert loaded == [("idna", threading.current_thread())]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_looked_up_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def connect(*_args: Any, **_kwargs: Any) -> socket.socket:
        raise error

    monkeypatch.setattr(socket, "create_connection", connect)
    assert not Probe("collector.example", 4318).is_reachable()


def _refuse_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_a_known_address_is_probed_without_a_thread_at_shutdown(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, silent = Probe("localhost", receiver.port), Probe("127.0.0.1", closed_port())
    _refuse_threads(monkeypatch)
    assert (listening.is_reachable(), silent.is_reachable()) == (True, False)


def test_a_name_begun_early_is_known_at_shutdown(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_args: Any, **_kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", receiver.port))]

    probe = Probe("collector.example", receiver.port)
    with monkeypatch.context() as looked_up:
        looked_up.setattr(socket, "getaddrinfo", resolve)
        probe.begin()
        probe._attempt.finished.wait(30)
    assert probe._attempt.thread
    probe._attempt.thread.join()
    _refuse_threads(monkeypatch)
    assert probe.is_reachable()


def test_a_name_never_looked_up_does_not_answer_at_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse_threads(monkeypatch)
    assert not Probe("collector.example", 4318).is_reachable()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://localhost:4318/v1/traces", ("localhost", 4318)),
        ("http://collector/v1/traces", ("collector", 80)),
        ("https://collector/v1/traces", ("collector", 80)),
        ("http://[::1]:4318/v1/traces", ("::1", 4318)),
        ("http://user:password@collector:99/", ("collector", 99)),
    ],
)
def test_the_first_hop_is_the_host_of_the_url(url: str, target: tuple[str, int]) -> None:
    probe = probe_for(url, 80)
    assert probe
    assert probe._target == target


@pytest.mark.parametrize("url", ["unix:///var/run/collector.sock", "dns:///collector:4317", "collector:4317"])
def test_what_is_no_web_address_is_not_probed(url: str) -> None:
    assert probe_for(url, 4317) is None


@pytest.mark.parametrize(
    ("variable", "proxy", "target"),
    [
        ("HTTP_PROXY", "http://proxy:3128", ("proxy", 3128)),
        ("ALL_PROXY", "socks5://proxy", ("proxy", 1080)),
        ("HTTP_PROXY", "proxy:3128", ("proxy", 3128)),
        ("HTTPS_PROXY", "http://proxy:3128", ("collector", 4318)),
    ],
)
def test_the_first_hop_is_the_proxy_where_one_is_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str, target: tuple[str, int]
) -> None:
    monkeypatch.setenv(variable.lower(), proxy)
    probe = probe_for("http://collector:4318", 80)
    assert probe
    assert probe._target == target


def test_a_host_exempt_from_the_proxy_is_probed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "collector")
    probe = probe_for("http://collector:4318", 80)
    assert probe
    assert probe._target == ("collector", 4318)
