"""Functions of every kind are observed, and their callers get what they would get without us.

They are those of small classes of our own, of the kinds that hosts have: plain functions, coroutines,
asynchronous generators and context managers, static and class methods of each.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import gc
import inspect
import itertools
import sys
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from autogen_otel.hooks import guard
from autogen_otel.hooks.descriptors import ObservedDescriptor
from autogen_otel.hooks.drive import observe
from autogen_otel.hooks.parts import Parts
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import Facts, Recorder
from tests.support.telemetry import Telemetry, line, own_log_records


class Run(Operation):
    """Reads a method of ``Team``: its last item is what it is for."""

    operation_name = "run"
    __slots__ = ()

    def begin(self) -> Facts:
        self.name = f"run {self.arguments.get('task')}"
        return {}

    def passed(self, item: Any) -> bool:
        return bool(item == "result")


def name_of_span() -> str:
    """The name of the current span."""
    return str(getattr(get_current_span(), "name", None))


class Team:
    """A class of a host's; what it gives tells which span was current in it."""

    def sync(self, task: str) -> str:
        return f"{name_of_span()}: {_checked(task)}"

    async def later(self, task: str) -> str:
        await asyncio.sleep(0)
        return f"{name_of_span()}: {_checked(task)}"

    async def stream(self, task: str) -> AsyncGenerator[Any, Any]:
        sent = yield name_of_span()
        await asyncio.sleep(0)
        try:
            yield sent or name_of_span()
        except LookupError:
            yield "caught"
        _checked(task)
        yield "result"
        yield name_of_span()

    def plain_stream(self, task: str) -> AsyncGenerator[Any, Any]:
        _checked(task if task == "early" else "")
        return Team.stream(self, task)

    @contextlib.asynccontextmanager
    async def block(self, task: str) -> AsyncIterator[Callable[[], Awaitable[str]]]:
        entered = name_of_span()

        async def work() -> str:
            await asyncio.sleep(0)
            return f"{entered}, {name_of_span()}: {_checked(task)}"

        try:
            yield work
        finally:
            await asyncio.sleep(0)


def _checked(task: str) -> str:
    if task in {"fails", "early"}:
        raise ValueError(task)
    return task


class Original(Team):
    """The same, as it is without us."""


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def runtime(telemetry: Telemetry) -> Any:
    return SimpleNamespace(enabled=True, recorder=Recorder(telemetry.provider.get_tracer("test")))


def observed_team(runtime: Any) -> Any:
    """A team whose methods are observed."""

    class Observed(Team):
        """Ours."""

    for name in ("sync", "later", "stream"):
        setattr(Observed, name, observe(vars(Team)[name], Run, runtime, Observed))
    for name in ("plain_stream", "block"):
        setattr(Observed, name, observe(vars(Team)[name], Run, runtime, Observed, is_awaited=True))
    return Observed()


