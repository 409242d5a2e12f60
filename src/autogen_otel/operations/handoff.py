"""A handoff by speaker selection: ``GroupChat.select_speaker`` and its async twin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import Handoff
from autogen_otel.operations.operation import Call, Operation, name_of

END_OF_CHAT = frozenset({"NoEligibleSpeaker", "NoEligibleSpeakerError"})
"""How a group chat says that nobody is left to speak: its normal end, not a failure."""


@dataclass(slots=True)
class HandoffState:
    """Marks that what runs inside is AutoGen choosing a speaker, not agents talking."""


class SelectSpeaker(Operation[Handoff]):
    """Reads ``select_speaker``."""

    def begin(self, call: Call) -> Handoff:
        """Note who spoke last, how the next one is chosen and from whom."""
        call.scope.state = HandoffState()
        group = call.instance
        method = getattr(group, "speaker_selection_method", None)
        return Handoff(
            source=name_of(call.arguments.get("last_speaker")),
            reason=method if isinstance(method, str) else getattr(method, "__name__", type(method).__name__),
            candidates=tuple(name_of(agent) for agent in group.agents),
        )

    def returned(self, _call: Call, started: Handoff, value: Any) -> Handoff:
        """The chosen agent."""
        return replace(started, target=None if value is None else name_of(value))

    def failed(self, call: Call, started: Handoff, error: BaseException) -> Handoff:
        """Nobody could be chosen; with nobody eligible the chat just ends."""
        if type(error).__name__ in END_OF_CHAT:
            return replace(started, reason=f"{started.reason}: no eligible speaker, the chat ends")
        return super().failed(call, started, error)
