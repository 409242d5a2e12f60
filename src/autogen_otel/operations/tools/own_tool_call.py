"""A tool call by an ``execute_function`` that an agent class has instead of AutoGen's, or around it.

Most such methods go on to AutoGen's, whose call is observed as ever. This one has a span only where the
method runs the tool itself, so that no tool call is told twice and none is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autogen_otel.operations.tools.tool_call import ToolCall
from autogen_otel.reading import read_key
from autogen_otel.recording import ArgumentProblem, Facts, Measurement
from autogen_otel.vocabulary import attributes as names

_PAIR = 2
_NOTHING_TOLD: tuple[bool, Mapping[str, Any]] = (True, {})
"""What is made of a value that is not what AutoGen's method returns."""


class OwnToolCall(ToolCall):
    """Reads ``execute_function`` of an agent class that has its own.

    Attributes:
        is_handed_on: whether the method has called AutoGen's.
        has_run: whether the method has run the tool.
    """

    __slots__ = ("_at_first", "has_run", "is_handed_on")

    def begin(self) -> Facts:
        """Note which tool is called with what, and wait for who runs it."""
        self.is_handed_on = self.has_run = False
        self._at_first: tuple[str | None, Facts, tuple[Facts, ...]] | None = None
        facts = super().begin()
        self._at_first = self.name, facts, self.constants
        self.name, self.constants = None, ()
        return {}

    def handed_on(self) -> None:
        """AutoGen's own method tells of the call."""
        self.is_handed_on = True

    def raised(self, error: BaseException) -> None:
        """The method itself has run the tool."""
        self.has_run = True
        super().raised(error)

    def gave(self, value: object) -> None:
        """The method itself has run the tool."""
        self.has_run = True
        super().gave(value)

    def returned(self, value: Any) -> Facts:
        """What the method made of the tool, whose exception it may have kept to itself."""
        if self._is_told:
            return {}
        self._look()
        is_usual = isinstance(value, tuple) and len(value) == _PAIR and isinstance(value[1], Mapping)
        succeeded, response = value if is_usual else _NOTHING_TOLD
        return self._with_first(super().returned((succeeded and self.error is None, response)))

    def failed(self, error: BaseException) -> Facts:
        """The method did not catch it."""
        if self._is_told:
            return {}
        self._look()
        return self._with_first(super().failed(error))

    def cancelled(self) -> Facts:
        """What it was called with."""
        if self._is_told:
            return {}
        self._look()
        return self._with_first(super().cancelled())

    def measurements(self, seconds: float) -> Iterator[Measurement]:
        """As of any tool call, unless AutoGen's own method measures it."""
        return iter(()) if self._is_told else super().measurements(seconds)

    @property
    def _is_told(self) -> bool:
        """Whether AutoGen's own method tells all there is to tell."""
        return self.is_handed_on and not self.has_run

    def _look(self) -> None:
        """Find the tool, where the method has looked it up in some way of its own."""
        if self.function is None:
            function = read_key(self.instance, "_function_map", self.tool)
            if function is not None:
                self.found(function)

    def _with_first(self, facts: Facts) -> Facts:
        if self._at_first is None:
            return facts
        self.name, first, constants = self._at_first
        self.constants += constants
        if first[names.GEN_AI_TOOL_CALL_ID] is None:
            requested = self.arguments.get("func_call")
            first = {**first, names.GEN_AI_TOOL_CALL_ID: super()._call_id(requested)}
        return {**first, **facts}

    def _call_id(self, requested: Any) -> str | None:
        """Not before it is known who tells of the call: an id is given once."""
        return None if self._at_first is None else super()._call_id(requested)

    def _not_found(self) -> tuple[ArgumentProblem, ...]:
        """Nothing is wrong: the method may have tools that AutoGen knows nothing of."""
        return ()

    def _release(self) -> None:
        super()._release()
        self._at_first = None
