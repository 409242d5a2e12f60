"""One observed call while it runs: where it stands, what failed below it, what its operation remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from autogen_otel.observations import ApiRequest, Observation, Recording

State = TypeVar("State")

_totals = Lock()
"""Children on other threads settle into the same parent."""


@dataclass(slots=True, eq=False)
class Scope:
    """An observed call and the account of the failures inside it.

    A failure below a scope is *open* until something goes on in spite of it: when the scope ends well, all
    its open failures turn out to have been handled; when it fails because of one of them, that one is the
    parent's concern. So a call that recovered from two attempts reports two handled failures, and one that
    failed on its third attempt reports two handled ones and itself.

    A scope holds no exception: that would keep the frames of the user's functions alive.

    Args:
        parent: the observed call around this one, also across threads.
        handling: id of the exception that was being handled when the call began: none of its concern.
        state: what the call's operation remembers for the calls inside it; its type is its key.
        recording: the running observation, once started.
        handled: failures inside that something went on in spite of.
        origins: causes of all failures inside, in the order seen.
        open: failures inside that nothing has gone on in spite of yet.
        raised: class and cause of the exceptions that left calls directly inside, by id.
    """

    parent: Scope | None = None
    handling: int | None = None
    state: object = None
    recording: Recording | None = None
    handled: int = 0
    origins: dict[str, None] = field(default_factory=dict)
    open: int = 0
    raised: dict[int, tuple[type[BaseException], str]] = field(default_factory=dict)

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

    def known_origin(self, error: BaseException) -> str | None:
        """Cause of the failure inside this call that ``error`` is or was raised from, if one was seen."""
        for link in self.chain(error):
            kind, origin = self.raised.get(id(link), (None, None))
            if kind is type(link):
                return origin
        return None

    def chain(self, error: BaseException) -> Iterator[BaseException]:
        """The exception and what it came from, as far as that happened inside this call."""
        return chain(error, until=self.handling)

    def survived(self, ended: Observation) -> int:
        """How many failures inside this call were gone on from, given how it ended itself."""
        failure = ended.failure
        if failure is None:
            return self.handled + self.open
        # A request fails by its last attempt, which has a status and no exception.
        is_own_cause = isinstance(ended, ApiRequest) or (
            failure.error is not None and self.known_origin(failure.error) is not None
        )
        return self.handled + (max(0, self.open - 1) if is_own_cause else self.open)

    def settle(self, ended: Observation, *, raised: bool) -> None:
        """Close this call's account and pass on to the parent what concerns it.

        Args:
            ended: what the call came to.
            raised: whether its exception goes on to the parent, and was not swallowed by the host.
        """
        failure, parent = ended.failure, self.parent
        if parent is None:
            return
        with _totals:
            parent.handled += self.survived(ended)
            parent.origins.update(self.origins)
            if failure is not None:
                parent.open += 1
                parent.origins[failure.origin] = None
                if raised and failure.error is not None:
                    parent.raised[id(failure.error)] = (type(failure.error), failure.origin)

    def pass_on(self) -> None:
        """Hand everything still open to the parent: for a call whose exception is no failure of it."""
        parent = self.parent
        if parent is None:
            return
        with _totals:
            parent.handled += self.handled
            parent.open += self.open
            parent.origins.update(self.origins)
            parent.raised.update(self.raised)

    def end(self) -> None:
        """Become an empty shell: a task that the call started may hold on to it for as long as it runs."""
        self.parent = self.state = self.recording = None
        self.raised = {}


def chain(error: BaseException, limit: int = 16, until: int | None = None) -> Iterator[BaseException]:
    """The exception and those it was raised from or while handling, nearest first, each once.

    Args:
        error: the exception.
        limit: most links.
        until: id of an exception that was being handled before any of this, where the chain is cut.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and id(link) != until and len(seen) < limit:
        seen.add(id(link))
        yield link
        cause = _link(link, "__cause__")
        link = _link(link, "__context__") if cause is None and not _suppresses(link) else cause


def _link(error: BaseException, name: str) -> BaseException | None:
    # Past whatever the exception's class makes of attributes: that is the user's code.
    held = BaseException.__dict__[name].__get__(error)
    return held if isinstance(held, BaseException) else None


def _suppresses(error: BaseException) -> bool:
    return bool(BaseException.__dict__["__suppress_context__"].__get__(error))
