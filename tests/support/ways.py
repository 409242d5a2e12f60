"""Every other way to begin, drive and end a conversation that a lineage has, and odd things said in one.

``conversations`` has what happens in a chat of two that ``initiate_chat`` begins, and in group chats; here
are queues, background and iterated runs, threads, caches, clients of other kinds, cancelling, and the rest.
"""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
from autogen import Cache

from autogen_otel import using_attributes
from autogen_otel.testing import ScriptedServer, entry, error, hang, text, tool_call
from scenarios.responses_api import ResponsesServer
from tests.support import hostile
from tests.support.agents import assistant, converse, pair, user
from tests.support.conversations import Conversation
from tests.support.groups import nested_chat_of, silent_agent
from tests.support.lineage import HAS_PATTERNS, HAS_SWARM, IS_014, IS_02, IS_09
from tests.support.models import HELLO, HouseModel, house
from tests.support.own_agents import Remote, Retrier, Runner, at_a_table, relaying, running, speaking
from tests.support.runs import a_finish, finish
from tests.support.secrets import KINDS, lines_of
from tests.support.shop import order
from tests.support.tools import a_lookup, lookup

Pair = tuple[Any, Any]
_DONE = text("Done. TERMINATE")
_LOOK_UP = tool_call("lookup", {"policy_id": "P-1"})
_FAIL = tool_call("lookup", {"policy_id": "null"})


# ---------------------------------------------------------------- ways to hold


def _queued(shape: str, asker: Any, helper: Any) -> Any:
    """Two chats, the second with what the first came to."""
    options = {"message": "Hello", "silent": True, "summary_method": "last_msg"}
    queue: list[dict[str, Any]] = [
        {"chat_id": 1, "recipient": helper, **options},
        {"chat_id": 2, "recipient": silent_agent("archive"), "max_turns": 1, **options},
    ]
    if shape == "sync":
        return asker.initiate_chats(queue)
    queue[1]["prerequisites"] = [1]
    return asyncio.run(asker.a_initiate_chats(queue))


