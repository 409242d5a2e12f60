"""Handoffs in group chats and nested chats: from whom, to whom, why, and from among whom."""

from __future__ import annotations

from typing import Any

import pytest
from autogen import ConversableAgent

from autogen_otel.testing import entry, error, text
from autogen_otel.vocabulary import handoffs
from tests.support.agents import SHAPES, Serve, assistant, converse, user
from tests.support.groups import group, nested_chat_of, silent_agent, speaker_script
from tests.support.lineage import IS_02
from tests.support.telemetry import Telemetry, attributes_of, exception_of
from tests.support.trees import STORY, of_handoffs


def members(*names: str) -> list[ConversableAgent]:
    return [silent_agent(name) for name in names]


AUTO = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=max_round
  invoke_agent chat_manager
    handoff user -> analyst handoff.reason=auto
      chat gpt-4o config.index=0 cache.hit=False helper.role=speaker_selection
        POST http.response.status_code=200
    invoke_agent analyst
    handoff analyst -> supervisor handoff.reason=auto
      chat gpt-4o config.index=0 cache.hit=False helper.role=speaker_selection
        POST http.response.status_code=200
    invoke_agent supervisor
    handoff supervisor -> analyst handoff.reason=auto
      chat gpt-4o config.index=0 cache.hit=False helper.role=speaker_selection
        POST http.response.status_code=200
    invoke_agent analyst"""


@SHAPES
def test_the_model_that_chooses_a_speaker_hangs_directly_below_the_handoff(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve(speaker_script("analyst", "supervisor", "analyst"))
    converse(shape, *group(members("analyst", "supervisor"), "auto", server=server))
    assert telemetry.tree(*STORY) == AUTO
    assert of_handoffs(telemetry, "candidates") == [("user", "analyst", "supervisor")] * 3


UNRESOLVED = """\
invoke_workflow user -> chat_manager errors.handled=1 conversation.termination=max_round
  invoke_agent chat_manager
    handoff user -> analyst ERROR[orchestration: speaker_selection_failed] handoff.reason=fallback
      chat gpt-4o config.index=0 cache.hit=False helper.role=speaker_selection
        POST http.response.status_code=200
      chat gpt-4o config.index=0 cache.hit=False helper.role=speaker_selection
        POST http.response.status_code=200
    invoke_agent analyst"""


@SHAPES
@pytest.mark.parametrize("named", ["nobody at all", "analyst or supervisor"])
def test_a_model_that_names_nobody_or_several_is_a_failed_selection_although_the_chat_goes_on(
    telemetry: Telemetry, serve: Serve, shape: str, named: str
) -> None:
    converse(
        shape,
        *group(
            members("analyst", "supervisor"),
            "auto",
            server=serve(speaker_script(named)),
            max_round=2,
            max_retries_for_selecting_speaker=1,
        ),
    )
    assert telemetry.tree(*STORY) == UNRESOLVED
    handoff = telemetry.one("handoff")
    why = "multiple names" if "or" in named else "did not include any agent names"
    assert why in exception_of(handoff)["exception.message"]
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.origins"] == ("orchestration",)


def test_a_model_that_fails_while_choosing_is_a_failure_of_its_own_kind(
    telemetry: Telemetry, serve: Serve
) -> None:
    server = serve([error(401, "Bad key")])
    with pytest.raises(Exception, match="Bad key"):
        converse("sync", *group(members("analyst", "supervisor"), "auto", server=server))
    origins = [attributes_of(span).get("autogen.error.origin") for span in telemetry.spans]
    assert origins == ["config_entry"] * 5
    assert telemetry.one("handoff").name == "handoff user -> ?"


IN_TURN = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=max_round
  invoke_agent chat_manager
    handoff user -> analyst handoff.reason=round_robin
    invoke_agent analyst
    handoff analyst -> supervisor handoff.reason=round_robin
    invoke_agent supervisor
    handoff supervisor -> user handoff.reason=round_robin
    invoke_agent user"""


@SHAPES
def test_speakers_in_turn(telemetry: Telemetry, shape: str) -> None:
    converse(shape, *group(members("analyst", "supervisor"), "round_robin"))
    assert telemetry.tree(*STORY) == IN_TURN


def test_speakers_at_random(telemetry: Telemetry) -> None:
    converse("sync", *group(members("analyst", "supervisor"), "random"))
    assert of_handoffs(telemetry, "reason") == [handoffs.RANDOM] * 3
    assert of_handoffs(telemetry, "to") == [
        span.name.removeprefix("invoke_agent ") for span in telemetry.named("invoke_agent")[1:]
    ]


def test_a_human_chooses_or_leaves_it_to_the_list(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["3", "", "1"])
    monkeypatch.setattr("builtins.input", lambda _prompt="": next(answers))
    converse("sync", *group(members("analyst", "supervisor"), "manual"))
    assert of_handoffs(telemetry, "to") == ["supervisor", "user", "user"]
    assert of_handoffs(telemetry, "reason") == [handoffs.MANUAL, handoffs.FALLBACK, handoffs.MANUAL]
    assert "ERROR" not in telemetry.tree()


