"""Spans against a witness that knows nothing of us: what the host's own functions did, and nothing else.

A profiler sees the host's functions run, whoever calls them: turns, tool calls, model calls, conversations.
The scripted servers count the HTTP attempts. Whatever users put around or in the place of the host's methods,
there are as many spans as calls that happened.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType, MappingProxyType
from typing import Any

import openai
import pytest
from autogen import ConversableAgent, OpenAIWrapper
from openai._base_client import AsyncAPIClient

from autogen_otel.testing import text, tool_call
from tests.support.agents import SHAPES, Serve, a_chat, chat, converse, pair
from tests.support.conversations import ASSISTANTS, CONVERSATIONS, GUARDRAILS, PATTERNS, SWARMS, play
from tests.support.telemetry import Telemetry, attributes_of, instrumented
from tests.support.tools import a_lookup, lookup

TURN, TOOL, MODEL, CHAT, ATTEMPT = "invoke_agent", "execute_tool", "chat", "invoke_workflow", "POST"
_OWN_AGENTS = frozenset({"checking_agent", "speaker_selection_agent"})
"""The host makes them for itself: what they say to each other is no part of the conversation."""
_LAST_WORDS = "Words of its own. TERMINATE"
_QUIET = {"llm_config": False, "human_input_mode": "NEVER", "code_execution_config": False}


def _code(function: Any) -> CodeType:
    code: CodeType = inspect.unwrap(function).__code__
    return code


_HOST = MappingProxyType(
    {
        _code(getattr(owner, name)): kind
        for owner, kind, names in (
            (ConversableAgent, TURN, ("generate_reply", "a_generate_reply")),
            (ConversableAgent, TOOL, ("execute_function", "a_execute_function")),
            (ConversableAgent, CHAT, ("initiate_chat", "a_initiate_chat")),
            (OpenAIWrapper, MODEL, ("create",)),
        )
        for name in names
    }
)
"""What each of the host's functions is, by its code, which stays the same whatever others put around it."""


@dataclass(eq=False)
class _Seen:
    """One call of a function, and what ran inside it."""

    kind: str
    whose: Any
    outer: _Seen | None
    has_inner: bool = False

    def is_inside_of_its_own_kind(self) -> bool:
        outer = self.outer
        while outer is not None:
            if (outer.kind, outer.whose) == (self.kind, self.whose):
                return True
            outer = outer.outer
        return False


class Witness:
    """Sees which functions run, in whatever thread or task.

    Args:
        bodies: the kind of each function of the user's that does the work of a host's function itself.
    """

    def __init__(self, bodies: dict[CodeType, str]) -> None:
        self._codes = {**_HOST, **bodies}
        self._frames: dict[FrameType, _Seen] = {}
        self._around: contextvars.ContextVar[_Seen | None] = contextvars.ContextVar("around", default=None)

    @contextmanager
    def watching(self) -> Iterator[None]:
        before = sys.getprofile()
        sys.setprofile(self._profile)
        threading.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(before)
            threading.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        kind = self._codes.get(frame.f_code)
        if kind is None or event not in {"call", "return"}:
            return
        # A coroutine is called at each of its steps; it stays one call, and is around what runs in the step.
        seen = self._frames.get(frame)
        if event == "return":
            self._around.set(None if seen is None else seen.outer)
            return
        if seen is None:
            outer = self._around.get()
            seen = self._frames[frame] = _Seen(kind, frame.f_locals.get("self"), outer)
            while outer is not None:
                outer.has_inner = outer.has_inner or (outer.kind, outer.whose) == (kind, seen.whose)
                outer = outer.outer
        self._around.set(seen)

    def counts(self) -> Counter[str]:
        """A turn is one however often it asks the host; of tool calls, those count that do the work."""
        counts: Counter[str] = Counter()
        for seen in self._frames.values():
            if getattr(seen.whose, "name", None) in _OWN_AGENTS:
                continue
            is_counted = not (seen.has_inner if seen.kind == TOOL else seen.is_inside_of_its_own_kind())
            counts[seen.kind] += is_counted
        return +counts


def _told(telemetry: Telemetry, *kinds: str) -> Counter[str]:
    return Counter(kind for span in telemetry.spans if (kind := span.name.partition(" ")[0]) in kinds)


# Python 3.13 says so of each ``partial`` in a class, and treats it as before.
pytestmark = pytest.mark.filterwarnings("ignore:functools.partial will be a method:FutureWarning")


# ---------------------------------------------------------------- every kind of conversation
_UNSEEN = {*ASSISTANTS, *PATTERNS, *GUARDRAILS, *SWARMS}
"""The provider runs the one, and half of the agents of the others are the host's own."""


