"""Waiting for a human: how long, and what the answer meant; never what was typed."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any

import pytest
from autogen import ConversableAgent

from autogen_otel.testing import entry, text
from tests.support.agents import SHAPES, Person, Serve, assistant, converse
from tests.support.lineage import IS_09
from tests.support.telemetry import Telemetry, attributes_of, exception_of, strings_in

ASKED_THREE_TIMES = """\
invoke_workflow human -> assistant errors.handled=0
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent human
    await_human_input human
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent human
    await_human_input human
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent human
    await_human_input human"""


@SHAPES
def test_each_wait_is_a_span_that_says_what_the_answer_meant(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([text("First?"), text("Second?"), text("Third?")])
    person = Person("human", ["go on", "my word is open-sesame", "exit"])
    converse(shape, person, assistant([entry(server)]))
    assert telemetry.tree() == ASKED_THREE_TIMES
    waits = [attributes_of(span) for span in telemetry.named("await_human_input")]
    assert [wait["autogen.human.reply"] for wait in waits] == ["text", "text", "exit"]
    assert {wait["gen_ai.agent.name"] for wait in waits} == {"human"}
    assert "open-sesame" not in strings_in(telemetry.spans)


def test_an_empty_answer_lets_the_agent_go_on_by_itself(telemetry: Telemetry, serve: Serve) -> None:
    person = Person("human", ["", "exit"])
    converse("sync", person, assistant([entry(serve([text("First?"), text("Second?")]))]))
    replies = [attributes_of(span)["autogen.human.reply"] for span in telemetry.named("await_human_input")]
    assert replies == ["skip", "exit"]


@SHAPES
@pytest.mark.needs(not IS_09, "0.9 awaits what its console's input returns, which is no awaitable")
def test_the_console_is_one_wait_below_the_turn_also_from_another_thread(
    telemetry: Telemetry, serve: Serve, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt="": "exit")
    person = ConversableAgent(
        "human", llm_config=False, human_input_mode="ALWAYS", code_execution_config=False
    )
    converse(shape, person, assistant([entry(serve([text("Well?")]))]))
    wait = telemetry.one("await_human_input human")
    assert telemetry.children(telemetry.one("invoke_agent human")) == [wait]
    assert attributes_of(wait)["autogen.human.reply"] == "exit"


@SHAPES
def test_a_chat_that_begins_by_asking_for_the_first_message_shows_the_wait(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    person = Person("human", ["Hello", "exit"])
    helper = assistant([entry(serve([text("Well?")]))])
    if shape == "sync":
        person.initiate_chat(helper, silent=True)
    else:
        asyncio.run(person.a_initiate_chat(helper, silent=True))
    first, _ = telemetry.named("await_human_input")
    assert first in telemetry.children(telemetry.one("invoke_workflow"))


@SHAPES
def test_nobody_at_the_console_is_an_error_that_ends_the_chat(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    class Gone(Person):
        def get_human_input(self, prompt: str, **options: Any) -> str:
            raise EOFError("EOF when reading a line")

    with pytest.raises(EOFError):
        converse(shape, Gone("human", []), assistant([entry(serve([text("Well?")]))]))
    span = telemetry.one("await_human_input")
    assert attributes_of(span)["error.type"] == "EOFError"
    assert "in get_human_input" in exception_of(span)["exception.stacktrace"]
    assert "autogen.human.reply" not in attributes_of(span)


@SHAPES
@pytest.mark.parametrize("is_first", [True, False], ids=["first message", "turn"])
def test_a_terminal_that_is_not_there_is_said_to_be_so(
    telemetry: Telemetry, serve: Serve, monkeypatch: pytest.MonkeyPatch, shape: str, is_first: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    person = ConversableAgent(
        "human", llm_config=False, human_input_mode="ALWAYS", code_execution_config=False
    )
    helper = assistant([entry(serve([text("Well?")]))])
    with pytest.raises(EOFError):
        if is_first and shape == "sync":
            person.initiate_chat(helper, silent=True)
        elif is_first:
            asyncio.run(person.a_initiate_chat(helper, silent=True))
        else:
            converse(shape, person, helper)
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {"orchestration"}
    assert all("there is no terminal" in (span.status.description or "") for span in failed)


def test_people_who_are_asked_at_the_same_time_wait_in_their_own_conversations(
    telemetry: Telemetry, serve: Serve
) -> None:
    server = serve(lambda request: text("Well?"))

    class Slow(Person):
        async def a_get_human_input(self, prompt: str, **options: Any) -> str:
            await asyncio.sleep(0)
            return self.answers.pop(0)

    async def all_of_them() -> None:
        chats = [
            Slow(name, ["exit"]).a_initiate_chat(assistant([entry(server)]), message="Hello", silent=True)
            for name in ("ann", "bob", "cid")
        ]
        await asyncio.gather(*chats)

    asyncio.run(all_of_them())
    for name in ("ann", "bob", "cid"):
        wait, turn = telemetry.one(f"await_human_input {name}"), telemetry.one(f"invoke_agent {name}")
        assert telemetry.children(turn) == [wait]
