"""An application around us: what programs do with agents and their methods works as it does without us."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import gc
import inspect
import pickle
import weakref
from typing import Any
from unittest import mock

import openai
import pytest
import wrapt
from autogen import ConversableAgent, GroupChat

from autogen_otel.hosts.classic.conversations.conversation import Conversation
from autogen_otel.testing import entry, error, stream_drop, text, tool_call
from tests.support.agents import Serve, assistant, chat, configured, pair, user
from tests.support.telemetry import Telemetry, attributes_of


def sender_class() -> Any:
    """The class of the SDK's HTTP client: httpx or httpx2."""
    with openai.OpenAI(api_key="sk-none") as client:
        return next(one for one in type(client._client).__mro__ if "send" in vars(one))


def test_methods_can_be_copied_deepcopied_and_pickled(telemetry: Telemetry) -> None:
    agent = user()
    assert copy.copy(agent.generate_reply).__self__ is agent
    assert copy.copy(ConversableAgent.generate_reply) == ConversableAgent.generate_reply
    copied = copy.deepcopy({"on_reply": agent.generate_reply})["on_reply"]
    assert copied.__self__ is not agent
    assert copied.__self__.name == agent.name
    partial: Any = copy.deepcopy(functools.partial(agent.initiate_chat, silent=True))
    assert partial.func.__self__ is not agent
    for function in (ConversableAgent.generate_reply, GroupChat.select_speaker):
        assert pickle.loads(pickle.dumps(function)) == function  # noqa: S301 - made in this line


def test_a_group_whose_member_has_another_agents_method_as_tool_can_be_copied(telemetry: Telemetry) -> None:
    expert, member = user("expert"), user("member")
    member.register_function({"ask": expert.generate_reply})
    group = copy.deepcopy(GroupChat(agents=[member], messages=[]))
    assert group.agents[0].name == "member"
    assert callable(group.agents[0].function_map["ask"])


def test_a_method_can_be_held_weakly(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("Hello.")])
    agent = assistant([entry(server)])
    reply = weakref.WeakMethod(agent.generate_reply)()
    assert reply is not None
    assert reply([{"role": "user", "content": "Hi"}]) in (
        "Hello.",
        {"content": "Hello.", "role": "assistant"},
    )
    assert telemetry.named("invoke_agent")


def test_methods_look_like_the_hosts(telemetry: Telemetry) -> None:
    for name in ("initiate_chat", "generate_reply", "execute_function", "a_generate_reply"):
        method = getattr(ConversableAgent, name)
        assert method.__name__ == name
        assert inspect.isfunction(method)
        assert inspect.iscoroutinefunction(method) is name.startswith("a_")
        assert next(iter(inspect.signature(method).parameters)) == "self"
    assert isinstance(mock.create_autospec(ConversableAgent, instance=True), ConversableAgent)


def test_methods_are_plain_functions_to_who_asks_for_their_parameters(telemetry: Telemetry) -> None:
    for name in ("initiate_chat", "generate_reply"):
        method = getattr(ConversableAgent, name)
        assert next(iter(inspect.getfullargspec(method).args)) == "self"
        assert inspect.getfullargspec(method) == inspect.getfullargspec(inspect.unwrap(method))
        assert inspect.unwrap(method).__qualname__ == method.__qualname__


def test_a_call_that_is_wrong_fails_as_it_does_without_us(telemetry: Telemetry) -> None:
    hooked = ConversableAgent.generate_reply
    for wrong in ((), (user(), "no message", "nobody", "too much")):
        said = []
        for function in (hooked, inspect.unwrap(hooked)):
            with pytest.raises(TypeError) as raised:
                function(*wrong)
            said.append(str(raised.value))
        assert said[0] == said[1]
    done = [{"role": "user", "content": "TERMINATE"}]
    assert hooked(self=user(), messages=done) == inspect.unwrap(hooked)(self=user(), messages=done)


class Payload:
    """Something whose end can be seen."""


