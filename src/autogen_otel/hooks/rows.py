"""Where we attach to a host: one row for each attribute that we replace, and what is looked for at calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from autogen_otel.hooks.drive import OnCall, Runtime
from autogen_otel.hooks.lineage import Lineage
from autogen_otel.hooks.report import StoodDown
from autogen_otel.operations.operation import Operation


class DiscoveryRule(NamedTuple):
    """Which objects to look for at a call, whose classes are observed from then on.

    Args:
        objects: returns the objects of the instance whose method was called.
        method: the method of their classes to observe.
        operation: the operation that reads its calls.
        classes: the classes, for the documentation.
        yields: what a reader of the trace gets from it.
        lineages: the names of the lineages that have such classes; none for all.
        attribute: the instance's attribute that holds or leads to the objects, if the host may replace it.
        if_instrumented: only if another instrumentation may observe the objects too.
    """

    objects: Callable[[Any], Iterable[Any]]
    method: str
    operation: type[Operation]
    classes: str
    yields: str
    lineages: frozenset[str] = frozenset()
    attribute: str = ""
    if_instrumented: bool = False

    def is_in(self, lineage: Lineage) -> bool:
        """Whether a lineage has it."""
        return not self.lineages or lineage.name in self.lineages


class Place(NamedTuple):
    """Where a row is attached.

    Args:
        owner: the class or module.
        name: its attribute.
        original: the present attribute.
        runtime: the instrumentation that is switched on.
        lineage: the host.
        on_call: called with the instance before each call.
    """

    owner: Any
    name: str
    original: Any
    runtime: Runtime
    lineage: Lineage
    on_call: OnCall | None = None


Replacement = Callable[[Place], Any]
"""Makes the replacement of the original at a place."""


class Row(NamedTuple):
    """One attribute of the host that we replace.

    Args:
        module: where it is defined.
        name: ``Class.method``, or a name of the module.
        yields: what a reader of the trace gets from it.
        replacement: makes the replacement.
        lineages: the names of the lineages that have it; none for all.
        discovers: the objects that are observed through it.
        is_optional: whether the class may lack it, because its instances have it.
    """

    module: str
    name: str
    yields: str
    replacement: Replacement
    lineages: frozenset[str] = frozenset()
    discovers: tuple[DiscoveryRule, ...] = ()
    is_optional: bool = False

    def is_in(self, lineage: Lineage) -> bool:
        """Whether a lineage has it."""
        return not self.lineages or lineage.name in self.lineages


class Table(NamedTuple):
    """All that is particular to one host.

    Args:
        rows: where we attach.
        on_sight: which objects to look for when an agent is seen for the first time.
        is_awaited: whether the host awaits what a method of a class returns.
        past_others: the function below an instrumentation of the host's own that would report a call again,
            and what is told of that; the function itself if there is none. It takes the name, the function
            and the tracer.
    """

    rows: tuple[Row, ...]
    on_sight: tuple[DiscoveryRule, ...]
    is_awaited: Callable[[Any, str], bool]
    past_others: Callable[[str, Any, Any], tuple[Any, StoodDown | None]]
