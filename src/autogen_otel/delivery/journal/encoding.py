"""A batch of spans as a line of OTLP JSON. Loads protobuf with the first batch."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.delivery.fork import importing
from autogen_otel.delivery.journal.files import raw_spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")


def line_of(spans: Sequence[ReadableSpan]) -> bytes:
    """Return a batch as one line.

    Raises:
        Exception: whatever the encoder raises for a span that it cannot take.
    """
    # Loaded with the first batch: both are slow to load, and with a healthy endpoint nobody needs the second.
    # No module of ours is: where somebody imports this package anew, two threads would wait for each other.
    with importing():
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

    request = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    convert_ids(request, lambda text: base64.b64decode(text).hex())
    return json.dumps(request, separators=(",", ":")).encode("ascii") + b"\n"


def convert_ids(request: Any, convert: Callable[[str], str]) -> None:
    """Convert all ids of a batch: OTLP departs from protobuf's JSON mapping in that they are in hex."""
    for span in raw_spans(request):
        for holder in (span, *span.get("links", ())):
            for name in _ID_FIELDS:
                if name in holder:
                    holder[name] = convert(holder[name])
