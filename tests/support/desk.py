"""Populations of real AutoGen conversations with one thing wrong, read back from a journal."""

from __future__ import annotations

import contextlib
import io
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autogen import GroupChat, GroupChatManager

from autogen_otel.delivery.journal import Journal
from autogen_otel.testing.server import (
    ChatRequest,
    Reply,
    ScriptedServer,
    drop,
    entry,
    error,
    hang,
    html,
    stream_drop,
    text,
    tool_call,
)
from autogen_otel.traces.journal import journal_files, read_spans
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
    """One conversation that is about to be held.

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
        truth: what is wrong; ``None`` for nothing.
        plan: decides what the model answers, given whether the conversation is hit.
        agents: who talks.
        rate: of the conversations that are hit.
        judge: answers a request in place of the plan where it does not give ``None``.
        second: what the model of a second entry answers.
    """

    truth: Truth | None
    plan: Callable[[Desk], None] = lambda _: None
    agents: Agents = lambda desk: pair(desk.servers[0], lookup, claim)
    rate: float = 0.2
    judge: Callable[[ChatRequest], Reply | None] = lambda _: None
    second: Callable[[ChatRequest], Reply] = lambda _: _DONE


def population(scene: Scene, folder: Path, seed: int, count: int = CONVERSATIONS) -> list[Span]:
    """Hold the conversations of an incident, and read back what the journal has of them."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    current = Desk(rng, bad=False)

    def answer(request: ChatRequest) -> Reply:
        judged = scene.judge(request)
        if judged is not None:
            return judged
        return current.replies.pop(0) if current.replies else _DONE

    with ExitStack() as stack:
        kept = stack.enter_context(instrumented())
        servers = [stack.enter_context(ScriptedServer(script)) for script in (answer, scene.second)]
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(counting_words())
        for _ in range(count):
            current = Desk(rng, rng.random() < scene.rate, servers)
            scene.plan(current)
            with contextlib.suppress(Exception):
                chat(*scene.agents(current), current.message, **current.options)
        Journal(folder).append(kept.spans)
    return list(read_spans(journal_files(folder)))


# ---------------------------------------------------------------- what goes wrong
def _look_up(bad: dict[str, Any] | str, good: dict[str, Any]) -> Callable[[Desk], None]:
    def plan(desk: Desk) -> None:
        desk.replies = [tool_call("lookup", good) for _ in range(desk.rng.randrange(3))]
        if desk.bad:
            desk.replies.append(tool_call("lookup", bad))

    return plan


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
    named = text("nobody") if desk.bad else text("analyst")
    desk.replies = [named, text("Well, well. TERMINATE")]


_LOST = error(500, "The server had an error")
_TOO_MUCH = 20_000


def scenes() -> dict[str, Scene]:
    """One for each kind of thing that goes wrong."""
    argument = "autogen.tool.argument.policy_id"
    return {
        "all is well": Scene(None, _answers()),
        "a tool raises": Scene(
            Truth("tool_exception", {"tool": "lookup", "exception": "ValueError"}, argument, "P-null"),
            _look_up({"policy_id": "P-null"}, {"policy_id": "P-1"}),
        ),
        "an argument of the wrong type": Scene(
            Truth("tool_arguments", {"tool": "claim", "argument": "amount"}), _claims
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
        "a tool fails and then the backend": Scene(
            Truth("tool_exception", {"tool": "lookup"}, argument, "P-null"),
            _answers(tool_call("lookup", {"policy_id": "P-null"}), _LOST, _LOST, _LOST),
        ),
    }
