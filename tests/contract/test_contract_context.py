"""However code of the host's ends, the context after it is the one before, and OpenTelemetry logs nothing.

Interrupts strike at each line of ours. Coroutines, generators and tasks return, raise, are cancelled, closed,
thrown into and collected, here and in other contexts and threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import dis
import gc
import logging
import sys
import threading
import types
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import opentelemetry.context
import pytest
from opentelemetry.context import attach, get_current, set_value

import autogen_otel
from autogen_otel import using_attributes
from autogen_otel.hooks.drive import carry_context
from tests.support.agents import user
from tests.support.telemetry import Telemetry, attributes_of, own_log_records

_OURS = f"{Path(autogen_otel.__file__).parent}/"
_CONTEXTS = f"{Path(opentelemetry.context.__file__).parent}/"


class Stop(BaseException):
    """An interrupt, as by Ctrl-C."""


@types.coroutine
def suspended() -> Generator[Any, Any, Any]:
    """Waits for whoever drives the coroutine."""
    return (yield "waits")


async def wait() -> str:
    """A tool that waits until somebody lets it go on."""
    return str(await suspended())


def agent_with(tool: Callable[..., Any]) -> Any:
    """An agent that runs a tool."""
    agent = user()
    agent.register_function({"tool": tool})
    return agent


_CALL = {"name": "tool", "arguments": "{}"}


def observed_call() -> Any:
    """The coroutine of an observed call that waits."""
    return agent_with(wait).a_execute_function(_CALL)


@using_attributes(session_id="s")
async def decorated() -> str:
    return await wait()


async def with_block() -> str:
    with using_attributes(session_id="s"):
        return await wait()


async def with_blocks_and_calls() -> str:
    with using_attributes(session_id="s"):
        return str(await observed_call())


COROUTINES = [observed_call, decorated, with_block, with_blocks_and_calls]


def _returns(coroutine: Any) -> None:
    with pytest.raises(StopIteration):
        coroutine.send("done")


def _thrown_into(error: type[BaseException]) -> Callable[[Any], None]:
    def throw(coroutine: Any) -> None:
        # AutoGen makes an answer of what a tool raises.
        with pytest.raises((error, StopIteration)):
            coroutine.throw(error())

    return throw


def _closed(running: Any) -> None:
    running.close()


def _in_another_context(end: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda running: contextvars.Context().run(end, running)


def _in_a_copy(end: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda running: contextvars.copy_context().run(end, running)


def _in_another_thread(end: Callable[[Any], None]) -> Callable[[Any], None]:
    def run(running: Any) -> None:
        thread = threading.Thread(target=end, args=(running,))
        thread.start()
        thread.join()

    return run


_ENDS: dict[str, Callable[[Any], None]] = {
    "returned": _returns,
    "raised": _thrown_into(LookupError),
    "cancelled": _thrown_into(asyncio.CancelledError),
    "interrupted": _thrown_into(KeyboardInterrupt),
    "closed": _closed,
}
_WHERE: dict[str, Callable[[Callable[[Any], None]], Callable[[Any], None]]] = {
    "here": lambda end: end,
    "in another context": _in_another_context,
    "in a copy of the context": _in_a_copy,
    "in another thread": _in_another_thread,
}


@pytest.fixture(autouse=True)
def nothing_is_left(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged, and nothing is left in the context of the test."""
    before = get_current()
    yield
    gc.collect()
    assert get_current() == before
    assert own_log_records(caplog) == []


@pytest.mark.parametrize("where", _WHERE)
@pytest.mark.parametrize("end", _ENDS)
@pytest.mark.parametrize("make", COROUTINES)
def test_a_coroutine_leaves_no_context_wherever_it_ends(
    make: Callable[[], Any], end: str, where: str, telemetry: Telemetry
) -> None:
    """It begins in a context of its own, as a task does, so that nothing but our own work can leave that."""
    coroutine, own = make(), contextvars.copy_context()
    assert own.run(coroutine.send, None) == "waits"
    here = own.run if where == "here" else lambda function, *args: function(*args)
    before = get_current()
    here(_WHERE[where](_ENDS[end]), coroutine)
    assert get_current() == before
    if where == "here":
        assert own.run(get_current) == before
    assert all(span.end_time for span in telemetry.spans)


