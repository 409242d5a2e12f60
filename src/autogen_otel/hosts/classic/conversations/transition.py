"""Why a pattern or swarm passes control on: ``determine_next_agent``, and its twin for swarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autogen_otel.hosts.classic.conversations.handoff import SelectionStep, next_target
from autogen_otel.hosts.classic.hidden_agents import runs_tools
from autogen_otel.reading import read_text, text_or_none
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import handoffs

Reason = tuple[str, str | None]
"""A reason, and the user's tool, condition or function behind it."""


_HANDOVER_CLASSES = frozenset({"TransitionTarget", "ReplyResult", "SwarmResult", "ConversableAgent"})


class DetermineNextAgent(SelectionStep):
    """Reads ``determine_next_agent`` before it runs, since it clears the state that it decides by."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Work out which of its rules will apply."""
        selection = self.place.handoff
        if selection is None:
            return None
        selection.reason, selection.rule = _reason(self.arguments)
        return {}

    def returned(self, value: Any) -> None:
        """Note the method that is to choose, if the value names one and is no agent."""
        selection = self.place.handoff
        if selection is not None and isinstance(value, str):
            selection.reason, selection.method = None, value


def content_for_model(content: object) -> object:
    """What the model gets of a tool's result: only the text of an object that names the next agent."""
    hosts = {cls.__name__ for cls in type(content).__mro__ if str(cls.__module__).startswith("autogen.")}
    return read_text(content) if hosts & _HANDOVER_CLASSES else content


def _reason(arguments: Mapping[str, Any]) -> Reason:
    if arguments.get("use_initial_agent"):
        return handoffs.INITIAL_AGENT, None
    executor = arguments.get("tool_executor") or arguments.get("tool_execution")
    group, last_speaker, user = (
        arguments["groupchat"],
        arguments.get("last_speaker"),
        arguments.get("user_agent"),
    )
    target = next_target(executor)
    if target is not None:
        return _reason_of_target(target, group, last_speaker)
    after_works = list(_after_works(last_speaker))
    if user is not None and last_speaker is user and (not after_works or _is_swarm(executor)):
        return handoffs.USER_REPLIED, None
    if not after_works:
        after_works = [arguments.get("group_after_work") or arguments.get("swarm_after_work")]
    # Of several rules with conditions, only their evaluation would tell which one applies.
    return handoffs.AFTER_WORK, _function_of(after_works[0]) if len(after_works) == 1 else None


def _reason_of_target(target: Any, group: Any, last_speaker: Any) -> Reason:
    """Who set the next target: a tool that ran, or a rule of the speaker's."""
    if runs_tools(last_speaker):
        caller, tools = _called_tools(group)
        for name, condition_target in _llm_conditions(caller):
            if condition_target is target and name in tools:
                return handoffs.LLM_CONDITION, name
        return handoffs.REPLY_RESULT, tools[0] if len(tools) == 1 else None
    for condition in _context_conditions(last_speaker):
        if getattr(condition, "target", None) is target:
            return handoffs.CONTEXT_CONDITION, _condition_name(condition)
    for guardrail in _guardrails(last_speaker):
        if getattr(guardrail, "target", None) is target:
            return handoffs.GUARDRAIL, text_or_none(getattr(guardrail, "name", None))
    return handoffs.AFTER_WORK, None


def _called_tools(group: Any) -> tuple[Any, Sequence[str]]:
    """Who called the tools that have just run, and their names."""
    for message in reversed(group.messages):
        calls = message.get("tool_calls")
        if calls:
            names = [call.get("function", {}).get("name") for call in calls]
            caller = next((agent for agent in group.agents if agent.name == message.get("name")), None)
            return caller, [name for name in names if isinstance(name, str)]
    return None, ()


def _llm_conditions(agent: Any) -> Iterator[tuple[str | None, Any]]:
    for condition in getattr(getattr(agent, "handoffs", None), "llm_conditions", ()):
        yield condition.llm_function_name, condition.target
    for name, (_function, condition) in getattr(agent, "_swarm_conditional_functions", {}).items():
        yield name, condition.target


def _context_conditions(agent: Any) -> Iterator[Any]:
    yield from getattr(getattr(agent, "handoffs", None), "context_conditions", ())
    yield from getattr(agent, "_swarm_oncontextconditions", ())


def _guardrails(agent: Any) -> Iterator[Any]:
    yield from getattr(agent, "input_guardrails", ())
    yield from getattr(agent, "output_guardrails", ())


def _after_works(agent: Any) -> Iterator[Any]:
    """The agent's own rules: one in 0.9 and in swarms, several with conditions in 0.14."""
    rules = getattr(agent, "handoffs", None)
    yield from getattr(rules, "after_works", ())
    for rule in (getattr(rules, "after_work", None), getattr(agent, "_swarm_after_work", None)):
        if rule is not None:
            yield rule


def _is_swarm(executor: Any) -> bool:
    return hasattr(executor, "_swarm_next_agent")


def _condition_name(condition: Any) -> str | None:
    """The context variable or expression that a condition evaluates."""
    rule = getattr(condition, "condition", None)
    for holder in (rule, getattr(rule, "expression", None)):
        for name in ("variable_name", "expression"):
            text = text_or_none(getattr(holder, name, None))
            if text is not None:
                return text
    return text_or_none(rule)


def _function_of(rule: Any) -> str | None:
    """The user's function, where one decides what comes after an agent's work."""
    target = getattr(rule, "target", None) or getattr(rule, "agent", None) or rule
    name = getattr(target, "fn_name", None)
    if name is None and callable(target):
        name = getattr(target, "__name__", None)
    return text_or_none(name)
