"""One observed call: its place among the others, its span, what is known of it, and what failed inside it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.context import attach, detach, get_current, set_value
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from autogen_otel.causes import Failure, chain
from autogen_otel.causes.decision import cause_of
from autogen_otel.recording.current import CALL_KEY
from autogen_otel.recording.failures import record_failure
from autogen_otel.recording.other_instrumentations import ag2_span_of, silence_others
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.causes import UNKNOWN
from autogen_otel.vocabulary.metrics import Metric

if TYPE_CHECKING:
    from autogen_otel.recording.recorder import Recorder

Facts = dict[str, Any]
"""Raw values by attribute key; ``None`` is not known and is not recorded."""

Measurement = tuple[Metric, float, Mapping[str, Any]]
"""What is measured, the amount, and those labels that are no attributes of the call."""

_accounts = Lock()
"""Calls on several threads add to the account of the same parent."""


class Call:
    """One observed call.

    A failure inside a call is *open* until something goes on in spite of it: when the call ends well, all
    its open failures turn out to have been handled; when it fails because of one of them, that one is the
    parent's concern. So a call that recovered from two attempts reports two handled failures, and one that
    failed on its third attempt reports two handled ones and itself.

    A call holds no exception: that would keep the frames of the user's functions alive. A call that has
    ended holds nothing at all, because a task that it started may hold on to it for as long as that runs.

    Attributes:
        recorder: where it is recorded.
        parent: the observed call around it, also across threads.
        name: of its span; ``None`` for a call that has none, whose children hang below the span around it.
        attributes: its attributes as rendered.
        failure: why it failed.
        links: spans that may be why it failed.
        span: its span, or the one around it.
        context: the context that the call runs in.
        has_children: whether spans were begun inside it, noted only of calls without a span.
        recorded: hashes of the exceptions inside that have a log record.
    """

    operation_name: ClassVar[str | None] = None
    """Value of ``gen_ai.operation.name``."""
    is_client: ClassVar[bool] = False
    """Whether its span is of kind CLIENT."""
    is_model_call: ClassVar[bool] = False
    """Whether it is a logical call of a model, which other instrumentations would tell of again."""
    may_recover: ClassVar[bool] = False
    """Whether what failed is, or may be, tried again or fallen back from."""
    failure_event: ClassVar[str] = "autogen.exception"
    """Name of the log record of a failure."""
    ends_by_cause: ClassVar[bool] = False
    """Whether it fails by the last failure inside it, although that has no exception."""

    name: str | None
    span: Span | None

    __slots__ = (
        "_began",
        "_began_ns",
        "_causes",
        "_handling",
        "_is_theirs",
        "_raised",
        "_started_name",
        "_token",
        "attributes",
        "context",
        "failure",
        "handled",
        "has_children",
        "links",
        "name",
        "open",
        "parent",
        "recorded",
        "recorder",
        "span",
    )

    def __init__(self, recorder: Recorder, parent: Call | None) -> None:
        self.recorder, self.parent = recorder, parent
        self.name = None
        self.attributes: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.links: tuple[Any, ...] = ()
        self.span = None
        self.context: Any = None
        self.has_children = False
        self.handled = self.open = 0
        self._causes: dict[str, None] = {}
        # Class and cause of the exceptions that left calls directly inside, by id.
        self._raised: dict[int, tuple[type[BaseException], str]] | None = None
        # What was being handled when the call began is none of its concern.
        handling = sys.exc_info()[1]
        self._handling = None if handling is None else id(handling)
        self._started_name: str | None = None

    # ------------------------------------------------------------ what an operation says
    def returned(self, value: Any) -> Facts | None:
        """What is new when the call has returned a value."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> Facts | None:
        """What is new when an exception has left the call."""
        raise NotImplementedError

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """What is measured of the call once it has ended."""
        return iter(())

    # ------------------------------------------------------------ from beginning to end
    def start(self, facts: Facts) -> None:
        """Start the span and make the call the current one.

        Args:
            facts: what is known before the call runs.
        """
        parent, recorder = self.parent, self.recorder
        self._began = time.perf_counter()
        self.attributes = recorder.attributes.rendered(facts)
        if self.name is None:
            self._began_ns = time.time_ns()
            self.context = get_current()
            self.span = None if parent is None else parent.span
            self.recorded: set[int] = set() if parent is None else parent.recorded
        else:
            self.recorded = set()
            self._start_span()
        self._token = attach(set_value(CALL_KEY, self, self.context))

    def leave(self) -> None:
        """Make the context of before the call current again."""
        detach(self._token)

    def end_with_value(self, value: Any) -> None:
        """End the call, which has returned."""
        facts = None
        try:
            facts = self.returned(value)
        finally:
            self._close(facts, raised=False)

    def end_with_error(self, error: BaseException) -> None:
        """End the call, which an exception has left."""
        facts = None
        try:
            facts = self.failed(error)
        except BaseException:
            # That it failed is recorded all the same.
            self.failure = self.failure or Failure(UNKNOWN, error)
            raise
        finally:
            self._close(facts, raised=True)

    def _start_span(self, started: int | None = None, *, late: bool = False) -> None:
        recorder, parent, name = self.recorder, self.parent, self.name or ""
        if parent is not None and parent._started_name is None:
            parent.has_children = True
        self._started_name = name
        shown = recorder.renderer.name(name)
        theirs = None
        if self.operation_name is not None:
            self.attributes[names.GEN_AI_OPERATION_NAME] = self.operation_name
            if not late:
                around = None if parent is None else parent.span
                theirs = ag2_span_of(self.operation_name, recorder.tracer, around)
        self._is_theirs = theirs is not None
        if theirs is None:
            self.span = recorder.tracer.start_span(
                shown,
                kind=SpanKind.CLIENT if self.is_client else SpanKind.INTERNAL,
                attributes=recorder.attributes.on_spans(self.attributes),
                start_time=started,
                record_exception=False,
                set_status_on_exception=False,
            )
        else:
            self.span = theirs
            theirs.update_name(shown)
            theirs.set_attributes(recorder.attributes.on_spans(self.attributes))
        context = set_span_in_context(self.span)
        self.context = silence_others(context) if self.is_model_call else context

    def _close(self, facts: Facts | None, *, raised: bool) -> None:
        try:
            if self.parent is not None:
                self._settle(self.parent, raised=raised)
            self._record_end(facts)
        finally:
            self._release()

    def _record_end(self, facts: Facts | None) -> None:
        seconds, recorder = time.perf_counter() - self._began, self.recorder
        span = self.span
        if self.name is not None and self._started_name is None:
            # It turned out to deserve a span, for the time that no span inside it tells of.
            self.recorded = set()
            self._start_span(None if self.has_children else self._began_ns, late=True)
            span = self.span
        owns = self._started_name is not None
        try:
            recording = owns and span is not None and span.is_recording()
            if facts:
                new = recorder.attributes.rendered(
                    facts, content=recording or recorder.content_events is not None
                )
                self.attributes.update(new)
                if recording and span is not None:
                    span.set_attributes(recorder.attributes.on_spans(new))
            if recording and span is not None and self.name != self._started_name:
                span.update_name(recorder.renderer.name(self.name))
            if owns and self.failure is not None:
                record_failure(self, self.failure, recording=recording)
            if recorder.meters is not None and recorder.meters.listening:
                for measurement in self.measurements(seconds):
                    recorder.meters.record(measurement, self.attributes, self.context)
            if self.is_model_call and recorder.content_events is not None:
                recorder.content_events.emit(self)
        finally:
            if owns and span is not None and not self._is_theirs:
                span.end()

    def _release(self) -> None:
        """Let go of everything."""
        self.parent = self._raised = self.span = self.context = None
        self.attributes = {}
        self.failure, self.links = None, ()

    @property
    def span_context(self) -> Any:
        """What a link to its span needs."""
        return None if self.span is None else self.span.get_span_context()

    # ------------------------------------------------------------ failures inside
    @property
    def causes(self) -> tuple[str, ...]:
        """Causes of all failures inside, in the order seen."""
        return tuple(self._causes)

    def failure_of(self, error: BaseException) -> Failure:
        """The failure by an exception that left the call; a cause decided inside it is kept."""
        return Failure(self.known_cause(error) or cause_of(chain(error, self._handling)), error)

    def known_cause(self, error: BaseException) -> str | None:
        """Cause of the failure inside this call that ``error`` is or was raised from, if there is one."""
        if self._raised:
            for link in chain(error, self._handling):
                kind, cause = self._raised.get(id(link), (None, None))
                if kind is type(link):
                    return cause
        return None

    def survived(self) -> int:
        """How many failures inside this call something went on in spite of, given how it ends itself."""
        failure = self.failure
        if failure is None:
            return self.handled + self.open
        is_own_cause = self.ends_by_cause or (
            failure.error is not None and self.known_cause(failure.error) is not None
        )
        return self.handled + (max(0, self.open - 1) if is_own_cause else self.open)

    def _settle(self, parent: Call, *, raised: bool) -> None:
        """Close the account of failures and pass on to the parent what concerns it.

        Args:
            parent: the call around.
            raised: whether an exception goes on to the parent; without a failure it is none of this call's.
        """
        failure = self.failure
        if failure is None and not (self.open or self.handled or self._causes or self._raised):
            return
        with _accounts:
            parent._causes.update(self._causes)
            if failure is None and raised:
                parent.handled += self.handled
                parent.open += self.open
                if self._raised:
                    parent._raised = {**(parent._raised or {}), **self._raised}
                return
            parent.handled += self.survived()
            if failure is None:
                return
            parent.open += 1
            parent._causes[failure.cause] = None
            if raised and failure.error is not None:
                error = failure.error
                parent._raised = {**(parent._raised or {}), id(error): (type(error), failure.cause)}
