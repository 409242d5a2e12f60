"""A handoff: control passes by speaker selection, or to a nested chat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autogen_otel.causes import Circumstances, Failure, Scene
from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.hidden_agents import (
    agents_of,
    runs_tools,
    shown_name,
    shown_names,
    tool_executor,
    wraps_nested_chat,
)
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read
from autogen_otel.recording import Facts, Measurement
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, handoffs, metrics, spans, terminations

_END_OF_CHAT = frozenset({"NoEligibleSpeaker", "NoEligibleSpeakerError"})
"""Exceptions by which a group chat says that nobody is left to speak: its normal end, not a failure."""
_SELECTED = "[AGENT SELECTED]"
_SELECTION_FAILED = "[AGENT SELECTION FAILED]"


class Handoff(Operation):
    """Control passing from one agent to another."""

    operation_name = spans.HANDOFF

    __slots__ = ()

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """Count the handoff."""
        if self.name is not None:
            yield metrics.HANDOFFS, 1, {}


class NestedChat(Handoff):
    """Reads ``initiate_chat`` where an agent's turn calls it; it is also observed as a conversation."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Note who hands over to whom. A tool that begins a chat does not: control comes back to it."""
        if not isinstance(self.parent, AgentTurn):
            return None
        # Whose turn it is: the chat may have been set up with another sender.
        source = self.parent.agent or shown_name(self.instance)
        target = shown_name(self.arguments.get("recipient"))
        self.name = spans.handoff(source, target)
        return {
            names.HANDOFF_FROM: source,
            names.HANDOFF_TO: target,
            names.HANDOFF_REASON: handoffs.NESTED_CHAT,
        }


class SpeakerSelection(Handoff):
    """Reads ``GroupChat.select_speaker`` and its async twin.

    Attributes:
        reason: why a pattern or swarm passes control on.
        rule: the user's function, tool or condition that decides.
        method: the selection method that a pattern, swarm or function leaves the choice to.
        candidates: the eligible agents; ``None`` for all members.
        is_forced: whether only one agent was eligible.
        is_undecided: whether the host chose nobody before it asks a model.
        selection_error: the host's message that the model named no agent, or several.
    """

    __slots__ = (
        "_source",
        "candidates",
        "is_forced",
        "is_undecided",
        "method",
        "reason",
        "rule",
        "selection_error",
    )

    def begin(self) -> Facts | None:
        """Note who spoke last."""
        own_selection = self.parent
        if isinstance(own_selection, OwnSelection) and own_selection.instance is self.instance:
            # The same selection goes on; AutoGen makes it, unless one of the class's methods calls the other.
            own_selection.is_handed_on = own_selection.is_handed_on or not isinstance(self, OwnSelection)
            return None
        self.reason: str | None = None
        self.rule: str | None = None
        self.method: str | None = None
        self.candidates: tuple[str, ...] | None = None
        self.is_forced = self.is_undecided = False
        self.selection_error: str | None = None
        self.place = self.place.copy()
        self.place.handoff = self
        group, speaker = self.instance, self.arguments.get("last_speaker")
        self._source = _source(group, speaker)
        # Control that only goes to an agent that AutoGen has made for itself, or back, has no span.
        if not _is_detour(group, speaker):
            self.name = spans.handoff(self._source, None)
        return {names.HANDOFF_FROM: self._source}

    def returned(self, value: Any) -> Facts:
        """The chosen agent, and why this one."""
        if self.place.course is not None:
            self.place.course.rounds += 1
            self.place.course.max_rounds = read(self.instance, "max_round")
        target = None
        if value is not None:
            # A tool that says "stay" lets the hidden executor speak again: whoever called it stays.
            target = self._source if runs_tools(value) else shown_name(value)
            self._rename(target)
        if self.selection_error is not None:
            self.failure = Failure(
                causes.ORCHESTRATION, type="speaker_selection_failed", message=self.selection_error
            )
        return {**self._explanation(), names.HANDOFF_TO: target}

    def failed(self, error: BaseException) -> Facts:
        """Nobody could be chosen; with nobody eligible the chat just ends."""
        explanation = self._explanation()
        if type(error).__name__ in _END_OF_CHAT:
            if self.place.course is not None:
                self.place.course.reason = terminations.NO_ELIGIBLE_SPEAKER
            self._rename(None, ends_chat=True)
            reason = self.reason or handoffs.NO_ELIGIBLE_SPEAKER
            return {**explanation, names.HANDOFF_REASON: reason, names.HANDOFF_CANDIDATES: None}
        self.failure = self.failure_of(error)
        return explanation

    def circumstances(self) -> Circumstances:
        """The call decides whose turn is next."""
        return Circumstances(Scene.SELECTION)

    def selection_ended(self, result: object) -> None:
        """Read how the chat that lets a model choose ended: its last message says it."""
        history = getattr(result, "chat_history", None)
        content = history[-1].get("content") if isinstance(history, list) and history else None
        if isinstance(content, str) and _SELECTED not in content:
            self.selection_error = content.removeprefix(_SELECTION_FAILED)

    def _rename(self, target: str | None, *, ends_chat: bool = False) -> None:
        if self.name is not None:
            self.name = spans.handoff(self._source, target, ends_chat=ends_chat)

    def _explanation(self) -> Facts:
        group, rule = self.instance, self.rule
        method = getattr(group, "speaker_selection_method", None)
        if rule is None and callable(method) and tool_executor(group) is None:
            rule = read(method, "__name__") or type(method).__name__
        candidates = shown_names(agents_of(group)) if self.candidates is None else self.candidates
        if self.reason is not None:
            # The rule of a pattern names one agent; nobody is chosen from several.
            candidates = ()
        return {
            names.HANDOFF_REASON: _reason(method, self),
            names.HANDOFF_RULE: rule,
            names.HANDOFF_CANDIDATES: candidates or None,
        }