@pytest.mark.parametrize("make", COROUTINES)
def test_a_coroutine_that_nobody_ends_is_collected(make: Callable[[], Any]) -> None:
    coroutine = make()
    contextvars.copy_context().run(coroutine.send, None)
    del coroutine
    gc.collect()


@pytest.mark.parametrize("make", COROUTINES)
def test_an_event_loop_that_is_closed_leaves_its_tasks_to_be_collected(
    make: Callable[[], Any], recwarn: pytest.WarningsRecorder
) -> None:
    logging.getLogger("asyncio").disabled = True
    try:
        loop = asyncio.new_event_loop()
        task = loop.create_task(_forever(make))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del task
        gc.collect()
    finally:
        logging.getLogger("asyncio").disabled = False


async def _forever(make: Callable[[], Any]) -> None:
    coroutine = make()
    coroutine.send(None)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        coroutine.close()


# ---------------------------------------------------------------- generators
def speak() -> None:
    """An observed call, to see which attributes apply."""
    agent_with(lambda: "said").execute_function(_CALL)


@using_attributes(session_id="s")
def decorated_generator() -> Generator[int, Any, str]:
    """Yields what it is sent."""
    speak()
    sent = yield 1
    speak()
    try:
        yield sent
    except LookupError:
        speak()
        yield 3
    return "returned"


def blocking_generator() -> Generator[int, Any, str]:
    with using_attributes(session_id="s"):
        sent = yield 1
        yield sent
    return "returned"


GENERATORS = [decorated_generator, blocking_generator]


@using_attributes(session_id="s")
async def decorated_async_generator() -> AsyncGenerator[int, Any]:
    """Yields what it is sent."""
    speak()
    sent = yield 1
    await asyncio.sleep(0)
    speak()
    try:
        yield sent
    except LookupError:
        speak()
        yield 3


async def blocking_async_generator() -> AsyncGenerator[int, Any]:
    with using_attributes(session_id="s"):
        sent = yield 1
        await asyncio.sleep(0)
        yield sent


ASYNC_GENERATORS = [decorated_async_generator, blocking_async_generator]


def _exhausted(generator: Any) -> None:
    list(generator)


@pytest.mark.parametrize("where", _WHERE)
@pytest.mark.parametrize("end", ["exhausted", "raised", "closed"])
@pytest.mark.parametrize("make", GENERATORS)
def test_what_ends_a_generator_leaves_no_context_to_what_comes_after(
    make: Callable[[], Any], end: str, where: str, telemetry: Telemetry
) -> None:
    ends: dict[str, Callable[[Any], None]] = {
        "exhausted": _exhausted,
        "raised": _thrown_into(LookupError),
        "closed": _closed,
    }

    def consume() -> None:
        generator = make()
        assert next(generator) == 1
        if make is decorated_generator:
            assert "session" not in str(get_current())
        _WHERE[where](ends[end])(generator)
        telemetry.clear()
        speak()
        assert "session.id" not in attributes_of(telemetry.one("execute_tool"))

    contextvars.copy_context().run(consume)


def test_a_decorated_generator_has_its_attributes_in_each_step_and_gives_them_to_nobody(
    telemetry: Telemetry,
) -> None:
    generator = decorated_generator()
    assert decorated_generator.__doc__ == "Yields what it is sent."
    assert next(generator) == 1
    speak()
    assert generator.send(2) == 2
    assert generator.throw(LookupError()) == 3
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "returned"
    sessions = [attributes_of(span).get("session.id") for span in telemetry.named("execute_tool")]
    assert sessions == ["s", None, "s", "s"]


def test_a_decorated_asynchronous_generator_does_the_same(telemetry: Telemetry) -> None:
    async def consume() -> list[Any]:
        generator = decorated_async_generator()
        said = [await generator.asend(None)]
        speak()
        said += [await generator.asend(2), await generator.athrow(LookupError())]
        with pytest.raises(StopAsyncIteration):
            await generator.asend(None)
        return said

    assert asyncio.run(consume()) == [1, 2, 3]
    sessions = [attributes_of(span).get("session.id") for span in telemetry.named("execute_tool")]
    assert sessions == ["s", None, "s", "s"]


