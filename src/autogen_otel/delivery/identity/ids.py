"""Ids of traces and spans. Loads the SDK: import it only to build a provider."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.sdk.trace import id_generator as sdk

from autogen_otel.delivery.identity.randomness import SYSTEM

_TRACE_IDS_END: Final = 1 << 128
_SPAN_IDS_END: Final = 1 << 64


class IdGenerator(sdk.IdGenerator):
    """Draws ids from the operating system: ``TracerProvider(id_generator=autogen_otel.IdGenerator())``.

    The SDK's own generator draws them from the global ``random``: a program that seeds ``random`` then makes
    other choices with telemetry than without, and has the same trace ids in each run.
    """

    def generate_span_id(self) -> int:
        """Draw the id of a span."""
        return SYSTEM.randrange(1, _SPAN_IDS_END)

    def generate_trace_id(self) -> int:
        """Draw the id of a trace."""
        return SYSTEM.randrange(1, _TRACE_IDS_END)

    def is_trace_id_random(self) -> bool:
        """All of its bits are; samplers of other services may rely on it."""
        return True


def draws_from_global_random(holder: Any) -> bool:
    """Whether the ids of a tracer or of a tracer provider come from the global ``random``."""
    return isinstance(getattr(holder, "id_generator", None), sdk.RandomIdGenerator)
