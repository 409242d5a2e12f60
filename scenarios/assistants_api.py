"""OpenAI's Assistants API on loopback: assistants, threads, messages and runs that go as scripted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, ScriptError, error, raw
from autogen_otel.testing.replies import Raw

ASSISTANT_ID = "asst_000001"
_CREATED = 1_760_000_000
_USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}
_RUN = re.compile(r"/threads/(?P<thread>\w+)/runs(?:/(?P<run>\w+))?(?P<outputs>/submit_tool_outputs)?$")
_MESSAGES = re.compile(r"/threads/(?P<thread>\w+)/messages$")


@dataclass(frozen=True, slots=True)
class RunScript:
    """How one run goes.

    Args:
        says: the assistant's message if the run completes; none if empty.
        calls: tool calls it asks for first, each ``(name, arguments)``.
        pending: how often it is found still in progress before anything else.
        status: the state it ends in.
        last_error: ``(code, message)`` of a run that fails.
        incomplete: why a run is incomplete.
        broken_poll: an HTTP answer that the first question about the run gets.
    """

    says: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    pending: int = 0
    status: str = "completed"
    last_error: tuple[str, str] | None = None
    incomplete: str | None = None
    broken_poll: Reply | None = None


class AssistantsApi(ScriptedServer):
    """A server that has one assistant, whose runs follow scripts.

    Args:
        runs: how each run goes, in order.
        instructions: what the assistant is told at the provider.

    Raises:
        ScriptError: at the end of the block, if a run was started for which there was no script.
    """

    def __init__(self, runs: Iterable[RunScript], instructions: str = "You settle claims.") -> None:
        super().__init__(())
        self._scripts = iter(runs)
        self._instructions = instructions
        self._runs: dict[str, _Run] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}

    def _reply(self, request: ChatRequest) -> Reply:
        route = request.path.partition("?")[0]
        try:
            if (found := _RUN.search(route)) is not None:
                return self._answer_run(request, found)
        except ScriptError as problem:
            self._problems.append(str(problem))
            return error(400, str(problem), code="script_error")
        if (found := _MESSAGES.search(route)) is not None:
            return self._answer_messages(request, found["thread"])
        if "/assistants" in route:
            return self._answer_assistants(request, route)
        return self._answer_threads(request, route)

    def _answer_assistants(self, request: ChatRequest, route: str) -> Raw:
        listing = request.method == "GET" and route.endswith("/assistants")
        return _json(_page([self._assistant()]) if listing else self._assistant())

    def _answer_threads(self, request: ChatRequest, route: str) -> Raw:
        if request.method == "DELETE":
            return _json({"id": route.rpartition("/")[2], "object": "thread.deleted", "deleted": True})
        thread = f"thread_{len(self._messages) + 1:06d}"
        self._messages[thread] = []
        return _json({"id": thread, "object": "thread", "created_at": _CREATED, "metadata": {}})

    def _answer_run(self, request: ChatRequest, found: re.Match[str]) -> Reply:
        if found["run"] is None:
            script = next(self._scripts, None)
            if script is None:
                raise ScriptError("no script for another run")
            started = _Run(f"run_{len(self._runs) + 1:06d}", found["thread"], script, self._instructions)
            self._runs[started.id] = started
            return _json(started.body("queued"))
        run = self._runs[found["run"]]
        if found["outputs"] is not None:
            run.outputs = list(request.body.get("tool_outputs") or [])
            return _json(run.body("queued"))
        return self._polled(run)

    def _polled(self, run: _Run) -> Reply:
        run.polls += 1
        script = run.script
        if script.broken_poll is not None and run.polls == 1:
            return script.broken_poll
        if run.polls <= script.pending:
            return _json(run.body("in_progress"))
        if script.calls and run.outputs is None:
            return _json(run.body("requires_action"))
        if script.status == "completed" and script.says:
            self._add(run.thread, "assistant", script.says, run.id)
        return _json(run.body(script.status))

    def _answer_messages(self, request: ChatRequest, thread: str) -> Raw:
        if request.method == "GET":
            return _json(_page(self._messages[thread]))
        return _json(self._add(thread, str(request.body["role"]), str(request.body["content"]), None))

    def _add(self, thread: str, role: str, content: str, run: str | None) -> dict[str, Any]:
        messages = self._messages[thread]
        message = {
            "id": f"msg_{len(messages) + 1:06d}",
            "object": "thread.message",
            "created_at": _CREATED,
            "thread_id": thread,
            "role": role,
            "status": "completed",
            "content": [{"type": "text", "text": {"value": content, "annotations": []}}],
            "assistant_id": ASSISTANT_ID if run else None,
            "run_id": run,
            "attachments": [],
            "metadata": {},
        }
        messages.append(message)
        return message

    def _assistant(self) -> dict[str, Any]:
        return {
            "id": ASSISTANT_ID,
            "object": "assistant",
            "created_at": _CREATED,
            "name": "claims",
            "description": None,
            "model": "gpt-4o",
            "instructions": self._instructions,
            "tools": [],
            "metadata": {},
        }


class _Run:
    """A run as it stands."""

    def __init__(self, id_: str, thread: str, script: RunScript, instructions: str) -> None:
        self.id, self.thread, self.script, self._instructions = id_, thread, script, instructions
        self.polls = 0
        self.outputs: list[Any] | None = None

    def body(self, status: str) -> dict[str, Any]:
        """The run as the API shows it in a state."""
        script = self.script
        ended = status == script.status
        failed = script.last_error if ended else None
        return {
            "id": self.id,
            "object": "thread.run",
            "created_at": _CREATED,
            "thread_id": self.thread,
            "assistant_id": ASSISTANT_ID,
            "model": "gpt-4o",
            "status": status,
            "instructions": self._instructions,
            "tools": [],
            "metadata": {},
            "parallel_tool_calls": True,
            "last_error": {"code": failed[0], "message": failed[1]} if failed else None,
            "incomplete_details": {"reason": script.incomplete} if ended and script.incomplete else None,
            "required_action": self._required() if status == "requires_action" else None,
            "usage": _USAGE if ended else None,
        }

    def _required(self) -> dict[str, Any]:
        calls = [
            {
                "id": f"call_{self.id}_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(self.script.calls)
        ]
        return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}


def _page(items: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [item["id"] for item in items]
    edges = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    return {"object": "list", "data": items, **edges, "has_more": False}


def _json(body: Mapping[str, Any]) -> Raw:
    return raw(200, {"content-type": "application/json"}, json.dumps(body).encode())
