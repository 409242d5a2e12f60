from __future__ import annotations

import gzip
import json
import re
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.parser import BytesParser
from email.policy import HTTP
from itertools import chain, count, repeat
from pathlib import Path

import pytest

from autogen_otel.traces.source import SourceError
from autogen_otel.traces.sources.http import Client, form
from tests.support.stores import CERTIFICATE, Answer, serving


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
    """The address of a server that gives these answers, the last one for ever, and the headers it got."""
    seen: list[Mapping[str, str]] = []
    lock = threading.Lock()

    def ask(_path: str, _parameters: dict[str, str], headers: Mapping[str, str]) -> Answer:
        with lock:
            seen.append(headers)
            return answers[min(len(seen), len(answers)) - 1]

    with serving(ask) as url:
        yield url, seen


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(body=b"<!doctype html>"), "answered with a web page: that is not its query interface"),
        (Answer(body=b"hello"), "answered with no JSON"),
        (Answer(401, b"who?"), "does not let you in (HTTP 401); give credentials with --header"),
        (Answer(403), "does not let you in (HTTP 403)"),
        (Answer(400, b"range exceeds 168h\x1b[2J\n"), "refused (HTTP 400): range exceeds 168h\\x1b[2J"),
        (Answer(500, {"error": {"message": "out of memory"}}), "refused (HTTP 500): out of memory"),
        (Answer(500, {"errors": [{"code": 1, "msg": "bad tags"}]}), "refused (HTTP 500): bad tags"),
        (Answer(502, b"<html>bad gateway"), "refused (HTTP 502)"),
        (Answer(302, headers={"Location": "http://login.example/"}), "sends you elsewhere (HTTP 302)"),
    ],
)
def test_an_answer_of_no_use_is_one_sentence(
    answer: Answer, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.sleep", lambda _: None)
    with answering(answer) as (url, _), pytest.raises(SourceError) as raised:
        Client("Jaeger", url).get("/api/v3/services", read=dict)
    assert str(raised.value).startswith(f"Jaeger at {url} ")
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.sleep", pauses.append)
    busy = Answer(429, headers={"Retry-After": "3"})
    with answering(busy, Answer(503), Answer(body={"a": 1})) as (url, _):
        assert Client("Jaeger", url).get("/", read=dict) == {"a": 1}
    assert pauses == [3.0, 2.0]


def test_who_does_not_listen_or_answer_is_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(SourceError, match=f"Tempo at http://127.0.0.1:{port} cannot be reached: nothing"):
            Client("Tempo", f"127.0.0.1:{port}").get("/", read=dict)
        probe.listen()
        with pytest.raises(SourceError, match=r"did not answer within 0.2 s; ask for less, with --since"):
            Client("Tempo", f"127.0.0.1:{port}", seconds=0.2).get("/", read=dict)
    with pytest.raises(SourceError, match=r"cannot be reached: "):
        Client("Tempo", "http://no-such-host.invalid").get("/", read=dict)


@pytest.mark.parametrize(
    "broken_off",
    [
        b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\n\ntwo\n\r\n4\r\nthre\r\n",
        b"Content-Length: 14\r\n\r\none\ntwo\n",
    ],
    ids=["in chunks", "of a known length"],
)
def test_lines_come_whole_however_they_are_sent_and_an_answer_that_breaks_off_is_no_end(
    broken_off: bytes,
) -> None:
    lines: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                # What is not taken before the end would reset the connection.
                asked = b""
                while not asked.endswith(b"SELECT 1"):
                    asked += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + broken_off)

        thread = threading.Thread(target=answer)
        thread.start()
        client = Client("ClickHouse", f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(SourceError, match="broke off in the middle of its answer"):
            lines.extend(client.lines("/", {}, b"SELECT 1"))
        thread.join()
    assert lines == [b"one", b"two"]


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "http://[::1", "http://host:port"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match="That is no address of Jaeger: say something like"):
        Client("Jaeger", url)


