"""Values, messages and stack traces as text that fits, without secrets."""

from autogen_otel.rendering.renderer import Renderer

__all__ = ["Renderer"]
