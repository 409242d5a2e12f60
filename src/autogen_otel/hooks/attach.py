"""Putting the rows of the table on the host, and taking every one of them off again."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import weakref
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import Any, Final, NamedTuple

from autogen_otel.hooks.drive import Runtime, is_observed, observed, original_of, runtimes_of
from autogen_otel.hooks.report import Absent, Attached, AttachReport, RowReport, StoodDown
from autogen_otel.hooks.table import AGENTS, ROWS, Discovered, Place, Row
from autogen_otel.lineages import Lineage
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import Memory
from autogen_otel.recording import has_instrumentations, share_provider

_MISSING = object()
_NO_FIELDS: Final[dict[str, Any]] = {}
_AG2_TRACER: Final = "autogen.opentelemetry."
_AG2_MARK: Final = "__otel_wrapped__"
AG2_TRACER_NAME: Final = "AG2's own tracer (autogen.opentelemetry)"
_WHY_STOOD_DOWN: Final = (
    "its chat spans would repeat ours, so they are not made while we are attached; of agents that "
    "instrument_agent() was called on before, it alone reports turns and tools: "
    "call autogen_otel.instrument() first"
)


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
        rows: the table.
    """

    def __init__(self, runtime: Runtime, lineage: Lineage, rows: tuple[Row, ...] = ROWS) -> None:
        self._runtime, self._lineage, self._rows = runtime, lineage, rows
        self._patches: list[_Patch] = []
        self._attached: list[Row] = []
        # Classes met at calls, by their id and the method observed: applications make them by the thousand.
        self._classes: dict[tuple[int, str], weakref.ref[type]] = {}
        self._stood_down: list[StoodDown] = []
        self.after_fork()

    def after_fork(self) -> None:
        """Renew the lock: a thread of the parent may have held it."""
        self._lock = Lock()

    def attach(self) -> AttachReport:
        """Attach each row that the host has, and say of each how it went."""
        for _, _, attribute in self._places():
            # An earlier import of this package, which nothing else leads to any more.
            with suppress(Exception):
                for other in list(runtimes_of(attribute)):
                    other.end()
        rows = tuple(self._attach(row) for row in self._rows)
        self._runtime.recorder.on_agent = _Discovery(self, AGENTS, self._lineage).look
        return AttachReport(self._lineage, rows, stood_down=tuple(self._stood_down))

    def is_in_place(self) -> bool:
        """Whether the host is the one that was attached to, and was not imported anew since."""
        owners = {id(patch.owner) for patch in self._patches}
        return all(id(owner) in owners for row, owner, _ in self._places() if row in self._attached)

    def _places(self) -> Iterator[tuple[Row, Any, Any]]:
        """The rows that the host has now, with the owner and what stands there."""
        for row in self._rows:
            if self._lineage.name in row.lineages:
                with suppress(Exception):
                    owner, name = _resolve(row)
                    yield row, owner, vars(owner).get(name)

    def detach(self) -> None:
        """Restore the identical objects, last attached first."""
        with self._lock:
            for (_, method), met in tuple(self._classes.items()):
                owner = met()
                function = None if owner is None else vars(owner).get(method)
                # Unless somebody else has put a layer of theirs on top.
                if owner is not None and is_observed(function):
                    setattr(owner, method, original_of(function))
            self._classes.clear()
            while self._patches:
                self._patches.pop().undo()

    def _attach(self, row: Row) -> RowReport:
        target = f"{row.module}.{row.name}"
        if self._lineage.name not in row.lineages:
            return Absent(target, row.yields, f"{self._lineage.name} has no such function", expected=False)
        try:
            owner, name = _resolve(row)
            original = vars(owner).get(name, _MISSING)
            if original is _MISSING and not row.is_optional:
                raise AttributeError(f"{row.module} has no {row.name}")  # noqa: TRY301 - reported as all else is
            on_call = _Discovery(self, row.discovers, self._lineage).look if row.discovers else None
            below = self._below_ag2_tracer(target, original)
            place = Place(owner, name, below, self._runtime, self._lineage, on_call)
            self._replace(owner, name, original, row.replacement(place))
        except Exception as error:  # noqa: BLE001 - what cannot be attached is reported; the application goes on
            reason = f"{type(error).__name__}: {error}"
            return Absent(target, row.yields, reason, expected=self._is_expected(row))
        self._attached.append(row)
        return Attached(target, row.yields)

    def _is_expected(self, row: Row) -> bool:
        """A host without the openai package has no SDK to attach to, and misses nothing."""
        package = row.module.partition(".")[0]
        return package == "autogen" or importlib.util.find_spec(package) is not None

    def _below_ag2_tracer(self, target: str, function: Any) -> Any:
        """The host's function, also where AG2's own tracer has wrapped it: its span would repeat ours."""
        if not inspect.isfunction(function) or not getattr(function, _AG2_MARK, False):
            return function
        if not function.__module__.startswith(_AG2_TRACER):
            return function
        enclosed = inspect.getclosurevars(function).nonlocals
        inner = enclosed.get("original_create")
        # Spans that go elsewhere repeat nothing.
        if not inspect.isfunction(inner) or not share_provider(
            enclosed.get("tracer"), self._runtime.recorder.tracer
        ):
            return function
        self._stood_down.append(StoodDown(target, AG2_TRACER_NAME, _WHY_STOOD_DOWN))
        return inner

    def _replace(self, owner: Any, name: str, original: Any, replacement: Any) -> None:
        setattr(owner, name, replacement)
        self._patches.append(_Patch(owner, name, original, replacement))

    def observe_class(self, owner: type, method: str, operation: type[Operation]) -> None:
        """Wrap a method where it is defined, once for all its subclasses."""
        with self._lock:
            original = vars(owner)[method]
            # Not what is called without an instance; a function that others have wrapped is one still.
            if is_observed(original) or not inspect.isfunction(original):
                return
            setattr(owner, method, observed(original, operation, self._runtime, owner))
            key = (id(owner), method)
            # Neither the class nor its functions, which know the class, may be kept alive by us.
            self._classes[key] = weakref.ref(owner, lambda _: self._classes.pop(key, None))


