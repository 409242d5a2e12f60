"""One observed call: its place among the others, its span, its attributes, and the failures inside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from time import perf_counter, time_ns
from typing import Any, ClassVar, Final

from opentelemetry.context import Context, get_current
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, set_span_in_context

from autogen_otel.causes import Failure, chain, contexts, identity, is_cancellation
from autogen_otel.recording.account import Account, Entry, ErrorSummary, FailureRecord
from autogen_otel.recording.application import APPLICATION_KEY, ApplicationAttributes
from autogen_otel.recording.attributes import Facts
from autogen_otel.recording.current import CALL_KEY, capture
from autogen_otel.recording.failures import record_failures
from autogen_otel.recording.meters import Measurement
from autogen_otel.recording.other_instrumentations import AG2_TRACER, Change, ag2_span_of
from autogen_otel.recording.recorder import Recorder
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.causes import UNKNOWN

MODEL_EXCEPTION: Final = "gen_ai.client.operation.exception"
"""Event name of failed model calls, and of entries tried for them; ``Call.failure_event`` has the others'."""


if sys.version_info >= (3, 11):
    from sys import exception as handled_exception
else:

    def handled_exception() -> BaseException | None:
        """The exception that is being handled."""
        return sys.exc_info()[1]


_NO_ARGUMENTS: Final[Mapping[str, Any]] = {}
_NO_ATTRIBUTES: Final[dict[str, Any]] = {}
# Access to the members of an enumeration is slow.
_CLIENT: Final = SpanKind.CLIENT
_INTERNAL: Final = SpanKind.INTERNAL
_SPAN_KEY = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Key of the current span in a context; used directly, because the API copies a context twice per change."""


class Call:
    """One observed call.

    A call has no reference to an exception: that would keep the frames of the user's functions alive. A call
    that has ended has no reference to objects of the host, because a task that it started may refer to the
    call for as long as the task runs.

    Attributes:
        recorder: where it is recorded.
        instance: the object whose method it is; ``None`` for a module's function.
        arguments: its arguments by parameter name; extra keywords under their own names.
        parent: the observed call around it, also across threads.
        place: its conversation, turn and the like; the operations define it.
        name: name of its span; ``None`` for a call without one, whose children hang below the span around it.
        attributes: its rendered attributes.
        failure: why it failed.
        account: the account of the failures inside it.
        links: spans that may be why it failed; only some operations have any.
        span: its span, or the one around it.
        context: the context that the call runs in.
        outer: the context around it.
        has_children: whether spans began inside it, noted only for calls without a span.
        pending_records: log records of failures inside, by the identity of their exceptions. Their severity
            is known when the exceptions go on to the application, or do not.
        changes: changes the context for the code that runs inside; only some operations have it.
        constants: facts that are the same for many calls, owned by the objects they describe. Those that
            ``begin`` puts here are recorded at the start, those of the other methods at the end.
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
    """The place of a call without a parent, and of one that has ended."""
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
    outer: Any

    __slots__ = (
        "_handled_id",
        "_is_ag2_span",
        "_start_seconds",
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
        "outer",
        "parent",
        "pending_records",
        "place",
        "recorder",
        "span",
    )

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
        self.account = Account()
        # An exception that was being handled when the call began is none of its concern.
        handled_error = handled_exception()
        self._handled_id = None if handled_error is None else id(handled_error)

    # ------------------------------------------------------------ what an operation implements
    def returned(self, value: Any) -> Facts | None:
        """New facts of a call that has returned a value."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> Facts | None:
        """New facts of a call that an exception has left."""
        raise NotImplementedError

    def cancelled(self) -> Facts | None:
        """New facts of a call that the program itself has ended, which is no failure."""
        return None

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """Measurements of a call that has ended."""
        return iter(())

    # ------------------------------------------------------------ from beginning to end
    def start(self, facts: Facts, outer: Context) -> None:
        """Start the span, and make the context that the call is to run in.

        Args:
            facts: what is known before the call runs.
            outer: the context before the call.
        """
        parent = self.parent
        self._start_seconds = perf_counter()
        constants = self.constants
        self.attributes = self.recorder.attributes.render(facts, constants) if facts or constants else {}
        if constants:
            self.constants = ()
        if self.name is None:
            self._started_name: str | None = None
            self.has_children = False
            self.span = None if parent is None else parent.span
            self.pending_records: dict[int, FailureRecord] = {} if parent is None else parent.pending_records
            values = {**outer, CALL_KEY: self}
        else:
            self.pending_records = {}
            values = {**outer, CALL_KEY: self, _SPAN_KEY: self._start_span(outer)}
        if self.changes is not None:
            self.changes(values)
        self.context, self.outer = Context(values), outer

    def end_with_value(self, value: Any) -> None:
        """End the call, which has returned."""
        facts = None
        try:
            facts = self.returned(value)
        finally:
            self._close(facts, propagates=False)

    def end_with_error(self, error: BaseException) -> None:
        """End the call, which an exception has left."""
        facts: Facts | None = None
        try:
            if self.is_cancelled_by(error):
                self.account.cancel(error)
                facts = {**(self.cancelled() or {}), names.CANCELLED: True}
            else:
                facts = self.failed(error)
        except BaseException:
            # The failure itself is recorded all the same.
            self.failure = self.failure or Failure(UNKNOWN, error)
            raise
        finally:
            self._close(facts, propagates=True)

    def _start_span(self, outer: Context, start_ns: int | None = None, *, is_late: bool = False) -> Span:
        recorder, parent, name = self.recorder, self.parent, self.name or ""
        if recorder.connect is not None:
            recorder.connect()
        if parent is not None and parent._started_name is None:
            parent.has_children = True
        self._started_name = name
        span_name = recorder.renderer.names.get(name) or recorder.renderer.name(name)
        ag2_span, attributes, operation = None, self.attributes, self.operation_name
        if operation is not None:
            attributes[names.GEN_AI_OPERATION_NAME] = operation
            if not is_late and AG2_TRACER in sys.modules:
                parent_span = None if parent is None else parent.span
                ag2_span = ag2_span_of(operation, recorder.tracer, parent_span)
        self._is_ag2_span = ag2_span is not None
        if not recorder.attributes.are_for_spans:
            attributes = recorder.attributes.on_spans(attributes)
        # Most programs have none.
        application = ApplicationAttributes.within(outer) if APPLICATION_KEY in outer else None
        if application is not None:
            attributes = {**application.render(recorder.renderer), **attributes}
        if ag2_span is None:
            span = recorder.tracer.start_span(
                span_name,
                # The current context, which the SDK would look up several times.
                outer,
                kind=_CLIENT if self.is_client else _INTERNAL,
                attributes=attributes,
                start_time=start_ns,
                record_exception=False,
                set_status_on_exception=False,
            )
        else:
            span = ag2_span
            span.update_name(span_name)
            span.set_attributes(attributes)
        self.span = span
        # Read once: another thread may be reporting the first span to the process.
        on_span_start = None if recorder.process is None else recorder.process.on_span_start
        if on_span_start is not None:
            on_span_start(span)
        return span

    def _start_late(self, seconds: float, end_ns: int) -> None:
        """Start a span for a call that turned out to need one, for the time that no span inside covers.

        Args:
            seconds: how long the call took.
            end_ns: when it ended, in nanoseconds since the epoch.
        """
        self.pending_records = {}
        outer = get_current()
        start_ns = None if self.has_children else end_ns - int(seconds * 1e9)
        self.context = Context({**outer, _SPAN_KEY: self._start_span(outer, start_ns, is_late=True)})

    def _close(self, facts: Facts | None, *, propagates: bool) -> None:
        try:
            if self.failure is not None or self.account:
                self._settle(propagates=propagates)
        finally:
            # Also where reading an exception of the user's ended the program.
            try:
                # A call without a span leaves nothing but measurements, unless it is the outermost.
                meters = self.recorder.meters
                if (
                    self.name is not None
                    or self.parent is None
                    or (meters is not None and meters.has_readers)
                ):
                    self._record_end(facts, propagates=propagates)
            finally:
                self.parent = self.instance = self.span = self.context = self.outer = self.failure = None
                self.arguments, self.attributes, self.place = _NO_ARGUMENTS, _NO_ATTRIBUTES, self.nowhere
                self._release()

    def _settle(self, *, propagates: bool) -> None:
        """Pass on to the parent what concerns it of the failures inside and of the call's own.

        Args:
            propagates: whether an exception goes on to it; without a failure that is not this call's own.
        """
        parent, failure = self.parent, self.failure
        if parent is None:
            return
        if failure is None and propagates:
            parent.account.extend(self.account)
            return
        errors: dict[int, ErrorSummary] = {}
        if failure is not None and propagates and failure.error is not None:
            is_on_span = self.name is not None or not self.has_own_failure
            summary = ErrorSummary(
                failure.cause, failure.message, failure.repeats_inner, failure.hides_message, is_on_span
            )
            errors[identity(failure.error)] = summary
            if failure.outgoing_error is not None:
                errors[identity(failure.outgoing_error)] = summary
        parent.account.append(Entry(self.causes, self.count_handled(), int(failure is not None), errors))

    def _record_end(self, facts: Facts | None, *, propagates: bool) -> None:
        recorder, name = self.recorder, self.name
        end_seconds, end_ns = self.ended_at or (perf_counter(), time_ns())
        seconds = end_seconds - self._start_seconds
        if name is not None and self._started_name is None:
            self._start_late(seconds, end_ns)
        span = None if self._started_name is None else self.span
        try:
            is_recording = span is not None and span.is_recording()
            if facts:
                attributes = recorder.attributes
                content = is_recording or recorder.content_events is not None
                rendered = attributes.render(facts, self.constants, content=content)
                self.attributes.update(rendered)
                if span is not None and is_recording:
                    span.set_attributes(
                        rendered if attributes.are_for_spans else attributes.on_spans(rendered)
                    )
            if span is not None and name != self._started_name and is_recording:
                span.update_name(recorder.renderer.name(name))
            if self.failure is not None or self.pending_records:
                has_span = span is not None
                record_failures(self, has_span=has_span, is_recording=is_recording, propagates=propagates)
            if recorder.meters is not None and recorder.meters.has_readers:
                for measurement in self.measurements(seconds):
                    recorder.meters.record(measurement, self.attributes, self.context)
            if recorder.content_events is not None and self.is_model_call:
                said = recorder.renderer.name(name or "")
                recorder.content_events.emit(said, self.context, self.attributes, self.application_attributes)
        finally:
            if span is not None and not self._is_ag2_span:
                recorder.end_span(partial(span.end, end_ns))

    def _release(self) -> None:
        """Drop the references that only this operation has."""

    @property
    def application_attributes(self) -> dict[str, Any]:
        """Attributes that the application has put on this call."""
        application = ApplicationAttributes.within(self.context)
        return {} if application is None else application.render(self.recorder.renderer)

    @property
    def span_context(self) -> Any:
        """The context of its span, for links to it."""
        return None if self.span is None else self.span.get_span_context()

    # ------------------------------------------------------------ failures inside
    @property
    def causes(self) -> tuple[str, ...]:
        """Causes of all failures inside and of its own, in the order seen."""
        own_cause = () if self.failure is None else (self.failure.cause,)
        return tuple(dict.fromkeys((*self.account.causes, *own_cause)))

    def summary_of(self, error: BaseException) -> ErrorSummary | None:
        """The summary of the exception inside this call that ``error`` is, or was raised from."""
        errors = self.account.errors
        summaries = (errors.get(identity(link)) for link in chain(error, self._handled_id) if errors)
        return next(filter(None, summaries), None)

    @property
    def has_own_failure(self) -> bool:
        """Whether its failure began in it, so that no span inside has the same failure."""
        failure = self.failure
        if failure is None or failure.repeats_inner:
            return False
        summary = None if failure.error is None else self.summary_of(failure.error)
        return summary is None or not summary.is_on_span or summary.cause != failure.cause

    def may_quote(self, error: BaseException) -> bool:
        """Whether ``error`` may quote an exception inside this call whose message stays out."""
        errors = self.account.errors
        summaries = (errors.get(identity(link)) for link in contexts(error) if errors)
        return any(summary is not None and summary.hides_message for summary in summaries)

    def is_cancelled_by(self, error: BaseException) -> bool:
        """Whether the program itself has ended the call with this exception."""
        if is_cancellation(error):
            return True
        summary = self.account.errors.get(identity(error)) if self.account else None
        return summary is not None and summary.cause is None

    def count_handled(self) -> int:
        """Count the failures inside this call in spite of which it went on, given how it ends itself."""
        failure, account = self.failure, self.account
        if failure is None:
            return account.handled_count + account.open_count
        repeats_inner = failure.repeats_inner or (
            failure.error is not None and self.summary_of(failure.error) is not None
        )
        return account.handled_count + (
            max(0, account.open_count - 1) if repeats_inner else account.open_count
        )


def current_call() -> Call | None:
    """The innermost observed call around the running code; a task that outlives its call is in none."""
    call: Call | None = capture().get(CALL_KEY)  # type: ignore[assignment]
    return None if call is None or call.context is None else call
