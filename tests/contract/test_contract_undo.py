"""``uninstrument()`` leaves no trace of us in the host."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
import threading
from types import FunctionType
from typing import Any, ClassVar
from unittest import mock

import pytest
from autogen import ConversableAgent
from autogen.agentchat import conversable_agent

import autogen_otel
from autogen_otel.hosts.classic.table import ROWS
from autogen_otel.testing import entry, text
from tests.support import lineage
from tests.support.agents import Serve, assistant, healthy_pair
from tests.support.conversations import CONVERSATIONS, play
from tests.support.runs import finish
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


class _Threads(threading.Thread):
    """Threads as an application or another library has them: they know how many there were."""

    made: ClassVar[list[Any]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made.append(self)


def _threads(*args: Any, **kwargs: Any) -> Any:
    """The same by a function, which nothing can be a subclass of."""
    return _Threads(*args, **kwargs)


_VIEWS = (("threading", "Thread"), ("asyncio", "get_event_loop"), ("asyncio", "get_running_loop"))


@pytest.mark.parametrize(("module", "name"), _VIEWS[1:] if lineage.IS_02 else _VIEWS)
def test_what_is_replaced_for_a_while_through_our_view_of_a_module_comes_back_as_it_was(
    our_errors: list[BaseException], monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    before, other = getattr(sys.modules[module], name), object()
    with instrumented():
        view = getattr(conversable_agent, module)
        assert view is not sys.modules[module]
        with monkeypatch.context() as patched:
            patched.setattr(view, name, other)
            assert getattr(sys.modules[module], name) is other
        assert getattr(sys.modules[module], name) is before
        with mock.patch.object(view, name, other):
            assert getattr(sys.modules[module], name) is other
        assert getattr(sys.modules[module], name) is before


@pytest.mark.needs(not lineage.IS_02, "0.2 starts no threads of its own")
@pytest.mark.parametrize("other", [_Threads, _threads], ids=["class", "function"])
def test_threads_of_the_applications_own_stay_so_and_carry_the_context(
    our_errors: list[BaseException], monkeypatch: pytest.MonkeyPatch, serve: Serve, other: Any
) -> None:
    monkeypatch.setattr(_Threads, "made", [])
    with instrumented() as telemetry:
        monkeypatch.setattr(threading, "Thread", other)
        with telemetry.request():
            finish(
                healthy_pair(serve)[0].run(assistant([entry(serve([text("TERMINATE")]))]), message="Hello")
            )
    assert threading.Thread is other
    assert {type(one) for one in _Threads.made} == {_Threads}
    assert len(telemetry.trace_ids) == 1


def _layered(owner: Any, name: str) -> tuple[Any, Any]:
    """What is there, and the layer that another library puts on it."""
    below = vars(owner)[name]

    @functools.wraps(below)
    def layer(*args: Any, **kwargs: Any) -> Any:
        return below(*args, **kwargs)

    setattr(owner, name, layer)
    return below, layer


@pytest.mark.parametrize("name", ["generate_reply", "initiate_chat", "execute_function", "get_human_input"])
@pytest.mark.parametrize("theirs_ends_first", [True, False])
@pytest.mark.parametrize("theirs_begins_first", [True, False])
def test_two_who_patch_a_method_in_any_order_leave_it_as_it_was(
    our_errors: list[BaseException], name: str, theirs_begins_first: bool, theirs_ends_first: bool
) -> None:
    """Undo of ours takes nothing of theirs away, and undo of theirs gives back what they had found."""
    with instrumented() as telemetry:
        play(CONVERSATIONS[1], "sync")
    expected = [one.name for one in telemetry.spans]
    original = vars(ConversableAgent)[name]
    try:
        if theirs_begins_first:
            below, layer = _layered(ConversableAgent, name)
        with instrumented():
            if not theirs_begins_first:
                below, layer = _layered(ConversableAgent, name)
            if theirs_ends_first:
                setattr(ConversableAgent, name, below)
        if not theirs_ends_first:
            assert vars(ConversableAgent)[name] is layer
            setattr(ConversableAgent, name, below)
        with instrumented() as telemetry:
            play(CONVERSATIONS[1], "sync")
        assert [one.name for one in telemetry.spans] == expected
    finally:
        setattr(ConversableAgent, name, original)
