"""Why a pattern or swarm passes control on: which of its rules applies, without running it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.classic.conversations.handoff import SpeakerSelection
from autogen_otel.hosts.classic.conversations.transition import DetermineNextAgent, content_for_model
from autogen_otel.vocabulary import handoffs
from tests.support.calls import operation

TARGET = SimpleNamespace(name="target")


def agent(name: str = "one", **handoffs_: Any) -> Any:
    rules = SimpleNamespace(
        **{"llm_conditions": (), "context_conditions": (), "after_works": (), "after_work": None, **handoffs_}
    )
    return SimpleNamespace(name=name, handoffs=rules)


def executor(target: Any = None) -> Any:
    return SimpleNamespace(name="_Group_Tool_Executor", _group_next_target=target)


def why(**arguments: Any) -> tuple[str | None, str | None]:
    selection = operation(SpeakerSelection)
    selection.place.handoff, selection.method = selection, None
    step = operation(DetermineNextAgent, parent=selection, **{"groupchat": None, **arguments})
    assert step.begin() == {}
    return selection.reason, selection.rule


def chat(caller: Any, *tools: Any) -> Any:
    calls = [{"function": {"name": tool}} for tool in tools]
    return SimpleNamespace(
        agents=[caller], messages=[{"name": caller.name, "tool_calls": calls}, {"role": "tool"}]
    )


_TRANSFER = SimpleNamespace(llm_function_name="transfer", target=TARGET)


@pytest.mark.parametrize(
    ("caller", "tools", "expected"),
    [
        (agent(llm_conditions=[_TRANSFER]), ["transfer"], (handoffs.LLM_CONDITION, "transfer")),
        (agent(llm_conditions=[_TRANSFER]), ["escalate"], (handoffs.REPLY_RESULT, "escalate")),
        (agent(), ["escalate"], (handoffs.REPLY_RESULT, "escalate")),
        (agent(), ["escalate", "lookup"], (handoffs.REPLY_RESULT, None)),
        (agent(), ["escalate", None], (handoffs.REPLY_RESULT, "escalate")),
        (
            SimpleNamespace(name="one", _swarm_conditional_functions={"transfer": (None, _TRANSFER)}),
            ["transfer"],
            (handoffs.LLM_CONDITION, "transfer"),
        ),
    ],
)
def test_after_a_tool_it_is_a_transfer_or_what_the_tool_says(caller: Any, tools: Any, expected: Any) -> None:
    hidden = executor(TARGET)
    assert why(groupchat=chat(caller, *tools), last_speaker=hidden, tool_executor=hidden) == expected


def test_without_any_tool_called_nobody_is_named() -> None:
    hidden, empty = executor(TARGET), SimpleNamespace(agents=[], messages=[])
    assert why(groupchat=empty, last_speaker=hidden, tool_executor=hidden) == (handoffs.REPLY_RESULT, None)


def condition(**fields: Any) -> Any:
    return SimpleNamespace(target=TARGET, condition=SimpleNamespace(**fields))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (agent(context_conditions=[condition(variable_name="vip")]), (handoffs.CONTEXT_CONDITION, "vip")),
        (agent(context_conditions=[condition(expression="${vip}")]), (handoffs.CONTEXT_CONDITION, "${vip}")),
        (
            agent(context_conditions=[condition(expression=SimpleNamespace(expression="${vip}"))]),
            (handoffs.CONTEXT_CONDITION, "${vip}"),
        ),
        (agent(context_conditions=[condition()]), (handoffs.CONTEXT_CONDITION, None)),
        (agent(context_conditions=[SimpleNamespace(target=object())]), (handoffs.AFTER_WORK, None)),
        (
            SimpleNamespace(
                name="one", _swarm_oncontextconditions=[SimpleNamespace(target=TARGET, condition="vip")]
            ),
            (handoffs.CONTEXT_CONDITION, "vip"),
        ),
        (
            SimpleNamespace(name="one", output_guardrails=[SimpleNamespace(target=TARGET, name="no names")]),
            (handoffs.GUARDRAIL, "no names"),
        ),
        (
            SimpleNamespace(name="one", input_guardrails=[SimpleNamespace(target=TARGET, name=7)]),
            (handoffs.GUARDRAIL, None),
        ),
        (agent(), (handoffs.AFTER_WORK, None)),
    ],
)
def test_after_an_agent_it_is_a_rule_of_the_agents(last: Any, expected: Any) -> None:
    assert why(last_speaker=last, tool_executor=executor(TARGET)) == expected


def stop() -> None:
    """A function that decides what comes after an agent's work."""


_FUNCTION = SimpleNamespace(target=SimpleNamespace(fn_name="decide"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"use_initial_agent": True}, (handoffs.INITIAL_AGENT, None)),
        ({"last_speaker": agent(after_works=[_FUNCTION])}, (handoffs.AFTER_WORK, "decide")),
        ({"last_speaker": agent(after_work=SimpleNamespace(agent=stop))}, (handoffs.AFTER_WORK, "stop")),
        ({"last_speaker": agent(after_works=[_FUNCTION, _FUNCTION])}, (handoffs.AFTER_WORK, None)),
        ({"last_speaker": agent(), "group_after_work": _FUNCTION}, (handoffs.AFTER_WORK, "decide")),
        ({"last_speaker": agent(), "swarm_after_work": stop}, (handoffs.AFTER_WORK, "stop")),
        ({"last_speaker": agent(), "swarm_after_work": "TERMINATE"}, (handoffs.AFTER_WORK, None)),
    ],
)
def test_without_a_target_it_is_the_beginning_or_the_rule_for_what_comes_after(
    arguments: dict[str, Any], expected: Any
) -> None:
    assert why(**arguments) == expected


def test_after_the_user_the_agent_before_goes_on_unless_a_pattern_gives_the_user_a_rule() -> None:
    user, busy = agent("user"), agent("user", after_works=[_FUNCTION])
    swarm = SimpleNamespace(_swarm_next_agent=None)
    assert why(last_speaker=user, user_agent=user) == (handoffs.USER_REPLIED, None)
    assert why(last_speaker=busy, user_agent=busy) == (handoffs.AFTER_WORK, "decide")
    assert why(last_speaker=busy, user_agent=busy, tool_execution=swarm) == (handoffs.USER_REPLIED, None)


def test_a_method_that_is_to_choose_takes_the_place_of_the_rule() -> None:
    selection = operation(SpeakerSelection)
    selection.place.handoff, selection.method = selection, None
    selection.reason = handoffs.AFTER_WORK
    step = operation(DetermineNextAgent, parent=selection)
    choices: list[tuple[str | None, str | None]] = []
    for value in (agent(), "auto"):
        step.returned(value)
        choices.append((selection.reason, selection.method))
    assert choices == [(handoffs.AFTER_WORK, None), (None, "auto")]
    assert operation(DetermineNextAgent).begin() is None


def test_the_model_gets_the_text_of_a_result_that_names_an_agent() -> None:
    members = {"__str__": lambda self: "Escalated.", "__module__": "autogen.agentchat.group.reply_result"}
    result = type("ReplyResult", (), members)()
    assert content_for_model(result) == "Escalated."
    assert content_for_model({"a": 1}) == {"a": 1}
