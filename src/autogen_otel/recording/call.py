"""One observed call: its place among the others, its span, what is known of it, and what failed inside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter, time_ns
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, set_span_in_context

from autogen_otel.causes import Failure, chain, handled, identity, is_cancellation
from autogen_otel.recording.account import Account, Kept, cancel, settle
from autogen_otel.recording.application import WORDS_KEY, ApplicationWords
from autogen_otel.recording.attributes import Facts
from autogen_otel.recording.current import CALL_KEY
from autogen_otel.recording.failures import FailureRecord, record_failures
from autogen_otel.recording.other_instrumentations import AG2_TRACER, Change, ag2_span_of
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.causes import UNKNOWN
from autogen_otel.vocabulary.metrics import Metric

if TYPE_CHECKING:
    from autogen_otel.recording.recorder import Recorder

Measurement = tuple[Metric, float, Mapping[str, Any]]
"""What is measured, the amount, and those labels that are no attributes of the call."""

MODEL_EXCEPTION: Final = "gen_ai.client.operation.exception"
"""Event name of failed model calls, and of entries tried for them; ``Call.failure_event`` has the others'."""


if sys.version_info >= (3, 11):
    from sys import exception as handled_exception
else:

    def handled_exception() -> BaseException | None:
        """The exception that is being handled."""
        return sys.exc_info()[1]


