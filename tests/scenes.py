"""Conversations of every kind that the contract tests run, with us and without us, sync and async."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autogen import GroupChat, GroupChatManager

from scenarios.server import (
    ChatRequest,
    ScriptedServer,
    drop,
    entry,
    error,
    function_call,
    html,
    malformed,
    text,
    tool_call,
    tool_calls,
)
from tests.agents import a_chat, assistant, chat, llm_config, pair, user

_VOLATILE = re.compile(r"127\.0\.0\.1:\d+|0x[0-9a-f]+")


def lookup(policy_id: str) -> str:
    """Look a policy up; fails for those it does not know."""
    return {"P-1": "active"}[policy_id]


async def a_lookup(policy_id: str) -> str:
    """Look a policy up, asynchronously."""
    await asyncio.sleep(0)
    return lookup(policy_id)


def claim(amount: float, currency: str = "EUR") -> str:
    """Open a claim."""
    return f"{amount + 1} {currency}"


def leave() -> str:
    """End the program."""
    raise SystemExit(3)


@dataclass(frozen=True, eq=False)
class Scene:
    """One conversation.

    Args:
        name: for the test's id.
        script: what each server answers; the first is the assistant's.
        agents: makes the two agents from the servers.
        options: for ``initiate_chat``.
    """

    name: str
    script: Sequence[Any]
    agents: Callable[[Sequence[ScriptedServer]], tuple[Any, Any]]
    options: Any = None


def _with_tools(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return pair(servers[0], lookup, a_lookup, claim, leave)


def _raw_tools(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return pair(servers[0], lookup, a_lookup, claim, leave, raw=True)


def _legacy(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    asker = user()
    asker.register_function({"lookup": lookup, "a_lookup": a_lookup})
    return asker, assistant([entry(servers[0])])


def _plain(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(), assistant([entry(servers[0])], temperature=0.5, top_p=0.9, max_tokens=64)


def _fallback(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(), assistant([entry(servers[0], "gpt-9"), entry(servers[1], "gpt-4o-mini")])


def _group(method: str) -> Callable[[Sequence[ScriptedServer]], tuple[Any, Any]]:
    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker = user()
        members = [assistant([entry(servers[0])], name) for name in ("analyst", "supervisor")]
        group = GroupChat(
            agents=[asker, *members],
            messages=[],
            max_round=4,
            speaker_selection_method=method,
        )
        return asker, GroupChatManager(groupchat=group, llm_config=llm_config([entry(servers[0])]))

    return agents


def _selecting(request: ChatRequest) -> Any:
    """Answer a speaker selection with a name and everything else with words."""
    prompt = str(request.body.get("messages"))
    if "Only return the role" in prompt or "select the next role" in prompt:
        return text("supervisor" if "I am the analyst" in prompt else "analyst")
    return text("All settled. TERMINATE" if "I am the analyst" in prompt else "I am the analyst.")


_DONE = text("Done. TERMINATE")
_FAILING_CALL = tool_call("lookup", {"policy_id": "null"})

SCENES = (
    Scene("plain", [[text("Done. TERMINATE", cached_tokens=3, reasoning_tokens=2)]], _plain),
    Scene("tool works", [[tool_call("lookup", {"policy_id": "P-1"}), _DONE]], _with_tools),
    Scene("tool raises", [[_FAILING_CALL, _DONE]], _with_tools),
    Scene("tool raises, function map", [[_FAILING_CALL, _DONE]], _raw_tools),
    Scene("async tool raises", [[tool_call("a_lookup", {"policy_id": "null"}), _DONE]], _with_tools),
    Scene(
        "several tools at once",
        [
            [
                tool_calls(
                    [("a_lookup", {"policy_id": "P-1"}), ("lookup", {"policy_id": "x"}), ("claim", {})]
                ),
                _DONE,
            ]
        ],
        _with_tools,
    ),
    Scene("legacy function call", [[function_call("lookup", {"policy_id": "null"}), _DONE]], _legacy),
    Scene("legacy async function call", [[function_call("a_lookup", {"policy_id": "P-1"}), _DONE]], _legacy),
    Scene("arguments not JSON", [[tool_call("claim", '{"amount": 1'), _DONE]], _with_tools),
    Scene("argument missing", [[tool_call("claim", {}), _DONE]], _with_tools),
    Scene("argument mistyped", [[tool_call("claim", {"amount": "ten"}), _DONE]], _raw_tools),
    Scene("argument unknown", [[tool_call("claim", {"amount": 1, "colour": "red"}), _DONE]], _with_tools),
    Scene("arguments null", [[tool_call("claim", "null"), _DONE]], _with_tools),
    Scene("arguments a list", [[tool_call("claim", "[1]"), _DONE]], _raw_tools),
    Scene("unknown tool", [[tool_call("nope", {}), _DONE]], _with_tools),
    Scene("exit in a tool", [[tool_call("leave", {})]], _raw_tools),
    Scene("fallback", [[error(404, "No model gpt-9", code="model_not_found")], [_DONE]], _fallback),
    Scene("all entries fail", [[error(401, "Bad key")], [error(500, "Down")] * 3], _fallback),
    Scene("recovered", [[error(500, "Down", retry_after=0.01), error(503, "Down"), _DONE]], _plain),
    Scene("surfaced", [[error(500, "Down")] * 3], _plain),
    Scene("surfaced after a tool", [[_FAILING_CALL, *[error(500, "Down")] * 3]], _with_tools),
    Scene("rate limited", [[error(429, "Slow down", retry_after=0.01)] * 3], _plain),
    Scene("connection dropped", [[drop()] * 3], _plain),
    Scene("HTML", [[html()]], _plain),
    Scene("no choices", [[malformed(choices=[])]], _plain),
    Scene("group, automatic", [_selecting], _group("auto")),
    Scene("group, in turn", [_selecting], _group("round_robin")),
)


@dataclass(frozen=True)
class Outcome:
    """All that the host's user can see of a conversation."""

    error: tuple[str, str] | None
    result: Any
    histories: Any
    requests: Any


def play(scene: Scene, shape: str) -> Outcome:
    """Run a scene on fresh servers and agents; ports and addresses in the outcome are made equal."""
    failure, result = None, None
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ScriptedServer(script)) for script in scene.script]
        asker, helper = scene.agents(servers)
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        try:
            if shape == "sync":
                result = chat(asker, helper, **(scene.options or {}))
            else:
                result = asyncio.run(a_chat(asker, helper, **(scene.options or {})))
        except BaseException as raised:
            failure = (type(raised).__name__, _stable(str(raised)))
        return Outcome(
            failure,
            None if result is None else _stable(repr((result.chat_history, result.summary, result.cost))),
            [_stable(repr(list(agent._oai_messages.values()))) for agent in (asker, helper)],
            [(request.path, request.body) for server in servers for request in server.requests],
        )


def _stable(text_: str) -> str:
    return _VOLATILE.sub("…", text_)
