"""Conversations of every kind that the contract tests run, with us and without us, sync and async."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autogen import GroupChat, GroupChatManager

from autogen_otel.testing import (
    ChatRequest,
    ScriptedServer,
    drop,
    entry,
    error,
    function_call,
    html,
    malformed,
    raw,
    stream_drop,
    stream_error,
    text,
    tool_call,
    tool_calls,
)
from scenarios.assistants_api import AssistantsApi, RunScript
from tests.support import groups
from tests.support.agents import (
    Agents,
    Person,
    assistant,
    configured,
    converse,
    gpt_assistant,
    llm_config,
    pair,
    user,
    with_local_executor,
    with_own_code,
)
from tests.support.lineage import HAS_ASSISTANTS, HAS_GUARDRAILS, HAS_PATTERNS, HAS_SWARM
from tests.support.models import counting_words
from tests.support.tools import a_lookup, claim, half, leave, lookup

_VOLATILE = re.compile(r"127\.0\.0\.1:\d+|0x[0-9a-f]+")


@dataclass(frozen=True, eq=False)
class Conversation:
    """One conversation.

    Args:
        name: for the test's id.
        script: what each server answers; the first is the assistant's.
        agents: makes the two agents from the servers.
        options: for ``initiate_chat``.
        server: what answers by the script.
        hold: how it is held, in each call shape; by ``initiate_chat`` unless it says otherwise.
    """

    name: str
    script: Sequence[Any]
    agents: Agents
    options: Any = None
    server: Callable[[Any], ScriptedServer] = ScriptedServer
    hold: Callable[..., Any] = converse


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


def _streaming(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    asker, helper = pair(servers[0], lookup, entries=[entry(server) for server in servers])
    return asker, configured(helper, stream=True)


def _filtered(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    helper = assistant([entry(server) for server in servers])
    return user(), configured(helper, filter_func=_says_done)


def _says_done(context: object, response: Any) -> bool:
    return "Done" in response.choices[0].message.content


def _fallback(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(), assistant([entry(servers[0], "gpt-9"), entry(servers[1], "gpt-4o-mini")])


def _group(method: str) -> Agents:
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


_FOLDER = tempfile.TemporaryDirectory(prefix="autogen-otel-conversations-")
"""One for all plays of a conversation: the names of files in it are part of what the host's user sees."""


