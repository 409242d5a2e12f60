"""Conversations with secrets in them: ``PLANTS`` hold known ones, ``PLACES`` take any kinds of secret."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autogen_otel.testing import (
    ChatRequest,
    ScriptedServer,
    entry,
    error,
    raw,
    text,
    tool_call,
    tool_calls,
)
from tests.support.agents import Agents, assistant, configured, pair, user, with_local_executor
from tests.support.conversations import Conversation
from tests.support.lineage import IS_09
from tests.support.secrets import (
    AWS_ID,
    AWS_SECRET,
    AZURE,
    BEARER,
    ENVIRONMENT,
    HEADER,
    JWT,
    KEY,
    OPENAI,
    OTHER_KEY,
    PASSWORD,
    QUERY,
    Kind,
    lines_of,
)

_DONE = text("Done. TERMINATE")
_IN_A_NAME = 2
"""Names are cut, so that not all kinds fit into one."""
FOLDER = tempfile.TemporaryDirectory(prefix="autogen-otel-places-")


@dataclass(frozen=True)
class Place:
    """Where the secrets stand.

    Args:
        name: of the place.
        conversation: makes the conversation.
        at_once: how many kinds one conversation takes.
        variables: whether the secrets stand in environment variables too.
    """

    name: str
    conversation: Callable[[Sequence[Kind]], Conversation]
    at_once: int = 100
    variables: bool = False

    def shares(self, kinds: Sequence[Kind]) -> Iterator[Sequence[Kind]]:
        """The kinds in groups that fit."""
        return (kinds[at : at + self.at_once] for at in range(0, len(kinds), self.at_once))


def _tool(act: Callable[..., Any], arguments: Any = None) -> Conversation:
    """One call of a tool."""
    script = [[tool_call("act", {"what": "x"} if arguments is None else arguments), _DONE]]

    def tool(what: str) -> Any:
        return act(what)

    tool.__name__ = "act"
    return Conversation("tool", script, lambda servers: pair(servers[0], tool, raw=True))


def _raising(make: Callable[[], BaseException]) -> Conversation:
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


def _calling_each_other(kinds: Sequence[Kind]) -> Conversation:
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


def _asking(script: Any, message: str = "Hello", system: str | None = None, **fields: Any) -> Conversation:
    """A question to a model."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        helper = assistant([entry(servers[0], **fields)])
        if system is not None:
            helper.update_system_message(system)
        return user(), helper

    return Conversation("ask", [script], agents, {"message": message})


def _known_by_headers(kinds: Sequence[Kind]) -> dict[str, str]:
    return {f"X-{number}-Key": kind.secret for number, kind in enumerate(kinds)}


def _named(kinds: Sequence[Kind]) -> Conversation:
    joined = "_".join(kind.secret for kind in kinds)

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return user(), assistant([entry(servers[0], default_headers=_known_by_headers(kinds))], f"a_{joined}")

    return Conversation("named", [[_DONE]], agents)


def _answered(make: Callable[[list[str]], Any]) -> Callable[[Sequence[Kind]], Conversation]:
    """A model whose answer holds keys of the configuration."""

    def conversation(kinds: Sequence[Kind]) -> Conversation:
        answer = make([kind.secret for kind in kinds])
        return _asking([answer, _DONE], default_headers=_known_by_headers(kinds))

    return conversation


def _model_of_that_name(kinds: Sequence[Kind]) -> Conversation:
    name = "_".join(kind.secret for kind in kinds)
    return _asking([_DONE], model=name, default_headers=_known_by_headers(kinds))


def _entry_each(
    fields: Callable[[ScriptedServer, Kind], dict[str, Any]],
) -> Callable[[Sequence[Kind]], Conversation]:
    """An entry per kind; each is refused by a provider that repeats what it got."""

    def conversation(kinds: Sequence[Kind]) -> Conversation:
        remaining = iter(kinds)

        def refuse(_request: ChatRequest) -> Any:
            kind = next(remaining)
            return error(404, f"[{kind.name}] refused {kind.secret}")

        def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
            return user(), assistant([{**entry(servers[0]), **fields(servers[0], kind)} for kind in kinds])

        return Conversation("entries", [refuse], agents)

    return conversation


def _userinfo(server: ScriptedServer, kind: Kind) -> dict[str, Any]:
    return {"base_url": server.base_url.replace("http://", f"http://me:{kind.secret.replace('/', '%2F')}@")}


def _streamed(kinds: Sequence[Kind]) -> Conversation:
    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return user(), configured(assistant([entry(servers[0])]), stream=True)

    return Conversation("stream", [[text(f"{lines_of(kinds)}\nTERMINATE")]], agents)


def _printed(kinds: Sequence[Kind]) -> Conversation:
    folder = Path(FOLDER.name) / "code"
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text(lines_of(kinds))
    code = text("```sh\ncat notes.txt\n```")

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return with_local_executor(folder), assistant([entry(servers[0])])

    return Conversation("code", [[code, _DONE]], agents)


