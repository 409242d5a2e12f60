"""The outcome of the export of a batch, for whoever exports, journals or forwards it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

PAUSE_SECONDS: Final = 5.0
"""How long nothing is sent to an endpoint that failed, so that batches queued at a script's end wait once."""


class Outcome(Enum):
    """The outcome of the export of a batch."""

    EXPORTED = auto()
    REFUSED = auto()
    """The endpoint does not want this batch, and would not want it tomorrow, but may take the next one."""
    TOO_LARGE = auto()
    """It does not want so much at once, but may take a part."""
    FAILED = auto()
    """The exporter or its endpoint failed, and the next batch would fail in the same way."""
    UNREACHABLE = auto()
    """Nothing listens at the endpoint."""
    UNSUPPORTED = auto()
    """The endpoint does not know the signal: Jaeger takes spans only."""
    PAUSED = auto()
    """There is no endpoint, or nothing is sent to it at this moment."""


UNWANTED: Final = (Outcome.REFUSED, Outcome.TOO_LARGE)
"""The endpoint does not want this very batch."""


@dataclass(frozen=True)
class ExportResult:
    """The result of the export of one batch.

    Args:
        outcome: of the export.
        reason: in a few words without secrets why it was not exported, or not all of it. An endpoint may
            say it: it becomes one line without control characters.
        is_final: whether OTLP says that the same batch must not be sent again.
        is_retryable: whether the endpoint has said that it may be sent again.
        retry_after: seconds for which the endpoint wants to be left alone.
        rejected_items: how many items of an exported batch the endpoint did not take.
        status: of HTTP; 0 where there was none.
    """

    outcome: Outcome
    reason: str = ""
    is_final: bool = False
    is_retryable: bool = False
    retry_after: float | None = None
    rejected_items: int = 0
    status: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", one_line(self.reason))


def halves(batch: Sequence[Any]) -> list[Sequence[Any]]:
    """Return the two halves of a batch that was too large, or of which something cannot be encoded."""
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]]