@SHAPES
def test_a_function_of_the_users_chooses_and_is_named(telemetry: Telemetry, shape: str) -> None:
    others = members("analyst", "supervisor")

    def whoever_is_quiet(last: Any, chat: Any) -> Any:
        return others[1] if last is others[0] else others[0]

    converse(shape, *group(others, whoever_is_quiet))
    assert of_handoffs(telemetry, "to") == ["analyst", "supervisor", "analyst"]
    assert set(of_handoffs(telemetry, "reason")) == {handoffs.CUSTOM}
    assert set(of_handoffs(telemetry, "rule")) == {"whoever_is_quiet"}


def test_a_function_may_leave_the_choice_to_a_model(telemetry: Telemetry, serve: Serve) -> None:
    def ask_the_model(last: Any, chat: Any) -> str:
        return "auto"

    server = serve(speaker_script("analyst"))
    converse("sync", *group(members("analyst", "supervisor"), ask_the_model, server=server, max_round=2))
    assert of_handoffs(telemetry, "reason") == [handoffs.AUTO]
    assert of_handoffs(telemetry, "rule") == ["ask_the_model"]
    assert telemetry.children(telemetry.one("handoff"))[0].name == "chat gpt-4o"


def test_a_chat_that_the_users_function_begins_is_shown_as_such(telemetry: Telemetry) -> None:
    others = members("analyst", "supervisor")

    def ask_around(last: Any, chat: Any) -> Any:
        silent_agent("oracle").initiate_chat(
            silent_agent("witness"), message="Who?", max_turns=1, silent=True
        )
        return others[0]

    converse("sync", *group(others, ask_around, max_round=2))
    assert [span.name for span in telemetry.children(telemetry.one("handoff"))] == [
        "invoke_workflow oracle -> witness"
    ]
    assert telemetry.named("invoke_agent witness")


def test_a_function_that_raises_is_a_failed_callback(telemetry: Telemetry) -> None:
    def broken(last: Any, chat: Any) -> Any:
        raise LookupError("no idea")

    with pytest.raises(LookupError):
        converse("sync", *group(members("analyst", "supervisor"), broken))
    handoff = telemetry.one("handoff user -> ?")
    assert attributes_of(handoff)["autogen.error.origin"] == "callback"
    assert attributes_of(handoff)["autogen.callback.name"].endswith("broken")
    assert "in broken" in exception_of(handoff)["exception.stacktrace"]


TRANSITIONS = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=no_eligible_speaker
  invoke_agent chat_manager
    handoff user -> analyst handoff.reason=only_candidate
    invoke_agent analyst
    handoff analyst -> supervisor handoff.reason=only_candidate
    invoke_agent supervisor
    handoff supervisor -> (end) handoff.reason=no_eligible_speaker"""

ESCAPED = """\
invoke_workflow user -> chat_manager ERROR[orchestration: autogen.exception_utils.NoEligibleSpeaker] \
errors.handled=0 conversation.termination=error
  invoke_agent chat_manager ERROR[orchestration: autogen.exception_utils.NoEligibleSpeaker]
    handoff user -> analyst handoff.reason=only_candidate
    invoke_agent analyst
    handoff analyst -> supervisor handoff.reason=only_candidate
    invoke_agent supervisor
    handoff supervisor -> (end) handoff.reason=no_eligible_speaker"""


def with_transitions() -> tuple[ConversableAgent, ConversableAgent]:
    asker, (analyst, supervisor) = silent_agent("user"), members("analyst", "supervisor")
    return group(
        [analyst, supervisor],
        "auto",
        asker=asker,
        max_round=9,
        allowed_or_disallowed_speaker_transitions={asker: [analyst], analyst: [supervisor]},
        speaker_transitions_type="allowed",
    )


@SHAPES
def test_a_chat_ends_when_nobody_may_speak_which_escapes_from_the_async_chats_of_02(
    telemetry: Telemetry, shape: str
) -> None:
    asker, manager = with_transitions()
    if IS_02 and shape == "async":
        with pytest.raises(Exception, match="transitions"):
            converse(shape, asker, manager)
        assert telemetry.tree(*STORY) == ESCAPED
    else:
        converse(shape, asker, manager)
        assert telemetry.tree(*STORY) == TRANSITIONS
    assert of_handoffs(telemetry, "candidates") == [("analyst",), ("supervisor",), None]


NESTED = """\
invoke_workflow user -> outer errors.handled=0 conversation.termination=max_turns
  invoke_agent outer
    handoff outer -> inner handoff.reason=nested_chat
      invoke_workflow outer -> inner errors.handled=0 conversation.termination=max_turns
        invoke_agent inner
          chat gpt-4o config.index=0 cache.hit=False
            POST http.response.status_code=200"""


def test_a_nested_chat_is_a_handoff_with_a_conversation_inside(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("Checked.")])
    asker, outer = nested_chat_of(server, assistant([entry(server)], "inner"))
    converse("sync", asker, outer, max_turns=1)
    assert telemetry.tree(*STORY) == NESTED


def test_a_chat_that_a_tool_begins_is_no_handoff(telemetry: Telemetry) -> None:
    def ask_someone() -> str:
        silent_agent("clerk").initiate_chat(
            silent_agent("archive"), message="Well?", max_turns=1, silent=True
        )
        return "asked"

    asker = user(function_map={"ask_someone": ask_someone})
    asker.generate_reply(
        [{"role": "assistant", "content": "", "function_call": {"name": "ask_someone", "arguments": "{}"}}]
    )
    assert telemetry.named("handoff") == []
    assert telemetry.children(telemetry.one("execute_tool"))[0].name == "invoke_workflow clerk -> archive"
