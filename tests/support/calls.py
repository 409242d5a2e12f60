"""Observed calls without a host, started and ended by hand: with given facts, or with those of their own."""

from __future__ import annotations

from typing import Any, TypeVar

from opentelemetry.context import get_current
from opentelemetry.trace import NoOpTracer

from autogen_otel.causes import Failure
from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn
from autogen_otel.hosts.classic.conversations.handoff import Handoff
from autogen_otel.hosts.classic.models.assistant_run import AssistantRun
from autogen_otel.hosts.classic.models.entry_call import EntryCall
from autogen_otel.hosts.classic.models.model_call import ModelCall
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.hosts.sdk.http_attempt import HttpAttempt
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import Call, Facts, Recorder

KINDS: tuple[type[Call], ...] = (
    AgentTurn,
    Handoff,
    ModelCall,
    AssistantRun,
    EntryCall,
    HttpAttempt,
    ToolCall,
)


def begin(recorder: Recorder, kind: type[Call], parent: Call | None = None, **facts: Any) -> Call:
    """Start a call that says of itself what its kind says.

    Args:
        recorder: where it is recorded.
        kind: an operation.
        parent: the call around.
        facts: by attribute key, with ``__`` for each dot.
    """
    call = _observed(kind)(recorder, parent)
    call.facts, call.name = None, kind.operation_name or kind.__name__
    call.start({key.replace("__", "."): value for key, value in facts.items()}, get_current())
    return call


def end(call: Call, failure: Failure | None = None, **facts: Any) -> None:
    """End a call; with the failure's exception, if it has one."""
    assert isinstance(call, _Observed)
    call.ending, call.facts = failure, {key.replace("__", "."): value for key, value in facts.items()}
    if failure is None or failure.error is None:
        call.end_with_value(None)
    else:
        call.end_with_error(failure.error)


Kind = TypeVar("Kind", bound=Operation)


def operation(
    kind: type[Kind], instance: Any = None, parent: Operation | None = None, **arguments: Any
) -> Kind:
    """An operation that nothing has begun yet, so that a test can ask it for its facts.

    Args:
        kind: an operation.
        instance: the object whose method it is.
        parent: the operation around.
        arguments: of the host's call.
    """
    made = kind(Recorder(NoOpTracer()), parent, instance, arguments)
    # A test may change what stands around it, and calls share a place.
    made.place = made.place.copy()
    return made


def known(facts: Facts | None) -> Facts:
    """The facts that have a value."""
    return {key: value for key, value in (facts or {}).items() if value is not None}


def begun(call: Operation) -> Facts:
    """The facts that a call begins with and that have a value, constant ones among them."""
    facts = call.begin() or {}
    return known({key: value for some in (*call.constants, facts) for key, value in some.items()})


def raised_in(module: str, function: str = "choke") -> Exception:
    """An exception raised by code of this module, as it leaves an observed call: our frame is not in it."""
    namespace: dict[str, Any] = {"__name__": module}
    exec(f"def {function}():\n    raise KeyError('choices')", namespace)  # noqa: S102 - as if it stood there
    try:
        namespace[function]()
    except KeyError as error:
        traceback = error.__traceback__
        return error.with_traceback(None if traceback is None else traceback.tb_next)
    raise AssertionError


_SAID_BY_KIND = ("operation_name", "is_client", "is_model_call", "failure_event")
_MEASURED = (AgentTurn, Handoff)
"""Kinds whose measurements need nothing but attributes."""


def _observed(kind: type[Call]) -> type[_Observed]:
    """A class of calls that say of themselves what a kind says."""
    fields = {name: getattr(kind, name) for name in _SAID_BY_KIND}
    measurements = {"measurements": kind.measurements} if kind in _MEASURED else {}
    return type(f"Observed{kind.__name__}", (_Observed,), fields | measurements)


class _Observed(Call):
    """A call whose end is given."""

    facts: Facts | None
    ending: Failure | None = None

    def returned(self, _value: Any) -> Facts | None:
        self.failure = self.ending
        return self.facts

    def failed(self, _error: BaseException) -> Facts | None:
        return self.returned(None)
