"""A tool call by an ``execute_function`` that an agent class has instead of AutoGen's, or around it.

Most such methods call AutoGen's, whose call is observed as usual. This one has a span only where the
method runs the tool itself, so that no tool call is recorded twice and none is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.reading import read_key
from autogen_otel.recording import ArgumentProblem, Facts, Measurement
from autogen_otel.vocabulary import attributes as names

_PAIR = 2
_UNUSUAL_RESULT: tuple[bool, Mapping[str, Any]] = (True, {})
"""The result that stands for a value of any other form than AutoGen's method returns."""


class OwnToolCall(ToolCall):
    """Reads ``execute_function`` of an agent class that has its own.

    Attributes:
        is_handed_on: whether the method has called AutoGen's.
        has_run: whether the method has run the tool.
    """

    __slots__ = ("_beginning", "has_run", "is_handed_on")

    def begin(self) -> Facts:
        """Note which tool is called with what, and wait to see who runs it."""
        self.is_handed_on = self.has_run = False
        self._beginning: tuple[str | None, Facts, tuple[Facts, ...]] | None = None
        facts = super().begin()
        self._beginning = self.name, facts, self.constants
        self.name, self.constants = None, ()
        return {}

    def inner_call_began(self) -> None:
        """Note that AutoGen's own method was called, which is recorded instead."""
        self.is_handed_on = True

    def function_raised(self, error: BaseException) -> None:
        """The method itself has run the tool."""
        self.has_run = True
        super().function_raised(error)

    def function_returned(self, value: object) -> None:
        """The method itself has run the tool."""
        self.has_run = True
        super().function_returned(value)

    def returned(self, value: Any) -> Facts:
        """The method's result; it may have caught the exception of the tool."""
        if self._is_recorded_inside:
            return {}
        self._find_function()
        is_usual = isinstance(value, tuple) and len(value) == _PAIR and isinstance(value[1], Mapping)
        succeeded, response = value if is_usual else _UNUSUAL_RESULT
        return self._with_beginning(super().returned((succeeded and self.error is None, response)))

    def failed(self, error: BaseException) -> Facts:
        """An exception that the method did not catch."""
        if self._is_recorded_inside:
            return {}
        self._find_function()
        return self._with_beginning(super().failed(error))

    def cancelled(self) -> Facts:
        """What it was called with."""
        if self._is_recorded_inside:
            return {}
        self._find_function()
        return self._with_beginning(super().cancelled())

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """Measure as any tool call, unless the call of AutoGen's own method does."""
        return iter(()) if self._is_recorded_inside else super().measurements(seconds)

    @property
    def _is_recorded_inside(self) -> bool:
        """Whether the call of AutoGen's own method inside records everything."""
        return self.is_handed_on and not self.has_run

    def _find_function(self) -> None:
        """Find the tool if the method has looked it up in a way of its own."""
        if self.function is None:
            function = read_key(self.instance, "_function_map", self.tool)
            if function is not None:
                self.function_found(function)

    def _with_beginning(self, facts: Facts) -> Facts:
        if self._beginning is None:
            return facts
        self.name, begin_facts, constants = self._beginning
        self.constants += constants
        if begin_facts[names.GEN_AI_TOOL_CALL_ID] is None:
            request = self.arguments.get("func_call")
            begin_facts = {**begin_facts, names.GEN_AI_TOOL_CALL_ID: super()._call_id(request)}
        return {**begin_facts, **facts}

    def _call_id(self, request: Any) -> str | None:
        """``None`` until we know which call records the tool's run: an id is used once."""
        return None if self._beginning is None else super()._call_id(request)

    def _problems_without_function(self) -> tuple[ArgumentProblem, ...]:
        """Nothing is wrong: the method may have tools that AutoGen knows nothing of."""
        return ()

    def _release(self) -> None:
        super()._release()
        self._beginning = None
