"""Objects of users' are touched no more than without us: each attribute, key and method is counted.

Asking an object for its class is not counted: it is what ``isinstance`` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from autogen_otel.testing import ScriptedServer, text, tool_call
from tests.support.agents import SHAPES, assistant, converse, pair, user
from tests.support.models import HouseModel
from tests.support.telemetry import EVERYTHING, instrumented

_TOUCHED: Counter[str] = Counter()
_DUNDERS = (
    *("__str__", "__repr__", "__eq__", "__ne__", "__lt__", "__hash__", "__bool__", "__len__", "__iter__"),
    *("__getitem__", "__contains__", "__format__", "__bytes__", "__reversed__", "__reduce_ex__", "__dir__"),
)


def _counted(base: type, name: str) -> Any:
    def touch(self: Any, *args: Any, **kwargs: Any) -> Any:
        _TOUCHED[f"{type(self).__name__}: {name}"] += 1
        return getattr(super(kind, self), name)(*args, **kwargs)

    kind = base
    return touch


def watched(base: type) -> type:
    """A subclass that counts whatever is done with its objects."""
    kind = type(f"Watched{base.__name__.title()}", (base,), {"__module__": __name__})

    attributes: Any = base.__getattribute__

    def attribute(self: Any, name: str) -> Any:
        if name != "__class__":
            _TOUCHED[f"{kind.__name__}.{name}"] += 1
        return attributes(self, name)

    kind.__getattribute__ = attribute  # type: ignore[assignment, method-assign]
    for name in _DUNDERS:
        if hasattr(base, name):
            setattr(kind, name, _counted(kind, name))
    return kind


class Lazy(Mapping[str, Any]):
    """A mapping that works its values out when it is asked for them."""

    def __getitem__(self, key: str) -> Any:
        return {"error": "none", "status": "failed"}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("error", "status"))

    def __len__(self) -> int:
        return 2


class Answering:
    """An object that answers to any name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return True

    def __str__(self) -> str:
        return "all is well"


RESULTS: dict[str, Callable[[], Any]] = {
    "object": watched(object),
    "lazy mapping": watched(Lazy),
    "answers to any name": watched(Answering),
    "dict": lambda: watched(dict)(error="no such policy"),
    "list": lambda: watched(list)([1, 2]),
    "str": lambda: watched(str)('{"error": "no such policy"}'),
    "int": lambda: watched(int)(7),
    "exception": lambda: watched(ValueError)("no such policy"),
    "inside a dict": lambda: {"error": watched(Answering)()},
    "inside a list": lambda: [watched(Answering)()],
}


def _touches(play: Callable[[], Any]) -> Counter[str]:
    for _ in range(2):
        # The host remembers some things of the first time.
        _TOUCHED.clear()
        with suppress(Exception):  # what it comes to is another test's concern
            play()
    return Counter(_TOUCHED)


def _no_more(play: Callable[[], Any], besides: tuple[str, ...] = ()) -> None:
    without = _touches(play)
    with instrumented(EVERYTHING):
        more = _touches(play) - without
    assert {name: count for name, count in more.items() if not name.endswith(besides or ("-",))} == {}


@SHAPES
@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("raw", [True, False], ids=["function map", "checked"])
def test_what_a_tool_returns(our_errors: list[BaseException], name: str, shape: str, raw: bool) -> None:
    def act() -> Any:
        return RESULTS[name]()

    def play() -> None:
        with ScriptedServer([tool_call("act", {}), text("Done. TERMINATE")]) as server:
            converse(shape, *pair(server, act, raw=raw))

    _no_more(play)


@SHAPES
@pytest.mark.parametrize("kind", [ValueError, KeyError, OSError])
def test_what_a_tool_raises(our_errors: list[BaseException], shape: str, kind: type[Exception]) -> None:
    def act() -> Any:
        raise watched(kind)("no such policy")

    def play() -> None:
        with ScriptedServer([tool_call("act", {}), text("Done. TERMINATE")]) as server:
            converse(shape, *pair(server, act))

    # An exception is what says why, so it is asked for its text and its notes, and for nothing else.
    _no_more(play, besides=("__str__", "__notes__"))


@SHAPES
@pytest.mark.parametrize("name", RESULTS)
def test_what_an_agent_has_in_its_attributes(our_errors: list[BaseException], name: str, shape: str) -> None:
    def play() -> None:
        with ScriptedServer([text("Done. TERMINATE")]) as server:
            asker, helper = pair(server)
            helper.memory, helper.policy, asker.notes = RESULTS[name](), RESULTS[name](), RESULTS[name]()
            converse(shape, asker, helper)

    _no_more(play)


class _Client(HouseModel):
    """A custom client with answers of any kind."""

    respond: Any = None

    def create(self, params: dict[str, Any]) -> Any:
        return type(self).respond(super().create(params))

    def message_retrieval(self, response: Any) -> list[str]:
        return [str(response.choices[0].message.content)]

    def cost(self, response: Any) -> float:
        return 0 if response.model else 1


def _in_content(response: Any, value: Any) -> Any:
    response.choices[0].message.content = value
    return response


def _in_tools(response: Any, value: Any) -> Any:
    response.choices[0].message.tool_calls = value
    return response


@SHAPES
@pytest.mark.parametrize("place", [_in_content, _in_tools])
@pytest.mark.parametrize("name", RESULTS)
def test_what_a_model_client_answers(
    our_errors: list[BaseException], monkeypatch: pytest.MonkeyPatch, name: str, place: Any, shape: str
) -> None:
    monkeypatch.setattr(_Client, "respond", lambda response: place(response, RESULTS[name]()))

    def play() -> None:
        helper = assistant([{"model": "house-1", "model_client_cls": "_Client"}])
        helper.register_model_client(model_client_cls=_Client)
        converse(shape, user(), helper, max_turns=1)

    _no_more(play)
