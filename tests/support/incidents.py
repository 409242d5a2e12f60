"""Four conversations such as a bad night brings them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.recorded import ORIGIN, RecordedTrace, exception

TOOL_TRACE = """Traceback (most recent call last):
  File "/home/eve/venv/lib/python3.12/site-packages/autogen/agent.py", line 2290, in execute_function
    content = func(**arguments)
              ^^^^^^^^^^^^^^^^^
  File "/home/eve/claims/tools.py", line 17, in lookup_policy
    return POLICIES[parse_id(policy_id)]
                    ^^^^^^^^^^^^^^^^^^^
  File "/home/eve/claims/policies.py", line 42, in parse_id
    return int(text.split("-")[1])
               ^^^^^^^^^^
AttributeError: 'NoneType' object has no attribute 'split'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/home/eve/claims/tools.py", line 19, in lookup_policy
    raise ValueError("no such policy: None") from error
ValueError: no such policy: None
"""
API_TRACE = """Traceback (most recent call last):
  File "/home/eve/venv/lib/python3.12/site-packages/openai/_base_client.py", line 1047, in request
    raise self._make_status_error_from_response(err.response) from None
{error}
"""
SERVER_ERROR = "Error code: 500 - {'error': {'message': 'The server had an error', 'type': 'server_error'}}"
KEY_ERROR = "Error code: 401 - {'error': {'message': 'Incorrect API key provided: [redacted]'}}"


def api_error(kind: str, message: str) -> dict[str, str]:
    """An exception of the OpenAI SDK."""
    return exception(f"openai.{kind}", message, API_TRACE.format(error=f"openai.{kind}: {message}"))


TOOL_ERROR = exception("ValueError", "no such policy: None", TOOL_TRACE)


def failing_tool(number: int = 0xA1B2C3D4) -> RecordedTrace:
    """A tool raises, AutoGen hides it, and three attempts later the backend ends the conversation."""
    it = RecordedTrace(number)
    server_error = api_error("InternalServerError", SERVER_ERROR)
    workflow = {"autogen__conversation__turns": 3, ORIGIN: "backend"}
    with it.span("invoke_workflow user -> assistant", 0, server_error, **workflow):
        with it.span("invoke_agent assistant", 0.002, gen_ai__agent__name="assistant"):
            chat(it, 1204, 87, 3, 4811)
        problem = "policy_id: expected string, got null"
        with it.span(
            "invoke_agent user", 0.001, gen_ai__agent__name="user", autogen__sender__name="assistant"
        ):
            tool = it.leaf(
                "execute_tool lookup_policy",
                0.003,
                TOOL_ERROR,
                gen_ai__tool__name="lookup_policy",
                gen_ai__tool__call__arguments='{"policy_id": null, "as_of": "2026-11-01"}',
                gen_ai__tool__call__result="Error: no such policy: None",
                autogen__tool__arguments__problems=[problem],
                **{ORIGIN: "tool_exception"},
            )
        with (
            it.span(
                "invoke_agent assistant",
                0.001,
                server_error,
                gen_ai__agent__name="assistant",
                **{ORIGIN: "backend"},
            ),
            it.span("chat gpt-4o", 0.001, server_error, **prompt(5, 48_311), **{ORIGIN: "backend"}) as failed,
        ):
            failed["links"] = [{"traceId": it.trace_id, "spanId": tool}]
            attempts(it, 500, 500, 500)
    return it


def fallback(number: int = 0xB1B2C3D4) -> RecordedTrace:
    """The first entry's key is wrong; the second answers and nobody is told."""
    it = RecordedTrace(number, at=60)
    key = api_error("AuthenticationError", KEY_ERROR)
    origin = {ORIGIN: "config_entry"}
    with (
        it.span("invoke_workflow user -> assistant", 0.004, autogen__conversation__turns=1),
        it.span("invoke_agent assistant", 0.001, gen_ai__agent__name="assistant"),
        it.span(
            "chat gpt-4o-mini",
            0.001,
            gen_ai__request__model="gpt-4o-mini",
            autogen__config__count=2,
            autogen__config__index=1,
            gen_ai__usage__input_tokens=812,
            gen_ai__usage__output_tokens=44,
            **prompt(2, 3104),
        ),
    ):
        azure = {"autogen__config__api_type": "azure", "server__address": "eu.openai.azure.com"}
        entry: dict[str, Any] = {
            "gen_ai__request__model": "gpt-4-turbo",
            "autogen__config__index": 0,
            **azure,
            **origin,
        }
        with it.span("config_entry 0 gpt-4-turbo", 0.001, key, **entry):
            it.post(
                0.212,
                401,
                autogen__http__request_id="req_7d1",
                server__address="eu.openai.azure.com",
                **origin,
            )
        plain = {"autogen__config__api_type": "openai", "server__address": "api.openai.com"}
        entry = {"gen_ai__request__model": "gpt-4o-mini", "autogen__config__index": 1, **plain}
        with it.span("config_entry 1 gpt-4o-mini", 0.001, **entry):
            it.post(0.933, 200, autogen__http__request_id="req_7d2")
    return it