@pytest.mark.shared("shapes")
@SHAPES
@pytest.mark.parametrize(
    "conversation", [one for one in CONVERSATIONS if one not in _UNSEEN], ids=lambda one: one.name
)
def test_there_are_as_many_spans_as_calls_in_every_conversation(
    our_errors: list[BaseException], conversation: Any, shape: str
) -> None:
    witness = Witness({})
    with instrumented() as telemetry, witness.watching():
        outcome = play(conversation, shape)
    expected = witness.counts() + Counter({ATTEMPT: len(outcome.requests)})
    assert _told(telemetry, TURN, TOOL, MODEL, CHAT, ATTEMPT) == expected


# ---------------------------------------------------------------- what users put in the host's place
@dataclass(frozen=True)
class Override:
    """A method of a user's class.

    Args:
        name: for the test's id.
        attribute: what stands in the class.
        bodies: the user's functions that do the work themselves.
    """

    name: str
    attribute: Any
    bodies: tuple[Any, ...] = ()


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


def _wraps(function: Callable[..., Any]) -> Callable[..., Any]:
    return functools.wraps(function)(_plain(function))


class _Callable:
    """An object in the place of a function, which Python does not bind."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(None, *args, **kwargs)


class _Promise(Awaitable[Any]):
    """An awaitable that is no coroutine, task or future."""

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._awaitable.__await__()


def _attributes(name: str, function: Callable[..., Any], *bodies: Any) -> list[Override]:
    """A function in every form in which it may stand in a class."""
    return [
        Override(name, function, bodies),
        Override(f"{name}, decorated", _plain(function), bodies),
        Override(f"{name}, wrapped", _wraps(function), bodies),
        Override(f"{name}, partialmethod", functools.partialmethod(function), bodies),
    ]


def _unbound(function: Callable[..., Any]) -> list[Override]:
    """The forms in which a function does not get the agent, which are the user's own work."""
    own = function
    return [
        Override("static", staticmethod(functools.partial(function, None)), (own,)),
        Override("class", classmethod(function), (own,)),
        Override("callable object", _Callable(function), (own,)),
        Override("partial", functools.partial(function, None), (own,)),
    ]


def _overrides(method: str, work: Callable[..., Any]) -> list[Override]:
    """Plain functions in the place of a plain method."""

    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(ConversableAgent, method)(self, *args, **kwargs)

    def ask_twice(self: Any, *args: Any, **kwargs: Any) -> Any:
        ask(self, *args, **kwargs)
        return ask(self, *args, **kwargs)

    def never(self: Any, *args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs)

    return [
        *_attributes("once", ask),
        *_attributes("twice", ask_twice, *([ask_twice] if method == "generate_reply" else [])),
        *_attributes("never", never, never),
        *_unbound(never),
    ]


