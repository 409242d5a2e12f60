"""Populations of real AutoGen conversations with one thing wrong, read back from a journal."""

from __future__ import annotations

import contextlib
import io
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autogen import GroupChat, GroupChatManager

from autogen_otel.delivery.journal import Journal
from autogen_otel.testing import (
    ChatRequest,
    Reply,
    ScriptedServer,
    drop,
    entry,
    error,
    hang,
    html,
    malformed,
    stream_drop,
    text,
    tool_call,
)
from autogen_otel.traces.formats.journal import journal_files, read_spans
from autogen_otel.traces.trace import Span
from tests.support.agents import assistant, chat, configured, llm_config, pair, user, with_local_executor
from tests.support.diagnosed import Truth
from tests.support.models import counting_words, house
from tests.support.telemetry import instrumented
from tests.support.tools import claim, lookup

CONVERSATIONS = 40
_WORDS = "the windscreen of the customer is broken"
_DONE = text("It is settled. TERMINATE")

_FOLDER = tempfile.TemporaryDirectory(prefix="autogen-otel-desk-")


@dataclass
class Desk:
    """One conversation that is about to begin.

    Args:
        rng: decides what is wrong with it.
        bad: whether it is one of those that the incident hits.
        servers: where the models are; the first is the assistant's.
        replies: what the model answers.
        message: what the user says.
        options: for ``initiate_chat``.
    """

    rng: random.Random
    bad: bool
    servers: Sequence[ScriptedServer] = ()
    replies: list[Reply] = field(default_factory=list)
    message: str = _WORDS
    options: dict[str, Any] = field(default_factory=dict)


Agents = Callable[[Desk], tuple[Any, Any]]


@dataclass(frozen=True)
class Scene:
    """How the conversations of an incident go.

    Args:
        truth: what is wrong, if several things all of them; ``None`` for nothing.
        plan: decides what the model answers, given whether the conversation is hit.
        agents: who talks, made for each conversation; ``None`` for two that hold all, as in a service.
        rate: of the conversations that are hit.
        judge: answers a request in place of the plan where it does not give ``None``.
        second: what the model of a second entry answers.
    """

    truth: Truth | Sequence[Truth] | None
    plan: Callable[[Desk], None] = lambda _: None
    agents: Agents | None = None
    rate: float = 0.2
    judge: Callable[[ChatRequest], Reply | None] = lambda _: None
    second: Callable[[ChatRequest], Reply] = lambda _: _DONE

    @property
    def truths(self) -> tuple[Truth, ...]:
        """All that is wrong."""
        if self.truth is None:
            return ()
        return (self.truth,) if isinstance(self.truth, Truth) else tuple(self.truth)


