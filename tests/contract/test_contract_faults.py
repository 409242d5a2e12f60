"""An error inside any function of ours, one function at a time, never reaches the host: 100 %.

Functions that the host itself calls (our wrappers) are the boundary and are not made to fail; everything
that they call is. A function is made to fail by giving it code that raises, so that every caller meets it,
however it got hold of the function. How many were reached is said at the end of the run, and which were not,
and why, is in its report (``--junit-xml``; ``unreached`` has the reasons).

Hooks, operations and rendering are the same code for sync and async and on all lineages. So two environments
that have the same host (``lineage.SHAPES``) hold the conversations in one call shape each; one that
has a host alone holds them in both, and in the second makes functions fail that the first did not reach.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import autogen_otel
from autogen_otel.delivery import spans as delivery
from autogen_otel.hooks import drive, guard
from tests.contract.unreached import reason
from tests.support.conversations import CONVERSATIONS, Conversation, Outcome, play
from tests.support.lineage import NAME, SHAPES
from tests.support.telemetry import EVERYTHING, LogRecords
from tests.support.ways import WAYS

_PACKAGE = Path(autogen_otel.__file__).parent
_FOR_TESTS = str(_PACKAGE / "testing")
"""The model server: it is no part of what observes."""
_OBSERVING = (
    "causes",
    "hooks",
    "hosts/classic/conversations",
    "hosts/classic/first_sight.py",
    "hosts/classic/hidden_agents.py",
    "hosts/classic/models",
    "hosts/classic/table.py",
    "hosts/classic/tools",
    "hosts/sdk",
    "operations",
    "reading.py",
    "recording",
    "redaction",
    "rendering",
    "vocabulary",
)
"""What runs inside calls of the host's, and is counted; of delivery what takes spans over does too."""

_OF_A_PACKAGE = {"recording/prices.py": "genai_prices", "recording/rates.py": "genai_prices"}
"""What nothing reaches where another package is not installed."""

_OF_NO_HOST = {"hooks/parts.py"}
"""Kinds of functions that the host here does not have: ``test_contract_kinds`` makes these fail."""

_LEAST_SHARE = 0.72
"""Of the functions that exist; fewer than before means that a conversation has been lost."""

ALL = (*CONVERSATIONS, *WAYS)


def is_ours(code: types.CodeType) -> bool:
    """Whether code stands in the package."""
    return code.co_filename.startswith(str(_PACKAGE)) and not code.co_filename.startswith(_FOR_TESTS)


def _called_by_us(frame: types.FrameType) -> bool:
    """Whether the call comes from us, be it by way of OpenTelemetry's SDK."""
    back = frame.f_back
    while back is not None and "/opentelemetry/" in back.f_code.co_filename:
        back = back.f_back
    return back is not None and is_ours(back.f_code)


class Reached:
    """Which of our functions a conversation calls, and which of them only we call.

    Attributes:
        calls: how many calls of ours there were.
    """

    def __init__(self) -> None:
        self.inner: set[types.CodeType] = set()
        self.called_by_host: set[types.CodeType] = set()
        self.calls = 0

    def called(self, frame: types.FrameType) -> None:
        """Take one call of ours in."""
        self.calls += 1
        (self.inner if _called_by_us(frame) else self.called_by_host).add(frame.f_code)


@contextmanager
def watching() -> Iterator[Reached]:
    """Watch all threads; the host's code, which does nearly all that is done, as seldom as Python can."""
    reached = Reached()
    watch = _monitored if sys.version_info >= (3, 12) else _traced
    with watch(reached):
        yield reached


@contextmanager
def _traced(reached: Reached) -> Iterator[None]:
    # Python calls it once a call, since it wants no lines; a profile function, for returns and C as well.
    def trace(frame: types.FrameType, _event: str, _argument: object) -> None:
        if is_ours(frame.f_code):
            reached.called(frame)

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


@contextmanager
def _monitored(reached: Reached) -> Iterator[None]:
    # Older Pythons, by which types are checked, have no such module. It watches threads that were there, too.
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def take(frame: types.FrameType) -> None:
        if threading.get_ident() not in others:
            reached.called(frame)

    def entered(code: types.CodeType, *_: object) -> object:
        if not is_ours(code):
            return monitoring.DISABLE
        take(sys._getframe(1))
        return None

    def thrown_into(code: types.CodeType, *_: object) -> None:
        # This event cannot be disabled.
        if is_ours(code):
            take(sys._getframe(1))

    callbacks = {"PY_START": entered, "PY_RESUME": entered, "PY_THROW": thrown_into}
    events = {getattr(monitoring.events, name): callback for name, callback in callbacks.items()}
    tool = monitoring.PROFILER_ID
    monitoring.use_tool_id(tool, __name__)
    try:
        for event, callback in events.items():
            monitoring.register_callback(tool, event, callback)
        monitoring.set_events(tool, sum(events))
        yield
    finally:
        monitoring.set_events(tool, 0)
        for event in events:
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)


def functions() -> dict[types.CodeType, list[types.FunctionType]]:
    """Every function object of ours that is alive, by code: closures have several for one code."""
    by_code: dict[types.CodeType, list[types.FunctionType]] = {}
    gc.unfreeze()
    for candidate in gc.get_objects():
        if type(candidate) is types.FunctionType and is_ours(candidate.__code__):
            by_code.setdefault(candidate.__code__, []).append(candidate)
    # As it was: else the collector goes through all modules again and again, in later tests too.
    gc.freeze()
    return by_code


