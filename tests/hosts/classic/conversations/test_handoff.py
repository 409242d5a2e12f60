"""Handoffs by hand: who passes control to whom, why, and when there is nothing to see."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.conversations.handoff import NarrowCandidates, NestedChat, SpeakerSelection
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.place import Course
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, handoffs, terminations
from tests.support.calls import known, operation


def agent(name: str, **fields: Any) -> Any:
    return SimpleNamespace(name=name, **fields)


ONE, TWO, USER = agent("one"), agent("two"), agent("_User")
EXECUTOR = agent("_Group_Tool_Executor", _group_next_target=None)
NESTED = agent("wrapped_nested_two_1", _group_manager=object())


def group(*agents: Any, method: Any = "auto", messages: Any = ()) -> Any:
    return SimpleNamespace(
        agents=list(agents or (ONE, TWO)),
        speaker_selection_method=method,
        messages=list(messages),
        max_round=5,
    )


def selection(chat: Any = None, speaker: Any = ONE, course: Course | None = None) -> SpeakerSelection:
    around = operation(Operation)
    around.place.course = course
    made = operation(SpeakerSelection, chat or group(), around, last_speaker=speaker)
    made.begin()
    return made


@pytest.mark.parametrize(
    ("method", "state", "reason", "rule"),
    [
        ("auto", {}, handoffs.AUTO, None),
        ("ROUND_ROBIN", {}, handoffs.ROUND_ROBIN, None),
        ("unheard_of", {}, handoffs.CUSTOM, None),
        ("auto", {"is_forced": True}, handoffs.ONLY_CANDIDATE, None),
        ("manual", {"is_undecided": True}, handoffs.FALLBACK, None),
        ("manual", {"is_undecided": True, "method": "manual"}, handoffs.AUTO, None),
        ("auto", {"selection_error": "nobody"}, handoffs.FALLBACK, None),
        ("auto", {"reason": handoffs.AFTER_WORK, "rule": "done"}, handoffs.AFTER_WORK, "done"),
        (group, {}, handoffs.CUSTOM, "group"),
        (group, {"is_undecided": True}, handoffs.AUTO, "group"),
        (group, {"method": "random"}, handoffs.RANDOM, "group"),
    ],
)
def test_why_a_speaker_was_chosen(method: Any, state: dict[str, Any], reason: str, rule: str | None) -> None:
    chosen = selection(group(method=method))
    for name, value in state.items():
        setattr(chosen, name, value)
    facts = known(chosen.returned(TWO))
    assert (facts[names.HANDOFF_REASON], facts.get(names.HANDOFF_RULE)) == (reason, rule)
    assert (facts[names.HANDOFF_TO], chosen.name) == ("two", "handoff one -> two")
    # The rule of a pattern names one agent.
    assert facts.get(names.HANDOFF_CANDIDATES) == (None if "reason" in state else ("one", "two"))


def test_a_choice_that_came_to_nothing_is_a_failure_of_the_group() -> None:
    chosen = selection()
    chosen.selection_ended(SimpleNamespace(chat_history=[{"content": "[AGENT SELECTION FAILED]Nobody."}]))
    chosen.returned(TWO)
    assert chosen.failure is not None
    assert (chosen.failure.cause, chosen.failure.message) == (causes.ORCHESTRATION, "Nobody.")


@pytest.mark.parametrize(
    "result",
    [
        None,
        SimpleNamespace(chat_history=[]),
        SimpleNamespace(chat_history="odd"),
        SimpleNamespace(chat_history=[{"content": None}]),
        SimpleNamespace(chat_history=[{"content": "[AGENT SELECTED]two"}]),
    ],
)
def test_a_choice_that_worked_is_none(result: Any) -> None:
    chosen = selection()
    chosen.selection_ended(result)
    chosen.returned(TWO)
    assert chosen.failure is None


@pytest.mark.parametrize(
    ("value", "undecided", "candidates", "forced"),
    [
        ((None, [ONE, TWO], []), True, ("one", "two"), False),
        ((TWO, [TWO], []), False, ("two",), True),
        ((TWO, [ONE, TWO, EXECUTOR], []), False, ("one", "two"), False),
        ((TWO, "odd", []), False, None, False),
    ],
)
def test_who_is_eligible(value: Any, undecided: bool, candidates: Any, forced: bool) -> None:
    chosen = selection()
    step = operation(NarrowCandidates, parent=chosen)
    assert step.begin() == {}
    step.returned(value)
    assert (chosen.is_undecided, chosen.candidates, chosen.is_forced) == (undecided, candidates, forced)
    assert operation(NarrowCandidates).begin() is None


def test_each_selection_is_a_round_of_the_chat() -> None:
    course = Course()
    selection(course=course).returned(None)
    selection(course=course).returned(TWO)
    assert (course.rounds, course.max_rounds) == (2, 5)


@pytest.mark.parametrize("name", ["NoEligibleSpeaker", "NoEligibleSpeakerError"])
def test_nobody_left_to_speak_ends_the_chat_and_is_no_failure(name: str) -> None:
    course = Course()
    chosen = selection(course=course)
    facts = known(chosen.failed(type(name, (Exception,), {})()))
    assert facts[names.HANDOFF_REASON] == handoffs.NO_ELIGIBLE_SPEAKER
    assert (chosen.name, chosen.failure) == ("handoff one -> (end)", None)
    assert course.reason == terminations.NO_ELIGIBLE_SPEAKER


@pytest.mark.parametrize(
    ("error", "cause"), [(ValueError("odd"), causes.ORCHESTRATION), (TimeoutError(), causes.TIMEOUT)]
)
def test_any_other_exception_is_a_failure(error: Exception, cause: str) -> None:
    chosen = selection()
    chosen.failed(error)
    assert chosen.failure is not None
    assert (chosen.failure.cause, chosen.name) == (cause, "handoff one -> ?")


_ASKED = {"name": "one", "tool_calls": [{}]}
_DONE = {"role": "tool", "name": "_Group_Tool_Executor"}


@pytest.mark.parametrize(
    ("target", "speaker", "messages", "name"),
    [
        (None, ONE, [_ASKED], None),
        (None, EXECUTOR, [_ASKED, _DONE], None),
        (TWO, EXECUTOR, [_ASKED, _DONE], "handoff one -> ?"),
        (NESTED, EXECUTOR, [_ASKED, _DONE], None),
        (None, NESTED, [], None),
        (None, USER, ["odd"], "handoff user -> ?"),
        (None, ONE, [], "handoff one -> ?"),
    ],
)
def test_going_to_an_agent_that_autogen_has_made_for_itself_has_no_span(
    target: Any, speaker: Any, messages: Any, name: str | None
) -> None:
    executor = agent("_Group_Tool_Executor", _group_next_target=target)
    assert selection(group(ONE, TWO, executor, NESTED, messages=messages), speaker).name == name


def test_whoever_called_a_tool_that_says_stay_stays() -> None:
    executor = agent("_Group_Tool_Executor", _group_next_target=TWO)
    chosen = selection(group(ONE, TWO, executor, messages=[_ASKED, _DONE]), executor)
    assert known(chosen.returned(executor))[names.HANDOFF_TO] == "one"


def test_a_nested_chat_is_a_handoff_from_whose_turn_it_is() -> None:
    turn = operation(AgentTurn, ONE)
    turn.agent = "one"
    nested = operation(NestedChat, USER, turn, recipient=NESTED)
    assert known(nested.begin()) == {
        names.HANDOFF_FROM: "one",
        names.HANDOFF_TO: "two",
        names.HANDOFF_REASON: handoffs.NESTED_CHAT,
    }
    assert operation(NestedChat, ONE, operation(Operation), recipient=TWO).begin() is None
