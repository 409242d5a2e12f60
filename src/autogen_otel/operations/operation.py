"""What every operation is: one observed call of a host function, and its place in the conversation."""

from __future__ import annotations

from typing import Any, ClassVar

from autogen_otel.causes import Circumstances, Failure, chain, decide
from autogen_otel.operations.place import Place
from autogen_otel.recording import Call, Facts


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