def test_a_host_is_asked_by_the_name_that_name_servers_know() -> None:
    assert Client("Jaeger", "http://jäger.example:16686").url == "http://xn--jger-loa.example:16686"


def test_credentials_are_sent_and_named_nowhere() -> None:
    with answering(Answer(401)) as (url, seen):
        client = Client("Jaeger", url.replace("//", "//eve:s%40cret@"), {"X-Scope-OrgID": "team-a"})
        with pytest.raises(SourceError) as raised:
            client.get("/", read=dict)
    assert seen[0]["authorization"] == "Basic ZXZlOnNAY3JldA=="
    assert seen[0]["x-scope-orgid"] == "team-a"
    assert client.url == url
    assert "s%40cret" not in f"{raised.value}{client.name}{client.url}"


def test_credentials_do_not_follow_to_another_server() -> None:
    with answering(Answer(body={})) as (other, seen_there):
        elsewhere = Answer(302, headers={"Location": f"{other}/"})
        with answering(elsewhere) as (url, _), pytest.raises(SourceError, match="sends you elsewhere"):
            Client("Jaeger", url, {"Authorization": "Bearer x"}).get("/", read=dict)
    assert seen_there == []


def test_compressed_answers_are_read() -> None:
    body = gzip.compress(json.dumps({"a": 1}).encode())
    with answering(Answer(body=body, headers={"Content-Encoding": "gzip"})) as (url, _):
        assert Client("Jaeger", f"{url}/base/").get("/x", read=dict) == {"a": 1}


def test_a_form_has_its_fields_as_they_are() -> None:
    fields = {"query": "SELECT {one:String}\nFORMAT TSV", "param_one": "“Zürich” --x\\n", "param_none": ""}
    body, content_type = form(fields)
    parsed = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = [
        (part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True))
        for part in parsed.iter_parts()
    ]
    assert parts == [(name, value.encode()) for name, value in fields.items()]


# ---------------------------------------------------------------- answers without end
ZEROS = gzip.compress(bytes(64_000_000))
LONG = b" " * 33_000_000


