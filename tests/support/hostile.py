"""What a tool, a model, a configuration or an agent can be at its worst."""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from autogen import ConversableAgent, GroupChat, GroupChatManager

from autogen_otel.testing import ScriptedServer, entry
from tests.support.agents import Agents, assistant, llm_config, pair, user


def refuse(*_args: Any, **_options: Any) -> Any:
    """Do what no method should."""
    raise ZeroDivisionError("not even this works")


class Unprintable:
    """Nothing can be asked of it."""

    __repr__ = __str__ = __len__ = __bool__ = __iter__ = __getattr__ = __eq__ = __hash__ = refuse


class SullenError(Exception):
    """An exception that does not say what it is about."""

    __str__ = __repr__ = refuse


class ClosedError(Exception):
    """An exception whose attributes cannot be read."""

    def __getattribute__(self, name: str) -> Any:
        raise ZeroDivisionError(name)


class Mute:
    """A callable that can be called and nothing else."""

    def __call__(self, **_arguments: Any) -> str:
        return "spoken"

    __repr__ = __eq__ = __hash__ = refuse


def cyclic() -> list[Any]:
    """A list that holds itself."""
    items: list[Any] = [1]
    items.append(items)
    return items


def deep(levels: int = 20_000) -> list[Any]:
    """A list too deep to be walked by recursion."""
    items: list[Any] = []
    for _ in range(levels):
        items = [items]
    return items


VALUES: dict[str, Callable[[], Any]] = {
    "unprintable": Unprintable,
    "1 MB": lambda: "x" * 1_000_000,
    # More than any part of ours looks at, and few enough for the SDK, which walks them all by recursion.
    "many elements": lambda: list(range(25_000)),
    "cyclic": cyclic,
    "deep": deep,
    "bytes": lambda: b"\xff\xfe\x00" * 9,
    "not UTF-8": lambda: b"\x80abc".decode("utf-8", "surrogateescape"),
    "lone surrogates": lambda: "a\ud800b\udfff",
    "not a number": lambda: float("nan"),
    "a huge integer": lambda: 10**6000,
    "control characters": lambda: "\x00\x1b[31m\x7f",
    "None": lambda: None,
    "an exception": SullenError,
    "unprintable inside": lambda: {"inside": [Unprintable()]},
}


# Python 3.10 has it from a package.
_GROUP: Any = (
    getattr(builtins, "ExceptionGroup", None) or importlib.import_module("exceptiongroup").ExceptionGroup
)


def _recursive() -> Any:
    return _recursive()


def _grouped() -> Any:
    raise _GROUP("several", [ValueError("first"), SullenError(), _GROUP("deeper", [KeyError(1)])])


def _raiser(error: Callable[[], BaseException]) -> Callable[[], Any]:
    def act() -> Any:
        raise error()

    return act


def _own_cause() -> BaseException:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


ERRORS: dict[str, Callable[[], Any]] = {
    "whose str raises": _raiser(SullenError),
    "whose attributes raise": _raiser(ClosedError),
    "with a message of 1 MB": _raiser(lambda: ValueError("y" * 1_000_000)),
    "with surrogates": _raiser(lambda: ValueError("a\ud800b")),
    "with unprintable arguments": _raiser(lambda: ValueError(Unprintable())),
    "of endless recursion": _recursive,
    "in a group": _grouped,
    "that is its own cause": _raiser(_own_cause),
    "of a class named oddly": _raiser(type("Odd", (Exception,), {"__module__": 7})),
}


def with_tool(body: Callable[[], Any], *, raw: bool) -> Agents:
    """Agents with one tool that does this, whatever it is given."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        def act(what: str = "") -> Any:
            return body()

        return pair(servers[0], act, raw=raw)

    return agents


class Scripted:
    """A custom model client whose messages are any objects at all.

    Args:
        messages: what it answers, in order; then it ends the chat.
        response: further fields of each response.
    """

    def __init__(self, _config: Any, messages: Sequence[Callable[[], Any]], response: Any) -> None:
        self._messages, self._response = iter(messages), response

    def create(self, _params: Any) -> Any:
        message = next(self._messages, lambda: "Done. TERMINATE")()
        fields = {name: made() for name, made in self._response.items()}
        return SimpleNamespace(**{"model": "odd", "choices": [], "message": message, **fields})

    def message_retrieval(self, response: Any) -> list[Any]:
        return [response.message]

    def cost(self, _response: Any) -> float:
        return 0

    @staticmethod
    def get_usage(_response: Any) -> dict[str, Any]:
        return {}


def answered_by_client(*messages: Callable[[], Any], **response: Callable[[], Any]) -> Agents:
    """Agents whose model is a custom client that says this."""

    def agents(_servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker, helper = user(), assistant([{"model": "odd", "model_client_cls": "Scripted"}])
        helper.register_model_client(Scripted, messages=messages, response=response)
        asker.register_function({"act": lambda **_: "fine"})
        return asker, helper

    return agents


def calling(name: Any, arguments: Any) -> Callable[[], Any]:
    """A message that asks for a tool call of these parts."""
    function = {"name": name, "arguments": arguments}
    return lambda: {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": function}]}


def named(name: str) -> Agents:
    """Agents of which one has this name."""
    return lambda servers: (user(), assistant([entry(servers[0])], name))


def configured(**fields: Any) -> Agents:
    """Agents with an entry that has these fields."""
    return lambda servers: (user(), assistant([entry(servers[0], **fields)]))


def with_map(function: Any) -> Agents:
    """Agents with this object in the function map."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker = user()
        asker._function_map = {"act": function}
        return asker, assistant([entry(servers[0])])

    return agents


class OwnTools(ConversableAgent):  # type: ignore[misc]
    """Runs tools its own way, and answers with something odd."""

    def execute_function(self, func_call: Any, *_args: Any, **_options: Any) -> Any:
        return True, {"name": func_call["name"], "role": "function", "content": "by my own means"}


class OwnReplies(ConversableAgent):  # type: ignore[misc]
    """Answers without a model."""

    def generate_reply(self, *_args: Any, **_options: Any) -> Any:
        return "I said so. TERMINATE"


class OddName(ConversableAgent):  # type: ignore[misc]
    """Does not like to be asked its name."""

    asked = 0

    @property
    def name(self) -> str:
        type(self).asked += 1
        if sys._getframe(1).f_globals["__name__"].startswith("autogen_otel"):
            raise ZeroDivisionError("none of your business")
        return str(self._name)


def of_class(cls: type) -> Agents:
    """Agents of which the one that runs tools is of this class."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker = cls("user", llm_config=False, human_input_mode="NEVER", code_execution_config=False)
        asker.register_function({"act": lambda **_: "fine"})
        return asker, assistant([entry(servers[0])])

    return agents


class Selector:
    """Chooses speakers without being a function."""

    def __call__(self, last: Any, group: Any) -> Any:
        return group.agents[(group.agents.index(last) + 1) % len(group.agents)]

    __getattr__ = __repr__ = refuse


def selected_by(method: Any) -> Agents:
    """A group whose next speaker this chooses."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker, member = user(), assistant([entry(servers[0])])
        group = GroupChat([asker, member], [], max_round=3, speaker_selection_method=method)
        return asker, GroupChatManager(groupchat=group, llm_config=llm_config([entry(servers[0])]))

    return agents


CALLABLES: dict[str, Any] = {
    "that is mute": Mute(),
    "that is a partial": functools.partial(lambda **_: "fine"),
    "that is a class": dict,
    "that is a builtin": len,
    "that is no function": "nothing to call",
    "that is unprintable": Unprintable(),
}
