"""Seeing the user's function inside ``execute_function``, where its exception is turned into text.

``execute_function`` looks its callable up in ``self._function_map``. While an observed tool call runs, the
first such look-up finds the callable inside a transparent wrapper. The agent's own dict is never touched:
a descriptor on the class hands out a view of it for that one look-up, and is taken off again on undo.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import wrapt

from autogen_otel.context import current
from autogen_otel.hooks.drive import Runtime
from autogen_otel.hooks.guard import guarded
from autogen_otel.hooks.witness import witnessed
from autogen_otel.operations.tools.tool_call import ToolState


class FunctionMap:
    """The class attribute ``ConversableAgent._function_map``; instances keep their own dict in ``__dict__``.

    Args:
        name: the attribute.
        runtime: the instrumentation that is switched on.
        awaits_results: whether the host awaits what a plain function returns (AG2 0.14).
    """

    def __init__(self, name: str, runtime: Runtime, *, awaits_results: bool) -> None:
        self._name, self._runtime, self._awaits_results = name, runtime, awaits_results

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The instance's own dict, or a view of it for the look-up of an observed tool call."""
        if instance is None or self._name not in instance.__dict__:
            raise AttributeError(f"{owner!r} has no attribute {self._name!r}", name=self._name, obj=instance)
        own = instance.__dict__[self._name]
        with suppress(Exception), guarded:
            state = self._pending()
            if state is not None and isinstance(own, dict):
                return _View(own, state, self)
        return own

    def __set__(self, instance: Any, value: Any) -> None:
        """Keep it where it would be without us."""
        instance.__dict__[self._name] = value

    def __delete__(self, instance: Any) -> None:
        """Remove it from where it would be without us."""
        del instance.__dict__[self._name]

    def _pending(self) -> ToolState | None:
        scope = current.scope() if self._runtime.enabled else None
        state = scope.state if scope is not None else None
        return state if isinstance(state, ToolState) and not state.looked_up else None

    def wrapped(self, entry: Any, state: ToolState) -> Any:
        """The callable inside a wrapper that looks and behaves like it."""
        return wrapt.FunctionWrapper(entry, witnessed(entry, state, awaited=self._awaits_results))


class _View(dict[Any, Any]):
    """A function map as it is, but for one look-up."""

    def __init__(self, own: dict[Any, Any], state: ToolState, source: FunctionMap) -> None:
        super().__init__(own)
        self._state, self._source = state, source

    def get(self, key: Any, default: Any = None) -> Any:
        """As of any dict; the callable of the tool call that is running comes observed."""
        entry = super().get(key, default)
        with suppress(Exception), guarded:
            state = self._state
            if key == state.name and not state.looked_up:
                state.looked_up = True
                if callable(entry):
                    state.entry = entry
                    return self._source.wrapped(entry, state)
        return entry