class _Discovery:
    """Observes the classes of objects that show up at calls.

    What an instance leads to is looked at when it is first seen, and again only if it leads to other objects
    or a method has been replaced since: a test's patch may have taken our function off for a while.

    Args:
        attachment: attaches to the classes.
        discovered: what to look for.
        lineage: the host.
    """

    def __init__(self, attachment: Attachment, discovered: tuple[Discovered, ...], lineage: Lineage) -> None:
        self._attachment = attachment
        self._discovered = [one for one in discovered if lineage.name in one.lineages]
        self._held_as = next(filter(None, (one.held_as for one in discovered)), "")
        self._asks_instrumentations = any(one.if_instrumented for one in self._discovered)
        self._memory = Memory()

    def look(self, instance: Any) -> None:
        """Look at what an instance leads to."""
        # Read from the memory and the instance in few steps, as nearly always there is nothing to do.
        held = getattr(instance, "__dict__", _NO_FIELDS).get(self._held_as)
        ids = [*map(id, held)] if type(held) is list else id(held)
        is_loaded = self._asks_instrumentations and has_instrumentations()
        seen = self._memory.get(id(instance))
        if seen is not None and seen[0]() is instance:
            ids_before, was_loaded, observed = seen[1]
            if ids == ids_before and is_loaded is was_loaded:
                try:
                    for fields, method, function in observed:
                        if fields[method] is not function:
                            break
                    else:
                        return
                except KeyError:
                    # One of the methods is gone.
                    pass
        self._memory.remember(instance, (ids, is_loaded, self._observe(instance, is_loaded=is_loaded)))

    def _observe(self, instance: Any, *, is_loaded: bool) -> list[tuple[Any, str, Any]]:
        """Observe the classes of what an instance leads to.

        Returns:
            The fields of each class, the method observed of it, and what stands there.
        """
        observed = []
        for kind in self._discovered:
            if kind.if_instrumented and not is_loaded:
                continue
            for one in kind.objects(instance):
                owner = _owner(type(one), kind.method)
                if owner is None:
                    continue
                if not is_observed(vars(owner)[kind.method]):
                    self._attachment.observe_class(owner, kind.method, kind.operation)
                observed.append((vars(owner), kind.method, vars(owner)[kind.method]))
        return observed


def _owner(cls: type, method: str) -> type | None:
    """The class that a class inherits a method from."""
    for one in cls.__mro__:
        if method in one.__dict__:
            return one
    return None


def _resolve(row: Row) -> tuple[Any, str]:
    """The object that holds the row's attribute, and the attribute's name."""
    owner: Any = importlib.import_module(row.module)
    *path, name = row.name.split(".")
    for part in path:
        owner = getattr(owner, part)
    return owner, name
