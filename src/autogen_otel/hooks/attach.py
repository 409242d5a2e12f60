"""Putting the rows of the table on the host, and taking every one of them off again."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from autogen_otel.hooks.ag2_tracer import WHO, WHY, below_tracer
from autogen_otel.hooks.drive import Runtime, is_observed, observed
from autogen_otel.hooks.lookup import FunctionMap
from autogen_otel.hooks.report import Absent, Attached, AttachReport, RowReport, StoodDown
from autogen_otel.hooks.table import ROWS, AnyRow, Discovered, HopRow, LookupRow, StreamRow
from autogen_otel.lineages import Lineage
from autogen_otel.operations.operation import Operation

_MISSING = object()


@dataclass(frozen=True)
class _Patch:
    """One attribute we replaced."""

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

    def __init__(self, runtime: Runtime, lineage: Lineage, rows: tuple[AnyRow, ...] = ROWS) -> None:
        self._runtime, self._lineage, self._rows = runtime, lineage, rows
        self._patches: list[_Patch] = []
        self._stood_down: list[StoodDown] = []
        self._lock = Lock()

    def attach(self) -> AttachReport:
        """Attach each row that the host has, and say of each how it went."""
        rows = tuple(self._attach(row) for row in self._rows)
        return AttachReport(self._lineage, rows, stood_down=tuple(self._stood_down))

    def detach(self) -> None:
        """Restore the identical objects, last attached first."""
        with self._lock:
            while self._patches:
                self._patches.pop().undo()

    def _attach(self, row: AnyRow) -> RowReport:
        target = f"{row.module}.{row.name}"
        if self._lineage.name not in row.lineages:
            return Absent(target, row.yields, f"{self._lineage.name} has no such function", expected=False)
        try:
            owner, name = _resolve(row)
            original = vars(owner).get(name, _MISSING)
            self._replace(owner, name, original, self._replacement(row, owner, original))
        except Exception as error:  # noqa: BLE001 - what cannot be attached is reported; the application goes on
            return Absent(
                target, row.yields, f"{type(error).__name__}: {error}", expected=self._is_expected(row)
            )
        return Attached(target, row.yields)

    def _is_expected(self, row: AnyRow) -> bool:
        """A host without the openai package has no SDK to attach to, and misses nothing."""
        package = row.module.partition(".")[0]
        return package == "autogen" or importlib.util.find_spec(package) is not None

    def _replacement(self, row: AnyRow, owner: Any, original: Any) -> Any:
        if isinstance(row, LookupRow):
            name = row.name.rpartition(".")[2]
            return FunctionMap(name, self._runtime, awaits_results=self._lineage.awaits_results)
        if original is _MISSING:
            raise AttributeError(f"{row.module} has no {row.name}")
        if isinstance(row, (HopRow, StreamRow)):
            return row.view(original, self._runtime)
        on_call = self._discovery(row.discovers) if row.discovers else None
        inner = below_tracer(original, self._runtime.recorder)
        if inner is not None:
            self._stood_down.append(StoodDown(f"{row.module}.{row.name}", WHO, WHY))
            original = inner
        return observed(original, row.operation, self._runtime, owner, on_call)

    def _replace(self, owner: Any, name: str, original: Any, replacement: Any) -> None:
        setattr(owner, name, replacement)
        self._patches.append(_Patch(owner, name, original, replacement))

    def _discovery(self, discovered: tuple[Discovered, ...]) -> Callable[[Any], None]:
        kinds = [kind for kind in discovered if self._lineage.name in kind.lineages]

        def look(instance: Any) -> None:
            for kind in kinds:
                for found in kind.objects(instance):
                    owner = _owner(type(found), kind.method)
                    # Looked at each time: a test's patch may have taken our wrapper off for a while.
                    if owner is not None and not is_observed(vars(owner)[kind.method]):
                        self._observe_class(owner, kind.method, kind.operation)

        return look

    def _observe_class(self, owner: type, method: str, operation: Operation[Any]) -> None:
        """Wrap a method where it is defined, once for all its subclasses."""
        with self._lock:
            original = vars(owner)[method]
            # Not what is called without an instance; a function that others have wrapped is one still.
            if is_observed(original) or not inspect.isfunction(original):
                return
            self._patches = [one for one in self._patches if (one.owner, one.name) != (owner, method)]
            self._replace(owner, method, original, observed(original, operation, self._runtime, owner))


def _owner(cls: type, method: str) -> type | None:
    """The class that a class inherits a method from."""
    for one in cls.__mro__:
        if method in one.__dict__:
            return one
    return None


def _resolve(row: AnyRow) -> tuple[Any, str]:
    """The object that holds the row's attribute, and the attribute's name."""
    owner: Any = importlib.import_module(row.module)
    *path, name = row.name.split(".")
    for part in path:
        owner = getattr(owner, part)
    return owner, name
