"""What every operation looks like, and the call it is told about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from autogen_otel.capture.secrets import KnownSecrets
from autogen_otel.context.scope import Scope
from autogen_otel.observations import Failure, MessagePolicy, Observation
from autogen_otel.operations.failure_origin import origin_of
from autogen_otel.operations.reading import attribute


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a host function, read only.

    Args:
        instance: the object whose method it is; ``None`` for a module's function.
        arguments: what it was called with, by parameter name; extra keywords under their own names.
        scope: this call's scope; its parent is the observed call around it.
        secrets: where credentials that the call shows are made known, so that they are masked everywhere.
        messages: how much of what is said to models is to be recorded.
    """

    instance: Any
    arguments: Mapping[str, Any]
    scope: Scope
    secrets: KnownSecrets
    messages: MessagePolicy = MessagePolicy.NONE

    def failure(self, error: BaseException) -> Failure:
        """Describe an exception that left the call; a cause already found inside it is kept."""
        origin = self.scope.known_origin(error) or origin_of(self.scope.chain(error))
        return Failure(origin=origin, error=error)


Started = TypeVar("Started", bound=Observation)


class Operation(Generic[Started]):
    """How one kind of host call is read. An operation has no state of its own: that is in ``call.scope``."""

    parameters: tuple[str, ...] = ()
    """Names of the positional arguments, for a function that somebody has wrapped without saying them."""

    def begin(self, call: Call) -> Started | None:
        """What is known before the call runs; ``None`` if it is none of our business."""
        raise NotImplementedError

    def returned(self, _call: Call, started: Started, _value: Any) -> Started:
        """What is known when the call has returned a value."""
        return started

    def failed(self, call: Call, started: Started, error: BaseException) -> Started:
        """What is known when an exception leaves the call."""
        return replace(started, failure=call.failure(error))


def text_or_none(value: object) -> str | None:
    """The value if it is a string: hosts put mocks and numbers where names belong."""
    return value if isinstance(value, str) else None


def name_of(agent: object) -> str:
    """An agent's name, also where the host passes the name itself or something odd."""
    name = text_or_none(agent if isinstance(agent, str) else attribute(agent, "name"))
    return type(agent).__name__ if name is None else name
