"""Endpoints that work, and those that do not: each gets its verdict, and no more than five requests."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from autogen_otel import check_config_list
from autogen_otel.checks import EntryReport
from autogen_otel.testing import (
    ChatRequest,
    Reply,
    ScriptedServer,
    drop,
    entry,
    error,
    hang,
    html,
    raw,
    text,
    tool_call,
)
from autogen_otel.testing.server import DEMO_KEY
from tests.support.config_lists import HTTP, azure

JSON = {"content-type": "application/json"}
SHORT_KEY = "hunter"


def _answer(request: ChatRequest) -> Reply:
    return tool_call("ping", {}) if request.body.get("tools") else text("OK")


def _no_tools(request: ChatRequest) -> Reply:
    return error(400, "this model does not support tools") if request.body.get("tools") else text("OK")


def _no_stream(request: ChatRequest) -> Reply:
    if request.body.get("stream"):
        whole = {"choices": [{"message": {"role": "assistant", "content": "OK"}}]}
        return raw(200, JSON, json.dumps(whole).encode())
    return _answer(request)


ANSWERS: dict[str, tuple[Callable[[ChatRequest], Reply] | Reply, str]] = {
    "works": (_answer, "works"),
    "without-tools": (_no_tools, "works"),
    "without-streams": (_no_stream, "works"),
    "silent-about-tools": (text("OK"), "works"),
    "wrong-key": (error(401, f"Incorrect API key provided: {DEMO_KEY}."), "wrong_key"),
    "wrong-key-400": (error(400, "API key not valid. Please pass a valid API key."), "wrong_key"),
    "wrong-key-short": (error(401, f"no user has the key {SHORT_KEY}"), "wrong_key"),
    "wrong-key-cut": (raw(401, {"content-type": "text/plain"}, ("x " * 94 + DEMO_KEY).encode()), "wrong_key"),
    "forbidden": (error(403, "Your project may not use this."), "forbidden"),
    "gpt-4p": (error(404, "The model does not exist", code="model_not_found"), "unknown_model"),
    "unloaded": (error(404, 'model "unloaded" not found, try pulling it first', code="x"), "unknown_model"),
    "in-400": (error(400, "in-400 is not a valid model ID", code="x"), "unknown_model"),
    "limited": (error(429, "Rate limit reached"), "rate_limited"),
    "no-credit": (error(429, "You exceeded your current quota", code="insufficient_quota"), "rate_limited"),
    "unpaid": (error(402, "Payment required"), "rate_limited"),
    "broken": (error(500, "The server had an error"), "server_error"),
    "overloaded": (error(503, "upstream connect error"), "server_error"),
    "hangs-up": (drop(), "server_error"),
    "too-slow": (hang(60), "too_slow"),
    "page": (html("<html><title>Sign in</title></html>"), "nonsense"),
    "no-json": (raw(200, JSON, b"<<<"), "nonsense"),
    "other-json": (raw(200, JSON, b'{"message": "hello"}'), "nonsense"),
    "no-choices": (raw(200, JSON, b'{"object": "chat.completion", "choices": []}'), "nonsense"),
    "login": (raw(302, {"location": "https://sso.acme.io/login?next=1"}, b""), "unreachable"),
    "moved": (raw(307, {"location": "/login"}, b""), "unreachable"),
    "moved-port": (raw(307, {"location": "http://127.0.0.1:1/v1/chat/completions"}, b""), "unreachable"),
    "moved-nowhere": (raw(308, {"location": "http://[::1"}, b""), "unreachable"),
    "moved-away": (raw(308, {"location": "https://sso.acme.io/v1/chat/completions"}, b""), "unreachable"),
    "error-in-200": (raw(200, JSON, b'{"error": {"message": "no", "code": 401}}'), "wrong_key"),
    "streams-only": (raw(200, {"content-type": "text/event-stream"}, b"data: {}\n\n"), "nonsense"),
    "packed": (raw(200, {"content-encoding": "gzip", **JSON}, b"no gzip"), "nonsense"),
    "turns-lines": (error(400, "no \u202eno\u2066 \x1b[31mno", code="x"), "refused"),
    "refuses-option": (error(400, "Unsupported parameter: 'temperature'", code="x"), "refused"),
}
"""By model: how its endpoint answers, and the verdict."""


def _script(request: ChatRequest) -> Reply:
    reply = ANSWERS[request.model][0]
    return reply(request) if callable(reply) else reply


_PATIENCE_SECONDS = 300.0
"""However busy the machine is, whoever answers at all does so in less."""


def _probe(*entries: dict[str, Any], seconds: float = _PATIENCE_SECONDS) -> list[EntryReport]:
    return check_config_list(list(entries), probe=True, probe_seconds=seconds).entries


@pytest.fixture(scope="module")
def probed() -> tuple[dict[str, EntryReport], Counter[str]]:
    """A report of each model, and how often each was asked."""
    with ScriptedServer(_script) as server:
        entries = {model: entry(server, model) for model in ANSWERS}
        entries["wrong-key-short"]["api_key"] = SHORT_KEY
        too_slow = entries.pop("too-slow")
        reports = dict(zip(entries, _probe(*entries.values()), strict=True))
        reports["too-slow"] = _out_of_patience(server, too_slow)
        asked = _asked(server)
        assert len(server.requests) <= 5 * len(reports)
    return reports, asked


def _out_of_patience(server: ScriptedServer, asked: dict[str, Any]) -> EntryReport:
    """Probe what never answers with so little patience that it is quick, and enough for it to be asked."""
    seconds = 1.0
    while True:
        (report,) = _probe(asked, seconds=seconds)
        assert report.probe is not None
        if _asked(server)["too-slow"] or seconds > _PATIENCE_SECONDS:
            return report
        # The machine was too busy even to ask; what it said of that has to be true all the same.
        assert report.probe["verdict"] == "too_slow", report.probe
        seconds *= 4


def _asked(server: ScriptedServer) -> Counter[str]:
    return Counter(str(one.body.get("model")) for one in server.requests if one.method == "POST")


@pytest.mark.parametrize("model", ANSWERS)
def test_an_endpoint_gets_its_verdict(
    model: str, probed: tuple[dict[str, EntryReport], Counter[str]]
) -> None:
    report = probed[0][model]
    assert report.probe is not None
    assert report.probe["verdict"] == ANSWERS[model][1], report.probe
    assert report.is_well is (report.probe["verdict"] == "works")
    assert probed[1][model] <= report.probe["requests"] <= 5


def test_an_answer_cannot_turn_the_line(probed: tuple[dict[str, EntryReport], Counter[str]]) -> None:
    probe = probed[0]["turns-lines"].probe
    assert probe is not None
    assert probe["detail"] == "400: no \\u202eno\\u2066 \\x1b[31mno"


def test_what_works_says_what_it_can(probed: tuple[dict[str, EntryReport], Counter[str]]) -> None:
    def able(model: str) -> tuple[bool, bool]:
        probe = probed[0][model].probe
        assert probe is not None
        assert probe["seconds"] > 0
        assert probe["request_id"]
        return probe["streaming"]["supported"], probe["tools"]["supported"]

    assert able("works") == (True, True)
    assert able("without-tools") == (True, False)
    assert able("without-streams") == (False, True)
    assert able("silent-about-tools") == (True, False)


def test_a_failing_endpoint_is_asked_for_one_completion(
    probed: tuple[dict[str, EntryReport], Counter[str]],
) -> None:
    asked = probed[1]
    failing = {model for model, (_, verdict) in ANSWERS.items() if verdict != "works"} - {"moved"}
    assert {asked[model] for model in failing} == {1}
    assert asked["moved"] == 2


def test_the_nearest_models_are_named(probed: tuple[dict[str, EntryReport], Counter[str]]) -> None:
    probe = probed[0]["gpt-4p"].probe
    assert probe is not None
    assert probe["models"][0] == "gpt-4o"


def test_no_verdict_holds_a_key_that_the_server_echoes(
    probed: tuple[dict[str, EntryReport], Counter[str]],
) -> None:
    written = json.dumps([report.probe for report in probed[0].values()])
    assert DEMO_KEY[:7] not in written
    assert SHORT_KEY not in written
    assert "Incorrect API key provided: [redacted]" in written


GROQ = """
import os
import HTTP

