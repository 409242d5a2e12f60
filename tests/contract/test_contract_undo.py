"""``uninstrument()`` leaves no trace of us in the host."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from types import FunctionType
from typing import Any

import autogen_otel
from autogen_otel.hooks.table import ROWS
from tests.support.conversations import CONVERSATIONS, play
from tests.support.telemetry import instrumented


def state_of_the_host() -> dict[str, dict[str, Any]]:
    """Every attribute of every module and class that we might touch, by identity."""
    for row in ROWS:
        if importlib.util.find_spec(row.module.rpartition(".")[0]) is not None:
            with contextlib.suppress(ImportError):
                importlib.import_module(row.module)
    seen: dict[str, dict[str, Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] not in {"autogen", "openai", "httpx", "httpx2", "asyncio", "threading", "json"}:
            continue
        seen[name] = dict(vars(module))
        for key, value in list(vars(module).items()):
            if isinstance(value, type) and value.__module__ == name:
                seen[f"{name}:{key}"] = dict(vars(value))
    return seen


def differences(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """Attributes that are not the identical object any more."""
    changes = []
    for owner, attributes in before.items():
        now = after.get(owner, {})
        changes += [
            f"{owner}.{key}" for key in attributes if now.get(key) is not attributes[key] and not _cache(key)
        ]
        changes += [f"{owner}.{key}" for key in now.keys() - attributes.keys() if _is_ours(now[key])]
    return sorted(changes)


def _cache(key: str) -> bool:
    """Attributes that Python and pydantic fill in as classes are used."""
    return key.startswith(("__abc", "_abc", "__annotations", "__pydantic"))


def _is_ours(value: object) -> bool:
    """Something we could have left behind; the hosts import modules of their own as they run."""
    if isinstance(value, FunctionType):
        return "autogen_otel" in value.__code__.co_filename
    return type(value).__module__.split(".")[0] in {"wrapt", "autogen_otel"}


def test_every_attribute_is_the_identical_object_after_undo(our_errors: list[BaseException]) -> None:
    for shape in ("sync", "async"):
        for conversation in CONVERSATIONS[:4]:
            play(conversation, shape)  # the host imports and caches things of its own on first use
    before = state_of_the_host()
    with instrumented() as telemetry:
        assert differences(before, state_of_the_host())
        for conversation in CONVERSATIONS:
            play(conversation, "sync")
            play(conversation, "async")
        assert telemetry.spans
    assert differences(before, state_of_the_host()) == []


def test_nothing_is_recorded_after_undo_and_instrumenting_again_works(
    our_errors: list[BaseException],
) -> None:
    with instrumented() as first:
        play(CONVERSATIONS[1], "sync")
    recorded = len(first.spans)
    play(CONVERSATIONS[1], "sync")
    assert len(first.spans) == recorded
    with instrumented() as second:
        play(CONVERSATIONS[1], "sync")
    assert len(first.spans) == recorded
    assert len(second.spans) == recorded


def test_instrumenting_twice_records_once(our_errors: list[BaseException]) -> None:
    with instrumented() as telemetry:
        report = autogen_otel.instrument()
        assert report is autogen_otel.instrument()
        play(CONVERSATIONS[1], "sync")
    assert len(telemetry.named("invoke_workflow")) == 1


def test_a_layer_that_somebody_put_on_top_of_ours_stays_and_keeps_working(
    our_errors: list[BaseException],
) -> None:
    from autogen import ConversableAgent

    original = ConversableAgent.generate_reply
    calls = []
    with instrumented() as telemetry:
        below = ConversableAgent.generate_reply

        def theirs(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(self.name)
            return below(self, *args, **kwargs)

        ConversableAgent.generate_reply = theirs
        play(CONVERSATIONS[1], "sync")
    spans, made = len(telemetry.spans), len(calls)
    try:
        assert ConversableAgent.generate_reply is theirs
        play(CONVERSATIONS[1], "sync")
        assert len(calls) == 2 * made
        assert len(telemetry.spans) == spans
    finally:
        ConversableAgent.generate_reply = original