@pytest.mark.parametrize("make", ASYNC_GENERATORS)
@pytest.mark.parametrize("end", ["exhausted", "left", "closed", "thrown into", "cancelled", "elsewhere"])
def test_what_ends_an_asynchronous_generator_leaves_no_context_to_what_comes_after(
    make: Callable[[], Any], end: str, telemetry: Telemetry
) -> None:
    async def consume() -> None:
        generator = make()
        assert await generator.asend(None) == 1
        if end == "exhausted":
            async for _ in generator:
                pass
        elif end == "closed":
            await generator.aclose()
        elif end == "thrown into":
            with pytest.raises(ValueError, match="odd"):
                await generator.athrow(ValueError("odd"))
        elif end == "cancelled":
            task = asyncio.ensure_future(generator.asend(2))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif end == "elsewhere":
            await asyncio.create_task(generator.aclose())
        del generator
        gc.collect()
        await asyncio.sleep(0.01)
        telemetry.clear()
        speak()
        assert "session.id" not in attributes_of(telemetry.one("execute_tool"))

    asyncio.run(consume())


# ---------------------------------------------------------------- what the host's code does itself
@pytest.mark.parametrize("is_async", [False, True])
def test_a_context_that_the_host_sets_for_good_stays_set_and_we_are_out_of_it(
    is_async: bool, telemetry: Telemetry
) -> None:
    def set_for_good() -> str:
        attach(set_value("tenant", "acme"))
        return "set"

    async def set_later() -> str:
        return set_for_good()

    async def call() -> None:
        agent = agent_with(set_later if is_async else set_for_good)
        if is_async:
            await agent.a_execute_function(_CALL)
        else:
            agent.execute_function(_CALL)
        assert get_current() == {"tenant": "acme"}

    asyncio.run(call())


# ---------------------------------------------------------------- interrupts
def _lines_of(work: Callable[[], object]) -> list[tuple[types.CodeType, int]]:
    """Each line of ours, and of OpenTelemetry's contexts, that some work runs, in order."""
    lines: dict[tuple[types.CodeType, int], None] = {}
    _traced(work, lambda line: lines.setdefault(line, None))
    return list(lines)


def _is_for_us(frame: FrameType | None) -> bool:
    """Whether a frame runs code of ours, or of OpenTelemetry's contexts for us."""
    while frame is not None and frame.f_code.co_filename.startswith(_CONTEXTS):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(_OURS)


def _traced(work: Callable[[], object], at: Callable[[tuple[types.CodeType, int]], object]) -> None:
    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if not _is_for_us(frame):
            return None
        # No signal is handled at an instruction that does nothing, which is in no ``try`` either.
        if event == "line" and dis.opname[frame.f_code.co_code[frame.f_lasti]] != "NOP":
            at((frame.f_code, frame.f_lineno))
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)


async def _gives() -> str:
    return "done"


def _driven(coroutine: Any) -> None:
    with pytest.raises(StopIteration):
        coroutine.send(None)


_AGENT, _ASYNC_AGENT = agent_with(lambda: "done"), agent_with(_gives)
SHAPES: dict[str, Callable[[], object]] = {
    "sync": lambda: _AGENT.execute_function(_CALL),
    "async": lambda: _driven(_ASYNC_AGENT.a_execute_function(_CALL)),
    "carried": carry_context(lambda: "done", set_value("carried", True, opentelemetry.context.Context())),
    # Its end is interrupted as that of any ``with`` is.
    "block": lambda: using_attributes(session_id="s").__enter__(),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_interrupt_at_any_line_of_ours_leaves_no_context(shape: str) -> None:
    work, before = SHAPES[shape], get_current()
    contextvars.copy_context().run(work)
    lines = contextvars.copy_context().run(_lines_of, work)
    assert len(lines) > 5
    leaking = []
    for line in lines:

        def interrupt(there: tuple[types.CodeType, int], line: object = line) -> None:
            if there == line:
                raise Stop

        own = contextvars.copy_context()
        with pytest.raises(Stop):
            own.run(_traced, work, interrupt)
        if own.run(get_current) != before:
            leaking.append(f"{Path(line[0].co_filename).name}:{line[1]} {line[0].co_name}")
    assert leaking == []
