"""Which failing spans are failures of their own, and which only propagate another's exception.

An exception passes through every span that is open while it travels. Counted naively one tool that
raised would be five failures, so a span counts only where what it reports did not come from below.
The recorder says so (``autogen.error.began_here``); of other programs and older versions it is inferred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from autogen_otel.traces.stacktrace import chained_exceptions, exception_key
from autogen_otel.traces.trace import ENDED, HTTP, Event, Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_ATTEMPTS = frozenset({HTTP, span_names.CONFIG_ENTRY})
_MAKE_ATTEMPTS = frozenset({span_names.CHAT, span_names.CONFIG_ENTRY})


@dataclass(frozen=True, slots=True)
class FailedSpan:
    """The part of a failing span that is kept while its trace is read.

    Args:
        end_ns: when the span ended.
        cause: value of ``autogen.error.origin``.
        message: the status message.
        exception: key of the exception, ``None`` where the span recorded none.
        chain: keys of the exceptions it came from, its own included.
        began_here: whether the failure began in it, as the recorder says; ``None`` where nobody says.
    """

    span_id: str
    parent_id: str | None
    operation: str
    end_ns: int
    cause: str
    message: str
    exception: str | None
    chain: frozenset[str]
    began_here: bool | None = None

    @classmethod
    def of(cls, span: Span) -> FailedSpan:
        """Read a failing span."""
        exception, chain = None, frozenset[str]()
        event = span.exception
        if event is not None:
            type_and_message = (str(event.attributes.get(name, "")) for name in _EXCEPTION_ATTRIBUTES)
            exception, chain = _keys(*type_and_message, stack_of(event))
        cause = span.attributes.get(names.ERROR_ORIGIN, causes.UNKNOWN)
        began_here = span.attributes.get(names.ERROR_BEGAN_HERE)
        return cls(
            span.span_id,
            span.parent_id,
            span.operation,
            span.end_ns,
            str(cause),
            span.status_message or "",
            exception,
            chain,
            began_here if isinstance(began_here, bool) else None,
        )

    def passes_on(self, child: FailedSpan) -> bool:
        """Whether this span only propagates the failure of a span directly below."""
        if self.began_here is not None:
            return not self.began_here
        if self.exception is None:
            return self.cause in {child.cause, causes.UNKNOWN}
        if self._made_request(child):
            # The program's reaction to a request of its own counts: a tool that raised is one that raised.
            return self.cause == child.cause
        if child.exception in self.chain:
            return True
        if child.message and self.cause == child.cause and self.message.startswith(f"{child.message} ("):
            # AutoGen failed on something that was no exception yet: an answer that is an error.
            return True
        return self.operation in _MAKE_ATTEMPTS and child.operation in _ATTEMPTS

    def explains(self, child: FailedSpan, last_answered_ns: int) -> bool:
        """Whether this is the outcome of a failing request that the program made itself, directly below.

        Args:
            child: the request.
            last_answered_ns: when the last request directly below began that was answered: a program that got
                an answer after a failure fails for another reason.
        """
        return (
            self.exception is not None
            and self._made_request(child)
            and self.cause != child.cause
            and last_answered_ns < child.end_ns
        )

    def _made_request(self, child: FailedSpan) -> bool:
        return child.operation == HTTP and self.operation not in _MAKE_ATTEMPTS


_EXCEPTION_ATTRIBUTES = (names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE)


@lru_cache(maxsize=256)
def _keys(error_type: str, message: str, stacktrace: str) -> tuple[str, frozenset[str]]:
    """The key of an exception, and the keys of its causes. Spans and retries repeat them."""
    exception = exception_key(error_type, message)
    return exception, frozenset((exception, *chained_exceptions(stacktrace)))


def stack_of(event: Event | None) -> str:
    """The stack trace of an exception; empty if none was recorded."""
    return "" if event is None else str(event.attributes.get(names.EXCEPTION_STACKTRACE, "")).rstrip()


def what_was_raised(span: Span) -> str:
    """The exception of a failing span, as ``KeyError: 'null'``; its status message if it has none."""
    event = span.exception
    if event is None:
        return span.status_message
    kind = str(event.attributes.get(names.EXCEPTION_TYPE, ""))
    message = str(event.attributes.get(names.EXCEPTION_MESSAGE, ""))
    # The type of an HTTP attempt's exception is its status, with which the message begins.
    return message if message.startswith(kind) else f"{kind}: {message}".strip(": ")


def propagating_span_ids(failures: Iterable[FailedSpan]) -> frozenset[str]:
    """The ids of the spans that only propagate another's exception, given all failures of a trace.

    Looking one level down is enough: an exception fails every span that it passes through.
    """
    by_id = {failure.span_id: failure for failure in failures}
    pairs = ((by_id.get(child.parent_id or ""), child) for child in by_id.values())
    child_by_parent = {
        parent.span_id: child.span_id
        for parent, child in pairs
        if parent is not None and parent is not child and parent.passes_on(child)
    }
    return frozenset(child_by_parent) - _circles(child_by_parent)


class Answers:
    """The requests of a trace that were answered, as far as ``beginnings`` needs them."""

    __slots__ = ("_last_ns",)

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._last_ns: dict[str, int] = {}
        for span in spans:
            self.add(span)

    def add(self, span: Span) -> None:
        """Take a span of any kind."""
        parent_id = span.parent_id
        if parent_id is not None and not span.failed and span.operation == HTTP and span.state == ENDED:
            self._last_ns[parent_id] = max(span.start_ns, self._last_ns.get(parent_id, 0))

    def last_ns(self, parent_id: str) -> int:
        """When the last answered request directly below a span began; 0 if there is none."""
        return self._last_ns.get(parent_id, 0)


def beginnings(failures: Iterable[FailedSpan], answers: Answers) -> frozenset[str]:
    """The ids of the spans in which failures began, each once, given all failures of a trace."""
    by_id = {failure.span_id: failure for failure in failures}
    own_ids = by_id.keys() - propagating_span_ids(by_id.values())
    return frozenset(span_id for span_id in own_ids if not _is_explained(by_id, own_ids, span_id, answers))


def _is_explained(
    by_id: Mapping[str, FailedSpan], own_ids: Collection[str], span_id: str, answers: Answers
) -> bool:
    parent_id = by_id[span_id].parent_id
    if parent_id is None or parent_id not in own_ids:
        return False
    return by_id[parent_id].explains(by_id[span_id], answers.last_ns(parent_id))


def _circles(child_by_parent: dict[str, str]) -> frozenset[str]:
    """One span of each circle of parents, which only damaged data has: its failure began there."""
    first_ids: set[str] = set()
    seen_ids: set[str] = set()
    for span_id in child_by_parent:
        path_ids: set[str] = set()
        current: str | None = span_id
        while current is not None and current not in seen_ids:
            seen_ids.add(current)
            path_ids.add(current)
            current = child_by_parent.get(current)
        if current in path_ids:
            first_ids.add(current)
    return frozenset(first_ids)


def count_by_cause(failures: Iterable[FailedSpan], answers: Answers) -> Counter[str]:
    """Count the failures that are not another's, by cause, given all failures of a trace."""
    all_failures = list(failures)
    first_ids = beginnings(all_failures, answers)
    return Counter(failure.cause for failure in all_failures if failure.span_id in first_ids)
