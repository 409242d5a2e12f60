"""A model call fails, its test is written and fails as the call did, the cause is mended, the test passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel import Settings
from autogen_otel.cli import main
from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, entry, error, hang, stream_drop, text
from tests.support.agents import assistant, chat, configured, pair, user
from tests.support.reproduced import Case
from tests.support.tools import lookup

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 3000
FINE = text("All is well. TERMINATE")
REFUSED = "The prompt was filtered due to the content management policy"


class Provider:
    """Answers as the model that is asked for always does, until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    def __call__(self, request: ChatRequest) -> Reply:
        return FINE if self.mended else ANSWERS[request.model](request)


def _by_size(request: ChatRequest) -> Reply:
    chars = sum(len(str(message["content"])) for message in request.messages)
    return FINE if chars < LIMIT else error(500, "The server had an error", retry_after=0.001)


def _by_words(request: ChatRequest) -> Reply:
    says_it = any("dynamite" in str(message["content"]) for message in request.messages)
    return error(400, REFUSED, code="content_filter") if says_it else FINE


def _by_stream(request: ChatRequest) -> Reply:
    return stream_drop(2) if request.stream else FINE


ANSWERS: dict[str, Callable[[ChatRequest], Reply]] = {
    "broken": lambda _: error(500, "The server had an error"),
    "busy": lambda _: error(429, "Rate limit reached"),
    "slow": lambda _: hang(30.0, FINE),
    "small": _by_size,
    "strict": _by_words,
    "gpt-4": _by_stream,
    "picky": lambda _: error(422, "messages.0.name is not what we take", code="x"),
    "gone": lambda _: error(404, "The model `gone` does not exist", code="model_not_found"),
    "fine": lambda _: FINE,
}
EXPECTED = {
    "backend": ("broken", "InternalServerError"),
    "rate_limit": ("busy", "RateLimitError"),
    "timeout": ("slow", "APITimeoutError"),
    "content_filter": ("strict", "BadRequestError"),
    "stream_interrupted": ("gpt-4", "incomplete chunked read"),
    "config_entry": ("gone", "NotFoundError"),
    "prompt_too_large": ("small", "InternalServerError"),
    "client": ("picky", "UnprocessableEntityError"),
}
"""By cause: the model that fails of it, and what it raises."""


def hold(entries: list[dict[str, Any]], message: str = "Hello", **options: Any) -> Callable[[], Any]:
    """A conversation of two turns with a model."""
    helper = assistant([{"model": one["model"], **one} for one in entries])
    return lambda: chat(user(), configured(helper, **options), message)


def test_from_incident_to_test_and_back(tmp_path: Path) -> None:
    case, provider = Case(tmp_path), Provider()
    said = Settings(capture_message_content="SPAN_ONLY")
    with ScriptedServer(provider) as server:
        lists: dict[str, list[dict[str, Any]]] = {
            name: [entry(server, model)] for name, (model, _) in EXPECTED.items()
        }
        lists["config_entry"].append(entry(server, "fine"))
        plain = ("backend", "rate_limit", "config_entry")
        traces = {name: case.record(hold(lists[name])) for name in plain}
        traces["timeout"] = case.record(hold(lists["timeout"], timeout=1.0))
        asked = hold(lists["content_filter"], "What is dynamite?")
        traces["content_filter"] = case.record(asked, settings=said)
        traces["client"] = case.record(hold(lists["client"]), settings=said)
        traces["stream_interrupted"] = case.record(hold(lists["stream_interrupted"], stream=True))
        large = lists["prompt_too_large"]
        for size in range(6):
            case.record(hold(large, "x" * 300 * size))
            traces["prompt_too_large"] = case.record(hold(large, "x" * (LIMIT + 200 * size)))
        found = case.diagnosed()
        traces["prompt_too_large"] = next(one for one, cause in found.items() if cause == "prompt_too_large")
        assert {name: found[trace_id] for name, trace_id in traces.items()} == {
            name: name for name in EXPECTED
        }
        sources = {
            name: case.repro(trace_id, name, "--config", f"LIST_{name.upper()}")
            for name, trace_id in traces.items()
        }
        # AG2 0.9 takes it in an entry only past its checks.
        lists["timeout"][0]["timeout"] = 1.0
        variables = {f"LIST_{name.upper()}": json.dumps(one) for name, one in lists.items()}
        outcomes, printed = case.run(variables)
        sizes = {name: one for name, one in outcomes.items() if name.startswith("test_prompt")}
        assert set(sizes.values()) == {"FAILED", "PASSED"}, printed
        assert len(sizes) >= 3
        assert {one for name, one in outcomes.items() if name not in sizes} == {"FAILED"}, printed
        for _, raised in EXPECTED.values():
            assert raised in printed
        assert "dynamite" in sources["content_filter"]
        assert not any("sk-demo" in source for source in sources.values()), "no key"
        provider.mended = True
        outcomes, printed = case.run(variables)
    assert len(outcomes) == len(EXPECTED) - 1 + len(sizes)
    assert set(outcomes.values()) == {"PASSED"}, printed


def test_a_refused_tool_is_reproduced_with_its_definition_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(request: ChatRequest) -> Reply:
        has_tool = any("policy" in json.dumps(tool) for tool in request.body.get("tools", ()))
        return error(400, "Invalid schema for function 'lookup': no such type") if has_tool else FINE

    case = Case(tmp_path)
    with ScriptedServer(refuse) as server:
        conversation = lambda: chat(*pair(server, lookup))  # noqa: E731 - it is held twice
        whole = case.record(conversation, settings=Settings(capture_message_content="SPAN_ONLY"))
        case.repro(whole, "whole", "--config", "LIST")
        outcomes, printed = case.run({"LIST": json.dumps([entry(server)])})
        assert set(outcomes.values()) == {"FAILED"}, printed
        # The messages are short enough, and what defines the tool is not.
        cut = Settings(capture_message_content="SPAN_ONLY", max_value_length=150)
        cut_off = case.record(conversation, settings=cut)
        words = ["repro", cut_off, "--journal", str(case.journal), "-o", str(tmp_path / "test_cut.py")]
        assert main(words) != 0
    assert "was not recorded whole" in capsys.readouterr().err