def _in_a_thread(shape: str, asker: Any, helper: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(converse, shape, asker, helper).result()


def _in_a_loop_that_runs(shape: str, asker: Any, helper: Any) -> Any:
    """A sync chat inside a coroutine, as in a notebook."""

    async def cell() -> Any:
        return converse("sync", asker, helper)

    return asyncio.run(cell()) if shape == "sync" else converse(shape, asker, helper)


def _in_a_task(_shape: str, asker: Any, helper: Any) -> Any:
    """Asynchronously in both call shapes."""
    return converse("async", asker, helper)


def _cached(shape: str, asker: Any, helper: Any) -> Any:
    """The same chat twice: the second is answered by the cache on the disk."""
    with tempfile.TemporaryDirectory() as folder, Cache.disk(7, folder) as cache:
        return [converse(shape, asker, helper, cache=cache) for _ in range(2)]


def _with_words(shape: str, asker: Any, helper: Any) -> Any:
    with using_attributes(session_id="s-1", user_id="u-1", tags=["a"], attributes=_WORDS):
        return using_attributes(session_id="s-2")(converse)(shape, asker, helper)


def _turn(shape: str, asker: Any, helper: Any) -> Any:
    """A reply, outside of any conversation."""
    arguments = {"messages": HELLO, "sender": asker}
    if shape == "sync":
        return helper.generate_reply(**arguments)
    return asyncio.run(helper.a_generate_reply(**arguments))


def _sent(shape: str, asker: Any, helper: Any) -> Any:
    """A message that begins a conversation, and one that ends it."""
    for wanted in (True, None):
        if shape == "sync":
            asker.send("Hello", helper, request_reply=wanted, silent=True)
        else:
            asyncio.run(asker.a_send("Hello", helper, request_reply=wanted, silent=True))
    return asker.last_message(helper)


def _call(_shape: str, _asker: Any, helper: Any) -> Any:
    """A model call, outside of any agent."""
    return helper.client.create(messages=HELLO).choices[0].message.content


def _run(shape: str, asker: Any, helper: Any) -> Any:
    """A background run, waited for by its events."""
    if shape == "sync":
        return finish(asker.run(helper, message="Hello"))

    async def main() -> Any:
        return await a_finish(await asker.a_run(helper, message="Hello"))

    return asyncio.run(main())


def _runs(shape: str, asker: Any, helper: Any) -> Any:
    """Background runs one after the other."""
    queue = [{"recipient": helper, "message": "Hello", "silent": True, "chat_id": 1}]
    if shape == "sync":
        return [finish(response) for response in asker.sequential_run(queue)]

    async def main() -> Any:
        return [await a_finish(response) for response in await asker.a_sequential_run(queue)]

    return asyncio.run(main())


def _iterated(shape: str, asker: Any, helper: Any) -> Any:
    """A run that is driven by who reads its events."""
    if shape == "sync":
        return [event.type for event in asker.run_iter(helper, message="Hello")]

    async def main() -> Any:
        return [event.type async for event in asker.a_run_iter(helper, message="Hello")]

    return asyncio.run(main())


def _pattern(asker: Any, helper: Any) -> Any:
    patterns = importlib.import_module("autogen.agentchat.group.patterns")
    return patterns.RoundRobinPattern(initial_agent=asker, agents=[asker, helper])


def _pattern_chat(shape: str, asker: Any, helper: Any) -> Any:
    host = importlib.import_module("autogen.agentchat.group.multi_agent_chat")
    options = {"pattern": _pattern(asker, helper), "messages": "Hello", "max_rounds": 3}
    if shape == "sync":
        return host.initiate_group_chat(**options)[0]
    return asyncio.run(host.a_initiate_group_chat(**options))[0]


def _pattern_run(shape: str, asker: Any, helper: Any) -> Any:
    host = importlib.import_module("autogen.agentchat.group.multi_agent_chat")
    options = {"pattern": _pattern(asker, helper), "messages": "Hello", "max_rounds": 3}
    if shape == "sync":
        return finish(host.run_group_chat(**options))

    async def main() -> Any:
        return await a_finish(await host.a_run_group_chat(**options))

    return asyncio.run(main())


def _pattern_iterated(shape: str, asker: Any, helper: Any) -> Any:
    host = importlib.import_module("autogen.agentchat.group.multi_agent_chat")
    options = {"pattern": _pattern(asker, helper), "messages": "Hello", "max_rounds": 3}
    if shape == "sync":
        return [event.type for event in host.run_group_chat_iter(**options)]

    async def main() -> Any:
        return [event.type async for event in host.a_run_group_chat_iter(**options)]

    return asyncio.run(main())


def _swarm_chat(shape: str, asker: Any, helper: Any) -> Any:
    host = importlib.import_module("autogen.agentchat.contrib.swarm_agent")
    options = {"initial_agent": asker, "agents": [asker, helper], "messages": "Hello", "max_rounds": 3}
    if shape == "sync":
        return host.initiate_swarm_chat(**options)[0]
    return asyncio.run(host.a_initiate_swarm_chat(**options))[0]


# ---------------------------------------------------------------- agents


async def cancel() -> str:
    """Cancel the task that runs this, and wait to be cancelled."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(60)
    return "never"


def interrupt() -> str:
    """End as Ctrl-C ends it."""
    raise KeyboardInterrupt


def tell() -> str:
    """Say all that must not be said, and more of the rest than is kept."""
    return lines_of(KINDS) + "\nhttps://me:hunter2@example.com/?token=hunter2 " + "word " * 4_000


def deep(levels: int = 60) -> str:
    """Fail with many frames and a cause."""
    if levels:
        return deep(levels - 1)
    try:
        return lookup("null")
    except ValueError as failure:
        raise RuntimeError("no office answers " + "x" * 5_000) from failure


def _with(*tools: Any, raw: bool = False) -> Any:
    return lambda servers: pair(servers[0], *tools, raw=raw)


def _alone(servers: Sequence[ScriptedServer]) -> Pair:
    return user(), assistant([entry(servers[0])])


def _in_house(servers: Sequence[ScriptedServer]) -> Pair:
    """A custom client."""
    return user(), house()


def _in_house_broken(servers: Sequence[ScriptedServer]) -> Pair:
    return user(), house(model="broken")


def _in_house_interrupted(servers: Sequence[ScriptedServer]) -> Pair:
    return user(), house({**entry(servers[0])}, model="interrupted")


def _unregistered(servers: Sequence[ScriptedServer]) -> Pair:
    return user(), assistant([{"model": "house-1", "model_client_cls": "HouseModel"}])


def _azure(servers: Sequence[ScriptedServer]) -> Pair:
    return user(), assistant(
        [entry(servers[0], api_type="azure", api_version="2024-06-01", base_url=servers[0].origin)]
    )


def _impatient(servers: Sequence[ScriptedServer]) -> Pair:
    """A short timeout, and no retries."""
    return user(), assistant([entry(servers[0], timeout=0.2, max_retries=0)])


def _newer(api_type: str) -> Any:
    return lambda servers: pair(servers[0], lookup, entries=[entry(servers[0], api_type=api_type)])


class _AsyncModel(HouseModel):
    """A custom client that asks a model asynchronously, in a stream."""

    def create(self, params: dict[str, Any]) -> Any:
        answer = super().create(params)
        answer.choices[0].message.content = asyncio.run(self._ask())
        return answer

    async def _ask(self) -> str:
        async with openai.AsyncOpenAI(api_key="sk-none", base_url=self.config["base_url"]) as client:
            answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])


def _in_house_async(servers: Sequence[ScriptedServer]) -> Pair:
    helper = assistant([{**entry(servers[0]), "model_client_cls": "_AsyncModel"}])
    helper.register_model_client(model_client_cls=_AsyncModel)
    return user(), helper


def _checking(servers: Sequence[ScriptedServer]) -> Pair:
    """An agent that asks another one before it replies; that one has a tool that fails."""
    _user, inner = pair(servers[1], lookup)
    outer = nested_chat_of(servers[0], inner, turns=2)
    outer[1].register_function({"lookup": lookup})
    return outer


def _speaking(servers: Sequence[ScriptedServer]) -> Pair:
    return silent_agent("one"), silent_agent("two")


_PICTURE = {
    "content": [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 40}},
    ]
}
_WORDS = {
    "tenant": {"id": b"\xff", "sizes": [2.5, None, True, 10**30, {"password": "hunter2"}, {1}, "x" * 9_000]}
}
_LATE = hang(0.6, _DONE)
_ORDERS: list[dict[str, Any]] = [
    {"items": [{"name": "pen"}, {"name": 4, "count": "x"}], "kind": "slow", "note": [1]},
    {"items": "pens", "knd": "rush"},
    {"items": [{"name": "pen", "count": 2}], "kind": "rush", "note": "a"},
]

WAYS: tuple[Conversation, ...] = (
    Conversation("a queue of chats", [[_LOOK_UP, _DONE]], _with(lookup), hold=_queued),
    Conversation("a chat in a thread", [[_FAIL, _DONE]], _with(lookup), hold=_in_a_thread),
    Conversation(
        "a chat in a running loop", [[_LOOK_UP, _DONE]], _with(lookup, a_lookup), hold=_in_a_loop_that_runs
    ),
    Conversation("a chat again, from the cache", [[_DONE, _DONE]], _alone, hold=_cached),
    Conversation("with words of the application", [[_FAIL, _DONE]], _with(lookup), hold=_with_words),
    Conversation("a reply outside of a chat", [[_DONE]], _alone, hold=_turn),
    Conversation("a message outside of a chat", [[_DONE]], _alone, hold=_sent),
    Conversation("replies of its own", [[text("Words of a model's.")]], speaking, {"max_turns": 3}),
    Conversation("replies that are relayed", [[text("One."), text("Two.")]], relaying, {"max_turns": 3}),
    Conversation("selections of its own", [], at_a_table),
    *(
        Conversation(
            f"tool calls of its own, {kind.__name__}",
            [[_LOOK_UP, tool_call("nope", {}), _FAIL, _DONE]],
            running(kind),
        )
        for kind in (Runner, Retrier, Remote)
    ),
    Conversation("a model call outside of an agent", [[_DONE]], _alone, hold=_call),
    Conversation("a model call outside of an agent fails", [[error(500, "Down")] * 3], _alone, hold=_call),
    Conversation("nested, a tool fails", [[_DONE], [_FAIL, _DONE]], _checking, {"max_turns": 1}),
    Conversation("cancelled", [[tool_call("cancel", {})]], _with(cancel), hold=_in_a_task),
    Conversation("interrupted", [[tool_call("interrupt", {})]], _with(interrupt, raw=True)),
    Conversation("custom client", [], _in_house),
    Conversation("custom client fails", [], _in_house_broken),
    Conversation("custom client interrupted", [[error(404, "No")]], _in_house_interrupted),
    *(
        Conversation(f"custom client's odd answer, {name}", [], hostile.answered_by_client(made))
        for name, made in hostile.VALUES.items()
        if name in {"cyclic", "bytes", "unprintable inside"}
    ),
    *(
        Conversation(
            f"tool's odd failure {name}",
            [[tool_call("act", {"what": "x"}), _DONE]],
            hostile.with_tool(act, raw=True),
        )
        for name, act in hostile.ERRORS.items()
        if name in {"in a group", "whose str raises", "with unprintable arguments"}
    ),
    Conversation("custom client that nobody registered", [], _unregistered),
    Conversation("Azure", [[error(404, "No deployment", code="DeploymentNotFound")]], _azure),
    Conversation("cut at the token limit", [[text("Do", finish_reason="length")]], _alone, {"max_turns": 1}),
    Conversation("filtered", [[text("", finish_reason="content_filter")]], _alone, {"max_turns": 1}),
    Conversation("custom client that streams asynchronously", [[_DONE]], _in_house_async),
    Conversation("a picture", [[_DONE]], _alone, {"message": _PICTURE}),
    *(
        Conversation(f"order {number}", [[tool_call("order", given), _DONE]], _with(order))
        for number, given in enumerate(_ORDERS)
    ),
    Conversation("order 0, function map", [[tool_call("order", _ORDERS[0]), _DONE]], _with(order, raw=True)),
    Conversation("secrets", [[tool_call("tell", {}), text(lines_of(KINDS)), _DONE]], _with(tell)),
    Conversation("many frames", [[tool_call("deep", {}), _DONE]], _with(deep)),
    Conversation("a tool again and again", [[_FAIL] * 4 + [_DONE]], _with(lookup)),
    Conversation(
        "prompt too large",
        [[error(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded")]],
        _alone,
        {"message": "word " * 3_000},
    ),
)
LATE = (Conversation("too late", [[_LATE]], _impatient),)
RUNS = (
    Conversation("a run", [[_LOOK_UP, _DONE]], _with(lookup), hold=_run),
    Conversation("a run fails", [[error(500, "Down")] * 3], _alone, hold=_run),
    Conversation("runs of a queue", [[_LOOK_UP, _DONE]], _with(lookup), hold=_runs),
)
PATTERN_CHATS = (Conversation("a pattern begun as such", [], _speaking, hold=_pattern_chat),)
SWARM_CHATS = (Conversation("a swarm begun as such", [], _speaking, hold=_swarm_chat),)
NEWER = (
    Conversation("an iterated run", [[_LOOK_UP, _DONE]], _with(lookup), hold=_iterated),
    Conversation("a run of a pattern", [], _speaking, hold=_pattern_run),
    Conversation("an iterated run of a pattern", [], _speaking, hold=_pattern_iterated),
    *(
        Conversation(f"client {api_type}", [[_FAIL, _DONE]], _newer(api_type), server=ResponsesServer)
        for api_type in ("responses", "responses_v2", "openai_v2")
    ),
)

WAYS += (
    *(() if IS_09 else LATE),  # 0.9 takes no such options
    *(() if IS_02 else RUNS),
    *(PATTERN_CHATS if HAS_PATTERNS else ()),
    *(SWARM_CHATS if HAS_SWARM else ()),
    *(NEWER if IS_014 else ()),
)
