"""Ids of traces and spans. Loads the SDK: import it only to build a provider, or beside one."""

from __future__ import annotations

from os import urandom
from typing import Any

from opentelemetry.sdk.trace import id_generator as sdk


class IdGenerator(sdk.IdGenerator):
    """Draws ids from the operating system: ``TracerProvider(id_generator=autogen_otel.IdGenerator())``.

    The SDK's own generator draws them from the global ``random``: a program that seeds ``random`` then has
    the same trace ids in each run, and makes other choices with spans of its own than without.
    """

    def generate_span_id(self) -> int:
        """Draw the id of a span."""
        return int.from_bytes(urandom(8), "big") or self.generate_span_id()

    def generate_trace_id(self) -> int:
        """Draw the id of a trace."""
        return int.from_bytes(urandom(16), "big") or self.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """All of its bits are; samplers of other services may rely on it."""
        return True


def draw_apart(tracer: Any) -> None:
    """Have our tracer draw its ids apart from the global ``random``, whoever made its provider.

    An application that has chosen a generator keeps it: its ids may have a format, or come again in each run.

    Args:
        tracer: a tracer that only we use.
    """
    if _is_default(getattr(tracer, "id_generator", None)):
        tracer.id_generator = IdGenerator()


def _is_default(generator: object) -> bool:
    return type(generator) is sdk.RandomIdGenerator


def draws_from_global_random(holder: Any) -> bool:
    """Whether the application has chosen a generator of ids that draws them from the global ``random``."""
    generator = getattr(holder, "id_generator", None)
    return isinstance(generator, sdk.RandomIdGenerator) and not _is_default(generator)
