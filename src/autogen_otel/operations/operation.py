"""What every operation is: one observed call of a host function, and its place in the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from autogen_otel.causes import Circumstances, Failure, chain, decide
from autogen_otel.recording import Call, Facts, Recorder

if TYPE_CHECKING:
    from autogen_otel.operations.conversations.agent_turn import AgentTurn
    from autogen_otel.operations.conversations.conversation import Conversation
    from autogen_otel.operations.conversations.ending import Course
    from autogen_otel.operations.conversations.handoff import SpeakerSelection
    from autogen_otel.operations.models.entry_tried import EntryTried
    from autogen_otel.operations.models.model_call import ModelCall


class Operation(Call):
    """One call of a host function, which it only reads.

    Attributes:
        conversation: the nearest conversation around; a conversation is its own, and so with those below.
        root: the outermost conversation around.
        turn: the agent turn around.
        handoff: the speaker selection around.
        model_call: the logical model call around.
        entry: the config entry around.
        course: how the chat goes that calls inside this one are steps of.
        helper_role: what the chat around is made for, if AutoGen has made it for itself.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the positional arguments, for a function that somebody has wrapped without saying them."""

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

    conversation: Conversation | None
    root: Conversation | None
    turn: AgentTurn | None
    handoff: SpeakerSelection | None
    model_call: ModelCall | None
    entry: EntryTried | None
    course: Course | None
    helper_role: str | None

    def __init__(
        self, recorder: Recorder, parent: Operation | None, instance: Any, arguments: Mapping[str, Any]
    ) -> None:
        # By its name here and below: ``super()`` is dear where each call passes.
        Call.__init__(self, recorder, parent, instance, arguments)
        if parent is None:
            self.conversation = self.root = self.turn = self.handoff = None
            self.model_call = self.entry = self.course = self.helper_role = None
        else:
            self.conversation = parent.conversation
            self.root = parent.root
            self.turn = parent.turn
            self.handoff = parent.handoff
            self.model_call = parent.model_call
            self.entry = parent.entry
            self.course = parent.course
            self.helper_role = parent.helper_role

    def _release(self) -> None:
        """Let go of everything; of calls that begin one another none may hold the one before."""
        Call._release(self)
        self.conversation = self.root = self.turn = self.handoff = None
        self.model_call = self.entry = self.course = self.helper_role = None

    @property
    def carried(self) -> int:
        """How many messages of the prompt around an earlier conversation left."""
        return 0 if self.model_call is None else self.model_call.carried_messages

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
        known = self.known(error)
        if known is not None and known.cause is not None:
            failure = Failure(
                known.cause,
                error,
                message=known.message,
                is_inner=known.is_inner,
                is_wordless=known.is_wordless,
            )
        else:
            failure = decide(chain(error, self._handling), self.circumstances())
        return failure._replace(is_wordless=True) if self.may_quote(error) else failure

    def circumstances(self) -> Circumstances:
        """What is known of the call beside an exception that has left it."""
        return Circumstances()
