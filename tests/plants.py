"""Secrets, and conversations in which they stand wherever a secret can stand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import autogen

from scenarios.server import ScriptedServer, entry, error, raw, text, tool_call
from tests.agents import assistant, pair, user
from tests.scenes import Scene


def random_text(seed: str, length: int = 40) -> str:
    """Letters and digits without the format of any known issuer."""
    return (hashlib.sha256(seed.encode()).hexdigest() * 4)[:length]


KEY = random_text("the key of the first entry")
OTHER_KEY = random_text("the key of the second entry")
HEADER = random_text("a header")
BEARER = random_text("a bearer token", 48)
PASSWORD = "Tr0ub4dor+" + random_text("a password", 8)
QUERY = random_text("a signature in a query")
AZURE = random_text("an Azure key", 32)
AWS_ID = "AKIA" + random_text("an AWS id", 16).upper()
AWS_SECRET = random_text("an AWS secret")
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJ{random_text('claims', 24)}.{random_text('signature', 43)}"
OPENAI = "sk-proj-" + random_text("a key that no configuration holds", 48)
ENVIRONMENT = random_text("a variable")

SECRETS = {
    "KEY": KEY,
    "OTHER_KEY": OTHER_KEY,
    "HEADER": HEADER,
    "BEARER": BEARER,
    "PASSWORD": PASSWORD,
    "QUERY": QUERY,
    "AZURE": AZURE,
    "AWS_ID": AWS_ID,
    "AWS_SECRET": AWS_SECRET,
    "JWT": JWT,
    "OPENAI": OPENAI,
    "ENVIRONMENT": ENVIRONMENT,
}

_DONE = text("Done. TERMINATE")
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
    agents: Callable[[Sequence[ScriptedServer]], tuple[Any, Any]]
    shows: str = CANARY
    options: Any = None

    @property
    def scene(self) -> Scene:
        """As the other contract tests have it."""
        return Scene(self.name, self.script, self.agents, self.options)


def first_entry(server: ScriptedServer, **extra: Any) -> dict[str, Any]:
    return {**entry(server), "api_key": KEY, **extra}


def _tool(body: Callable[[str], Any], *, raw: bool = True) -> Callable[[Sequence[ScriptedServer]], Any]:
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


def _one_entry(**extra: Any) -> Callable[[Sequence[ScriptedServer]], tuple[Any, Any]]:
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


def _named(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
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
        if not autogen.__version__.startswith("0.9")
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
    Plant("exception", one_call(), _tool(raising(f"{CANARY}: {KEY} and {OPENAI}"))),
    Plant("exception of a registered tool", one_call(), _tool(raising(f"{CANARY}: {KEY}"), raw=False)),
    Plant("chained cause", one_call(), _tool(raising_from(f"{CANARY} has {KEY} and {OPENAI}"))),
    Plant("known formats", one_call(), _tool(raising(f"{CANARY} {AWS_ID} {JWT} Bearer {BEARER}"))),
    Plant("assignments", one_call(), _tool(raising(f"{CANARY} aws_secret_access_key={AWS_SECRET}"))),
    Plant("environment", one_call(), _tool(raising(f"{CANARY} {ENVIRONMENT}"))),
    Plant("result", one_call(), _tool(lambda _: f"{CANARY} {KEY} {OPENAI} {JWT} {AWS_ID} Bearer {BEARER}")),
    Plant(
        "result of JSON",
        one_call(),
        _tool(lambda _: json.dumps({"name": CANARY, "password": PASSWORD, "inner": [{"api_key": AZURE}]})),
    ),
    Plant("arguments", one_call({"what": f"{CANARY} {KEY} {OPENAI}"}), _tool(lambda _: "fine")),
    Plant("arguments that are no JSON", one_call(f'{{"what": "{CANARY}", "api_key": "{KEY}"'), _tool(str)),
    Plant("a password argument", one_call({"what": CANARY, "password": PASSWORD}), _tool(str)),
    Plant("a mistyped password", one_call({"amount": CANARY, "password": PASSWORD}), _strict),
    Plant("a mistyped argument", one_call({"amount": f"{CANARY} {KEY}"}), _strict),
    Plant("an unknown argument", one_call({"what": "x", f"{CANARY}_{KEY}": 1, "api_key": AZURE}), _tool(str)),
    Plant("an unknown tool", [[tool_call(f"{CANARY}_{KEY}"[:64], {}), _DONE]], _tool(str)),
    Plant("a tool's name", [[tool_call(f"act_{KEY}", {}), _DONE]], _tool_of_that_name),
    Plant("a call's id", [[tool_call("act", {"what": "x"}, f"{CANARY}-{KEY}"), _DONE]], _tool(str)),
    Plant("agents' names", [[_DONE]], _named),
    Plant("a model's name", [[_DONE]], _one_entry(model=f"{CANARY}-{KEY}")),
    Plant("surrogates", one_call(), _tool(raising(f"{CANARY} \udc80{KEY}\ud800{OPENAI}\udfff"))),
    Plant("escapes", one_call(), _tool(raising(f"{CANARY} {_ESCAPED} \x00{OPENAI}\x1b[32m{OPENAI}\x1b[0m"))),
    *(
        Plant(f"at the cut, {at}", one_call(), _tool(raising(message)), "xxxx")
        for at, message in enumerate(_OVER)
    ),
    *(
        Plant(f"at the cut of a result, {at}", one_call(), _tool(returning(message)), "xxxx")
        for at, message in enumerate(_OVER)
    ),
    *(
        Plant(f"at the cut of arguments, {at}", one_call({"what": message}), _tool(lambda _: "fine"), "xxxx")
        for at, message in enumerate(_OVER)
    ),
)
