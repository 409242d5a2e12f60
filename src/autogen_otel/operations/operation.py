"""What every operation is: one observed call of a host function, and its place in the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autogen_otel.causes import Circumstances, Failure, chain, decide
from autogen_otel.recording import Call, Facts

if TYPE_CHECKING:
    from autogen_otel.operations.conversations.agent_turn import AgentTurn
    from autogen_otel.operations.conversations.conversation import Conversation
    from autogen_otel.operations.conversations.ending import Course
    from autogen_otel.operations.conversations.handoff import SpeakerSelection
    from autogen_otel.operations.models.entry_tried import EntryTried
    from autogen_otel.operations.models.model_call import ModelCall


class Place:
    """Where a call stands: the calls around it that others ask for. Calls share one until it changes.

    Attributes:
        conversation: the nearest conversation around; a conversation is its own, and so with those below.
        root: the outermost conversation around.
        turn: the agent turn around.
        handoff: the speaker selection around.
        model_call: the logical model call around.
        entry: the config entry around.
        course: how the chat goes that calls in here are steps of.
        helper_role: what the chat around is made for, if AutoGen has made it for itself.
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
        self.conversation: Conversation | None = None
        self.root: Conversation | None = None
        self.turn: AgentTurn | None = None
        self.handoff: SpeakerSelection | None = None
        self.model_call: ModelCall | None = None
        self.entry: EntryTried | None = None
        self.course: Course | None = None
        self.helper_role: str | None = None

    def copy(self) -> Place:
        """The same place, for the call that changes it."""
        place = Place.__new__(Place)
        place.conversation, place.root, place.turn = self.conversation, self.root, self.turn
        place.handoff, place.model_call, place.entry = self.handoff, self.model_call, self.entry
        place.course, place.helper_role = self.course, self.helper_role
        return place


class Operation(Call):
    """One call of a host function, which it only reads.

    Attributes:
        place: where it stands, as its parent does unless ``begin`` makes it a copy.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the positional arguments, for a function that somebody has wrapped without saying them."""
    nowhere: ClassVar[Place] = Place()

    __slots__ = ()

    place: Place

    @property
    def carried(self) -> int:
        """How many messages of the prompt around an earlier conversation left."""
        call = self.place.model_call
        return 0 if call is None else call.carried_messages

    def begin(self) -> Facts | None:
        """What is known before the call runs; ``None`` if it is none of our business."""
        raise NotImplementedError

    def returned(self, _value: Any) -> Facts | None:
        """What is new when the call has returned a value."""
        return None

    def failed(self, error: BaseException) -> Facts | None:
        """What is new when an exception has left the call; without a ``failure`` it is none of the call's."""
        self.failure = self.failure_of(error)
        return None

    def failure_of(self, error: BaseException) -> Failure:
        """The failure by an exception that left the call; a cause decided inside it is kept."""
        known = self.summary_of(error)
        if known is not None and known.cause is not None:
            failure = Failure(
                known.cause,
                error,
                message=known.message,
                is_inner=known.is_inner,
                is_wordless=known.is_wordless,
            )
        else:
            failure = decide(chain(error, self._handled_id), self.circumstances())
        return failure._replace(is_wordless=True) if self.may_quote(error) else failure

    def circumstances(self) -> Circumstances:
        """What is known of the call beside an exception that has left it."""
        return Circumstances()
