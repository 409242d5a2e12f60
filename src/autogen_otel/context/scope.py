"""One observed call while it runs: where it stands, what failed below it, what its operation remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from autogen_otel.observations import Failure, Observation, Recording

State = TypeVar("State")

_REMEMBERED_FAILURES = 8
"""Failures of children a scope keeps to recognise them when they come up as its own."""

_totals = Lock()
"""Children on other threads settle into the same parent."""


@dataclass(slots=True, eq=False)
class Scope:
    """An observed call and the account of the failures inside it.

    A failure below a scope is *open* until something goes on in spite of it: when the scope ends well, all
    its open failures turn out to have been handled; when it fails, one of them is why, and that one is the
    parent's concern. So a call that recovered from two attempts reports two handled failures, and one that
    failed on its third attempt reports two handled ones and itself.

    Args:
        parent: the observed call around this one, also across threads.
        state: what the call's operation remembers for the calls inside it; its type is its key.
        recording: the running observation, once started.
        handled: failures inside that something went on in spite of.
        origins: causes of all failures inside, in the order seen.
        open: failures inside that nothing has gone on in spite of yet.
        failures: the latest exceptions of calls directly inside.
    """

    parent: Scope | None = None
    state: object = None
    recording: Recording | None = None
    handled: int = 0
    origins: dict[str, None] = field(default_factory=dict)
    open: int = 0
    failures: list[Failure] = field(default_factory=list)

    def find(self, kind: type[State]) -> State | None:
        """State of the nearest call around (or this one) whose operation remembers a ``kind``."""
        return next(self.find_all(kind), None)

    def find_all(self, kind: type[State]) -> Iterator[State]:
        """States of that kind from the nearest to the outermost."""
        scope: Scope | None = self
        while scope is not None:
            if isinstance(scope.state, kind):
                yield scope.state
            scope = scope.parent

    def known_failure(self, error: BaseException) -> Failure | None:
        """The failure inside this call that ``error`` is or was raised from, if one was seen."""
        for link in chain(error):
            for failure in self.failures:
                if failure.error is link:
                    return failure
        return None

    def handled_in_all(self, *, failed: bool) -> int:
        """How many failures inside this call were survived, given whether the call itself fails."""
        return self.handled + (max(0, self.open - 1) if failed else self.open)

    def settle(self, ended: Observation) -> None:
        """Close this call's account and pass on to the parent what concerns it."""
        failure = ended.failure
        parent = self.parent
        if parent is None:
            return
        with _totals:
            parent.handled += self.handled_in_all(failed=failure is not None)
            parent.origins.update(self.origins)
            if failure is not None:
                parent.open += 1
                parent.origins[failure.origin] = None
                parent.remember(failure)

    def pass_on(self) -> None:
        """Hand everything still open to the parent: for a call that failed and has no span to say so."""
        parent = self.parent
        if parent is None:
            return
        with _totals:
            parent.handled += self.handled
            parent.open += self.open
            parent.origins.update(self.origins)
            for failure in self.failures:
                parent.remember(failure)

    def remember(self, failure: Failure) -> None:
        """Keep a child's exception, to recognise it when it comes up as this call's own."""
        if failure.error is not None:
            self.failures.append(failure)
            del self.failures[:-_REMEMBERED_FAILURES]


def chain(error: BaseException, limit: int = 16) -> Iterator[BaseException]:
    """The exception and those it was raised from or while handling, nearest first, each once."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < limit:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