def recovered(number: int = 0xC1B2C3D4) -> RecordedTrace:
    """500, 500, 200; then a reply from the cache."""
    it = RecordedTrace(number, at=120)
    with it.span("invoke_workflow user -> assistant", 0.004, autogen__conversation__turns=2):
        with (
            it.span("invoke_agent assistant", 0.001, gen_ai__agent__name="assistant"),
            it.span(
                "chat gpt-4o",
                0.001,
                gen_ai__usage__input_tokens=95,
                gen_ai__usage__output_tokens=12,
                **prompt(2, 310),
            ),
        ):
            attempts(it, 500, 500, 200)
        with it.span("invoke_agent assistant", 0.001, gen_ai__agent__name="assistant"):
            it.leaf("chat gpt-4o", 0.001, autogen__cache__hit=True, **prompt(4, 602))
    return it


def group(number: int = 0xD1B2C3D4) -> RecordedTrace:
    """Four agents, the speaker selected by a model."""
    it = RecordedTrace(number, at=180)
    with it.span("invoke_workflow user -> manager", 0.004, autogen__conversation__turns=4):
        previous = "user"
        for agent in ("planner", "researcher", "critic", "writer"):
            reason = {"autogen__handoff__reason": "auto", "autogen__handoff__to": agent}
            with it.span(f"handoff {previous} -> {agent}", 0.001, **reason):
                chat(it, 400, 3, 6, 2204, autogen__helper__role="speaker_selection")
            with it.span(f"invoke_agent {agent}", 0.001, gen_ai__agent__name=agent):
                chat(it, 900, 120, 3, 1800)
                if agent == "researcher":
                    floods = ["Elbe 1962", "Elbe 2023", "Alster 2018", "Bille 2020", "Elbe 2024"]
                    it.leaf(
                        "execute_tool search",
                        0.4,
                        gen_ai__tool__name="search",
                        gen_ai__tool__call__arguments='{"query": "flood damage\\nHamburg", "limit": 5}',
                        gen_ai__tool__call__result=json.dumps(floods),
                    )
            previous = agent
    return it


def killed(number: int = 0xE1B2C3D4) -> RecordedTrace:
    """The process died in the second turn: the conversation's own span never arrived."""
    it = RecordedTrace(number, at=240)
    with it.span("invoke_workflow user -> assistant", 1):
        with it.span(
            "invoke_agent assistant", 0.001, gen_ai__agent__name="assistant", autogen__sender__name="user"
        ):
            chat(it, 100, 10, 2, 300)
        with it.span("invoke_agent user", 1):
            it.leaf(
                "execute_tool sleep", 2, gen_ai__tool__name="sleep", gen_ai__tool__call__arguments="not {json"
            )
    it.spans = [
        span
        for span in it.spans
        if span["name"] not in {"invoke_workflow user -> assistant", "invoke_agent user"}
    ]
    return it


def prompt(messages: int, chars: int) -> dict[str, Any]:
    """The size of a prompt."""
    return {"autogen__prompt__messages": messages, "autogen__prompt__chars": chars}


def chat(it: RecordedTrace, sent: int, received: int, messages: int, chars: int, **more: Any) -> None:
    """Record a model call that works."""
    usage: dict[str, Any] = {"gen_ai__usage__input_tokens": sent, "gen_ai__usage__output_tokens": received}
    with it.span(
        "chat gpt-4o", 0.001, gen_ai__request__model="gpt-4o", **usage, **prompt(messages, chars), **more
    ):
        it.post(0.75, 200)


def attempts(it: RecordedTrace, *statuses: int) -> None:
    """Record the attempts of one request."""
    for resend, status in enumerate(statuses):
        it.post(
            0.4 + resend,
            status,
            autogen__http__request_id=f"req_{status}_{resend}",
            http__request__resend_count=resend,
            http__request__body__size=41_206,
            autogen__http__retry_after_seconds=2.0 if status == 500 and resend == 1 else None,
            **({ORIGIN: "backend", "error__type": str(status)} if status >= 400 else {}),
        )