class Stream: ...
class APIConnectionError(Exception): ...
class InternalServerError(Exception): ...
class RateLimitError(Exception): ...

class Groq:
    def __init__(self, **options):
        self.chat = self.completions = self

    def create(self, **options):
        for _ in range(9):
            answer = HTTP.Client().post(os.environ["GROQ_URL"], json={"model": options["model"]})
        answer.raise_for_status()
"""
"""Another provider's client, which tries again and again."""


@pytest.mark.usefixtures("_asked_anew")
def test_another_providers_client_asks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "groq").mkdir()
    (tmp_path / "groq" / "__init__.py").write_text(GROQ.replace("HTTP", HTTP.__name__), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    verdicts = {"broken": "server_error", "wrong-key": "wrong_key"}
    with ScriptedServer(_script) as server:
        monkeypatch.setenv("GROQ_URL", f"{server.base_url}/chat/completions")
        key = {"api_type": "groq", "api_key": "gsk_" + "a1B2" * 12}
        reports = _probe(*({"model": model, **key} for model in verdicts))
        for report, (model, verdict) in zip(reports, verdicts.items(), strict=True):
            assert report.probe is not None
            assert report.probe["verdict"] == verdict, report.probe
            assert _asked(server)[model] == report.probe["requests"] == 1


@contextmanager
def _listener(greeting: bytes) -> Iterator[int]:
    """A port where something listens that speaks no HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(greeting)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


def _cut_answer() -> AbstractContextManager[int]:
    """A port where an answer is promised longer than it is."""
    return _listener(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{}")


class _Listing(ScriptedServer):
    """A server that lists its models in its own way, or lists none."""

    def __init__(self, script: Any, listed: dict[str, Any] | None) -> None:
        super().__init__(script)
        self._listed = listed

    def _reply(self, request: ChatRequest) -> Reply:
        if request.method == "GET" and self._listed is None:
            return raw(404, JSON, b'{"detail": "Not Found"}')
        if request.method == "GET":
            return raw(200, JSON, json.dumps(self._listed).encode())
        return super()._reply(request)


def _nowhere(_request: ChatRequest) -> Reply:
    return raw(404, JSON, b'{"detail": "Not Found"}')


Odd = dict[str, EntryReport]


@pytest.fixture(scope="module")
def odd() -> Iterator[tuple[Odd, list[str]]]:
    """A report of each odd entry, and the paths at which Azure was asked."""
    listed = {"data": [{"id": "llama-3", "max_model_len": 8192}, {"id": "other", "max_model_len": 4096}]}
    with (
        ScriptedServer(_answer) as server,
        ScriptedServer(_answer) as azures,
        _Listing(_answer, listed) as sized,
        _Listing(_nowhere, None) as elsewhere,
        _Listing(_nowhere, listed) as without_model,
        _Listing(_nowhere, {"data": [{"id": "llama-4"}]}) as with_model,
        _cut_answer() as cut,
        _listener(b"220 mail.acme.io ESMTP ready\r\n\r\n") as mail,
    ):
        key = {"model": "llama-3", "api_key": "acme-7"}
        entries: dict[str, dict[str, Any]] = {
            "no host": {**key, "base_url": "http://nowhere.invalid/v1"},
            "nothing listens": {**key, "base_url": "http://127.0.0.1:1/v1"},
            "TLS": {**key, "base_url": server.base_url.replace("http:", "https:")},
            "does not speak HTTP": {**key, "base_url": f"http://127.0.0.1:{mail}/v1"},
            "wrong path": entry(elsewhere, "llama-3"),
            "listed model, wrong path": entry(with_model, "llama-4"),
            "cut": {**key, "base_url": f"http://127.0.0.1:{cut}/v1"},
            "unlisted model": entry(without_model, "llama-4"),
            "sized": entry(sized, "llama-3"),
            "azure": azure(base_url=azures.origin),
            "odd key": {**entry(server), "api_key": "x" * 40},
            "custom": {"model": "mine", "model_client_cls": "MyClient"},
            "no package": {"model": "c", "api_key": "sk-ant-api03-Zz9Yy8Xx7Ww6Vv5", "api_type": "anthropic"},
            "function": azure(api_key=None, azure_ad_token_provider=lambda: "token"),
            "refused": entry(server, frobnicate=True),
        }
        reports = dict(zip(entries, _probe(*entries.values()), strict=True))
        yield reports, [request.path for request in azures.requests]


def _said(odd: tuple[Odd, list[str]], name: str) -> dict[str, Any]:
    probe = odd[0][name].probe
    assert probe is not None
    return probe


@pytest.mark.parametrize("step", ["no host", "nothing listens", "TLS", "does not speak HTTP"])
def test_what_is_not_reached_says_at_which_step(step: str, odd: tuple[Odd, list[str]]) -> None:
    probe = _said(odd, step)
    assert step in probe["detail"]
    assert probe["verdict"] == ("nonsense" if "speak" in step else "unreachable")
    assert odd[0][step].is_dead


def test_a_wrong_path_is_told_from_an_unknown_model(odd: tuple[Odd, list[str]]) -> None:
    assert _said(odd, "wrong path")["verdict"] == "unreachable"
    assert "base_url" in _said(odd, "wrong path")["detail"]
    assert _said(odd, "unlisted model")["verdict"] == "unknown_model"
    assert _said(odd, "unlisted model")["models"] == ["llama-3"]


def test_a_model_that_the_server_has_is_not_unknown(odd: tuple[Odd, list[str]]) -> None:
    probe = _said(odd, "listed model, wrong path")
    assert probe["verdict"] == "unreachable"
    assert "nothing at /v1/chat/completions" in probe["detail"]


def test_an_answer_that_was_cut_may_be_whole_the_next_time(odd: tuple[Odd, list[str]]) -> None:
    assert _said(odd, "cut")["verdict"] == "server_error"
    assert not odd[0]["cut"].is_dead


def test_the_context_size_is_told_where_the_server_tells_it(odd: tuple[Odd, list[str]]) -> None:
    assert _said(odd, "sized")["context_size"] == 8192
    assert _said(odd, "odd key")["context_size"] is None


def test_azure_is_asked_at_its_deployment(odd: tuple[Odd, list[str]]) -> None:
    assert _said(odd, "azure")["verdict"] == "works"
    assert odd[1][0] == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01"
    assert odd[1][-1] == "/openai/models?api-version=2024-06-01"


@pytest.mark.parametrize("name", ["custom", "no package", "function", "refused"])
def test_what_cannot_be_asked_is_not_probed(name: str, odd: tuple[Odd, list[str]]) -> None:
    assert _said(odd, name)["verdict"] == "not_probed"
    assert _said(odd, name)["requests"] == 0
    assert odd[0][name].is_dead is (name == "refused")


def test_a_key_that_works_is_no_placeholder(odd: tuple[Odd, list[str]]) -> None:
    assert odd[0]["odd key"].is_well
    assert not odd[0]["odd key"].is_dead