def population(scene: Scene, folder: Path, seed: int, count: int = CONVERSATIONS) -> list[Span]:
    """Hold the conversations of an incident, and read back what the journal has of them."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    current = Desk(rng, bad=False)

    def answer(request: ChatRequest) -> Reply:
        reply = scene.judge(request)
        if reply is not None:
            return reply
        return current.replies.pop(0) if current.replies else _DONE

    with ExitStack() as stack:
        telemetry = stack.enter_context(instrumented())
        servers = [stack.enter_context(ScriptedServer(script)) for script in (answer, scene.second)]
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(counting_words())
        both = pair(servers[0], lookup, claim)
        for _ in range(count):
            current = Desk(rng, rng.random() < scene.rate, servers)
            scene.plan(current)
            with contextlib.suppress(Exception):
                agents = scene.agents(current) if scene.agents else both
                chat(*agents, current.message, **current.options)
        Journal(folder).append(telemetry.spans)
    return list(read_spans(journal_files(folder)))


# ---------------------------------------------------------------- what goes wrong
def _look_up(bad: dict[str, Any] | str, good: dict[str, Any]) -> Callable[[Desk], None]:
    def plan(desk: Desk) -> None:
        desk.replies = [tool_call("lookup", good) for _ in range(desk.rng.randrange(3))]
        if desk.bad:
            desk.replies.append(tool_call("lookup", bad))

    return plan


def _cut_arguments(desk: Desk) -> None:
    _answers()(desk)
    if desk.bad:
        # Wherever it is cut, it is the same problem.
        beginning = '{"policy_id": "P-1, the one that'[: desk.rng.randrange(4, 30)]
        desk.replies.append(tool_call("lookup", beginning, finish_reason="length"))


def _polite(desk: Desk) -> None:
    _answers()(desk)
    if desk.bad:
        desk.replies, desk.options = [text("You are welcome.")] * 8, {"max_turns": 8}


def _claims(desk: Desk) -> None:
    amount = f"{desk.rng.randrange(99)} euros" if desk.bad else desk.rng.randrange(99)
    desk.replies = [tool_call("claim", {"amount": amount})]


def _answers(*bad: Reply) -> Callable[[Desk], None]:
    def plan(desk: Desk) -> None:
        desk.replies = [tool_call("lookup", {"policy_id": "P-1"}) for _ in range(desk.rng.randrange(3))]
        if desk.bad:
            desk.replies.extend(bad)

    return plan


def _much_said(desk: Desk) -> None:
    desk.message = "hail " * (desk.rng.randrange(4500, 9000) if desk.bad else desk.rng.randrange(10, 3000))


def _size(request: ChatRequest) -> int:
    return sum(len(str(message.get("content") or "")) for message in request.body["messages"])


def _two_entries(desk: Desk) -> tuple[Any, Any]:
    first = entry(desk.servers[1], "gpt-4-32k") if desk.bad else entry(desk.servers[0])
    return pair(desk.servers[0], lookup, entries=[first, entry(desk.servers[0])])


def _streaming(desk: Desk) -> tuple[Any, Any]:
    asker, helper = pair(desk.servers[0], lookup)
    return asker, configured(helper, stream=True)


def _hasty(desk: Desk) -> tuple[Any, Any]:
    asker, helper = pair(desk.servers[0], lookup)
    # Not in the entry: pyautogen 0.9 takes neither there, and no part of a second anywhere.
    sdk = helper.client._clients[0]._oai_client
    sdk.timeout, sdk.max_retries = 0.15, 0
    return asker, helper


def _own_client(desk: Desk) -> tuple[Any, Any]:
    return user(), house(model="broken" if desk.bad else "house-1")


def _careless(desk: Desk) -> tuple[Any, Any]:
    asker, helper = pair(desk.servers[0], lookup)
    if desk.bad:
        asker._is_termination_msg = lambda message: "TERMINATE" in message["content"]
    return asker, helper


def _runs_code(desk: Desk) -> tuple[Any, Any]:
    return with_local_executor(Path(_FOLDER.name)), assistant([entry(desk.servers[0])])


def _code(desk: Desk) -> None:
    desk.replies = [text("```python\n{}['policy']\n```")] if desk.bad else []


def _group(desk: Desk) -> tuple[Any, Any]:
    asker = user("clerk")
    members = [assistant([entry(desk.servers[0])], name) for name in ("analyst", "supervisor")]
    group = GroupChat(agents=[asker, *members], messages=[], max_round=4, max_retries_for_selecting_speaker=0)
    return asker, GroupChatManager(groupchat=group, llm_config=llm_config([entry(desk.servers[0])]))


def _selection(desk: Desk) -> None:
    answer = text("nobody") if desk.bad else text("analyst")
    desk.replies = [answer, text("Well, well. TERMINATE")]


def fetch(policy: dict[str, Any], region: str = "EU") -> str:
    """Reads a policy, with two bugs."""
    if region == "XX":
        raise KeyError(region)
    return str(policy["holder"].strip())


def search(query: str) -> str:
    """Knows the alphabet of its maker, and says so if it finds nothing."""
    query.encode("ascii")
    return f"Error: nothing was found for {query}"


def pay(to: dict[str, Any], items: list[Any]) -> str:
    """Pays what costs something."""
    if min(item["price"] for item in items) < 0:
        raise ValueError("a negative price")
    return f"{to['iban.no']} is paid"


def total(amount: float) -> str:
    """Takes what it gets for a number."""
    return str(int(amount) + 1)


_SLOW_PAGE = 404


def _two_bugs(desk: Desk) -> None:
    def call(holder: str | None, region: str) -> Reply:
        policy = {"holder": holder, "no": desk.rng.randrange(99)}
        return tool_call("fetch", {"policy": policy, "region": region})

    desk.replies = [
        call(desk.rng.choice(("Ann", "Bo", "Cy")), desk.rng.choice(("EU", "UK"))) for _ in range(3)
    ]
    if desk.bad:
        is_null = desk.rng.random() < 0.5
        desk.replies.append(call(None, "EU") if is_null else call(desk.rng.choice(("Ann", "Bo")), "XX"))


def _places(desk: Desk) -> None:
    queries = ("hail in Leeds", "flood", "glass")
    count = desk.rng.randrange(4)
    desk.replies = [tool_call("search", {"query": desk.rng.choice(queries)}) for _ in range(count)]
    if desk.bad:
        query = desk.rng.choice(("Hagel in Köln", "grad w Łodzi", "仙台の雹"))
        desk.replies.append(tool_call("search", {"query": query}))


def _payments(desk: Desk) -> None:
    def call(*prices: int) -> Reply:
        account = {"iban.no": f"DE{desk.rng.randrange(99)}"}
        return tool_call("pay", {"to": account, "items": [{"price": price} for price in prices]})

    desk.replies = [call(desk.rng.randrange(1, 90)) for _ in range(desk.rng.randrange(1, 3))]
    if desk.bad:
        desk.replies.append(call(3, -desk.rng.randrange(1, 9)))


def _totals(desk: Desk) -> None:
    desk.replies = [tool_call("total", {"amount": desk.rng.randrange(99)})]
    if desk.bad:
        desk.replies.append(tool_call("total", {"amount": desk.rng.choice(("twelve", "a lot"))}))


def _crawls(desk: Desk) -> None:
    desk.replies = [tool_call("crawl", {"page": desk.rng.randrange(9)})]
    if desk.bad:
        desk.replies += [tool_call("crawl", {"page": _SLOW_PAGE}), hang(0.5)]


def _with(*tools: Callable[..., Any], raw: bool = False) -> Agents:
    return lambda desk: pair(desk.servers[0], lookup, *tools, raw=raw)


def _hasty_crawler(desk: Desk) -> tuple[Any, Any]:
    """Its model has little time, and only after the slow page: a busy machine would miss it elsewhere too."""

    def crawl(page: int) -> str:
        """Takes its time with one page."""
        if page == _SLOW_PAGE:
            time.sleep(1.1)
            sdk.timeout, sdk.max_retries = 0.15, 0
        return "a page"

    asker, helper = pair(desk.servers[0], crawl)
    sdk = helper.client._clients[0]._oai_client
    return asker, helper


def _dead_backup(desk: Desk) -> tuple[Any, Any]:
    entries = [entry(desk.servers[0]), entry(desk.servers[1], "gpt-4-32k")]
    return pair(desk.servers[0], lookup, entries=entries)


def _two_addresses(desk: Desk) -> tuple[Any, Any]:
    """The same model under two names of its host; only one of them is ever in trouble."""
    config = entry(desk.servers[0])
    if desk.bad or desk.rng.random() < 0.1:
        config["base_url"] = config["base_url"].replace("127.0.0.1", "localhost")
    return pair(desk.servers[0], lookup, entries=[config])


def _honest_words(desk: Desk) -> None:
    desk.message = "Error: 500 Internal Server Error. Traceback (most recent call last): rate limit exceeded"
    desk.replies = [tool_call("search", {"query": "hail"})] if desk.bad else []
    desk.replies.append(text("Error: so the customer wrote. TERMINATE"))


def _three_things(desk: Desk) -> None:
    _answers()(desk)
    luck = desk.rng.random()
    if luck < 0.15:
        desk.replies.append(tool_call("lookup", {"policy_id": "P-null"}))
    elif luck < 0.3:
        desk.replies.append(error(429, "Slow down"))
    elif luck < 0.45:
        desk.message = "hail " * 6000


def _same_call(desk: Desk) -> None:
    _answers()(desk)
    if desk.bad:
        desk.replies, desk.options = [tool_call("lookup", {"policy_id": "P-1"})] * 8, {"max_turns": 7}


_LOST = error(500, "The server had an error")
_TOO_MUCH = 20_000


def scenes() -> dict[str, Scene]:
    """One for each kind of thing that goes wrong."""
    name = "autogen.tool.argument."
    argument = f"{name}policy_id"
    return {
        "all is well": Scene(None, _answers()),
        "a tool raises": Scene(
            Truth("tool_exception", {"tool": "lookup", "exception": "ValueError"}, argument, "P-null"),
            _look_up({"policy_id": "P-null"}, {"policy_id": "P-1"}),
        ),
        "an argument of the wrong type": Scene(
            Truth("tool_arguments", {"tool": "claim", "argument": "amount"}), _claims
        ),
        "arguments cut at the token limit": Scene(
            Truth("tool_arguments", {"tool": "lookup", "problem": "cut at the model's token limit"}),
            _cut_arguments,
        ),
        "a termination that never comes": Scene(
            Truth(
                "orchestration",
                {"agent": "assistant", "problem": "answers of the same lengths again and again"},
            ),
            _polite,
        ),
        "an unknown tool": Scene(
            Truth("tool_arguments", {"tool": "lookup_all"}), _answers(tool_call("lookup_all", {}))
        ),
        "a dead entry": Scene(
            Truth("config_entry", {"entry": 0, "model": "gpt-4-32k", "status_code": 404}),
            agents=_two_entries,
            second=lambda _: error(404, "The model does not exist"),
        ),
        "prompts too large for a plain 500": Scene(
            Truth("prompt_too_large", {"limit_chars": _TOO_MUCH}, "autogen.prompt.chars"),
            _much_said,
            judge=lambda request: _LOST if _size(request) > _TOO_MUCH else None,
        ),
        "prompts too large": Scene(
            Truth("prompt_too_large", {"limit_chars": _TOO_MUCH, "status_code": 400}),
            _much_said,
            judge=lambda request: (
                error(400, "maximum context length is 4", code="context_length_exceeded")
                if _size(request) > _TOO_MUCH
                else None
            ),
        ),
        "too many calls": Scene(
            Truth("rate_limit", {"status_code": 429}), _answers(error(429, "Slow down"), _DONE)
        ),
        "refused by policy": Scene(
            Truth("content_filter", {"status_code": 400}),
            _answers(error(400, "Refused", code="content_filter")),
        ),
        "an answer that a filter emptied": Scene(
            Truth("content_filter", {"status_code": 200}), _answers(text("", finish_reason="content_filter"))
        ),
        "an outage": Scene(Truth("backend", {"status_code": 500}), _answers(_LOST, _LOST, _LOST)),
        "connections that break": Scene(Truth("backend"), _answers(drop(), drop(), drop())),
        "a page instead of an answer": Scene(Truth("backend", {"status_code": 200}), _answers(html())),
        "no answer in time": Scene(Truth("timeout"), _answers(hang(0.5)), agents=_hasty),
        "a stream that breaks": Scene(
            Truth("stream_interrupted"), _answers(stream_drop(2)), agents=_streaming
        ),
        "a client of one's own": Scene(
            Truth("client", {"exception": "LookupError", "model": "broken"}), agents=_own_client
        ),
        "a careless termination check": Scene(
            Truth("callback", {"exception": "TypeError"}), _answers(), agents=_careless, rate=0.5
        ),
        "code that fails": Scene(
            Truth("code_execution", {"agent": "user", "exception": "KeyError"}), _code, agents=_runs_code
        ),
        "nobody is chosen": Scene(Truth("orchestration"), _selection, agents=_group),
        "two bugs in one tool": Scene(
            (
                Truth("tool_exception", {"tool": "fetch", "exception": "AttributeError"}),
                Truth("tool_exception", {"tool": "fetch", "exception": "KeyError"}),
            ),
            _two_bugs,
            _with(fetch),
            rate=0.4,
        ),
        "words that are not ASCII": Scene(
            Truth("tool_exception", {"tool": "search", "exception": "UnicodeEncodeError"}, f"{name}query"),
            _places,
            _with(search),
        ),
        "a negative price deep inside": Scene(
            Truth("tool_exception", {"tool": "pay"}, f"{name}items[].price", "negative"),
            _payments,
            _with(pay),
        ),
        "a schema that the tool does not check": Scene(
            Truth("tool_arguments", {"tool": "total", "argument": "amount"}), _totals, _with(total, raw=True)
        ),
        "a slow tool before a timeout": Scene(
            Truth("timeout", {"tool": "crawl"}), _crawls, _hasty_crawler, rate=0.1
        ),
        "a dead backup": Scene(
            (Truth("config_entry", {"entry": 1, "status_code": 404}), Truth("rate_limit", {"entry": 0})),
            _answers(*[error(429, "Slow down")] * 3),
            _dead_backup,
            second=lambda _: error(404, "The model does not exist"),
        ),
        "one of two addresses": Scene(
            Truth("backend", {"host": "localhost", "status_code": 200}, "server.address", "localhost"),
            _answers(html()),
            _two_addresses,
            rate=0.25,
        ),
        "answers without a choice": Scene(
            Truth("backend", {"status_code": 200}), _answers(malformed(choices=[]))
        ),
        "a used up quota": Scene(
            Truth("rate_limit", {"status_code": 429}),
            _answers(*[error(429, "You exceeded your current quota", code="insufficient_quota")] * 3),
        ),
        "the same call again and again": Scene(Truth("orchestration", {"tool": "lookup"}), _same_call),
        "honest words about errors": Scene(None, _honest_words, _with(search)),
        "three things at once": Scene(
            (
                Truth("tool_exception", {"tool": "lookup"}, argument, "P-null"),
                Truth("rate_limit", {"status_code": 429}),
                Truth("prompt_too_large", {"status_code": 400}, "autogen.prompt.chars"),
            ),
            _three_things,
            judge=lambda request: (
                error(400, "maximum context length is 4", code="context_length_exceeded")
                if _size(request) > _TOO_MUCH
                else None
            ),
        ),
        "a tool fails and then the backend": Scene(
            Truth("tool_exception", {"tool": "lookup"}, argument, "P-null"),
            _answers(tool_call("lookup", {"policy_id": "P-null"}), _LOST, _LOST, _LOST),
        ),
    }