def _bare(kinds: Sequence[Kind]) -> str:
    return "\n".join(f"[{kind.name}] {kind.secret}" for kind in kinds)


def _named_class(kinds: Sequence[Kind]) -> Conversation:
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
    Place("unknown tool", _answered(lambda keys: tool_calls([(key, {}) for key in keys]))),
    Place("id of a call", _answered(lambda keys: tool_calls([("act", {}, key) for key in keys]))),
    Place("id of an answer", _answered(lambda keys: text("TERMINATE", overrides={"id": " ".join(keys)}))),
    Place(
        "id of a request",
        _answered(lambda keys: error(400, "No", headers={"x-request-id": " ".join(keys)})),
    ),
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

CANARY = "canary-7"
"""Stands beside a secret: that it is exported proves that the secret's place is."""


@dataclass(frozen=True, eq=False)
class Plant:
    """A conversation with secrets in it.

    Args:
        name: where they are.
        script: of the servers; the first is the first entry's.
        agents: makes the two agents.
        shows: what stands beside the secret and has to be exported.
        options: for ``initiate_chat``.
    """

    name: str
    script: Sequence[Any]
    agents: Agents
    shows: str = CANARY
    options: Any = None

    @property
    def conversation(self) -> Conversation:
        """As the other contract tests have it."""
        return Conversation(self.name, self.script, self.agents, self.options)


def first_entry(server: ScriptedServer, **extra: Any) -> dict[str, Any]:
    return {**entry(server), "api_key": KEY, **extra}


def _with_tool(body: Callable[[str], Any], *, raw: bool = True) -> Agents:
    """Agents whose only tool does this; the key of their entry is ``KEY``."""

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        def act(what: str) -> Any:
            return body(what)

        return pair(servers[0], act, entries=[first_entry(servers[0])], raw=raw)

    return agents


def one_call(arguments: Any = None) -> list[Any]:
    return [[tool_call("act", arguments or {"what": "x"}), _DONE]]


def returning(value: str) -> Callable[[str], Any]:
    return lambda _what: value


def raising(message: str) -> Callable[[str], Any]:
    def act(_what: str) -> Any:
        raise ValueError(message)

    return act


def raising_from(message: str) -> Callable[[str], Any]:
    def act(what: str) -> Any:
        try:
            raising(message)(what)
        except ValueError as inner:
            raise RuntimeError("it failed") from inner

    return act


