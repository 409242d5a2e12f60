"""An error inside any function of ours, one function at a time, never reaches the host: 100 %.

Functions that the host itself calls (our wrappers) are the boundary and are not made to fail; everything
that they call is. A function is made to fail by giving it code that raises, so that every caller meets it,
however it got hold of the function.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import autogen_otel
from autogen_otel.hooks import guard
from tests.support.conversations import CONVERSATIONS, Conversation, play
from tests.support.telemetry import EVERYTHING, instrumented

_PACKAGE = str(Path(autogen_otel.__file__).parent)
_FOR_TESTS = str(Path(autogen_otel.__file__).parent / "testing")
"""The model server: it is no part of what observes."""


def is_ours(code: types.CodeType) -> bool:
    """Whether code stands in the package."""
    return code.co_filename.startswith(_PACKAGE) and not code.co_filename.startswith(_FOR_TESTS)


class Reached:
    """Which of our functions a conversation calls, and which of them only we call."""

    def __init__(self) -> None:
        self.inner: set[types.CodeType] = set()
        self.called_by_host: set[types.CodeType] = set()

    def __call__(self, frame: types.FrameType, event: str, _argument: object) -> None:
        if event != "call" or not is_ours(frame.f_code):
            return
        back = frame.f_back
        ours = back is not None and is_ours(back.f_code)
        (self.inner if ours else self.called_by_host).add(frame.f_code)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread and those it starts."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def functions() -> dict[types.CodeType, list[types.FunctionType]]:
    """Every function object of ours that is alive, by code: closures have several for one code."""
    by_code: dict[types.CodeType, list[types.FunctionType]] = {}
    for candidate in gc.get_objects():
        if type(candidate) is types.FunctionType and is_ours(candidate.__code__):
            by_code.setdefault(candidate.__code__, []).append(candidate)
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


@pytest.mark.filterwarnings("ignore:Assigning a code object of non-matching type")
@pytest.mark.parametrize("shape", ["sync", "async"])
def test_a_fault_in_any_function_of_ours_leaves_the_host_unaffected(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "on_error", guard.log_once)
    plain = {conversation: play(conversation, shape) for conversation in CONVERSATIONS}
    reaching: dict[types.CodeType, list[Conversation]] = {}
    boundary: set[types.CodeType] = set()
    affected = []
    with instrumented(EVERYTHING):
        for conversation in CONVERSATIONS:
            play(conversation, shape)  # caches are warm afterwards, as they are in a running service
            reached = Reached()
            with reached.watching():
                assert play(conversation, shape) == plain[conversation]
            boundary |= reached.called_by_host
            for code in reached.inner:
                reaching.setdefault(code, []).append(conversation)
        alive = functions()
        inner = [code for code in reaching if code not in boundary and code in alive]
        assert len(inner) > 100, "too few functions were reached for this test to mean anything"
        for code in inner:
            with failing(code, alive[code]):
                # Another conversation for each shape, where several reach the function.
                conversation = reaching[code][0 if shape == "sync" else -1]
                # In a context of its own: a fault in leaving one leaves it entered.
                if contextvars.copy_context().run(play, conversation, shape) != plain[conversation]:
                    affected.append(f"{place(code)} in {conversation.name}")
    assert affected == []


def place(code: types.CodeType) -> str:
    """Where a function stands."""
    return f"{Path(code.co_filename).name}:{code.co_firstlineno} {code.co_name}"