@contextmanager
def sending(pieces: Iterable[bytes]) -> Iterator[str]:
    """The address of a server that sends these bytes to whoever asks, until nobody takes them."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError), server.accept()[0] as connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\n"
WITHOUT_END: dict[str, Callable[[], Iterable[bytes]]] = {
    "compressed": lambda: [
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZEROS),
        ZEROS,
    ],
    "of unknown length": lambda: chain([HEAD + b"\r\n"], repeat(LONG)),
    "in chunks": lambda: chain(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"100000\r\n" + b"[" * 0x100000 + b"\r\n")
    ),
}


@pytest.mark.parametrize("kind", WITHOUT_END)
def test_an_answer_without_end_is_not_read_to_its_end(kind: str) -> None:
    tracemalloc.start()
    try:
        with sending(WITHOUT_END[kind]()) as url, pytest.raises(SourceError) as raised:
            Client("Tempo", url).get("/", read=dict)
        assert str(raised.value) == (
            f"Tempo at {url} answered with more than 32 MB at once; ask for less, with --since or --limit"
        )
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_line_without_end_is_not_read_to_its_end() -> None:
    with sending(chain([HEAD + b"\r\n[1]\n"], repeat(LONG))) as url:
        lines = Client("ClickHouse", url).lines("/", {}, b"SELECT 1")
        assert next(lines) == b"[1]"
        with pytest.raises(SourceError, match="more than 32 MB at once"):
            list(lines)


@pytest.mark.parametrize(
    "head", [b"", HEAD, HEAD + b"Content-Length: 99999999\r\n\r\n"], ids=["all", "headers", "body"]
)
def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten seconds pass whenever somebody looks, since what is sent in drops may arrive in larger pieces.
    seconds = count(step=10)
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.monotonic", lambda: float(next(seconds)))
    drops = chain((bytes([byte]) for byte in HEAD + b"X-Slow: "), repeat(b"x"))
    with sending(chain([head] if head else [], drops)) as url, pytest.raises(SourceError) as raised:
        Client("Tempo", url, seconds=30).get("/", read=dict)
    assert "did not answer within 30 s" in str(raised.value)


def test_a_store_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(step=60)
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.monotonic", lambda: float(next(seconds)))
    with answering(Answer(body={"a": 1})) as (url, seen):
        client = Client("Tempo", url, seconds=600)
        with pytest.raises(SourceError, match="has been asked for 60 minutes; ask for less"):
            while True:
                client.get("/", read=dict)
    assert 1 < len(seen) < 60


def test_lines_that_come_for_ever_are_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(step=60)
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.monotonic", lambda: float(next(seconds)))
    with sending(chain([HEAD + b"\r\n"], repeat(b"[1]\n" * 100))) as url:
        lines = Client("ClickHouse", url, seconds=600).lines("/", {}, b"SELECT 1")
        with pytest.raises(SourceError, match="has been asked for 60 minutes; ask for less"):
            list(lines)


# ---------------------------------------------------------------- the way there
@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are read, as the clients of all other tests do not, and no variable names any."""
    inherited = ssl.SSLContext.__mro__[1].load_verify_locations  # type: ignore[attr-defined] # of C
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", inherited)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_an_authority_that_nobody_knows_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(lambda *_: Answer(body={"a": 1}), tls=True) as url:
        with pytest.raises(SourceError) as raised:
            Client("Jaeger", url).get("/", read=dict)
        # Versions of OpenSSL differ in a hyphen.
        assert str(raised.value).replace("self signed", "self-signed") == (
            f"Jaeger at {url} cannot be reached: its certificate is not accepted (self-signed certificate); "
            "name the file of the authority that has signed it with --ca, SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
        )
        assert Client("Jaeger", url, authorities=str(CERTIFICATE)).get("/", read=dict) == {"a": 1}
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            with monkeypatch.context() as context:
                context.setenv(variable, str(CERTIFICATE))
                assert Client("Jaeger", url).get("/", read=dict) == {"a": 1}


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing", None, "cannot be read: No such file or directory"),
        ("empty", "", "holds no certificates in PEM format"),
        ("words", "no certificate", "holds no certificates in PEM format"),
        ("a\0b", None, "cannot be read: embedded null byte"),
    ],
)
def test_certificates_that_are_none_are_named(
    name: str, content: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/{name}"
    if content is not None:
        Path(path).write_text(content, encoding="utf-8")
    with pytest.raises(SourceError) as raised:
        Client("Jaeger", "https://localhost", authorities=path)
    assert str(raised.value) == f"Jaeger at https://localhost cannot be trusted: {path} {problem}"
    if "\0" not in path:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        with pytest.raises(SourceError, match=f"{re.escape(path)}, which SSL_CERT_FILE names, {problem}"):
            Client("Jaeger", "https://localhost")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_that_does_not_answer_is_named_with_its_variable(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://eve:s3cret@127.0.0.1:1")
    with pytest.raises(SourceError) as raised:
        Client("Jaeger", "http://jaeger.example:16686").get("/", read=dict)
    assert str(raised.value) == (
        "Jaeger at http://jaeger.example:16686 cannot be reached through the proxy http://127.0.0.1:1, "
        f"which {variable} names: nothing listens there; NO_PROXY names the hosts that are asked without it"
    )
    with answering(Answer(body={"a": 1})) as (url, _):
        for host in ("127.0.0.1", "localhost", "LOCALHOST"):
            assert Client("Jaeger", url.replace("127.0.0.1", host)).get("/", read=dict) == {"a": 1}


def test_a_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with answering(Answer(body={"a": 1})) as (url, seen):
        monkeypatch.setenv("http_proxy", url)
        assert Client("Jaeger", "http://jaeger.example").get("/x", read=dict) == {"a": 1}
    assert seen[0]["host"] == "jaeger.example"
