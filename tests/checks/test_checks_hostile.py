"""Odd configurations and odd answers of endpoints: a problem or a sentence each, and never an exception."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.checks import SourceError, examine
from autogen_otel.checks.ask import Answers, _probe_environ
from autogen_otel.checks.host import Attempt, Request
from autogen_otel.checks.probing import EndpointProbe, _listed
from autogen_otel.checks.source import ConfigList, of_text, of_value
from autogen_otel.checks.verdicts import Exchange, judge
from autogen_otel.checks.watching import THREAD_STATE, _send_once, read_body
from tests.support.config_lists import HTTP, azure, gpt, local
from tests.support.hostile import VALUES
from tests.support.hostile_text import KINDS, endless

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**30, 1e308, float("nan"), float("inf"), "", " ", [], {}, [None], {"": None}),
    *(
        [[]],
        {"a": {"b": []}},
        "http://[::1",
        "http://a:b:c",
        "http://\x00",
        "http://xn--\udcff/",
        "//",
        "http://",
    ),
    *(
        "http://999.1.1.1:99999/v1",
        "http://[fe80::1%eth0]:1/",
        "http://ÿ.é",
        "https://a..b/",
        "http://user@:80",
    ),
    *("\ud800", "\x1b[31m", "\u202eabc", "{" * 99, "azure", "AZURE", "openai", "2024-01-01"),
    *(endless(kind, 300) for kind in KINDS),
)
NAMES = (
    *(
        "model",
        "api_key",
        "base_url",
        "api_type",
        "api_version",
        "azure_endpoint",
        "price",
        "timeout",
        "tags",
    ),
    *(
        "max_retries",
        "config_list",
        "model_client_cls",
        "default_headers",
        "",
        "\x00",
        "autogen-otel stand-in",
    ),
)
ASKED_NOT = Answers(problem="not asked")


def _odd(choose: random.Random) -> Any:
    """A list, or what somebody takes for one."""
    entries: list[Any] = []
    for _ in range(choose.randint(0, 3)):
        entry = dict(choose.choice((gpt(), azure(), local(), {})))
        for _ in range(choose.randint(0, 3)):
            entry[choose.choice(NAMES)] = choose.choice(ODD_VALUES)
        entries.append(choose.choice((entry, entry, entry, choose.choice(ODD_VALUES))))
    beside = {choose.choice(NAMES): choose.choice(ODD_VALUES)}
    shapes = (entries, {**beside, "config_list": entries}, {"config_list": entries[:1]}, beside, entries[-1:])
    return choose.choice((*shapes, dict(enumerate(entries)), choose.choice(ODD_VALUES)))


@pytest.mark.parametrize("seed", range(8))
def test_an_odd_configuration_is_a_problem_and_no_exception(seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - no secret
    checked = 0
    for _ in range(60):
        document = _odd(choose)
        sources = []
        with suppress(SourceError):
            sources = [of_text(json.dumps(document), "a file"), of_value(document)]
        for report in examine(sources, answers=ASKED_NOT):
            json.dumps(report.as_dict())
            checked += 1
    assert checked > 20


@pytest.mark.parametrize("kind", VALUES)
def test_an_odd_object_of_a_program_is_a_problem_and_no_exception(kind: str) -> None:
    for name in ("model", "api_key", "base_url", "timeout"):
        (report,) = examine([of_value([{**gpt(), name: VALUES[kind]()}])], answers=ASKED_NOT)
        json.dumps(report.as_dict())


# ---------------------------------------------------------------- answers
URL = "https://llm.acme.io/v1/chat/completions"
TYPES = ("application/json", "text/html", "text/event-stream", "", "\xff", "application/json; charset=nope")
STATUSES = (
    200,
    200,
    200,
    201,
    204,
    299,
    301,
    307,
    308,
    400,
    401,
    403,
    404,
    405,
    407,
    418,
    429,
    500,
    503,
    999,
)
WHOLE = {"choices": [{"message": {"role": "assistant", "content": "OK"}}], "model": "m"}


def _bent(value: Any, choose: random.Random) -> Any:
    """The value with one part of it replaced by something odd."""
    if isinstance(value, dict) and value and choose.random() < 0.8:
        name = choose.choice(list(value))
        return {**value, name: _bent(value[name], choose)}
    if isinstance(value, list) and value and choose.random() < 0.8:
        return [_bent(value[0], choose)]
    return choose.choice(ODD_VALUES)


def _body(choose: random.Random) -> bytes:
    error = {"error": {"message": "no", "type": "x", "code": 1, "param": "model", "metadata": {"raw": "{}"}}}
    listed = {"data": [{"id": "m", "meta": {"n_ctx": 9}, "context_length": 5}, {"id": 7}]}
    document: Any = choose.choice((WHOLE, error, listed, [error], {"detail": [{"loc": ["a"], "msg": "b"}]}))
    if choose.random() < 0.7:
        document = _bent(document, choose)
    body = json.dumps(document).encode()
    return choose.choice((body, body, body[: len(body) // 2], b"data: " + body + b"\n\n", b"\xff\xfe", b""))


class _Endpoint:
    """What a client sends through, whose every answer is odd."""

    def __init__(self, choose: random.Random) -> None:
        self._choose = choose

    def build_request(self, method: str, url: str, **options: Any) -> Any:
        return HTTP.Request(method, url, headers=options["headers"], content=options["content"])

    def send(self, request: Any, **_options: Any) -> Any:
        headers = {"content-type": self._choose.choice(TYPES)}
        if self._choose.random() < 0.3:
            headers["location"] = self._choose.choice(
                ("/v2", "http://[::1", "//", "https://llm.acme.io:bad/")
            )
        names = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        stream = HTTP.ByteStream(_body(self._choose))
        return HTTP.Response(self._choose.choice(STATUSES), headers=names, stream=stream, request=request)


@pytest.mark.parametrize("seed", range(8))
def test_an_odd_answer_is_a_verdict_and_no_exception(seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - no secret
    asked = {"own_objects": False, "is_custom": False, "refusals": [], "has_sdk": True}
    verdicts = set()
    for _ in range(50):
        endpoint = _Endpoint(choose)
        request = HTTP.Request(
            "POST", URL, json={"model": "m"}, headers={"authorization": "Bearer acme-7777"}
        )
        attempt = Attempt(agent=1, sdk=1, sdk_request=Request(endpoint, endpoint.send, request))
        result = EndpointProbe(attempt, asked, 60.0).result()
        assert not str(result.detail).startswith("it could not be asked"), result
        verdicts.add(result.verdict)
    assert len(verdicts) >= 5


def _response(pieces: Iterator[bytes], **headers: str) -> Any:
    return SimpleNamespace(
        headers={name.replace("_", "-"): value for name, value in headers.items()}, iter_raw=lambda: pieces
    )


def test_an_answer_without_end_is_read_to_a_limit() -> None:
    pieces = itertools.count()
    endless_body = (bytes(1000) for _ in pieces)
    assert len(read_body(_response(endless_body), time.monotonic() + 600)) == 65_536
    assert next(pieces) < 70


def test_an_answer_that_drips_is_read_until_the_time_is_over() -> None:
    drips = (b"." for _ in itertools.count())
    assert len(read_body(_response(drips), time.monotonic() - 1)) == 1


def test_an_answer_that_unpacks_without_end_is_unpacked_to_a_limit() -> None:
    packed = gzip.compress(bytes(50_000_000))
    body = read_body(_response(iter([packed]), content_encoding="gzip"), time.monotonic() + 600)
    assert len(body) == 65_536


def test_an_answer_without_end_to_another_providers_client_is_read_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(THREAD_STATE, "on_request", lambda: None)
    pieces = itertools.count()

    class Endless(HTTP.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            return (bytes(1000) for _ in pieces)

    def send(_client: Any, request: Any, **_options: Any) -> Any:
        return HTTP.Response(200, stream=Endless(), request=request)

    response = _send_once(send)(None, HTTP.Request("GET", URL))
    assert len(response.read()) == len(response.content) == 65_536
    assert next(pieces) < 70


def test_a_list_of_models_is_read_as_far_as_it_was_answered() -> None:
    body = json.dumps({"object": "list", "data": [{"id": f"m{number}"} for number in range(9)]}).encode()
    assert [model["id"] for model in _listed(body[:-20])] == [f"m{number}" for number in range(7)]


# ---------------------------------------------------------------- the way to an endpoint
def _refused_certificate() -> Exception:
    error = HTTP.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    error.__cause__ = cause
    return error  # type: ignore[no-any-return]


def test_a_certificate_that_is_not_accepted_names_what_to_set() -> None:
    verdict, detail = judge(Exchange(error=_refused_certificate()), URL)
    assert verdict == "unreachable"
    assert "TLS with llm.acme.io fails" in str(detail)
    assert "self-signed certificate" in str(detail)
    assert "--ca, SSL_CERT_FILE or REQUESTS_CA_BUNDLE" in str(detail)


def test_a_proxy_on_the_way_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://bob:hunter2@proxy.acme.io:3128")
    refused = Exchange(error=HTTP.ConnectError("Connection refused"))
    detail = str(judge(refused, URL)[1])
    assert "through the proxy http://proxy.acme.io:3128, which HTTPS_PROXY names" in detail
    assert "NO_PROXY" in detail
    assert "hunter2" not in detail
    assert "proxy" not in str(judge(refused, "https://localhost/v1")[1])


def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.acme.io")
    bases = [
        "http://127.0.0.2:8000/v1",
        "http://gpu.localhost/v1",
        "https://api.openai.com/v1",
        "http://[::1",
    ]
    sources = [ConfigList("a list", [{"model": "m", "base_url": base} for base in bases])]
    environ = _probe_environ(sources, str(tmp_path / "ca.pem"))
    loopback = "localhost,127.0.0.1,::1,127.0.0.2,gpu.localhost"
    assert environ["no_proxy"] == environ["NO_PROXY"] == f"intranet.acme.io,{loopback}"
    assert environ["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    assert _probe_environ([], str(tmp_path))["SSL_CERT_DIR"] == str(tmp_path)