@pytest.mark.parametrize("shape", ["sync", "async"])
def test_what_a_failing_tool_held_is_freed_without_the_garbage_collector(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    seen: list[weakref.ref[Payload]] = []

    def lookup(policy_id: str) -> str:
        """Look a policy up."""
        payload = Payload()
        seen.append(weakref.ref(payload))
        raise LookupError(policy_id)

    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("TERMINATE")])
    asker, helper = pair(server, lookup, raw=True)
    gc.collect()
    gc.disable()
    try:
        if shape == "sync":
            chat(asker, helper)
        else:
            asyncio.run(asker.a_initiate_chat(helper, message="Hello", silent=True))
        assert attributes_of(telemetry.one("execute_tool"))["error.type"] == "LookupError"
        assert [ref() for ref in seen] == [None]
    finally:
        gc.enable()


def test_an_exception_that_the_application_dropped_is_freed_without_the_garbage_collector(
    telemetry: Telemetry, serve: Serve
) -> None:
    seen: list[weakref.ref[Payload]] = []

    def leave() -> str:
        """Leave."""
        payload = Payload()
        seen.append(weakref.ref(payload))
        raise SystemExit(1)

    server = serve([tool_call("leave", {})])
    asker, helper = pair(server, leave, raw=True)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(SystemExit) as raised:
            chat(asker, helper)
        del raised
        assert [ref() for ref in seen] == [None]
    finally:
        gc.enable()


def test_what_broke_a_stream_is_freed_without_the_garbage_collector(
    telemetry: Telemetry, serve: Serve
) -> None:
    seen: list[weakref.ref[BaseException]] = []
    server = serve([stream_drop(3)] * 9)
    asker, helper = user(), configured(assistant([entry(server)]), stream=True)
    gc.collect()
    gc.disable()
    try:
        try:
            chat(asker, helper)
        except Exception as error:
            seen.append(weakref.ref(error))
        assert attributes_of(telemetry.one("chat"))["autogen.error.origin"] == "stream_interrupted"
        assert [ref() for ref in seen] == [None]
    finally:
        gc.enable()


def test_a_task_that_a_tool_leaves_running_holds_nothing_of_the_call(
    telemetry: Telemetry, serve: Serve
) -> None:
    seen: list[weakref.ref[Payload]] = []
    pollers: list[asyncio.Task[None]] = []

    async def watch(policy_id: str) -> str:
        """Watch a policy."""
        pollers.append(asyncio.create_task(asyncio.sleep(60)))
        payload = Payload()
        seen.append(weakref.ref(payload))
        raise LookupError(policy_id)

    async def run() -> None:
        server = serve([tool_call("watch", {"policy_id": "P-1"}), text("TERMINATE")])
        asker, helper = pair(server, watch, raw=True)
        await asker.a_initiate_chat(helper, message="Hello", silent=True)
        gc.collect()
        assert [ref() for ref in seen] == [None]
        pollers[0].cancel()

    asyncio.run(run())


@pytest.mark.parametrize("overlapping", [True, False], ids=["while it runs", "after it"])
def test_conversations_that_begin_one_another_do_not_pile_up(
    telemetry: Telemetry, serve: Serve, overlapping: bool
) -> None:
    tasks: list[asyncio.Task[None]] = []
    kept: list[int] = []
    # Of the tests before, whose threads may still run. It holds them, so no conversation of this test has
    # their place.
    before = [one for one in gc.get_objects() if isinstance(one, Conversation)]

    async def hold(left: int, around: asyncio.Event) -> None:
        ended = asyncio.Event()

        async def go_on(policy_id: str) -> str:
            """Begin another conversation, or wait for the earlier ones."""
            if left:
                tasks.append(asyncio.create_task(hold(left - 1, ended)))
                # So it begins while this tool runs, unless it waits.
                await asyncio.sleep(0)
                return policy_id
            await asyncio.wait(tasks[:-1])
            # A task that is done has the context that it ran in.
            tasks.clear()
            gc.collect()
            alive = [one for one in gc.get_objects() if isinstance(one, Conversation)]
            kept.append(sum(all(one is not other for other in before) for one in alive))
            return policy_id

        if not overlapping:
            await around.wait()
        asker, helper = pair(serve([tool_call("go_on", {"policy_id": "P-1"}), text("TERMINATE")]), go_on)
        await asker.a_initiate_chat(helper, message="Hello", silent=True)
        ended.set()
        if not left:
            all_ended.set()

    all_ended, nothing = asyncio.Event(), asyncio.Event()
    nothing.set()

    async def run() -> None:
        tasks.append(asyncio.create_task(hold(5, nothing)))
        await asyncio.wait_for(all_ended.wait(), 30)

    asyncio.run(run())
    assert len(telemetry.named("invoke_workflow")) == 6
    # The last, the one that it was begun in, and the outermost.
    assert len(kept) == 1
    assert kept[0] <= 3


