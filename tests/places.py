"""Places in a conversation where a secret can stand, each as a scene for some kinds of secret."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.server import ChatRequest, ScriptedServer, entry, error, text, tool_call
from tests.agents import assistant, configured, pair, user
from tests.kinds import Kind, lines_of
from tests.scenes import Scene
from tests.special_agents import with_local_executor

_DONE = text("Done. TERMINATE")
_IN_A_NAME = 2
"""Names are cut, so that not all kinds fit into one."""
FOLDER = tempfile.TemporaryDirectory(prefix="autogen-otel-places-")


@dataclass(frozen=True)
class Place:
    """Where the secrets stand.

    Args:
        name: of the place.
        scene: makes the conversation.
        at_once: how many kinds one conversation takes.
        variables: whether the secrets stand in environment variables too.
    """

    name: str
    scene: Callable[[Sequence[Kind]], Scene]
    at_once: int = 100
    variables: bool = False

    def shares(self, kinds: Sequence[Kind]) -> Iterator[Sequence[Kind]]:
        """The kinds in groups that fit."""
        return (kinds[at : at + self.at_once] for at in range(0, len(kinds), self.at_once))


def _tool(act: Callable[..., Any], arguments: Any = None) -> Scene:
    """One call of a tool."""
    script = [[tool_call("act", {"what": "x"} if arguments is None else arguments), _DONE]]

    def tool(what: str) -> Any:
        return act(what)

    tool.__name__ = "act"
    return Scene("tool", script, lambda servers: pair(servers[0], tool, raw=True))


def _raising(make: Callable[[], BaseException]) -> Scene:
    def act(_what: str) -> None:
        raise make()

    return _tool(act)


def _with_cause(message: str) -> BaseException:
    failure = RuntimeError("it failed")
    failure.__cause__ = ValueError(message)
    return failure


def _with_note(message: str) -> BaseException:
    failure = ValueError("it failed")
    failure.__notes__ = [message]  # type: ignore[attr-defined,unused-ignore]  # Python 3.10 has no add_note
    return failure


def _calling_each_other(kinds: Sequence[Kind]) -> Scene:
    """A function per kind, so that each has a line in the stack trace."""
    lines = [
        f"def act{number}(what, *_):\n    return act{number + 1}(what, {kind.written!r})\n"
        for number, kind in enumerate(kinds)
    ]
    lines.append(f"def act{len(kinds)}(*_):\n    raise OSError('no route')\n")
    # A file of its own each time, because Python remembers the lines of those it has shown.
    source = Path(tempfile.mkdtemp(dir=FOLDER.name)) / "source.py"
    source.write_text("\n".join(lines))
    spec = importlib.util.spec_from_file_location("places_source", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return _tool(module.act0)


def _asking(script: Any, message: str = "Hello", system: str | None = None, **fields: Any) -> Scene:
    """A question to a model."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        helper = assistant([entry(servers[0], **fields)])
        if system is not None:
            helper.update_system_message(system)
        return user(), helper

    return Scene("ask", [script], agents, {"message": message})


def _known_by_headers(kinds: Sequence[Kind]) -> dict[str, str]:
    return {f"X-{number}-Key": kind.secret for number, kind in enumerate(kinds)}


def _named(kinds: Sequence[Kind]) -> Scene:
    joined = "_".join(kind.secret for kind in kinds)

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return user(), assistant([entry(servers[0], default_headers=_known_by_headers(kinds))], f"a_{joined}")

    return Scene("named", [[_DONE]], agents)


def _answered(make: Callable[[str], Any]) -> Callable[[Sequence[Kind]], Scene]:
    """A model whose answer holds keys of the configuration."""

    def scene(kinds: Sequence[Kind]) -> Scene:
        answer = make(" ".join(kind.secret for kind in kinds))
        return _asking([answer, _DONE], default_headers=_known_by_headers(kinds))

    return scene


def _model_of_that_name(kinds: Sequence[Kind]) -> Scene:
    name = "_".join(kind.secret for kind in kinds)
    return _asking([_DONE], model=name, default_headers=_known_by_headers(kinds))


