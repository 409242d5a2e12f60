"""Attaching the rows of the table to the host, and detaching every one of them."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from autogen_otel.hooks.descriptors import ObservedDescriptor, is_method
from autogen_otel.hooks.drive import Runtime, is_observed, observe, original_of, runtimes_of
from autogen_otel.hooks.lineage import Lineage
from autogen_otel.hooks.report import Absent, Attached, AttachReport, RowReport, StoodDown
from autogen_otel.hooks.rows import DiscoveryRule, Place, Row, Table
from autogen_otel.one_at_a_time import OneAtATime
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import Memory
from autogen_otel.recording import has_instrumentations

_MISSING = object()
_NO_FIELDS: Final[dict[str, Any]] = {}
_SeenMethod = tuple[Callable[[], Any], str, Callable[[], Any]]
"""A class, the name of its observed method, and the present function. Both references are weak: the function
of a class that a function makes may refer to the very instance whose end would end our memory of it."""


class _Patch(NamedTuple):
    """One attribute of the host's own that we replaced."""

    owner: Any
    name: str
    original: Any
    replacement: Any

    def undo(self) -> None:
        """Put the original back, unless somebody else has put a layer of theirs on top."""
        if vars(self.owner).get(self.name, _MISSING) is not self.replacement:
            return
        if self.original is _MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


class Attachment:
    """The rows attached to one host.

    Args:
        runtime: the instrumentation that they work for.
        lineage: the host.
        table: where to attach to it.
    """

    def __init__(self, runtime: Runtime, lineage: Lineage, table: Table) -> None:
        self._runtime, self._lineage, self._table = runtime, lineage, table
        self._patches: list[_Patch] = []
        self._attached: list[Row] = []
        # Classes discovered at calls, by id and observed method: applications make thousands of them.
        self._classes: dict[tuple[int, str], weakref.ref[type]] = {}
        self._stood_down: list[StoodDown] = []
        self._change: OneAtATime[partial[None]] = OneAtATime(partial.__call__)

    def attach(self) -> AttachReport:
        """Attach each row that the host has, and report on each."""
        for _, _, attribute in self._places():
            # Ends an earlier import of this package, which nothing else refers to any more.
            with suppress(Exception):
                for other in list(runtimes_of(attribute)):
                    other.end()
        rows = tuple(self._attach(row) for row in self._table.rows)
        self._runtime.recorder.on_agent = _Discovery(self, self._table.on_sight, self._lineage).examine
        return AttachReport(self._lineage, rows, stood_down=tuple(self._stood_down))

    def is_in_place(self) -> bool:
        """Whether the host is still the one that we attached to: nobody has imported it anew."""
        owners = {id(patch.owner) for patch in self._patches}
        return all(id(owner) in owners for row, owner, _ in self._places() if row in self._attached)

    def _places(self) -> Iterator[tuple[Row, Any, Any]]:
        """The rows that the host has now, each with the owner and the present attribute."""
        for row in self._table.rows:
            if row.is_in(self._lineage):
                with suppress(Exception):
                    owner, name = _resolve(row)
                    yield row, owner, vars(owner).get(name)

    def detach(self) -> None:
        """Restore the identical objects, last attached first."""
        self._change(partial(self._detach))

    def _detach(self) -> None:
        for (_, method), reference in tuple(self._classes.items()):
            owner = reference()
            function = None if owner is None else vars(owner).get(method)
            # Unless somebody else has put a layer of theirs on top.
            if owner is not None and _is_ours(function):
                setattr(owner, method, original_of(function))
        self._classes.clear()
        while self._patches:
            self._patches.pop().undo()

    def _attach(self, row: Row) -> RowReport:
        target = f"{row.module}.{row.name}"
        if not row.is_in(self._lineage):
            return Absent(target, row.yields, f"{self._lineage.name} has no such function", expected=False)
        try:
            owner, name = _resolve(row)
            original = vars(owner).get(name, _MISSING)
            if original is _MISSING and not row.is_optional:
                raise AttributeError(f"{row.module} has no {row.name}")  # noqa: TRY301 - reported as all else is
            on_call = _Discovery(self, row.discovers, self._lineage).look if row.discovers else None
            function, stood_down = self._table.past_others(target, original, self._runtime.recorder.tracer)
            if stood_down is not None:
                self._stood_down.append(stood_down)
            place = Place(owner, name, function, self._runtime, self._lineage, on_call)
            self._replace(owner, name, original, row.replacement(place))
        except Exception as error:  # noqa: BLE001 - what cannot be attached is reported; the application goes on
            reason = f"{type(error).__name__}: {error}"
            return Absent(target, row.yields, reason, expected=self._is_expected(row))
        self._attached.append(row)
        return Attached(target, row.yields)

    def _is_expected(self, row: Row) -> bool:
        """A host without the openai package has no SDK to attach to, and misses nothing."""
        return importlib.util.find_spec(row.module.partition(".")[0]) is not None

    def _replace(self, owner: Any, name: str, original: Any, replacement: Any) -> None:
        setattr(owner, name, replacement)
        self._patches.append(_Patch(owner, name, original, replacement))

    def observe_class(self, owner: type, method: str, operation: type[Operation]) -> None:
        """Wrap a method where it is defined, once for all its subclasses."""
        self._change(partial(self._observe_class, owner, method, operation))

    def _observe_class(self, owner: type, method: str, operation: type[Operation]) -> None:
        original = vars(owner)[method]
        if _is_ours(original):
            return
        # A function that others have wrapped still is a function.
        is_function = inspect.isfunction(original)
        if not is_function and not is_method(original):
            return
        watch = partial(
            observe,
            operation=operation,
            runtime=self._runtime,
            owner=owner if is_function else None,
            is_awaited=self._table.is_awaited(owner, method),
        )
        setattr(owner, method, watch(original) if is_function else ObservedDescriptor(original, watch))
        key = (id(owner), method)
        # We may keep alive neither the class nor its functions, which refer to the class.
        self._classes[key] = weakref.ref(owner, lambda _: self._classes.pop(key, None))