def test_attempts_are_seen_again_after_a_patch_of_send_was_taken_off(
    telemetry: Telemetry, serve: Serve
) -> None:
    client = sender_class()
    original = client.send

    def passing(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    server = serve([text("TERMINATE")] * 3)
    with mock.patch.object(client, "send", passing):
        chat(user(), assistant([entry(server)]))
    telemetry.clear()
    chat(user(), assistant([entry(server)]))
    assert len(telemetry.named("POST")) == 1


def test_attempts_are_seen_below_somebody_elses_wrapper(
    serve: Serve, our_errors: list[BaseException]
) -> None:
    import autogen_otel

    client = sender_class()
    original = vars(client)["send"]
    clients: list[object] = []

    def theirs(wrapped: Any, instance: object, args: Any, kwargs: Any) -> Any:
        clients.append(instance)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(client, "send", theirs)
    kept = Telemetry()
    autogen_otel.instrument(tracer_provider=kept.provider)
    try:
        server = serve([text("TERMINATE")])
        chat(user(), assistant([entry(server)]))
        assert len(kept.named("POST")) == 1
        assert [isinstance(one, client) for one in clients] == [True]
    finally:
        autogen_otel.uninstrument()
        client.send = original


def test_the_cause_of_an_earlier_chat_is_not_inherited(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([error(500, "Down")] * 3)

    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise KeyError("my own bug")

    try:
        chat(user(), assistant([entry(server)]))
    except Exception:
        second = user("second")
        other = user("other")
        other.register_reply([ConversableAgent, None], broken)
        with pytest.raises(KeyError):
            chat(second, other)
    root = telemetry.one("invoke_workflow second")
    assert attributes_of(root)["autogen.error.origin"] == "callback"


def test_a_cancellation_is_not_blamed_on_the_tool_it_strikes(telemetry: Telemetry, serve: Serve) -> None:
    started = asyncio.Event()

    async def slow() -> str:
        """Take long."""
        started.set()
        await asyncio.sleep(60)
        return "never"

    async def run() -> None:
        server = serve([tool_call("slow", {})])
        asker, helper = pair(server, slow, raw=True)
        task = asyncio.create_task(asker.a_initiate_chat(helper, message="Hello", silent=True))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    tool = attributes_of(telemetry.one("execute_tool"))
    assert tool["autogen.cancelled"] is True
    assert "autogen.error.origin" not in tool


def test_failures_of_a_conversation_inside_a_tool_are_counted_once_each(
    telemetry: Telemetry, serve: Serve
) -> None:
    inner = serve([error(500, "Down")] * 3)

    def ask() -> str:
        """Ask another agent."""
        with contextlib.suppress(Exception):
            chat(user("inner"), assistant([entry(inner)], "expert"))
        raise ValueError("no answer")

    server = serve([tool_call("ask", {}), text("TERMINATE")])
    asker, helper = pair(server, ask, raw=True)
    chat(asker, helper)
    assert attributes_of(telemetry.one("invoke_workflow user"))["autogen.errors.handled"] == 4
    assert attributes_of(telemetry.one("invoke_workflow inner"))["autogen.errors.handled"] == 2


def test_two_equal_calls_of_one_message_have_their_own_ids(telemetry: Telemetry, serve: Serve) -> None:
    from autogen_otel.testing import tool_calls

    def lookup(policy_id: str) -> str:
        """Look a policy up."""
        return policy_id

    server = serve(
        [tool_calls([("lookup", {"policy_id": "P"}), ("lookup", {"policy_id": "P"})]), text("TERMINATE")]
    )
    asker, helper = pair(server, lookup, raw=True)
    asker.register_hook("process_all_messages_before_reply", copy.deepcopy)
    chat(asker, helper)
    ids = [attributes_of(span)["gen_ai.tool.call.id"] for span in telemetry.named("execute_tool")]
    assert len(set(ids)) == 2