def _entry_each(
    fields: Callable[[ScriptedServer, Kind], dict[str, Any]],
) -> Callable[[Sequence[Kind]], Scene]:
    """An entry per kind; each is refused by a provider that repeats what it got."""

    def scene(kinds: Sequence[Kind]) -> Scene:
        told = iter(kinds)

        def refuse(_request: ChatRequest) -> Any:
            kind = next(told)
            return error(404, f"[{kind.name}] refused {kind.secret}")

        def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
            return user(), assistant([{**entry(servers[0]), **fields(servers[0], kind)} for kind in kinds])

        return Scene("entries", [refuse], agents)

    return scene


def _userinfo(server: ScriptedServer, kind: Kind) -> dict[str, Any]:
    return {"base_url": server.base_url.replace("http://", f"http://me:{kind.secret.replace('/', '%2F')}@")}


def _streamed(kinds: Sequence[Kind]) -> Scene:
    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return user(), configured(assistant([entry(servers[0])]), stream=True)

    return Scene("stream", [[text(f"{lines_of(kinds)}\nTERMINATE")]], agents)


def _printed(kinds: Sequence[Kind]) -> Scene:
    folder = Path(FOLDER.name) / "code"
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text(lines_of(kinds))
    code = text("```sh\ncat notes.txt\n```")

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return with_local_executor(folder), assistant([entry(servers[0])])

    return Scene("code", [[code, _DONE]], agents)


def _bare(kinds: Sequence[Kind]) -> str:
    return "\n".join(f"[{kind.name}] {kind.secret}" for kind in kinds)


def _named_class(kinds: Sequence[Kind]) -> Scene:
    name = "".join(f"E_{kind.secret}" for kind in kinds)
    return _raising(lambda: type(name, (Exception,), {})("it failed"))


def _in_tree(kinds: Sequence[Kind]) -> dict[str, Any]:
    return {"rows": [{kind.name: [kind.written]} for kind in kinds]}


PLACES: tuple[Place, ...] = (
    Place("argument", lambda kinds: _tool(str, {"what": lines_of(kinds)})),
    Place("argument of nested JSON", lambda kinds: _tool(str, {"what": json.dumps(_in_tree(kinds))})),
    Place("argument's name", lambda kinds: _tool(str, {"what": "x", **{kind.written: 1 for kind in kinds}})),
    Place("arguments that are no JSON", lambda kinds: _tool(str, f'{{"what": "{lines_of(kinds)}')),
    Place("tool's result", lambda kinds: _tool(lambda _: lines_of(kinds))),
    Place("tool's result of JSON", lambda kinds: _tool(lambda _: json.dumps(_in_tree(kinds)))),
    Place("exception", lambda kinds: _raising(lambda: ValueError(lines_of(kinds)))),
    Place("cause of an exception", lambda kinds: _raising(lambda: _with_cause(lines_of(kinds)))),
    Place("note of an exception", lambda kinds: _raising(lambda: _with_note(lines_of(kinds)))),
    Place("class of an exception", _named_class, _IN_A_NAME, variables=True),
    Place("line of source", _calling_each_other),
    Place("variable of the environment", lambda kinds: _tool(lambda _: _bare(kinds)), variables=True),
    Place("agent's name", _named, _IN_A_NAME),
    Place("model's name", _model_of_that_name, _IN_A_NAME),
    Place("unknown tool", _answered(lambda joined: tool_call(joined, {})), 1),
    Place("id of a call", _answered(lambda joined: tool_call("act", {}, joined)), _IN_A_NAME),
    Place("id of an answer", _answered(lambda joined: text("TERMINATE", overrides={"id": joined}))),
    Place("id of a request", _answered(lambda joined: error(400, "No", headers={"x-request-id": joined}))),
    Place("API key", _entry_each(lambda _, kind: {"api_key": kind.secret})),
    Place("userinfo of a URL", _entry_each(_userinfo)),
    Place("query of a URL", _entry_each(lambda at, kind: {"base_url": f"{at.base_url}?sig={kind.secret}"})),
    Place("header", _entry_each(lambda _, kind: {"default_headers": {"X-Gateway-Key": kind.secret}})),
    Place("refusal of a provider", lambda kinds: _asking([error(401, lines_of(kinds))])),
    Place("system prompt", lambda kinds: _asking([_DONE], system=lines_of(kinds))),
    Place("message of the user", lambda kinds: _asking([_DONE], lines_of(kinds))),
    Place("answer of the model", lambda kinds: _asking([text(f"{lines_of(kinds)}\nTERMINATE")])),
    Place("streamed answer", _streamed),
    Place("output of code", _printed),
)
