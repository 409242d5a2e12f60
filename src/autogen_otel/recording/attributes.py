"""From facts to attributes: each value is rendered by the kind of its key, or left out by policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from autogen_otel.redaction import MASK, KnownSecrets, looks_secret
from autogen_otel.rendering import Renderer
from autogen_otel.settings import Settings
from autogen_otel.vocabulary.attributes import CONTENT_KINDS, KINDS, MESSAGE_KINDS, RESPONSE_TOOL_CALLS, Kind
from autogen_otel.vocabulary.placeholders import NOT_RECORDED

_INT64_END = 2**63
"""The first integer that OTLP has no room for."""
_NUMBERS = frozenset({bool, int, float})
_LONGEST_VALUE = 80

_CONTENT_KEYS = frozenset(key for key, kind in KINDS.items() if kind in CONTENT_KINDS)
_MESSAGE_KEYS = frozenset(key for key, kind in KINDS.items() if kind in MESSAGE_KINDS)
_MESSAGES = {
    Kind.INPUT_MESSAGES: "input",
    Kind.OUTPUT_MESSAGES: "output",
    Kind.INSTRUCTIONS: "instructions",
    Kind.TOOL_DEFINITIONS: "tools",
}

# Access to the members of an enumeration is slow.
_NAME: Final = Kind.NAME
_NUMBER: Final = Kind.NUMBER

Facts = dict[str, Any]
"""Raw values by attribute key; ``None`` means unknown and is not recorded."""
Render = Callable[[Any], Any]


class ArgumentProblem(NamedTuple):
    """One way in which a model's arguments do not fit a tool.

    Args:
        argument: name of the argument; dotted and indexed for nested values (``claim.items[2].price``).
        kind: ``missing``, ``unknown``, ``mistyped``, ``not_json``, ``not_object`` or ``unknown_tool``.
        expected: what the schema or signature demands, in JSON's words (``number``, ``one of 'a', 'b'``).
        actual: the JSON type of the value (``string``); ``None`` if there was no value.
        value: the value, recorded shortened and redacted; ``None`` with ``actual=None`` for none.
    """

    argument: str
    kind: str
    expected: str | None = None
    actual: str | None = None
    value: object = None


class Attributes:
    """Makes attributes of facts.

    Args:
        renderer: renders each value.
        secrets: gets the arguments of tools, because a password in them may come back in a result.
        settings: say which content may be recorded.
    """

    def __init__(self, renderer: Renderer, secrets: KnownSecrets, settings: Settings) -> None:
        self._renderer, self._secrets = renderer, secrets
        self._names: dict[str, str] = renderer.names
        # By id of the facts, which the entry refers to so that the id is not reused.
        self._constants: dict[int, tuple[dict[str, Any], dict[str, Any]]] = secrets.memory()
        self._tool_content = settings.capture_tool_content
        self.are_for_spans = settings.messages_on_spans or not settings.records_messages
        by_kind: dict[Kind, Render] = {
            Kind.NAME: renderer.name,
            Kind.TEXT: renderer.text,
            Kind.URL: renderer.url,
            Kind.INTEGER: self._number,
            Kind.NUMBER: self._number,
            Kind.BOOLEAN: self._number,
            Kind.NAMES: self._list_of_names,
            Kind.INTEGERS: list,
            Kind.PROBLEMS: self._problems,
            Kind.ARGUMENTS: self._arguments,
            # That the tool returned an error is recorded in any case.
            Kind.RETURNED_ERROR: renderer.text if self._tool_content else lambda _: NOT_RECORDED,
        }
        if self._tool_content:
            by_kind |= {Kind.RESULT: renderer.json, Kind.OUTPUT: renderer.end, Kind.SOURCE: renderer.text}
        if settings.records_messages:
            render_messages = renderer.message_renderer()
            by_kind |= {kind: partial(render_messages, name) for kind, name in _MESSAGES.items()}
        # There is no function for kinds that policy keeps out.
        self._renders: dict[str, Render | None] = {key: by_kind.get(kind) for key, kind in KINDS.items()}
        # They end with an id, and would displace the names that return.
        self._renders[RESPONSE_TOOL_CALLS] = lambda calls: [renderer.name_uncached(call) for call in calls]
        # Nearly all attributes are of two kinds, which are rendered without a call.
        self._quick_kinds: dict[str, object] = {
            key: Kind.NUMBER if render == self._number else KINDS[key]
            for key, render in self._renders.items()
        }

    def render(
        self, facts: dict[str, Any], constants: Iterable[Facts] = (), *, content: bool = True
    ) -> dict[str, Any]:
        """Render facts.

        Args:
            facts: raw values by attribute key; ``None`` is not known.
            constants: further facts that stay the same, such as those of an entry or a list of tools: they
                are rendered once, and again when a new secret is known. They are never changed.
            content: whether the user's data is needed; a span that is not sampled needs none.
        """
        attributes: dict[str, Any] = {}
        for constant in constants:
            cached = self._constants.get(id(constant))
            constant_attributes = self._of_constant(constant) if cached is None else cached[1]
            # A copy is cheaper than adding to an empty dict.
            attributes = {**attributes, **constant_attributes} if attributes else constant_attributes.copy()
        names, quick_kinds = self._names, self._quick_kinds
        for key, value in facts.items():
            if value is None:
                continue
            kind = quick_kinds[key]
            if kind is _NUMBER:
                if type(value) in _NUMBERS and 0 <= value < _INT64_END:
                    attributes[key] = value
                else:
                    attributes[key] = self._number(value)
            elif kind is _NAME:
                rendered = names.get(value) if type(value) is str else None
                attributes[key] = self._renderer.name(value) if rendered is None else rendered
            elif content or key not in _CONTENT_KEYS:
                render = self._renders[key]
                rendered = None if render is None else render(value)
                if rendered is not None:
                    attributes[key] = rendered
            elif kind is Kind.ARGUMENTS:
                self._secrets.add_arguments(value)
        return attributes

    def _of_constant(self, facts: Facts) -> dict[str, Any]:
        version = self._secrets.version
        attributes = self.render(facts)
        # The user's function may return something else next time.
        if self._renderer.is_repeatable:
            self._secrets.remember(self._constants, id(facts), (facts, attributes), version)
        return attributes

    def on_spans(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """The attributes of a call's span where messages are recorded in events only."""
        return {key: value for key, value in attributes.items() if key not in _MESSAGE_KEYS}

    def output(self, text: str) -> str | None:
        """Render what code printed; ``None`` if it may not be recorded."""
        return self._renderer.end(text) if self._tool_content else None

    def _number(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value) if -_INT64_END <= value < _INT64_END else self._renderer.text(value)
        return value

    def _list_of_names(self, values: Any) -> list[str]:
        names, name = self._names, self._renderer.name
        return [names.get(value) or name(value) if type(value) is str else name(value) for value in values]

    def _arguments(self, value: Any) -> str | None:
        self._secrets.add_arguments(value)
        return self._renderer.json(value) if self._tool_content else None

    def _problems(self, problems: Any) -> list[str]:
        return [self.problem(problem) for problem in problems]

    def problem(self, problem: ArgumentProblem) -> str:
        """Say in one line how an argument does not fit: ``amount: expected number, got string 'ten'``."""
        expected = f"expected {problem.expected}" if problem.expected else ""
        parts = {
            "missing": ["missing", expected],
            "unknown": ["unknown argument", self._actual_type(problem)],
            "unknown_tool": ["unknown tool"],
            "not_json": ["not JSON", problem.expected or ""],
            "not_object": ["expected object", f"got {problem.actual}" if problem.actual else ""],
        }.get(problem.kind, [expected, self._actual_type(problem)])
        argument = self._renderer.name(problem.argument)
        return self._renderer.text(f"{argument}: {', '.join(part for part in parts if part)}")

    def _actual_type(self, problem: ArgumentProblem) -> str:
        if problem.actual is None:
            return ""
        if problem.value is None or not self._tool_content:
            return f"got {problem.actual}"
        # By its real name: the value stays secret even if the user's function removes the name.
        if any(looks_secret(part) for part in (problem.argument, *problem.argument.split("."))):
            return f"got {problem.actual} {MASK}"
        return f"got {problem.actual} {self._renderer.value(problem.value, _LONGEST_VALUE)}"