def _a_overrides(  # noqa: C901 - one list
    method: str, work: Callable[..., Any]
) -> list[Override]:
    """Functions of every kind in the place of a method that the host awaits."""

    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(ConversableAgent, method)(self, *args, **kwargs)

    async def a_ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await ask(self, *args, **kwargs)

    async def a_ask_twice(self: Any, *args: Any, **kwargs: Any) -> Any:
        await ask(self, *args, **kwargs)
        return await ask(self, *args, **kwargs)

    async def a_ask_in_a_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.create_task(ask(self, *args, **kwargs))

    async def a_never(self: Any, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return work(*args, **kwargs)

    def task(self: Any, *args: Any, **kwargs: Any) -> Any:
        return asyncio.ensure_future(ask(self, *args, **kwargs))

    def task_of_another(self: Any, *args: Any, **kwargs: Any) -> Any:
        return asyncio.ensure_future(a_ask(self, *args, **kwargs))

    def promise(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _Promise(ask(self, *args, **kwargs))

    def second(self: Any, *args: Any, **kwargs: Any) -> Any:
        ask(self, *args, **kwargs).close()
        return ask(self, *args, **kwargs)

    def own_future(self: Any, *args: Any, **kwargs: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        future.set_result(work(*args, **kwargs))
        return future

    own_body = [a_ask_twice] if method == "a_generate_reply" else []
    return [
        *_attributes("awaits it once", a_ask),
        *_attributes("awaits it twice", a_ask_twice, *own_body),
        *_attributes("awaits it in a task", a_ask_in_a_task),
        *_attributes("returns it", ask),
        *_attributes("returns the second", second),
        *_attributes("returns a task of it", task),
        *_attributes("returns a task that awaits it", task_of_another),
        *_attributes("returns a promise of it", promise),
        *_attributes("never", a_never, a_never),
        *_attributes("returns a future", own_future, own_future),
        *_unbound(a_never),
    ]


def _say(*_args: Any, **_kwargs: Any) -> str:
    return _LAST_WORDS


def _run(func_call: Any, *_args: Any, **_kwargs: Any) -> Any:
    return True, {"name": func_call["name"], "role": "tool", "content": "It ran."}


def _cases(shape: str, method: str, work: Callable[..., Any]) -> list[Any]:
    overrides = _overrides(method, work) if shape == "sync" else _a_overrides(f"a_{method}", work)
    return [pytest.param(shape, one, id=f"{shape}, {one.name}") for one in overrides]


def _agent(method: str, override: Override, shape: str, **options: Any) -> Any:
    name = method if shape == "sync" else f"a_{method}"
    kind = type("Own", (ConversableAgent,), {name: override.attribute})
    return kind("own", **{**_QUIET, **options})


@contextmanager
def _as_many(override: Override, kind: str) -> Iterator[Telemetry]:
    witness = Witness({_code(one): kind for one in override.bodies})
    with instrumented() as telemetry, witness.watching():
        yield telemetry
    assert _told(telemetry, TURN, TOOL, MODEL, CHAT) == witness.counts()


@pytest.mark.shared("hosts")
@pytest.mark.parametrize(
    ("shape", "override"),
    [one for shape in ("sync", "async") for one in _cases(shape, "generate_reply", _say)],
)
def test_a_turn_is_one_span_whatever_stands_in_its_place(
    our_errors: list[BaseException], shape: str, override: Override
) -> None:
    asker = ConversableAgent("user", default_auto_reply="Go on.", **_QUIET)
    helper = _agent("generate_reply", override, shape, default_auto_reply="As you say.")
    with _as_many(override, TURN) as telemetry:
        converse(shape, asker, helper, max_turns=2)
    assert len(telemetry.named("invoke_agent own")) == 2


@pytest.mark.shared("hosts")
@pytest.mark.parametrize(
    ("shape", "override"),
    [one for shape in ("sync", "async") for one in _cases(shape, "execute_function", _run)],
)
def test_a_tool_call_is_one_span_whatever_stands_in_its_place(
    our_errors: list[BaseException], serve: Serve, shape: str, override: Override
) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("Done. TERMINATE")])
    _, helper = pair(server)
    asker = _agent("execute_function", override, shape, is_termination_msg=_ends)
    asker.register_function({"lookup": lookup, "a_lookup": a_lookup})
    with _as_many(override, TOOL) as telemetry:
        converse(shape, asker, helper)
    assert telemetry.named("execute_tool")


def _ends(message: Any) -> bool:
    return "TERMINATE" in str(message.get("content"))


# ---------------------------------------------------------------- what is awaited late, or never
def _returning(shape: str) -> Any:
    """An agent whose method returns AutoGen's coroutine, in one of the forms in which it may."""
    (override,) = [one for one in _a_overrides("a_generate_reply", _say) if one.name == shape]
    return _agent("generate_reply", override, "async", default_auto_reply="As you say.")


_FORMS = pytest.mark.parametrize("form", ["returns it", "returns it, wrapped", "returns it, partialmethod"])
_ASKED = ({"role": "user", "content": "Hello"},)


def _see(agent: Any) -> None:
    """Have the agent's class observed, as the first turn of any agent has it."""
    ConversableAgent("other", **_QUIET).generate_reply(list(_ASKED), sender=agent)


@_FORMS
def test_a_coroutine_that_nobody_awaits_is_no_turn(our_errors: list[BaseException], form: str) -> None:
    agent = _returning(form)
    with instrumented() as telemetry:
        _see(agent)
        telemetry.clear()
        agent.a_generate_reply(list(_ASKED)).close()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            agent.a_generate_reply(list(_ASKED))
            gc.collect()
        # What the collector closes of earlier tests warns too, as a ResourceWarning.
        warned = [one.category for one in said if one.category is not ResourceWarning]
        assert warned == [RuntimeWarning]
        assert telemetry.spans == []


@_FORMS
def test_a_coroutine_that_is_awaited_later_is_a_turn_of_that_time(
    our_errors: list[BaseException], form: str
) -> None:
    agent = _returning(form)

    async def later() -> tuple[int, Any]:
        coroutine = agent.a_generate_reply(list(_ASKED), sender=None)
        assert inspect.iscoroutine(coroutine)
        awaited_at = time.time_ns()
        return awaited_at, await asyncio.create_task(coroutine)

    with instrumented() as telemetry:
        _see(agent)
        telemetry.clear()
        awaited_at, reply = asyncio.run(later())
    assert reply == "As you say."
    turn = telemetry.one("invoke_agent own")
    assert (turn.start_time or 0) >= awaited_at


@_FORMS
def test_an_exception_thrown_into_it_goes_where_it_waits(our_errors: list[BaseException], form: str) -> None:
    """Cancelled before its first step, it was no turn; cancelled while it waits, it is a cancelled one."""

    class Slow(ConversableAgent):  # type: ignore[misc]
        async def a_generate_oai_reply(self, *_args: Any, **_kwargs: Any) -> Any:
            await asyncio.sleep(60)

    agent = _returning(form)
    agent.register_reply([ConversableAgent, None], Slow.a_generate_oai_reply, ignore_async_in_sync_chat=True)

    async def cancel(steps: int) -> None:
        task = asyncio.create_task(agent.a_generate_reply(list(_ASKED)))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with instrumented() as telemetry:
        _see(agent)
        telemetry.clear()
        asyncio.run(cancel(0))
        assert telemetry.spans == []
        asyncio.run(cancel(3))
        assert attributes_of(telemetry.one("invoke_agent own"))["autogen.cancelled"] is True


def test_what_raises_before_there_is_anything_to_await_is_a_turn_that_failed(
    our_errors: list[BaseException],
) -> None:
    def refuse(self: Any, *_args: Any, **_kwargs: Any) -> Any:
        raise PermissionError("nobody speaks here")

    agent = _agent("generate_reply", Override("raises", refuse), "async")
    asker = ConversableAgent("user", default_auto_reply="Go on.", **_QUIET)
    with instrumented() as telemetry, pytest.raises(PermissionError):
        converse("async", asker, agent, max_turns=1)
    assert "invoke_agent own ERROR[callback: PermissionError]" in telemetry.tree()


# ---------------------------------------------------------------- the host's own methods under decorators
_DECORATED = (
    *((ConversableAgent, name) for name in ("generate_reply", "execute_function", "initiate_chat", "send")),
    (OpenAIWrapper, "create"),
)


@SHAPES
@pytest.mark.parametrize("decorate", [_plain, _wraps], ids=["plain", "wraps"])
@pytest.mark.parametrize("method", _DECORATED, ids=lambda value: value[1])
def test_a_host_method_that_others_have_decorated_is_counted_once(  # noqa: PLR0917 - fixtures
    our_errors: list[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    serve: Serve,
    shape: str,
    decorate: Any,
    method: tuple[Any, str],
) -> None:
    owner, name = method
    name = name if shape == "sync" or owner is OpenAIWrapper else f"a_{name}"
    monkeypatch.setattr(owner, name, decorate(vars(owner)[name]))
    agents = pair(
        serve([tool_call("lookup", {"policy_id": "P-1"}), text("Done. TERMINATE")]), lookup, a_lookup
    )
    witness = Witness({})
    with instrumented() as telemetry, witness.watching():
        converse(shape, *agents)
    assert _told(telemetry, TURN, TOOL, MODEL, CHAT) == witness.counts()


@pytest.mark.parametrize("decorate", [_plain, _wraps], ids=["plain", "wraps"])
def test_a_request_of_the_sdk_that_others_have_decorated_is_counted_once(
    our_errors: list[BaseException], monkeypatch: pytest.MonkeyPatch, serve: Serve, decorate: Any
) -> None:
    server = serve([tool_call("ask", {}), text("Asked."), text("Done. TERMINATE")])
    client = openai.AsyncOpenAI(api_key="sk-none", base_url=server.base_url)
    for owner, name in ((AsyncAPIClient, "request"), (_async_client_class(client), "send")):
        monkeypatch.setattr(owner, name, decorate(vars(owner)[name]))

    async def ask() -> str:
        """Asks another model."""
        answer = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Hello"}]
        )
        return str(answer.choices[0].message.content)

    with instrumented() as telemetry:
        converse("async", *pair(server, ask))
    assert len(telemetry.named(ATTEMPT)) == len(server.requests)


def _async_client_class(client: Any) -> Any:
    return next(cls for cls in type(client._client).__mro__ if "send" in vars(cls))


# ---------------------------------------------------------------- several at once
def test_conversations_in_threads_and_tasks_are_counted_each(
    our_errors: list[BaseException], serve: Serve
) -> None:
    def agents() -> tuple[Any, Any]:
        script = [tool_call("lookup", {"policy_id": "P-1"}), text("Done. TERMINATE")]
        return pair(serve(script), lookup)

    pairs = [agents() for _ in range(6)]

    async def together() -> None:
        await asyncio.gather(*(a_chat(*one) for one in pairs[3:]))

    witness = Witness({})
    with instrumented() as telemetry, witness.watching():
        threads = [threading.Thread(target=chat, args=one) for one in pairs[:3]]
        for thread in threads:
            thread.start()
        asyncio.run(together())
        for thread in threads:
            thread.join()
    counts = witness.counts()
    assert counts[CHAT] == len(pairs)
    assert _told(telemetry, TURN, TOOL, MODEL, CHAT) == counts