@pytest.fixture
def team(runtime: Any, our_errors: list[BaseException], caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """A team whose methods are observed, and that leaves no context and no error behind."""
    before = get_current()
    yield observed_team(runtime)
    gc.collect()
    assert get_current() == before
    assert own_log_records(caplog) == []


STREAM_NAMES = ("stream", "plain_stream")
STREAMS = pytest.mark.parametrize("name", STREAM_NAMES)


def lines(telemetry: Telemetry) -> list[str]:
    """The spans, and whether the program itself ended them."""
    return [line(span, ("autogen.cancelled",)) for span in telemetry.spans]


@STREAMS
def test_an_asynchronous_generator_runs_in_its_span_and_whoever_consumes_it_does_not(
    team: Any, telemetry: Telemetry, name: str
) -> None:
    async def consume() -> list[Any]:
        said = []
        async for item in getattr(team, name)("t"):
            said += [item, name_of_span()]
        return said

    without = asyncio.run(_items(getattr(Original(), name)("t")))
    assert without == ["None", "None", "result", "None"]
    inside = "run t"
    nowhere = name_of_span()
    assert asyncio.run(consume()) == [
        part for item in (inside, inside, "result", inside) for part in (item, nowhere)
    ]
    assert lines(telemetry) == ["run t"]


async def _items(steps: Any) -> list[Any]:
    return [item async for item in steps]


@STREAMS
def test_calling_it_starts_nothing_and_the_call_begins_with_the_first_step(
    team: Any, telemetry: Telemetry, name: str
) -> None:
    async def consume() -> None:
        steps = getattr(team, name)("t")
        getattr(team, name)("never")
        with telemetry.request():
            await steps.__anext__()
        await steps.aclose()

    asyncio.run(consume())
    assert "request" in telemetry.tree().splitlines()[0]
    assert [span.name for span in telemetry.children(telemetry.one("request"))] == ["run t"]
    assert telemetry.named("run never") == []


@STREAMS
def test_it_is_to_inspect_and_to_its_consumer_what_it_was(team: Any, name: str) -> None:
    async def consume(made_by: Any) -> list[Any]:
        steps: Any = getattr(made_by, name)("t")
        assert [inspect.isasyncgen(steps), isinstance(steps, collections.abc.AsyncGenerator)] == [True, True]
        assert steps.__aiter__() is steps
        assert steps.ag_code is Team.stream.__code__
        said = [await steps.asend(None)]
        sent, refused = await asyncio.gather(*map(steps.asend, ("sent", "too early")), return_exceptions=True)
        assert type(refused) is RuntimeError
        said += [sent, await steps.athrow(LookupError()), await anext(steps)]
        await steps.aclose()
        await steps.aclose()
        with pytest.raises(StopAsyncIteration):
            await steps.__anext__()
        return [*said, inspect.signature(getattr(made_by, name))]

    assert asyncio.run(consume(team))[1:] == asyncio.run(consume(Original()))[1:]


async def _result_of(steps: Any) -> None:
    while await steps.__anext__() != "result":
        pass


async def _raised(steps: Any) -> None:
    with pytest.raises(ValueError, match="fails"):
        await _items(steps)


async def _thrown(steps: Any) -> None:
    await steps.__anext__()
    with pytest.raises(KeyError):
        await steps.athrow(KeyError())


async def _left(steps: Any) -> None:
    async for _ in steps:
        break


async def _closed(steps: Any) -> None:
    await steps.__anext__()
    await steps.aclose()


async def _closed_elsewhere(steps: Any) -> None:
    await steps.__anext__()
    await asyncio.create_task(steps.aclose())


async def _cancelled(steps: Any) -> None:
    await steps.__anext__()
    under_way = asyncio.ensure_future(steps.__anext__())
    await asyncio.sleep(0)
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way


async def _closed_with_result(steps: Any) -> None:
    await _result_of(steps)
    await steps.aclose()


ENDS: dict[str, tuple[Callable[[Any], Awaitable[object]], str, str]] = {
    "exhausted": (_items, "t", "run t"),
    "raised": (_raised, "fails", "run fails ERROR[callback: ValueError]"),
    "thrown into": (_thrown, "t", "run t ERROR[callback: KeyError]"),
    "left": (_left, "t", "run t cancelled=True"),
    "closed": (_closed, "t", "run t cancelled=True"),
    "closed elsewhere": (_closed_elsewhere, "t", "run t cancelled=True"),
    "cancelled": (_cancelled, "t", "run t cancelled=True"),
    "left with its result": (_result_of, "t", "run t"),
    "closed with its result": (_closed_with_result, "t", "run t"),
}


@STREAMS
@pytest.mark.parametrize("end", ENDS)
def test_its_call_ends_however_it_ends(team: Any, telemetry: Telemetry, name: str, end: str) -> None:
    consume, task, expected = ENDS[end]

    async def run() -> None:
        await consume(getattr(team, name)(task))

    asyncio.run(run())
    gc.collect()
    assert lines(telemetry) == [expected]


def test_a_plain_function_that_raises_before_there_is_a_generator_has_failed(
    team: Any, telemetry: Telemetry
) -> None:
    with pytest.raises(ValueError, match="early"):
        team.plain_stream("early")
    assert lines(telemetry) == ["run early ERROR[callback: ValueError]"]


# ---------------------------------------------------------------- context managers
def test_a_block_and_its_work_run_in_the_span_and_the_code_inside_it_does_not(
    team: Any, telemetry: Telemetry
) -> None:
    async def enter() -> tuple[str, str]:
        async with team.block("t") as work:
            outside = name_of_span()
            return await work(), outside

    assert asyncio.run(enter()) == ("run t, run t: t", "None")
    assert lines(telemetry) == ["run t"]


def test_a_block_is_what_it_was(team: Any) -> None:
    block = team.block("t")
    assert isinstance(block, contextlib.AbstractAsyncContextManager)
    assert type(block).__mro__
    assert isinstance(block, contextlib._AsyncGeneratorContextManager)
    assert inspect.signature(team.block) == inspect.signature(Original().block)


@pytest.mark.parametrize("end", ["raised inside", "work failed", "work failed, closed", "dropped"])
def test_the_call_of_a_block_ends_however_the_block_ends(team: Any, telemetry: Telemetry, end: str) -> None:
    async def enter() -> None:
        if end == "raised inside":
            with pytest.raises(KeyError):
                async with team.block("t"):
                    raise KeyError
        elif end == "work failed":
            with pytest.raises(ValueError, match="fails"):
                async with team.block("fails") as work:
                    await work()
        elif end == "work failed, closed":
            async with team.block("fails") as work:
                with contextlib.suppress(ValueError):
                    await work()
        else:
            block = team.block("t")
            await block.__aenter__()
            del block

    asyncio.run(enter())
    gc.collect()
    kinds = {
        "raised inside": "run t ERROR[callback: KeyError]",
        "work failed": "run fails ERROR[callback: ValueError]",
        "work failed, closed": "run fails ERROR[callback: ValueError]",
        "dropped": "run t cancelled=True",
    }
    assert lines(telemetry) == [kinds[end]]


# ---------------------------------------------------------------- static and class methods
@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_static_and_class_methods_are_observed_and_stay_what_they_are(
    runtime: Any, telemetry: Telemetry, our_errors: list[BaseException], kind: Callable[..., Any]
) -> None:
    first = () if kind is staticmethod else ("cls",)

    async def later(*args: Any) -> str:
        return f"{name_of_span()}: {args[-1]}"

    async def stream(*args: Any) -> AsyncGenerator[str, None]:
        yield f"{name_of_span()}: {args[-1]}"

    class Tools:
        sync: Any
        later: Any
        stream: Any

    def sync(*args: Any) -> str:
        return f"{name_of_span()}: {args[-1]}"

    for function in (sync, later, stream):
        watch = partial(observe, operation=Run, runtime=runtime, owner=None)
        setattr(Tools, function.__name__, ObservedDescriptor(kind(function), watch))
    tools = Tools()
    assert inspect.ismethod(tools.sync) is bool(first)
    assert inspect.iscoroutinefunction(tools.later)
    assert tools.sync("a").endswith(": a")
    assert asyncio.run(tools.later("b")).endswith(": b")
    assert asyncio.run(_items(tools.stream("c")))[0].endswith(": c")
    assert len(telemetry.spans) == 3


# ---------------------------------------------------------------- tracebacks
@pytest.mark.needs(sys.version_info >= (3, 11), "Python 3.10 restores the traceback where it re-raises")
def test_a_traceback_that_the_host_shows_to_a_model_is_what_it_is_without_us(team: Any) -> None:
    async def shown(made_by: Any, how: str) -> str:
        try:
            if how == "sync":
                made_by.sync("fails")
            elif how == "later":
                await made_by.later("fails")
            elif how == "plain_stream":
                made_by.plain_stream("early")
            elif how == "block":
                async with made_by.block("fails") as work:
                    await work()
            else:
                await _items(made_by.stream("fails"))
        except ValueError:
            return traceback.format_exc()
        return ""

    for how in ("sync", "later", "stream", "plain_stream", "block"):
        assert asyncio.run(shown(team, how)) == asyncio.run(shown(Original(), how)), how


def test_nothing_is_observed_and_nothing_changes_while_we_are_switched_off(
    team: Any, telemetry: Telemetry, runtime: Any
) -> None:
    async def consume() -> list[Any]:
        async with team.block("t") as work:
            return [*await _items(team.stream("t")), await work(), team.sync("t"), await team.later("t")]

    runtime.enabled = False
    assert asyncio.run(consume())[0] == "None"
    assert telemetry.spans == []


async def _outcomes(team: Any) -> list[Any]:
    """What a team's callers get, whatever the spans are called in which it was made."""
    streams = (
        _stream_outcome(team, *call) for call in itertools.product(STREAM_NAMES, ("t", "fails", "left"))
    )
    blocks = (_block_outcome(team, task) for task in ("t", "fails"))
    return await asyncio.gather(*streams, *blocks, return_exceptions=True)


async def _stream_outcome(team: Any, name: str, task: str) -> list[bool]:
    steps = getattr(team, name)(task)
    items = []
    async for item in steps:
        items.append(item == "result")
        if task == "left":
            await steps.aclose()
    return items


async def _block_outcome(team: Any, task: str) -> str:
    async with team.block(task) as work:
        return str((await work()).rpartition(": ")[2])


@pytest.mark.parametrize("name", [name for name, kind in vars(Parts).items() if inspect.isfunction(kind)])
def test_a_fault_in_what_observes_parts_is_felt_by_no_caller(
    name: str, runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[BaseException] = []

    def fault(*_: Any, **_options: Any) -> Any:
        raise KeyError("planted fault")

    monkeypatch.setattr(guard, "on_error", faults.append)
    plain = [repr(outcome) for outcome in asyncio.run(_outcomes(Original()))]
    observed = observed_team(runtime)
    monkeypatch.setattr(Parts, name, fault)
    before = get_current()
    assert [repr(outcome) for outcome in asyncio.run(_outcomes(observed))] == plain
    gc.collect()
    assert get_current() == before
    assert {type(error) for error in faults} == {KeyError}