def _two_entries(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    second = {**entry(servers[1], "gpt-4o-mini"), "api_key": OTHER_KEY}
    return user(), assistant([first_entry(servers[0]), second])


def _one_entry(**extra: Any) -> Agents:
    return lambda servers: (user(), assistant([first_entry(servers[0], **extra)]))


def _with_userinfo(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    url = servers[0].base_url.replace("http://", f"http://{CANARY}-user:{PASSWORD}@")
    return user(), assistant([first_entry(servers[0], base_url=url)])


def _with_query(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(), assistant([first_entry(servers[0], base_url=f"{servers[0].base_url}?page=3&sig={QUERY}")])


def _azure(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    azure = {
        "model": "gpt-4o",
        "api_type": "azure",
        "api_key": AZURE,
        "base_url": servers[0].origin,
        "api_version": "2024-06-01",
    }
    return user(), assistant([azure])


def _agents_named(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(f"user_{KEY}"), assistant([first_entry(servers[0])], f"{CANARY}_{KEY}")


def _tool_of_that_name(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    asker, helper = user(), assistant([first_entry(servers[0])])
    asker.register_function({f"act_{KEY}": lambda **_: CANARY})
    return asker, helper


def _strict(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    def act(amount: int, password: int = 0) -> str:
        return str(amount + password)

    return pair(servers[0], act, entries=[first_entry(servers[0])])


_OVER = [f"{'x' * (8192 - beyond)}{KEY} {'y' * 400}" for beyond in (4, 20, 39, 70)]

_ESCAPED = repr(f"\n{OPENAI}\n{KEY}\napi_key={AZURE}\n{JWT}\t")

PLANTS = (
    Plant(
        "echoed by the provider",
        [[error(401, f"Incorrect API key provided: {KEY}")], [text(f"No {OTHER_KEY}. TERMINATE")]],
        _two_entries,
        "Incorrect API key provided",
    ),
    Plant(
        "echoed by both providers",
        [[error(401, f"Wrong: {KEY}")], [error(403, f"{CANARY} {OTHER_KEY} {KEY}")]],
        _two_entries,
    ),
    Plant(
        "half hidden by the provider",
        [[error(401, f"Incorrect API key provided: {OPENAI[:8]}********{OPENAI[-4:]}. {CANARY}")]],
        _one_entry(api_key=OPENAI),
    ),
    Plant(
        "default headers",
        [[error(403, f"{CANARY} refuses {HEADER} and {BEARER}")]],
        _one_entry(default_headers={"X-Gateway-Key": HEADER, "Authorization": f"Bearer {BEARER}"}),
    ),
    # 0.9 lets no entry have one.
    *(
        [
            Plant(
                "default query",
                [[error(403, f"{CANARY} refuses {QUERY}")]],
                _one_entry(default_query={"sig": QUERY}),
            )
        ]
        if not IS_09
        else []
    ),
    Plant("Azure", [[error(401, f"{CANARY}: Access denied for key {AZURE}")]], _azure),
    Plant("userinfo", [[error(401, f"{CANARY}: not {PASSWORD}")]], _with_userinfo),
    Plant("query of the base URL", [[]], _with_query, "page=3"),
    Plant(
        "headers of the answer",
        [[error(500, CANARY, headers={"x-request-id": f"req-{KEY}", "retry-after-ms": "1"})] * 3],
        _one_entry(),
        "req-",
    ),
    Plant("id of the answer", [[text("Done. TERMINATE", overrides={"id": f"{CANARY}-{KEY}"})]], _one_entry()),
    Plant("model of the answer", [[text("Done. TERMINATE", model=f"{CANARY}-{KEY}")]], _one_entry()),
    Plant(
        "finish reason",
        [[text("Done. TERMINATE", finish_reason=f"{CANARY}-{KEY}")]],
        _one_entry(),
    ),
    Plant(
        "HTML", [[raw(500, {"content-type": "text/html"}, f"<p>{KEY}</p>".encode())] * 3], _one_entry(), "500"
    ),
    Plant("exception", one_call(), _with_tool(raising(f"{CANARY}: {KEY} and {OPENAI}"))),
    Plant("exception of a registered tool", one_call(), _with_tool(raising(f"{CANARY}: {KEY}"), raw=False)),
    Plant("chained cause", one_call(), _with_tool(raising_from(f"{CANARY} has {KEY} and {OPENAI}"))),
    Plant("known formats", one_call(), _with_tool(raising(f"{CANARY} {AWS_ID} {JWT} Bearer {BEARER}"))),
    Plant("assignments", one_call(), _with_tool(raising(f"{CANARY} aws_secret_access_key={AWS_SECRET}"))),
    Plant("environment", one_call(), _with_tool(raising(f"{CANARY} {ENVIRONMENT}"))),
    Plant(
        "result", one_call(), _with_tool(lambda _: f"{CANARY} {KEY} {OPENAI} {JWT} {AWS_ID} Bearer {BEARER}")
    ),
    Plant(
        "result of JSON",
        one_call(),
        _with_tool(
            lambda _: json.dumps({"name": CANARY, "password": PASSWORD, "inner": [{"api_key": AZURE}]})
        ),
    ),
    Plant("arguments", one_call({"what": f"{CANARY} {KEY} {OPENAI}"}), _with_tool(lambda _: "fine")),
    Plant(
        "arguments that are no JSON", one_call(f'{{"what": "{CANARY}", "api_key": "{KEY}"'), _with_tool(str)
    ),
    Plant("a password argument", one_call({"what": CANARY, "password": PASSWORD}), _with_tool(str)),
    Plant("a mistyped password", one_call({"amount": CANARY, "password": PASSWORD}), _strict),
    Plant("a mistyped argument", one_call({"amount": f"{CANARY} {KEY}"}), _strict),
    Plant(
        "an unknown argument",
        one_call({"what": "x", f"{CANARY}_{KEY}": 1, "api_key": AZURE}),
        _with_tool(str),
    ),
    Plant("an unknown tool", [[tool_call(f"{CANARY}_{KEY}"[:64], {}), _DONE]], _with_tool(str)),
    Plant("a tool's name", [[tool_call(f"act_{KEY}", {}), _DONE]], _tool_of_that_name),
    Plant("a call's id", [[tool_call("act", {"what": "x"}, f"{CANARY}-{KEY}"), _DONE]], _with_tool(str)),
    Plant("agents' names", [[_DONE]], _agents_named),
    Plant("a model's name", [[_DONE]], _one_entry(model=f"{CANARY}-{KEY}")),
    Plant("surrogates", one_call(), _with_tool(raising(f"{CANARY} \udc80{KEY}\ud800{OPENAI}\udfff"))),
    Plant(
        "escapes", one_call(), _with_tool(raising(f"{CANARY} {_ESCAPED} \x00{OPENAI}\x1b[32m{OPENAI}\x1b[0m"))
    ),
    *(
        Plant(f"at the cut, {at}", one_call(), _with_tool(raising(message)), "xxxx")
        for at, message in enumerate(_OVER)
    ),
    *(
        Plant(f"at the cut of a result, {at}", one_call(), _with_tool(returning(message)), "xxxx")
        for at, message in enumerate(_OVER)
    ),
    *(
        Plant(
            f"at the cut of arguments, {at}",
            one_call({"what": message}),
            _with_tool(lambda _: "fine"),
            "xxxx",
        )
        for at, message in enumerate(_OVER)
    ),
)
