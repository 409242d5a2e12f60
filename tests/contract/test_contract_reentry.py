"""What a signal handler or a finalizer runs is observed as anything else is, wherever it strikes in our code.

A handler may run an agent, and so may a finalizer; Python calls either between any two steps of ours. So
nothing of ours may wait for what such a call has interrupted: neither that call, nor a thread that it waits
for. Each lock that we or OpenTelemetry take for a call of the host's is held once while a handler runs, and
each line of ours is interrupted once.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import opentelemetry
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import autogen_otel
from autogen_otel.delivery import spans as delivery
from autogen_otel.testing import ScriptedServer, entry, error, text, tool_call
from tests.support.agents import a_chat, assistant, chat, pair, user
from tests.support.telemetry import EVERYTHING, LogRecords

_PACKAGE = f"{Path(autogen_otel.__file__).parent}/"
_FOR_TESTS = f"{_PACKAGE}testing/"
_OPENTELEMETRY = f"{next(iter(opentelemetry.__path__))}/"
_LOCK, _RLOCK = threading.Lock, threading.RLock

_BOUNDARY = ("drive.py", "hops.py", "lookup.py", "outermost.py", "streams.py")
"""What calls the host: locks that are taken there are the host's."""

Handler = Callable[[], object]


def is_ours(frame: FrameType | None) -> bool:
    """Whether a frame runs code of ours."""
    name = "" if frame is None else frame.f_code.co_filename
    return name.startswith(_PACKAGE) and not name.startswith(_FOR_TESTS)


class Interruptions:
    """Runs a handler once in each place that is found, or in one of them.

    Args:
        handler: what is run.
        only: where; everywhere if it is ``None``.

    Attributes:
        places: where it ran, in this order.
        hangs: where something would have waited for what the handler had interrupted.
    """

    def __init__(self, handler: Handler, only: object = None) -> None:
        self._handler, self._only = handler, only
        self.places: dict[object, None] = {}
        self.hangs: list[str] = []
        self.is_on = self.is_running = False
        self.held: list[object] = []
        """Locks that the interrupted thread has."""
        self.suspended: list[object] = []
        """Those that it has while the handler runs."""

    def at(self, place: object) -> None:
        """Run the handler here, if it has not run here before."""
        if not self.is_on or self.is_running or place in self.places or self._only not in (None, place):
            return
        self.places[place] = None
        self.is_running, self.suspended = True, self.held.copy()
        try:
            self._handler()
        finally:
            self.is_running, self.suspended = False, []


class Spy:
    """A lock that is interrupted as soon as it is held, and that tells who would wait for ever.

    Args:
        lock: a real one.
        interruptions: what interrupts it.
    """

    def __init__(self, lock: Any, interruptions: Interruptions) -> None:
        self._lock, self._interruptions = lock, interruptions

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._lock.acquire(blocking=False):
            if _is_waited_for() and blocking and timeout < 0 and self in self._interruptions.suspended:
                self._interruptions.hangs.append("".join(traceback.format_stack(limit=12)))
                raise RuntimeError("this would wait for ever")
            if not self._lock.acquire(blocking, timeout):
                return False
        if threading.get_ident() == threading.main_thread().ident:
            self._interruptions.held.append(self)
            place = _place_of_ours(sys._getframe(1))
            if place is not None:
                self._interruptions.at(place)
        return True

    def release(self) -> None:
        if self in self._interruptions.held:
            self._interruptions.held.remove(self)
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


def _is_waited_for() -> bool:
    """Whether a handler may wait for this thread: not for one of ours, and not for one that only begins."""
    # Not `current_thread`, which takes a lock itself in a thread that begins.
    thread = threading._active.get(threading.get_ident())  # type: ignore[attr-defined]
    return thread is not None and not thread.name.startswith("autogen-otel")


def _place_of_ours(frame: FrameType | None) -> tuple[str, int, str] | None:
    """The line of OpenTelemetry's or ours that takes a lock for us; ``None`` if it is nothing of ours."""
    taken_at = frame
    while taken_at is not None and not taken_at.f_code.co_filename.startswith((_PACKAGE, _OPENTELEMETRY)):
        taken_at = taken_at.f_back
    while frame is not None and not is_ours(frame):
        frame = frame.f_back
    if taken_at is None or frame is None or taken_at.f_code.co_filename.endswith(_BOUNDARY):
        return None
    return taken_at.f_code.co_filename, taken_at.f_lineno, frame.f_code.co_filename


