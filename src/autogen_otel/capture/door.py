"""The door: whatever of the user's data becomes telemetry passes one of these methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.capture.chains import error_text
from autogen_otel.capture.keys import looks_secret
from autogen_otel.capture.kinds import qualified_name, type_name
from autogen_otel.capture.messages import MESSAGE_KINDS, messages_json
from autogen_otel.capture.redaction import SHORT, Redactor
from autogen_otel.capture.rendering import json_text, text
from autogen_otel.capture.secrets import MASK
from autogen_otel.capture.stacktrace import current_stack, stacktrace
from autogen_otel.observations import ContentKind
from autogen_otel.settings import EVENT_ONLY, SPAN_AND_EVENT, SPAN_ONLY

if TYPE_CHECKING:
    from autogen_otel.capture.secrets import KnownSecrets
    from autogen_otel.observations import ArgumentProblem, Content
    from autogen_otel.settings import Settings

_LONGEST_NAME: Final = 256
_LONGEST_VALUE: Final = 80


class Capture:
    """Renders the user's data: redacted first, cut afterwards, never raising.

    Args:
        settings: what may be captured and how long it may be.
        secrets: the exact secrets to look for; may grow later.
    """

    def __init__(self, settings: Settings, secrets: KnownSecrets) -> None:
        self._settings = settings
        self._limit = settings.max_value_length
        self._redactor = Redactor(secrets, settings.redact)

    def name(self, value: object) -> str:
        """Render a short identifier: a span, agent, tool or model name, on one line."""
        if type(value) is str and len(value) <= SHORT:
            return " ".join(self._redactor.text(value).split())
        return " ".join(text(value, _LONGEST_NAME, self._redactor).split())

    def text(self, value: object) -> str:
        """Render any free text, such as an id or a message."""
        if type(value) is str and len(value) <= SHORT:
            shown = self._redactor.text(value)
            if len(shown) <= self._limit:
                return shown
        return text(value, self._limit, self._redactor)

    def content(self, content: Content) -> str | None:
        """Render what a tool, executed code or a model got or gave; ``None`` where the policy says no."""
        if content.kind in MESSAGE_KINDS:
            on_spans = self._settings.capture_message_content in (SPAN_ONLY, SPAN_AND_EVENT)
            return self._messages(content) if on_spans else None
        if content.kind is ContentKind.CODE_TRACEBACK:
            return self._end(content.value)
        if not self._settings.capture_tool_content:
            return None
        if content.kind is ContentKind.CODE_OUTPUT:
            return self._end(content.value)
        return json_text(content.value, self._limit, self._redactor)

    @property
    def wants_events(self) -> bool:
        """Whether the content of messages goes into events."""
        return self._settings.capture_message_content in (EVENT_ONLY, SPAN_AND_EVENT)

    def event_content(self, content: Content | None) -> str | None:
        """Render messages for an event; ``None`` where the policy says no."""
        return self._messages(content) if content is not None and self.wants_events else None

    def _messages(self, content: Content) -> str:
        values = content.value if isinstance(content.value, tuple) else (content.value,)
        return messages_json(content.kind, values, self._limit, self._redactor)

    def _end(self, value: object) -> str:
        """What was printed last tells most."""
        shown = value if type(value) is str else text(value, self._limit, self._redactor)
        return self._redactor.fitted_end(shown, self._limit)

    def url(self, url: str) -> str:
        """Render a URL without userinfo and without secret query values."""
        return self.text(url)

    def problem(self, problem: ArgumentProblem) -> str:
        """Say in one line how an argument does not fit: ``amount: expected number, got string 'ten'``."""
        argument = self.name(problem.argument)
        expected = f"expected {problem.expected}" if problem.expected else ""
        said = {
            "missing": ["missing", expected],
            "unknown": ["unknown argument", self._got(problem)],
            "unknown_tool": ["unknown tool"],
            "not_json": ["not JSON", problem.expected or ""],
            "not_object": ["expected object", f"got {problem.got}" if problem.got else ""],
        }.get(problem.kind, [expected, self._got(problem)])
        return self.text(f"{argument}: {', '.join(part for part in said if part)}")

    def _got(self, problem: ArgumentProblem) -> str:
        if problem.got is None:
            return ""
        if problem.value is None or not self._settings.capture_tool_content:
            return f"got {problem.got}"
        # By its real name: that the user's function takes a name out makes the value no less secret.
        if any(looks_secret(part) for part in (problem.argument, *problem.argument.split("."))):
            return f"got {problem.got} {MASK}"
        # By its type, because isinstance() asks the value itself, and that may raise.
        if issubclass(type(problem.value), str):
            return f"got {problem.got} '{text(problem.value, _LONGEST_VALUE, self._redactor)}'"
        return f"got {problem.got} {json_text(problem.value, _LONGEST_VALUE, self._redactor)}"

    def stacktrace(self, error: BaseException) -> str:
        """Render an exception with its causes and the places it passed."""
        return stacktrace(error, self._limit, self._redactor)

    def stack(self) -> str:
        """Render where the program stands now."""
        return current_stack(self._limit, self._redactor)

    def error_message(self, error: BaseException) -> str:
        """Render an exception's message."""
        return self.text(error_text(error))

    def error_type(self, error: BaseException) -> str:
        """Name an exception's class: ``module.QualName``, without ``builtins``."""
        return self.class_name(type(error))

    def class_name(self, kind: type) -> str:
        """Name a class: ``module.QualName``, without ``builtins``."""
        try:
            return self.name(qualified_name(kind))
        except Exception:  # noqa: BLE001 - a metaclass may raise anything
            return type_name(BaseException)
