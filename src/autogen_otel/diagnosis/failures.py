"""Which failing spans are failures of their own, and which only carry another's exception up.

An exception passes through every span that is open while it travels. Counted naively one tool that
raised would be five failures, so a span counts only where what it reports did not come from below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from autogen_otel.diagnosis.stacktrace import chain, identity
from autogen_otel.diagnosis.trace import HTTP, Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_TRIES = frozenset({HTTP, span_names.CONFIG_ENTRY})
_TRYING = frozenset({span_names.CHAT, span_names.CONFIG_ENTRY})


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of a failing span while its trace is read.

    Args:
        span_id: the failing span.
        parent_id: the span above it.
        operation: as in ``Span.operation``.
        cause: value of ``autogen.error.origin``.
        raised: identity of the exception, ``None`` where the span recorded none.
        chained: identities of the exceptions it came from, its own included.
    """

    span_id: str
    parent_id: str | None
    operation: str
    cause: str
    raised: str | None
    chained: frozenset[str]

    @classmethod
    def of(cls, span: Span) -> Failure:
        """Read a failing span."""
        raised, chained = None, frozenset[str]()
        if span.exception is not None:
            seen = span.exception.attributes
            raised = identity(
                str(seen.get(names.EXCEPTION_TYPE, "")), str(seen.get(names.EXCEPTION_MESSAGE, ""))
            )
            chained = frozenset((raised, *chain(str(seen.get(names.EXCEPTION_STACKTRACE, "")))))
        cause = span.attributes.get(names.ERROR_ORIGIN, causes.UNKNOWN)
        return cls(span.span_id, span.parent_id, span.operation, str(cause), raised, chained)

    def carries(self, child: Failure) -> bool:
        """Whether this is the failure of a span directly below, arrived further up."""
        if self.raised is None:
            return self.cause in {child.cause, causes.UNKNOWN}
        if child.raised in self.chained:
            return True
        return self.operation in _TRYING and child.operation in _TRIES


def carriers(failures: Iterable[Failure]) -> frozenset[str]:
    """Find the failing spans that only carry another's exception, by span id.

    Looking one level down is enough: an exception fails every span that it passes through.

    Args:
        failures: all of one trace.
    """
    known = {failure.span_id: failure for failure in failures}
    parents = ((known.get(child.parent_id or ""), child) for child in known.values())
    return frozenset(
        above.span_id
        for above, child in parents
        if above is not None and above is not child and above.carries(child)
    )


def origins(failures: Iterable[Failure]) -> Counter[str]:
    """Count the failures that are not another's, by cause."""
    known = list(failures)
    passing = carriers(known)
    return Counter(failure.cause for failure in known if failure.span_id not in passing)
