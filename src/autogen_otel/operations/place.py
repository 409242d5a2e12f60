"""Where a call stands: what it may read of the calls around it, and tell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from autogen_otel.causes import Failure, OddAnswer
from autogen_otel.operations.message_account import MessageAccount
from autogen_otel.operations.models.stream_progress import StreamProgress
from autogen_otel.operations.prompt_account import PromptAccount
from autogen_otel.recording import Facts


class Course:
    """The course of a chat so far: of two agents, or of a group during its manager's turn.

    Attributes:
        turns: agent turns that brought a reply.
        rounds: speakers that a group has selected.
        max_rounds: the limit of rounds, by the group chat in use: a manager keeps a copy of the user's.
        reason: why the chat is over, if the last thing that happened in it ends it.
    """

    __slots__ = ("max_rounds", "reason", "rounds", "turns")

    def __init__(self) -> None:
        self.turns = self.rounds = 0
        self.max_rounds: object = None
        self.reason: str | None = None


class ConversationAround(Protocol):
    """What a call reads of its conversation, and tells it; ``Conversation`` says what each is."""

    turns: int
    returned_errors: int
    odd_answer: OddAnswer | None
    failed_tools: Any
    messages: MessageAccount
    prompts: PromptAccount


class TurnAround(Protocol):
    """What a call reads of the agent's turn, and tells it; ``AgentTurn`` says what each is."""

    agent: str
    messages: Sequence[Any]
    model_answered: bool
    odd_answer: OddAnswer | None
    lost_failure: Failure | None
    answer: str | None
    run_tool_calls: Sequence[Any]
    begun_calls: set[int]

    @property
    def tool_calls(self) -> Sequence[Any]:
        """The tool calls that the turn is to run."""


class SelectionAround(Protocol):
    """What a call reads of the selection of a speaker, and tells it; see ``SpeakerSelection``."""

    reason: str | None
    rule: str | None
    method: str | None
    candidates: tuple[str, ...] | None
    is_forced: bool
    is_undecided: bool

    def selection_ended(self, result: object, /) -> None:
        """Read how the chat that lets a model choose ended."""


class TriedEntry(Protocol):
    """What is known of a config entry; ``Entry`` says what each is."""

    @property
    def index(self) -> int:
        """Its position."""

    @property
    def facts(self) -> Facts:
        """What is recorded of it."""


class ModelCallAround(Protocol):
    """What a call reads of the model call, and tells it; ``ModelCall`` says what each is."""

    agent: str | None
    carried_messages: int
    refused_tool: str | None

    @property
    def last_entry(self) -> TriedEntry | None:
        """The entry that AutoGen tried last."""

    def sent(self, key: str, /) -> Sequence[Any]:
        """A list that is sent along."""


class EntryAround(Protocol):
    """What a call reads of the call of a config entry, and tells it; ``EntryCall`` says what each is."""

    attempts: int
    refusal: OddAnswer | None
    was_answered: bool

    def open_stream(self) -> StreamProgress:
        """Begin to record the progress of a stream."""


class Place:
    """Where a call stands: the calls around it that other calls ask for. Calls share it until it changes.

    Attributes:
        conversation: the nearest conversation around; a conversation is its own, as all below are.
        root: the outermost conversation around.
        turn: the agent turn around.
        handoff: the speaker selection around.
        model_call: the logical model call around.
        entry: the config entry around.
        course: the course of the chat that the calls in here are steps of.
        helper_role: the purpose of the chat around, if AutoGen has made it for itself.
    """

    __slots__ = (
        "conversation",
        "course",
        "entry",
        "handoff",
        "helper_role",
        "model_call",
        "root",
        "turn",
    )

    def __init__(self) -> None:
        self.conversation: ConversationAround | None = None
        self.root: ConversationAround | None = None
        self.turn: TurnAround | None = None
        self.handoff: SelectionAround | None = None
        self.model_call: ModelCallAround | None = None
        self.entry: EntryAround | None = None
        self.course: Course | None = None
        self.helper_role: str | None = None

    def copy(self) -> Place:
        """The same place, for the call that changes it."""
        place = Place.__new__(Place)
        place.conversation, place.root, place.turn = self.conversation, self.root, self.turn
        place.handoff, place.model_call, place.entry = self.handoff, self.model_call, self.entry
        place.course, place.helper_role = self.course, self.helper_role
        return place
