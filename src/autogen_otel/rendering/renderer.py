"""Renders the user's data: it redacts first, cuts afterwards, and never raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from autogen_otel.reading import read_text
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.redaction.introspection import qualified_name, type_name
from autogen_otel.redaction.redactor import LONGEST_REMEMBERED
from autogen_otel.rendering.stacktraces.stacktrace import current_stack, stacktrace
from autogen_otel.rendering.trees import JSON_BEGINS
from autogen_otel.rendering.values import json_text, text
from autogen_otel.settings import Settings

_LONGEST_NAME: Final = 256


class Renderer:
    """Renders values as text.

    Args:
        settings: how long a value may be, and the user's own redaction.
        secrets: the exact secrets to look for; may grow later.

    Attributes:
        names: rendered names, emptied as soon as a new secret is known. A look-up costs no call.
    """

    def __init__(self, settings: Settings, secrets: KnownSecrets) -> None:
        self._settings, self._limit, self._secrets = settings, settings.max_value_length, secrets
        self._redactor = Redactor(secrets, settings.redact)
        self.names: dict[str, str] = secrets.memory()

    def narrow(self, longest: int | None) -> None:
        """Cut values to what a provider keeps of them: it would cut the end, where stack traces tell most.

        Args:
            longest: characters; ``None`` for no limit.
        """
        if longest is not None:
            self._limit = min(self._limit, longest)

    @property
    def is_repeatable(self) -> bool:
        """Whether the same value is always rendered the same way, as long as no new secret is known."""
        return self._redactor.is_repeatable

    def name(self, value: object) -> str:
        """Render a short identifier, such as the name of a span, agent or model, on one line."""
        if type(value) is str and len(value) <= LONGEST_REMEMBERED:
            cached = self.names.get(value)
            if cached is not None:
                return cached
            version = self._secrets.version
            name = self.name_uncached(value)
            if self._redactor.is_repeatable:
                self._secrets.remember(self.names, value, name, version)
            return name
        return " ".join(text(value, _LONGEST_NAME, self._redactor).split())

    def name_uncached(self, value: object) -> str:
        """Render a name without remembering it: a name with an id in it hardly ever returns."""
        if type(value) is str and len(value) <= LONGEST_REMEMBERED:
            return " ".join(self._redactor.text_uncached(value).split())
        return self.name(value)

    def text(self, value: object) -> str:
        """Render any free text, such as an id or a message."""
        if type(value) is str and len(value) <= self._limit:
            # Not remembered: the same id hardly ever returns.
            redacted = self._redactor.text_uncached(value)
            if redacted is value or len(redacted) <= self._limit:
                return redacted
        return text(value, self._limit, self._redactor)

    def url(self, url: str) -> str:
        """Render a URL without userinfo and without secret query values."""
        redacted = self._redactor.text(url)
        return redacted if len(redacted) <= self._limit else self.text(url)

    def json(self, value: object) -> str:
        """Render an object as JSON; text that is JSON is parsed, because its keys say what is secret."""
        if type(value) is str and value[:1] not in JSON_BEGINS:
            return self._redactor.fit(value, self._limit)
        return json_text(value, self._limit, self._redactor)

    def end(self, value: object) -> str:
        """Render printed output, the end of which says most."""
        plain_text = value if type(value) is str else text(value, self._limit, self._redactor)
        return self._redactor.fit_end(plain_text, self._limit)

    def value(self, value: object, limit: int) -> str:
        """Render a value in a sentence: text in quotes, others as JSON, cut to ``limit`` characters."""
        # By its type, because isinstance() reads the value's own __class__, which may raise.
        if issubclass(type(value), str):
            return f"'{text(value, limit, self._redactor)}'"
        return json_text(value, limit, self._redactor)

    def message_renderer(self) -> Callable[[str, Any], str]:
        """Make a function for messages as JSON, by kind: ``input``, ``output``, ``instructions``, ``tools``.

        Called before any message is rendered: its modules are loaded here, and not inside the host's call.
        """
        from autogen_otel.rendering.messages.excluded import ExcludedTools  # noqa: PLC0415 - most record none
        from autogen_otel.rendering.messages.messages import messages_json  # noqa: PLC0415

        excluded = ExcludedTools(self._settings.keeps_out) if self._settings.exclude_content_of else None

        def render_messages(kind: str, values: Any) -> str:
            return messages_json(kind, tuple(values), self._limit, self._redactor, excluded)

        return render_messages

    def stacktrace(self, error: BaseException, *, with_messages: bool = True) -> str:
        """Render an exception with its causes and the frames that it passed.

        Args:
            error: the exception, which is not changed.
            with_messages: whether the messages of the exceptions may be recorded.
        """
        return stacktrace(error, self._limit, self._redactor, with_messages=with_messages)

    def stack(self) -> str:
        """Render the current stack."""
        return current_stack(self._limit, self._redactor)

    def error_message(self, error: BaseException) -> str:
        """Render an exception's message."""
        return self.text(read_text(error))

    def class_name(self, kind: type) -> str:
        """Name a class: ``module.QualName``, without ``builtins``."""
        try:
            return self.name(qualified_name(kind))
        except Exception:  # noqa: BLE001 - a metaclass may raise anything
            return type_name(BaseException)