def raising(code: types.CodeType) -> types.CodeType:
    """Code that raises at once, with as many closure cells as the code it replaces."""
    cells = ", ".join(f"cell{number}" for number in range(len(code.co_freevars)))
    uses = f"({cells},)" if cells else "()"
    source = (
        f"def outer({cells}):\n"
        f"    def fault(*args, **kwargs):\n"
        f"        {uses}\n"
        f"        raise KeyError('planted fault')\n"
        f"    return fault\n"
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - the number of cells is known only here
    made = namespace["outer"](*([None] * len(code.co_freevars)))
    return made.__code__  # type: ignore[no-any-return]


@contextmanager
def failing(code: types.CodeType, hit: list[types.FunctionType]) -> Iterator[None]:
    """Inside the block every function with this code raises."""
    fault = raising(code)
    try:
        for function in hit:
            function.__code__ = fault
        yield
    finally:
        for function in hit:
            function.__code__ = code


@contextmanager
def observed(folder: Path) -> Iterator[None]:
    """AutoGen instrumented with all that can be recorded, and with the delivery that it brings along."""
    settings = autogen_otel.Settings(
        capture_message_content=EVERYTHING.capture_message_content, journal="all", journal_dir=str(folder)
    )
    provider = delivery.build(settings)
    assert autogen_otel.instrument(
        tracer_provider=provider,
        meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
        logger_provider=LogRecords().provider,
        settings=settings,
    ).attached
    try:
        yield
    finally:
        autogen_otel.uninstrument()
        provider.shutdown()


def existing() -> set[tuple[str, str]]:
    """Every function of what observes: its file and its qualified name."""
    found: set[tuple[str, str]] = set()
    for room in _OBSERVING:
        for file in [_PACKAGE / room] if room.endswith(".py") else (_PACKAGE / room).rglob("*.py"):
            name = str(file.relative_to(_PACKAGE))
            package = _OF_A_PACKAGE.get(name)
            if name not in _OF_NO_HOST and (package is None or find_spec(package) is not None):
                code = compile(file.read_text("utf-8"), str(file), "exec")
                found |= {named(one) for one in _functions_in(code)}
    return found


def _functions_in(code: types.CodeType) -> Iterator[types.CodeType]:
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            # Classes have no locals of their own; what is written inside brackets is part of its function.
            if one.co_flags & 1 and (one.co_name == "<lambda>" or not one.co_name.startswith("<")):
                yield one
            yield from _functions_in(one)


def named(code: types.CodeType) -> tuple[str, str]:
    """How a function is called in ``unreached``: its file in the package, and its line and name."""
    return str(Path(code.co_filename).relative_to(_PACKAGE)), f"{code.co_firstlineno} {code.co_name}"


def _outcome(conversation: Conversation, shape: str) -> Outcome:
    # In a context of its own: a fault in leaving one leaves it entered.
    return contextvars.copy_context().run(play, conversation, shape)


@pytest.mark.filterwarnings("ignore:Assigning a code object of non-matching type")
def test_a_fault_in_any_function_of_ours_leaves_the_host_unaffected(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(guard, "on_error", guard.log_once)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    there, made_to_fail = existing(), set[types.CodeType]()
    for shape in SHAPES:
        plain = {conversation: play(conversation, shape) for conversation in ALL}
        reaching: dict[types.CodeType, list[tuple[int, int, Conversation]]] = {}
        boundary: set[types.CodeType] = set()
        affected = []
        with observed(tmp_path):
            for conversation in ALL:
                play(conversation, shape)  # caches are warm afterwards, as they are in a running service
                with watching() as reached:
                    assert play(conversation, shape) == plain[conversation], conversation.name
                boundary |= reached.called_by_host
                # Requests are what a conversation takes long for.
                length = (len(plain[conversation].requests), reached.calls)
                for code in reached.inner:
                    reaching.setdefault(code, []).append((*length, conversation))
            alive = functions()
            inner = [code for code in reaching if code not in boundary and code in alive]
            failing_now = [code for code in inner if code not in made_to_fail]
            for code in failing_now:
                # The shortest one, and in the other call shape another one, where several reach the function.
                shortest = sorted(reaching[code], key=lambda one: one[:2])[:2]
                conversation = shortest[0 if shape == "sync" else -1][-1]
                with failing(code, alive[code]):
                    if _outcome(conversation, shape) != plain[conversation]:
                        affected.append(f"{place(code)} in {conversation.name}")
        made_to_fail.update(failing_now)
        reached_here = {named(code) for code in (*inner, *boundary)} & there
        missed = sorted((*one, reason(one[0], one[1].partition(" ")[2])) for one in there - reached_here)
        part = len(reached_here) / len(there)
        record_property(
            "summary",
            f"host safety, {NAME}, {shape}: {len(failing_now)} functions made to fail, "
            f"{len(affected)} of them felt; of the {len(there)} functions of what observes "
            f"{len(reached_here)} were reached ({part:.1%})",
        )
        record_property("unreached", missed)
        assert affected == []
        assert part >= _LEAST_SHARE, missed


@pytest.mark.filterwarnings("ignore:Assigning a code object of non-matching type")
def test_a_fault_in_reporting_a_fault_leaves_the_host_unaffected(tmp_path: Path) -> None:
    conversation = next(one for one in CONVERSATIONS if one.name == "tool raises")
    plain = play(conversation, "sync")
    with observed(tmp_path):
        begin: Any = drive.Boundary.begin
        for name in ("report", "log_once", "_frames", "_innermost_frame"):
            reporting = getattr(guard, name)
            with failing(begin.__code__, [begin]), failing(reporting.__code__, [reporting]):
                assert _outcome(conversation, "sync") == plain, name


def place(code: types.CodeType) -> str:
    """Where a function stands."""
    return f"{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_name}"