@contextmanager
def spied_locks(interruptions: Interruptions, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside the block every lock that is made is a spy, and so are those that our modules have."""
    makers = {_LOCK: lambda: Spy(_LOCK(), interruptions), _RLOCK: lambda: Spy(_RLOCK(), interruptions)}
    with monkeypatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if not name.startswith(("autogen_otel", "opentelemetry")) and name != "threading":
                continue
            for attribute, value in list(vars(module).items()):
                if isinstance(value, (type(_LOCK()), type(_RLOCK()))) and name.startswith("autogen_otel"):
                    patch.setattr(module, attribute, Spy(value, interruptions))
                elif value is _LOCK or value is _RLOCK:
                    patch.setattr(module, attribute, makers[value])
        yield


def fails() -> str:
    """A tool that always raises."""
    raise LookupError("no such policy")


def a_failing_tool_call() -> Handler:
    """What an interruption runs: the call of a tool that raises."""
    agent = user("interrupting")
    agent.register_function({"interrupting": fails})
    return lambda: agent.execute_function({"name": "interrupting", "arguments": "{}"})


def a_conversation(server: ScriptedServer) -> Handler:
    """A whole conversation, in which the tool raises."""
    return lambda: chat(user("interrupting"), assistant([entry(server)], "interrupting_too"))


def a_conversation_elsewhere(server: ScriptedServer) -> Handler:
    """A conversation in a thread that the handler waits for."""

    def run() -> None:
        import asyncio

        asyncio.run(a_chat(user("interrupting"), assistant([entry(server)], "interrupting_too")))

    def handle() -> None:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    return handle


class _Finalized:
    def __init__(self, finalize: Handler) -> None:
        self._finalize = finalize

    def __del__(self) -> None:
        self._finalize()


@contextmanager
def by_signal(handler: Handler) -> Iterator[Handler]:
    """Something that has a signal handler run this, at once."""
    previous = signal.signal(signal.SIGUSR1, lambda *_: handler())
    try:
        yield lambda: signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, previous)


@contextmanager
def by_finalizer(handler: Handler) -> Iterator[Handler]:
    """Something that has a finalizer run this, at once."""
    yield lambda: bool(weakref.ref(_Finalized(handler)))


class Spans(SpanProcessor):
    """Keeps the spans that have ended."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class Kept:
    """AutoGen instrumented with all that is recorded, and with the delivery that it brings along."""

    def __init__(self, folder: Path, *, is_shared: bool = False) -> None:
        self.settings = autogen_otel.Settings(
            capture_message_content=EVERYTHING.capture_message_content, journal="all", journal_dir=str(folder)
        )
        self.spans, self.reader, self.logs = Spans(), InMemoryMetricReader(), LogRecords()
        self.tracers: TracerProvider = delivery.build(self.settings)
        self.tracers.add_span_processor(self.spans)
        if not is_shared:
            # It has a lock that other threads wait for, whoever observes them.
            self.tracers.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
        autogen_otel.instrument(
            tracer_provider=self.tracers,
            meter_provider=MeterProvider([self.reader], shutdown_on_exit=False),
            logger_provider=self.logs.provider,
            settings=self.settings,
        )

    def end(self) -> None:
        """Switch off."""
        autogen_otel.uninstrument()
        self.tracers.shutdown()

    def names(self, *, interrupting: bool) -> list[str]:
        """The sorted names of the spans of interruptions, or of all others."""
        found = self.spans.ended
        ids = {one.context.span_id: one for one in found if one.context}

        def is_interrupting(span: Any) -> bool:
            while span is not None:
                if "interrupting" in span.name:
                    return True
                span = ids.get(span.parent.span_id) if span.parent else None
            return False

        return sorted(one.name for one in found if is_interrupting(one) is interrupting)


def spans_of(
    server: ScriptedServer,
    folder: Path,
    interruptions: Interruptions | None = None,
    trace: Any = None,
    *,
    is_shared: bool = False,
) -> Kept:
    """What is recorded of a conversation: a request that is tried again, and a tool that raises.

    Args:
        server: of the model.
        folder: of the journal.
        interruptions: are made while it is held.
        trace: is told of each line.
        is_shared: whether other threads use the same providers meanwhile.
    """
    kept = Kept(folder, is_shared=is_shared)
    try:
        agents = pair(server, fails)
        if interruptions is not None:
            interruptions.is_on = True
        sys.settrace(trace)
        chat(*agents)
    finally:
        sys.settrace(None)
        if interruptions is not None:
            interruptions.is_on = False
        kept.end()
    return kept


_SCRIPT: list[Any] = [error(500, "Down"), tool_call("fails", {}), text("Done. TERMINATE")]
HANDLERS = {
    "tool": lambda _: a_failing_tool_call(),
    "conversation": a_conversation,
    "thread": a_conversation_elsewhere,
}


@pytest.mark.parametrize(
    ("kind", "interrupt"),
    [("tool", by_signal), ("tool", by_finalizer), ("conversation", by_signal), ("thread", by_signal)],
    ids=["tool, signal", "tool, finalizer", "conversation, signal", "thread, signal"],
)
def test_no_lock_is_held_that_an_interruption_needs(
    kind: str,
    interrupt: Callable[[Handler], Any],
    our_errors: list[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    is_shared = kind == "thread"

    def held(interruptions: Interruptions, server: ScriptedServer) -> Kept:
        with spied_locks(interruptions, monkeypatch):
            return spans_of(server, tmp_path, interruptions, is_shared=is_shared)

    with ScriptedServer([text("TERMINATE")] * 500) as answering, ScriptedServer(_SCRIPT * 200) as server:
        found = Interruptions(lambda: None)
        plain = held(found, server).names(interrupting=False)
        assert len(found.places) > 10
        with interrupt(HANDLERS[kind](answering)) as handler:
            for place in found.places:
                # Anew for each place: what is done once, an earlier handler would have done.
                interruptions = Interruptions(handler, only=place)
                kept = held(interruptions, server)
                assert interruptions.hangs == [], interruptions.hangs[0]
                assert list(interruptions.places) == [place]
                assert kept.names(interrupting=False) == plain, place
                assert kept.names(interrupting=True), place


def test_each_line_of_ours_can_be_interrupted(
    our_errors: list[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    with ScriptedServer(_SCRIPT * 3) as server:
        interruptions = Interruptions(a_failing_tool_call())

        def trace(frame: FrameType, event: str, _argument: object) -> Any:
            if not is_ours(frame):
                return None
            if event == "line":
                interruptions.at((frame.f_code, frame.f_lineno))
            return trace

        plain = spans_of(server, tmp_path).names(interrupting=False)
        kept = spans_of(server, tmp_path, interruptions, trace)
    assert len(interruptions.places) > 500
    assert kept.names(interrupting=False) == plain
    assert len(kept.names(interrupting=True)) == len(interruptions.places)