def _executor(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return with_local_executor(Path(_FOLDER.name)), assistant([entry(servers[0])])


def _own_code(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return with_own_code(Path(_FOLDER.name)), assistant([entry(servers[0])])


def _person(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return Person("human", ["Go on.", "exit"]), assistant([entry(servers[0])])


def _at_the_provider(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(), gpt_assistant(servers[0], lookup)


def _selecting(request: ChatRequest) -> Any:
    """Answer a speaker selection with a name and everything else with words."""
    prompt = str(request.body.get("messages"))
    if "Only return the role" in prompt or "select the next role" in prompt:
        return text("supervisor" if "I am the analyst" in prompt else "analyst")
    return text("All settled. TERMINATE" if "I am the analyst" in prompt else "I am the analyst.")


_DONE = text("Done. TERMINATE")
_FAILING_CALL = tool_call("lookup", {"policy_id": "null"})
_EMPTY_STREAM = raw(200, {"content-type": "text/event-stream"}, b"data: [DONE]\n\n")
_CODE = text("```sh\necho one\n```\n```sh\necho two; exit 3\n```")
_RAISING_CODE = text("```python\n{}['policy']\n```")
_ODD_CODE = text("```ruby\nputs 1\n```")


def _run(name: str, script: RunScript) -> Conversation:
    return Conversation(name, [[script]], _at_the_provider, {"max_turns": 1}, AssistantsApi)


ASSISTANTS = (
    _run("assistant", RunScript("Active.", calls=(("lookup", {"policy_id": "null"}),))),
    _run("assistant fails", RunScript(status="failed", last_error=("server_error", "Sorry"))),
)

_TRANSFERS = [
    tool_call("transfer_to_tech_1", {}),
    tool_call("escalate", {"why": "no reason"}),
    tool_call("escalate", {"why": "money"}),
    text("Paid."),
]
_SWARM_TRANSFERS = [tool_call("transfer_triage_to_tech", {}), text("Paid.")]
_NESTED_TRANSFER = [tool_call("transfer_to_wrapped_nested_tech_1_1", {}), text("It is so."), text("Solved.")]

PATTERNS = (
    Conversation("pattern, tools hand over", [_TRANSFERS], groups.pattern_with_transfers),
    Conversation("pattern, conditions and a nested chat", [_NESTED_TRANSFER], groups.pattern_with_conditions),
    Conversation("pattern, back to the user", [[]], groups.pattern_reverting_to_user),
)
GUARDRAILS = (Conversation("pattern, guardrail", [[]], groups.pattern_with_guardrail),)
SWARMS = (Conversation("swarm", [_SWARM_TRANSFERS], groups.swarm_with_hand_offs),)
GROUPS = (
    Conversation("group, a function chooses", [[]], groups.group_with_function),
    Conversation(
        "group, nobody is chosen", [groups.speaker_script("nobody")], groups.group_that_names_nobody
    ),
    Conversation("nested chat", [[text("Checked.")]], groups.nested_chat, {"max_turns": 1}),
    Conversation(
        "summary by a model",
        [[_DONE, text("They agreed.")]],
        _plain,
        {"summary_method": "reflection_with_llm"},
    ),
    *(PATTERNS if HAS_PATTERNS else ()),
    *(GUARDRAILS if HAS_GUARDRAILS else ()),
    *(SWARMS if HAS_SWARM else ()),
)

CONVERSATIONS = (
    Conversation("plain", [[text("Done. TERMINATE", cached_tokens=3, reasoning_tokens=2)]], _plain),
    Conversation("tool works", [[tool_call("lookup", {"policy_id": "P-1"}), _DONE]], _with_tools),
    Conversation("tool raises", [[_FAILING_CALL, _DONE]], _with_tools),
    Conversation("tool raises, function map", [[_FAILING_CALL, _DONE]], _raw_tools),
    Conversation("async tool raises", [[tool_call("a_lookup", {"policy_id": "null"}), _DONE]], _with_tools),
    Conversation(
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
    Conversation("legacy function call", [[function_call("lookup", {"policy_id": "null"}), _DONE]], _legacy),
    Conversation(
        "legacy async function call", [[function_call("a_lookup", {"policy_id": "P-1"}), _DONE]], _legacy
    ),
    Conversation("arguments not JSON", [[tool_call("claim", '{"amount": 1'), _DONE]], _with_tools),
    Conversation("argument missing", [[tool_call("claim", {}), _DONE]], _with_tools),
    Conversation("argument mistyped", [[tool_call("claim", {"amount": "ten"}), _DONE]], _raw_tools),
    Conversation(
        "argument unknown", [[tool_call("claim", {"amount": 1, "colour": "red"}), _DONE]], _with_tools
    ),
    Conversation("arguments null", [[tool_call("claim", "null"), _DONE]], _with_tools),
    Conversation("arguments a list", [[tool_call("claim", "[1]"), _DONE]], _raw_tools),
    Conversation("unknown tool", [[tool_call("nope", {}), _DONE]], _with_tools),
    Conversation("exit in a tool", [[tool_call("leave", {})]], _raw_tools),
    Conversation("fallback", [[error(404, "No model gpt-9", code="model_not_found")], [_DONE]], _fallback),
    Conversation("all entries fail", [[error(401, "Bad key")], [error(500, "Down")] * 3], _fallback),
    Conversation("recovered", [[error(500, "Down", retry_after=0.01), error(503, "Down"), _DONE]], _plain),
    Conversation("surfaced", [[error(500, "Down")] * 3], _plain),
    Conversation("surfaced after a tool", [[_FAILING_CALL, *[error(500, "Down")] * 3]], _with_tools),
    Conversation("refused name", [[error(400, "Only messages of role 'user' can have a name.")]], _plain),
    Conversation("refused tool", [[error(400, "Invalid schema for function 'lookup': empty")]], _with_tools),
    Conversation("cannot be sent", [[tool_call("half", {}), _DONE]], lambda servers: pair(servers[0], half)),
    Conversation("rate limited", [[error(429, "Slow down", retry_after=0.01)] * 3], _plain),
    Conversation("connection dropped", [[drop()] * 3], _plain),
    Conversation("HTML", [[html()]], _plain),
    Conversation("no choices", [[malformed(choices=[])]], _plain),
    Conversation("answer rejected", [[text("No idea.")], [_DONE]], _filtered),
    Conversation("stream", [[_DONE]], _streaming),
    Conversation("stream of a tool call", [[tool_call("lookup", {"policy_id": "P-1"}), _DONE]], _streaming),
    Conversation("stream with an error event", [[stream_error(2, "Overloaded")]], _streaming),
    Conversation("stream cut", [[stream_drop(2)]], _streaming),
    Conversation("stream falls over", [[stream_error(2, "Overloaded")], [_DONE]], _streaming),
    Conversation("stream empty", [[_EMPTY_STREAM]], _streaming),
    Conversation("code, executor", [[_CODE, _DONE]], _executor),
    Conversation("code that raises, executor", [[_RAISING_CODE, _DONE]], _executor),
    Conversation("code, own", [[_CODE, _DONE]], _own_code),
    Conversation("unknown language", [[_ODD_CODE, _DONE]], _own_code),
    Conversation("human", [[text("Well?"), text("And?")]], _person),
    *(ASSISTANTS if HAS_ASSISTANTS else ()),
    Conversation("group, automatic", [_selecting], _group("auto")),
    Conversation("group, in turn", [_selecting], _group("round_robin")),
    *GROUPS,
)


@dataclass(frozen=True)
class Outcome:
    """All that the host's user can see of a conversation."""

    error: tuple[str, str] | None
    result: Any
    histories: Any
    requests: Any


def play(conversation: Conversation, shape: str) -> Outcome:
    """Run a conversation on fresh servers and agents; ports and addresses in the outcome are made equal."""
    failure, result = None, None
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(conversation.server(script)) for script in conversation.script]
        asker, helper = conversation.agents(servers)
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(counting_words())
        try:
            result = conversation.hold(shape, asker, helper, **(conversation.options or {}))
        except BaseException as raised:
            failure = (type(raised).__name__, _stable(str(raised)))
        return Outcome(
            failure,
            _stable(repr(_seen(result))),
            [_stable(repr(list(agent._oai_messages.values()))) for agent in (asker, helper)],
            [(request.path, request.body) for server in servers for request in server.requests],
        )


def _seen(result: Any) -> Any:
    if isinstance(result, Mapping):
        return {key: _seen(value) for key, value in result.items()}
    if isinstance(result, list):
        return [_seen(value) for value in result]
    if hasattr(result, "chat_history"):
        return result.chat_history, result.summary, result.cost
    return result


def _stable(text_: str) -> str:
    return _VOLATILE.sub("…", text_)
