"""What was said to and by a model as an event: for those who keep message content apart from traces."""

from __future__ import annotations

import json
import time
from inspect import signature
from typing import Any, Final

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context

from autogen_otel.capture import Capture
from autogen_otel.observations import Exchange, ModelCall
from autogen_otel.recording.attributes import rendered_attributes
from autogen_otel.recording.failures import error_type
from autogen_otel.recording.log_records import sender
from autogen_otel.recording.spans import describe, exchange_attributes
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans

INFERENCE_DETAILS: Final = "gen_ai.client.inference.operation.details"
_STANDARD: Final = ("gen_ai.", "server.")
_CONTENT: Final = frozenset(
    {
        names.GEN_AI_INPUT_MESSAGES,
        names.GEN_AI_OUTPUT_MESSAGES,
        names.GEN_AI_SYSTEM_INSTRUCTIONS,
        names.GEN_AI_TOOL_DEFINITIONS,
    }
)
_TAKES_STRUCTURE: Final = "extended_attributes" in signature(BoundedAttributes).parameters
"""Whether attributes may be maps; older SDKs drop those with a warning."""


class ContentEvents:
    """Makes an event of each model call.

    Args:
        logger: where the events go.
        capture: the door; it also knows whether events are wanted.
    """

    def __init__(self, logger: Logger, capture: Capture) -> None:
        self._send, self._capture = sender(logger), capture

    def emit(self, call: ModelCall, context: Context) -> None:
        """Make the event of a model call that has ended.

        Args:
            call: the call with all that is known of it.
            context: the one in which its span is the current one.
        """
        if not self._capture.wants_events:
            return
        self._send(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            # Old exporters refuse records without one, and it is what log viewers show.
            body=self._capture.name(spans.chat(call.entry.model)),
            attributes={**self._standard(call), **self._content(call.exchange)},
            event_name=INFERENCE_DETAILS,
        )

    def _standard(self, call: ModelCall) -> dict[str, Any]:
        description = describe(call)
        raw = {} if description is None else description.attributes
        wanted = {
            key: value for key, value in raw.items() if key.startswith(_STANDARD) and key not in _CONTENT
        }
        shown = rendered_attributes(self._capture, wanted, {})
        if call.failure is not None:
            shown[names.ERROR_TYPE] = error_type(call.failure, self._capture)
        return shown

    def _content(self, exchange: Exchange | None) -> dict[str, Any]:
        held = exchange_attributes(exchange)
        shown = {key: self._capture.event_content(content) for key, content in held.items()}
        return {
            key: json.loads(text) if _TAKES_STRUCTURE else text
            for key, text in shown.items()
            if text is not None
        }