def _copy_of(function: FunctionType) -> Callable[..., Any]:
    """The same function with bytecode of its own."""
    code, defaults = function.__code__.replace(), function.__defaults__
    copy = FunctionType(code, function.__globals__, function.__name__, defaults, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


_NO_ARGUMENTS: Final[Mapping[str, Any]] = {}
_NO_ATTRIBUTES: Final[dict[str, Any]] = {}
# An enumeration is slow to say what it has.
_CLIENT: Final = SpanKind.CLIENT
_INTERNAL: Final = SpanKind.INTERNAL
_SPAN_KEY = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Where a context has its current span: of a context each change by the API makes two copies."""


class Call:
    """One observed call.

    A call holds no exception: that would keep the frames of the user's functions alive. A call that has
    ended holds nothing of the host's, because a task that it started may hold on to the call for as long as
    that runs.

    Attributes:
        recorder: where it is recorded.
        instance: the object whose method it is; ``None`` for a module's function.
        arguments: what it was called with, by parameter name; extra keywords under their own names.
        parent: the observed call around it, also across threads.
        place: where it stands, in the words of the operations.
        name: of its span; ``None`` for a call that has none, whose children hang below the span around it.
        attributes: its attributes as rendered.
        failure: why it failed.
        account: of the failures inside it; most calls have none.
        links: spans that may be why it failed; only some operations have any.
        span: its span, or the one around it.
        context: the context that the call runs in.
        has_children: whether spans were begun inside it, noted only of calls without a span.
        untold: log records of failures inside, by what their exceptions are known by. Whether the
            application gets to see them is known when they go further, or not.
        changes: what it changes in the context for what runs inside; only some operations do.
        constants: facts that are the same for many calls, kept by what they are of. What ``begin`` puts here
            is recorded at the start, and what the others do at the end.
        ended_at: when it ended, in seconds of ``time.perf_counter`` and in nanoseconds since the epoch, if it
            is closed only later.
    """

    operation_name: ClassVar[str | None] = None
    """Value of ``gen_ai.operation.name``."""
    is_client: ClassVar[bool] = False
    """Whether its span is of kind CLIENT."""
    is_model_call: ClassVar[bool] = False
    """Whether it is a logical call of a model."""
    nowhere: ClassVar[Any] = None
    """The place of a call with none around it, and of one that has ended."""
    failure_event: ClassVar[str] = "autogen.exception"
    """Name of the log record of a failure."""

    place: Any

    # Slots only of the operations that set them: each line of ``__init__`` is run for each call of the host.
    links: tuple[Any, ...] = ()
    changes: Change | None = None
    ended_at: tuple[float, int] | None = None

    # Set by ``start``.
    span: Span | None
    context: Any

    __slots__ = (
        "_began",
        "_handling",
        "_is_theirs",
        "_started_name",
        "account",
        "arguments",
        "attributes",
        "constants",
        "context",
        "failure",
        "has_children",
        "instance",
        "name",
        "parent",
        "place",
        "recorder",
        "span",
        "token",
        "untold",
    )

    def __init_subclass__(cls) -> None:
        """Give each class a copy of its own of the functions that run for each call.

        From 3.11 on CPython fits a function's bytecode to the class of the objects that it is called with.
        Functions that all classes share it fits to none: what we add to a turn took 4 % more instructions.
        """
        for name in ("__init__", "start", "_start_span", "end_with_value", "_close", "_record_end"):
            if name not in vars(cls):
                setattr(cls, name, _copy_of(getattr(cls, name)))

    def __init__(
        self,
        recorder: Recorder,
        parent: Call | None,
        instance: Any = None,
        arguments: Mapping[str, Any] = _NO_ARGUMENTS,
    ) -> None:
        self.recorder, self.parent, self.instance, self.arguments = recorder, parent, instance, arguments
        self.place = self.nowhere if parent is None else parent.place
        self.name: str | None = None
        self.attributes: dict[str, Any] = _NO_ATTRIBUTES
        self.constants: tuple[Facts, ...] = ()
        self.failure: Failure | None = None
        self.account: Account | None = None
        # What was being handled when the call began is none of its concern.
        handling = handled_exception()
        self._handling = None if handling is None else id(handling)

    # ------------------------------------------------------------ what an operation says
    def returned(self, value: Any) -> Facts | None:
        """What is new when the call has returned a value."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> Facts | None:
        """What is new when an exception has left the call."""
        raise NotImplementedError

    def cancelled(self) -> Facts | None:
        """What is new when the program itself has ended the call, which is no failure."""
        return None

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """What is measured of the call once it has ended."""
        return iter(())

    # ------------------------------------------------------------ from beginning to end
    def start(self, facts: Facts, around: Context) -> None:
        """Start the span and make the call the current one.

        Args:
            facts: what is known before the call runs.
            around: the context of before the call.
        """
        parent = self.parent
        self._began = perf_counter()
        constants = self.constants
        self.attributes = self.recorder.attributes.rendered(facts, constants) if facts or constants else {}
        if constants:
            self.constants = ()
        if self.name is None:
            self._started_name: str | None = None
            self.has_children = False
            self.span = None if parent is None else parent.span
            self.untold: dict[int, FailureRecord] = {} if parent is None else parent.untold
            inside = {**around, CALL_KEY: self}
        else:
            self.untold = {}
            inside = {**around, CALL_KEY: self, _SPAN_KEY: self._start_span(around)}
        if self.changes is not None:
            self.changes(inside)
        self.context = Context(inside)
        self.token = attach(self.context)

    def end_with_value(self, value: Any) -> None:
        """End the call, which has returned."""
        facts = None
        try:
            facts = self.returned(value)
        finally:
            self._close(facts, raised=False)

    def end_with_error(self, error: BaseException) -> None:
        """End the call, which an exception has left."""
        facts: Facts | None = None
        try:
            if self.is_cancelled_by(error):
                cancel(self, error)
                facts = {**(self.cancelled() or {}), names.CANCELLED: True}
            else:
                facts = self.failed(error)
        except BaseException:
            # That it failed is recorded all the same.
            self.failure = self.failure or Failure(UNKNOWN, error)
            raise
        finally:
            self._close(facts, raised=True)

    def _start_span(self, around: Context, started: int | None = None, *, late: bool = False) -> Span:
        recorder, parent, name = self.recorder, self.parent, self.name or ""
        if recorder.connect is not None:
            recorder.connect()
        if parent is not None and parent._started_name is None:
            parent.has_children = True
        self._started_name = name
        shown = recorder.renderer.names.get(name) or recorder.renderer.name(name)
        theirs, own, operation = None, self.attributes, self.operation_name
        if operation is not None:
            own[names.GEN_AI_OPERATION_NAME] = operation
            if not late and AG2_TRACER in sys.modules:
                above = None if parent is None else parent.span
                theirs = ag2_span_of(operation, recorder.tracer, above)
        self._is_theirs = theirs is not None
        if not recorder.attributes.are_for_spans:
            own = recorder.attributes.on_spans(own)
        words: ApplicationWords | None = around.get(WORDS_KEY)  # type: ignore[assignment]
        if words is not None:
            own = {**words.rendered(recorder), **own}
        if theirs is None:
            span = recorder.tracer.start_span(
                shown,
                # The current one, which the SDK would look up several times.
                around,
                kind=_CLIENT if self.is_client else _INTERNAL,
                attributes=own,
                start_time=started,
                record_exception=False,
                set_status_on_exception=False,
            )
        else:
            span = theirs
            span.update_name(shown)
            span.set_attributes(own)
        self.span = span
        # Read once: another thread may be telling the process of its first span.
        began = None if recorder.process is None else recorder.process.on_span_start
        if began is not None:
            began(span)
        return span

    def _start_late(self, seconds: float, ended_ns: int) -> None:
        """Start a span for a call that turned out to deserve one, for the time that no span inside tells of.

        Args:
            seconds: how long the call took.
            ended_ns: when it ended, in nanoseconds since the epoch.
        """
        self.untold = {}
        around = get_current()
        began_ns = None if self.has_children else ended_ns - int(seconds * 1e9)
        self.context = Context({**around, _SPAN_KEY: self._start_span(around, began_ns, late=True)})

    def _close(self, facts: Facts | None, *, raised: bool) -> None:
        try:
            if self.failure is not None or self.account is not None:
                settle(self, raised=raised)
        finally:
            # Also where an exception of the user's has ended the program when it was asked what it says.
            try:
                # A call without a span leaves nothing but measurements, unless it is the outermost.
                meters = self.recorder.meters
                if self.name is not None or self.parent is None or (meters is not None and meters.listening):
                    self._record_end(facts, raised=raised)
            finally:
                self.parent = self.instance = self.span = self.context = self.failure = self.account = None
                self.arguments, self.attributes, self.place = _NO_ARGUMENTS, _NO_ATTRIBUTES, self.nowhere
                self._release()

    def _record_end(self, facts: Facts | None, *, raised: bool) -> None:
        ended, ended_ns = self.ended_at or (perf_counter(), None)
        seconds, recorder = ended - self._began, self.recorder
        if self.name is not None and self._started_name is None:
            self._start_late(seconds, time_ns() if ended_ns is None else ended_ns)
        span, owns = self.span, self._started_name is not None
        try:
            recording = owns and span is not None and span.is_recording()
            if facts:
                content = recording or recorder.content_events is not None
                new = recorder.attributes.rendered(facts, self.constants, content=content)
                self.attributes.update(new)
                if recording and span is not None:
                    is_whole = recorder.attributes.are_for_spans
                    span.set_attributes(new if is_whole else recorder.attributes.on_spans(new))
            if recording and span is not None and self.name != self._started_name:
                span.update_name(recorder.renderer.name(self.name))
            if self.failure is not None or self.untold:
                record_failures(self, has_span=owns, recording=recording, raised=raised)
            if recorder.meters is not None and recorder.meters.listening:
                for measurement in self.measurements(seconds):
                    recorder.meters.record(measurement, self.attributes, self.context)
            if self.is_model_call and recorder.content_events is not None:
                recorder.content_events.emit(self)
        finally:
            if owns and span is not None and not self._is_theirs:
                span.end(ended_ns)

    def _release(self) -> None:
        """Let go of what only this operation holds."""

    @property
    def words(self) -> dict[str, Any]:
        """Attributes that the application has put on it."""
        words: ApplicationWords | None = self.context.get(WORDS_KEY)
        return {} if words is None else words.rendered(self.recorder)

    @property
    def span_context(self) -> Any:
        """What a link to its span needs."""
        return None if self.span is None else self.span.get_span_context()

    # ------------------------------------------------------------ failures inside
    @property
    def causes(self) -> tuple[str, ...]:
        """Causes of all failures inside and of its own, in the order seen."""
        inside = {} if self.account is None else self.account.causes
        own = {} if self.failure is None else {self.failure.cause: None}
        return tuple({**inside, **own})

    def known(self, error: BaseException) -> Kept | None:
        """What is kept of the exception inside this call that ``error`` is or was raised from."""
        if self.account is None:
            return None
        for link in chain(error, self._handling):
            kept = self.account.raised.get(identity(link))
            if kept is not None:
                return kept
        return None

    def may_quote(self, error: BaseException) -> bool:
        """Whether ``error`` may say again what an exception inside this call says, which stays out."""
        if self.account is None:
            return False
        raised = self.account.raised
        kept = (raised.get(identity(link)) for link in handled(error))
        return any(one is not None and one.is_wordless for one in kept)

    def is_cancelled_by(self, error: BaseException) -> bool:
        """Whether an exception is how the program itself has ended the call."""
        if is_cancellation(error):
            return True
        kept = None if self.account is None else self.account.raised.get(identity(error))
        return kept is not None and kept.cause is None

    def survived(self) -> int:
        """How many failures inside this call something went on in spite of, given how it ends itself."""
        failure, account = self.failure, self.account
        if account is None:
            return 0
        if failure is None:
            return account.handled + account.open
        is_inner = failure.is_inner or (failure.error is not None and self.known(failure.error) is not None)
        return account.handled + (max(0, account.open - 1) if is_inner else account.open)
