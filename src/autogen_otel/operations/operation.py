"""What every operation is: one observed call of a host function, and its place in the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autogen_otel.causes import Circumstances, Failure, chain, decide
from autogen_otel.recording import Call, Facts

if TYPE_CHECKING:
    from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
    from autogen_otel.hosts.classic.conversations.conversation import Conversation
    from autogen_otel.hosts.classic.conversations.ending import Course
    from autogen_otel.hosts.classic.conversations.handoff import SpeakerSelection
    from autogen_otel.hosts.classic.models.entry_call import EntryCall
    from autogen_otel.hosts.classic.models.model_call import ModelCall


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
        self.conversation: Conversation | None = None
        self.root: Conversation | None = None
        self.turn: AgentTurn | None = None
        self.handoff: SpeakerSelection | None = None
        self.model_call: ModelCall | None = None
        self.entry: EntryCall | None = None
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
    """One call of a host function; the operation only reads it.

    Attributes:
        place: where the call stands: at its parent's place, unless ``begin`` makes a copy of it.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the positional arguments, for a function whose wrapper does not name them."""
    nowhere: ClassVar[Place] = Place()

    __slots__ = ()

    place: Place

    @property
    def carried_count(self) -> int:
        """How many messages an earlier conversation left in the prompt of the model call around."""
        call = self.place.model_call
        return 0 if call is None else call.carried_messages

    def begin(self) -> Facts | None:
        """What is known before the call runs; ``None`` if the call is not to be recorded."""
        raise NotImplementedError

    def passed(self, _item: Any) -> bool:
        """Whether an item that the call has yielded is what it is for: it may be left then."""
        return False

    def returned(self, _value: Any) -> Facts | None:
        """What is new when the call has returned a value."""
        return None

    def failed(self, error: BaseException) -> Facts | None:
        """What is new when an exception has left the call; without a ``failure`` the call has not failed."""
        self.failure = self.failure_of(error)
        return None

    def failure_of(self, error: BaseException) -> Failure:
        """The failure of a call that an exception has left; a cause that was decided inside it stays."""
        summary = self.summary_of(error)
        if summary is not None and summary.cause is not None:
            failure = Failure(
                summary.cause,
                error,
                message=summary.message,
                repeats_inner=summary.repeats_inner,
                hides_message=summary.hides_message,
            )
        else:
            failure = decide(chain(error, self._handled_id), self.circumstances())
        return failure._replace(hides_message=True) if self.may_quote(error) else failure

    def circumstances(self) -> Circumstances:
        """What is known of the call besides the exception that has left it."""
        return Circumstances()