class _Discovery:
    """Observes the classes of objects that appear at calls.

    It examines the objects of an instance at the first call, and again only if the instance has other objects
    or somebody has replaced a method since: a test's patch may have removed our function for a while. Methods
    are compared only at calls that no observed call is around, because each comparison costs every turn.

    Args:
        attachment: attaches to the classes.
        rules: which objects to look for.
        lineage: the host.
    """

    def __init__(self, attachment: Attachment, rules: tuple[DiscoveryRule, ...], lineage: Lineage) -> None:
        self._attachment = attachment
        self._rules = [rule for rule in rules if rule.is_in(lineage)]
        self._attribute = next(filter(None, (rule.attribute for rule in rules)), "")
        self._asks_instrumentations = any(rule.if_instrumented for rule in self._rules)
        self._memory = Memory()

    def look(self, instance: Any, *, is_outermost: bool) -> None:
        """Examine the objects of an instance.

        Args:
            instance: whose method is called.
            is_outermost: whether no observed call is around the call.
        """
        # In few steps, as there is nearly always nothing to do.
        value = getattr(instance, "__dict__", _NO_FIELDS).get(self._attribute)
        ids = [*map(id, value)] if type(value) is list else id(value)
        is_loaded = self._asks_instrumentations and has_instrumentations()
        entry = self._memory.get(id(instance))
        if entry is not None and entry[0]() is instance:
            ids_before, was_loaded, methods = entry[1]
            if ids == ids_before and is_loaded is was_loaded and not (is_outermost and _is_replaced(methods)):
                return
        self._memory.remember(instance, (ids, is_loaded, self._observe(instance, is_loaded=is_loaded)))

    def examine(self, instance: Any) -> None:
        """Observe the classes of an object that is seen for the first time, whatever it is."""
        self._observe(instance, is_loaded=False)

    def _observe(self, instance: Any, *, is_loaded: bool) -> list[_SeenMethod]:
        """Observe the classes of an instance's objects."""
        methods: list[_SeenMethod] = []
        for rule in self._rules:
            if rule.if_instrumented and not is_loaded:
                continue
            for target in rule.objects(instance):
                owner = _owner(type(target), rule.method)
                if owner is None:
                    continue
                if not _is_ours(vars(owner)[rule.method]):
                    self._attachment.observe_class(owner, rule.method, rule.operation)
                methods.append((weakref.ref(owner), rule.method, _reference_to(vars(owner)[rule.method])))
        return methods


def _is_ours(attribute: object) -> bool:
    return is_observed(attribute) or type(attribute) is ObservedDescriptor


def _is_replaced(methods: list[_SeenMethod]) -> bool:
    """Whether one of the methods is no longer the observed one."""
    return any(
        getattr(owner(), "__dict__", _NO_FIELDS).get(method, _MISSING) is not function()
        for owner, method, function in methods
    )


def _reference_to(function: Any) -> Callable[[], Any]:
    """A weak reference; one to nothing if the object has none, which then is examined at each call."""
    try:
        return weakref.ref(function)
    except TypeError:
        return lambda: None


def _owner(cls: type, method: str) -> type | None:
    """The class that a class inherits a method from."""
    for base in cls.__mro__:
        if method in base.__dict__:
            return base
    return None


def _resolve(row: Row) -> tuple[Any, str]:
    """The object that holds the row's attribute, and the attribute's name."""
    owner: Any = importlib.import_module(row.module)
    *path, name = row.name.split(".")
    for part in path:
        owner = getattr(owner, part)
    return owner, name
