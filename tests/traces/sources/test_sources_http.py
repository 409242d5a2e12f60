from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP

import pytest

from autogen_otel.traces.source import SourceError
from autogen_otel.traces.sources.http import Client, form
from tests.support.stores import Answer, serving


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
        (Answer(400, b"range exceeds 168h\x1b[2J\n"), "refused (HTTP 400): range exceeds 168h[2J"),
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
        Client("Jaeger", url).get("/api/v3/services")
    assert str(raised.value).startswith(f"Jaeger at {url} ")
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.sleep", pauses.append)
    busy = Answer(429, headers={"Retry-After": "3"})
    with answering(busy, Answer(503), Answer(body={"a": 1})) as (url, _):
        assert Client("Jaeger", url).get("/") == {"a": 1}
    assert pauses == [3.0, 2.0]


def test_who_does_not_listen_or_answer_is_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(SourceError, match=f"Tempo at http://127.0.0.1:{port} cannot be reached: nothing"):
            Client("Tempo", f"127.0.0.1:{port}").get("/")
        probe.listen()
        with pytest.raises(SourceError, match=r"did not answer within 0.2 s; ask for less, with --since"):
            Client("Tempo", f"127.0.0.1:{port}", seconds=0.2).get("/")
    with pytest.raises(SourceError, match=r"cannot be reached: "):
        Client("Tempo", "http://no-such-host.invalid").get("/")


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


def test_credentials_are_sent_and_named_nowhere() -> None:
    with answering(Answer(401)) as (url, seen):
        client = Client("Jaeger", url.replace("//", "//eve:s%40cret@"), {"X-Scope-OrgID": "team-a"})
        with pytest.raises(SourceError) as raised:
            client.get("/")
    assert seen[0]["authorization"] == "Basic ZXZlOnNAY3JldA=="
    assert seen[0]["x-scope-orgid"] == "team-a"
    assert client.url == url
    assert "s%40cret" not in f"{raised.value}{client.name}{client.url}"


def test_credentials_do_not_follow_to_another_server() -> None:
    with answering(Answer(body={})) as (other, seen_there):
        elsewhere = Answer(302, headers={"Location": f"{other}/"})
        with answering(elsewhere) as (url, _), pytest.raises(SourceError, match="sends you elsewhere"):
            Client("Jaeger", url, {"Authorization": "Bearer x"}).get("/")
    assert seen_there == []


def test_compressed_answers_are_read() -> None:
    body = gzip.compress(json.dumps({"a": 1}).encode())
    with answering(Answer(body=body, headers={"Content-Encoding": "gzip"})) as (url, _):
        assert Client("Jaeger", f"{url}/base/").get("/x") == {"a": 1}


def test_a_form_has_its_fields_as_they_are() -> None:
    fields = {"query": "SELECT {one:String}\nFORMAT TSV", "param_one": "“Zürich” --x\\n", "param_none": ""}
    body, content_type = form(fields)
    parsed = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = [
        (part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True))
        for part in parsed.iter_parts()
    ]
    assert parts == [(name, value.encode()) for name, value in fields.items()]
