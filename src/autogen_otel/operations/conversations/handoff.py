"""A handoff by speaker selection: ``GroupChat.select_speaker`` and its async twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import Failure, Handoff, SelectionStep
from autogen_otel.operations.conversations.ending import course_around
from autogen_otel.operations.conversations.hidden_agents import (
    agents_of,
    runs_tools,
    shown_name,
    shown_names,
    tool_executor,
    wraps_nested_chat,
)
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.operations.reading import attribute
from autogen_otel.vocabulary import failures, handoffs, terminations

_END_OF_CHAT = frozenset({"NoEligibleSpeaker", "NoEligibleSpeakerError"})
"""How a group chat says that nobody is left to speak: its normal end, not a failure."""
_SELECTED = "[AGENT SELECTED]"
_SELECTION_FAILED = "[AGENT SELECTION FAILED]"


@dataclass(slots=True)
class HandoffState:
    """What is found out while the next speaker is selected.

    Args:
        reason: why a pattern or swarm passes control on.
        rule: the user's function, tool or condition that decides.
        method: the selection method that a pattern, swarm or function leaves the choice to.
        candidates: those that are eligible.
        forced: whether only one of them was.
        undecided: whether nobody was chosen without asking a model.
        unresolved: how the host put it that the model named nobody, or several.
    """

    reason: str | None = None
    rule: str | None = None
    method: str | None = None
    candidates: tuple[str, ...] | None = None
    forced: bool = False
    undecided: bool = False
    unresolved: str | None = None

    def selection_ended(self, result: object) -> None:
        """Look how the chat that lets a model choose came out: its last message says it."""
        history = getattr(result, "chat_history", None)
        content = history[-1].get("content") if isinstance(history, list) and history else None
        if isinstance(content, str) and _SELECTED not in content:
            self.unresolved = content.removeprefix(_SELECTION_FAILED)


class SelectSpeaker(Operation[Handoff]):
    """Reads ``select_speaker``."""

    def begin(self, call: Call) -> Handoff:
        """Note who spoke last."""
        call.scope.state = HandoffState()
        group, speaker = call.instance, call.arguments.get("last_speaker")
        return Handoff(
            source=_source(group, speaker),
            hidden=_is_detour(group, speaker),
        )

    def returned(self, call: Call, started: Handoff, value: Any) -> Handoff:
        """The chosen agent, and why this one."""
        state = _state(call)
        course = course_around(call.scope)
        if course is not None:
            course.rounds += 1
            course.max_rounds = attribute(call.instance, "max_round")
        ended = self._explained(call, started, state)
        if value is not None:
            # A tool that says "stay" lets the hidden executor speak again: whoever called it stays.
            ended = replace(ended, target=started.source if runs_tools(value) else shown_name(value))
        if state.unresolved is None:
            return ended
        unresolved = Failure(
            origin=failures.ORCHESTRATION, type="speaker_selection_failed", message=state.unresolved
        )
        return replace(ended, failure=unresolved)

    def failed(self, call: Call, started: Handoff, error: BaseException) -> Handoff:
        """Nobody could be chosen; with nobody eligible the chat just ends."""
        state = _state(call)
        ended = self._explained(call, started, state)
        if type(error).__name__ in _END_OF_CHAT:
            course = course_around(call.scope)
            if course is not None:
                course.reason = terminations.NO_ELIGIBLE_SPEAKER
            reason = state.reason or handoffs.NO_ELIGIBLE_SPEAKER
            return replace(ended, reason=reason, candidates=(), ends_chat=True)
        failure = call.failure(error)
        if failure.origin == failures.UNKNOWN:
            failure = replace(failure, origin=failures.ORCHESTRATION)
        return replace(ended, failure=failure)

    def _explained(self, call: Call, started: Handoff, state: HandoffState) -> Handoff:
        group = call.instance
        method = getattr(group, "speaker_selection_method", None)
        rule = state.rule
        if rule is None and callable(method) and tool_executor(group) is None:
            rule = attribute(method, "__name__") or type(method).__name__
        candidates = shown_names(agents_of(group)) if state.candidates is None else state.candidates
        if state.reason is not None:
            # The rule of a pattern names one agent; nobody is chosen from several.
            candidates = ()
        return replace(started, reason=_reason(method, state), rule=rule, candidates=candidates)


class NarrowCandidates(Operation[SelectionStep]):
    """Reads ``GroupChat._prepare_and_select_agents``: who is eligible, and who is chosen without a model."""

    def begin(self, call: Call) -> SelectionStep | None:
        """Nothing is known yet."""
        return SelectionStep() if call.scope.find(HandoffState) is not None else None

    def returned(self, call: Call, started: SelectionStep, value: Any) -> SelectionStep:
        """The one chosen, those eligible, and the messages to show a model that is to choose."""
        state = call.scope.find(HandoffState)
        if state is not None:
            selected, eligible, _messages = value
            state.undecided = selected is None
            if isinstance(eligible, list):
                state.candidates = shown_names(eligible)
                state.forced = selected is not None and len(eligible) == 1
        return started

    def failed(self, _call: Call, started: SelectionStep, _error: BaseException) -> SelectionStep:
        """The selection around it tells of that."""
        return started


def _reason(method: object, state: HandoffState) -> str:
    if state.unresolved is not None:
        return handoffs.FALLBACK
    if state.reason is not None:
        return state.reason
    if callable(method) and state.method is None:
        return handoffs.AUTO if state.undecided else handoffs.CUSTOM
    if state.forced:
        return handoffs.ONLY_CANDIDATE
    named = str(state.method or method).lower()
    if state.undecided and named == handoffs.MANUAL:
        # Who is asked and chooses nobody gets the next in the list, or from a pattern a model's choice.
        return handoffs.FALLBACK if state.method is None else handoffs.AUTO
    return named if named in handoffs.REASONS else handoffs.CUSTOM


def _is_detour(group: Any, speaker: Any) -> bool:
    """Whether control only goes to a hidden agent, or from there back to who it works for.

    A nested chat has a handoff of its own, from the agent that the hidden one stands for.
    """
    executor = tool_executor(group)
    last = _last_message(group)
    if executor is None:
        return False
    pending = next_target(executor)
    if speaker is not executor and "tool_calls" in last:
        return True
    if wraps_nested_chat(speaker) or _leads_to_nested_chat(group, pending):
        return True
    return last.get("role") == "tool" and pending is None


def next_target(executor: Any) -> Any:
    """Where a tool, condition or guardrail of a pattern or swarm sends control next; then it is cleared."""
    target = getattr(executor, "_group_next_target", None)
    return getattr(executor, "_swarm_next_agent", None) if target is None else target


def _leads_to_nested_chat(group: Any, target: Any) -> bool:
    name = getattr(target, "agent_name", None) or getattr(target, "name", None)
    return any(agent.name == name and wraps_nested_chat(agent) for agent in agents_of(group))


def _source(group: Any, speaker: Any) -> str:
    """Who hands over: for the hidden tool executor, who called the tool."""
    if not runs_tools(speaker):
        return shown_name(speaker)
    for message in reversed(getattr(group, "messages", None) or ()):
        name = message.get("name")
        if isinstance(name, str) and not runs_tools(name):
            return shown_name(name)
    return shown_name(speaker)


def _last_message(group: Any) -> Mapping[str, Any]:
    messages = getattr(group, "messages", None)
    last = messages[-1] if messages else None
    return last if isinstance(last, Mapping) else {}


def _state(call: Call) -> HandoffState:
    state = call.scope.state
    assert isinstance(state, HandoffState)
    return state
