"""Rendering as spans have it: by the kind of an attribute, under the policy of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from autogen_otel import Settings
from autogen_otel.recording import ArgumentProblem
from autogen_otel.recording.attributes import Attributes
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.rendering import Renderer
from autogen_otel.vocabulary import attributes as names

FORMATS_ONLY = Redactor(KnownSecrets())
"""Takes out what looks like a secret; it knows none."""


class ContentKind(Enum):
    """What content is, by the attribute that it stands under."""

    TOOL_ARGUMENTS = names.GEN_AI_TOOL_CALL_ARGUMENTS
    TOOL_RESULT = names.GEN_AI_TOOL_CALL_RESULT
    CODE_OUTPUT = names.CODE_OUTPUT
    INPUT_MESSAGES = names.GEN_AI_INPUT_MESSAGES
    OUTPUT_MESSAGES = names.GEN_AI_OUTPUT_MESSAGES
    SYSTEM_INSTRUCTIONS = names.GEN_AI_SYSTEM_INSTRUCTIONS
    TOOL_DEFINITIONS = names.GEN_AI_TOOL_DEFINITIONS


@dataclass(frozen=True)
class Content:
    """A value of the user's data."""

    kind: ContentKind
    value: object


class ContentRenderer(Renderer):
    """A renderer that knows the policy for content too."""

    def __init__(self, settings: Settings, secrets: KnownSecrets) -> None:
        super().__init__(settings, secrets)
        self._where = settings.capture_message_content
        self._attributes = Attributes(self, secrets, settings)

    def content(self, content: Content) -> str | None:
        """Render content as its attribute is; ``None`` where policy says no."""
        return self._on_spans(self._rendered(content)).get(content.kind.value)

    def event_content(self, content: Content) -> str | None:
        """Render content as events have it; ``None`` where policy says no."""
        if self._on_spans({content.kind.value: ""}) and "EVENT" not in self._where:
            return None
        return self._rendered(content).get(content.kind.value)

    def _on_spans(self, attributes: dict[str, Any]) -> dict[str, Any]:
        is_whole = self._attributes.are_for_spans
        return attributes if is_whole else self._attributes.on_spans(attributes)

    def problem(self, problem: ArgumentProblem) -> str:
        """Render how an argument does not fit."""
        return self._attributes.problem(problem)

    def error_type(self, error: BaseException) -> str:
        """Name an exception's class."""
        return self.class_name(type(error))

    def _rendered(self, content: Content) -> dict[str, Any]:
        value = content.value
        if content.kind.name.endswith(("MESSAGES", "INSTRUCTIONS", "DEFINITIONS")) and not isinstance(
            value, tuple
        ):
            value = (value,)
        return self._attributes.render({content.kind.value: value})