class OwnSelection(SpeakerSelection):
    """Reads ``select_speaker`` of a group chat class that has its own; AutoGen's inside is part of it.

    Attributes:
        is_handed_on: whether it has called AutoGen's.
    """

    __slots__ = ("is_handed_on",)

    def begin(self) -> Facts | None:
        """Begin as any selection."""
        self.is_handed_on = False
        return super().begin()

    def _explanation(self) -> Facts:
        facts = super()._explanation()
        if not self.is_handed_on:
            facts[names.HANDOFF_REASON] = handoffs.CUSTOM
            facts[names.HANDOFF_RULE] = f"{type(self.instance).__name__}.select_speaker"
        return facts


class SelectionStep(Operation):
    """A step of choosing the next speaker, which informs the selection around it and has no span."""

    __slots__ = ()

    def failed(self, _error: BaseException) -> None:
        """The selection around it records that."""


class NarrowCandidates(SelectionStep):
    """Reads ``GroupChat._prepare_and_select_agents``: the eligible agents, and one chosen without a model."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Nothing is known yet."""
        return None if self.place.handoff is None else {}

    def returned(self, value: Any) -> None:
        """Note the chosen agent and the eligible ones; the messages are for a model that is to choose."""
        selection = self.place.handoff
        if selection is not None:
            speaker, candidates, _messages = value
            selection.is_undecided = speaker is None
            if isinstance(candidates, list):
                selection.candidates = shown_names(candidates)
                selection.is_forced = speaker is not None and len(candidates) == 1


def _reason(method: object, selection: SpeakerSelection) -> str:
    if selection.selection_error is not None:
        return handoffs.FALLBACK
    if selection.reason is not None:
        return selection.reason
    if callable(method) and selection.method is None:
        return handoffs.AUTO if selection.is_undecided else handoffs.CUSTOM
    if selection.is_forced:
        return handoffs.ONLY_CANDIDATE
    method_name = str(selection.method or method).lower()
    if selection.is_undecided and method_name == handoffs.MANUAL:
        # If the human chooses nobody, the next agent in the list speaks, or in a pattern a model chooses.
        return handoffs.FALLBACK if selection.method is None else handoffs.AUTO
    return method_name if method_name in handoffs.REASONS else handoffs.CUSTOM


def _is_detour(group: Any, speaker: Any) -> bool:
    """Whether control only goes to a hidden agent, or from there back to the agent that it works for.

    A nested chat has a handoff of its own, from the agent that the hidden one stands for.
    """
    executor = tool_executor(group)
    last_message = _last_message(group)
    if executor is None:
        return False
    pending_target = next_target(executor)
    if speaker is not executor and "tool_calls" in last_message:
        return True
    if wraps_nested_chat(speaker) or _leads_to_nested_chat(group, pending_target):
        return True
    return last_message.get("role") == "tool" and pending_target is None


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
    message = messages[-1] if messages else None
    return message if isinstance(message, Mapping) else {}
