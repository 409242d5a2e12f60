"""Batches of spans that receivers take: small enough, and of spans that can be encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status

from autogen_otel.setup.encoding import MAX_BYTES, clean, cut, encoded_size

_SPAN_BYTES: Final = 160
"""Ids, times, flags, counts and the lengths around them."""
_ITEM_BYTES: Final = 64


def split(spans: Sequence[ReadableSpan], limit: int = MAX_BYTES) -> tuple[list[list[ReadableSpan]], int]:
    """Cut a batch into small ones, and clean what no encoder takes (half a surrogate pair, huge integers).

    Args:
        spans: the batch.
        limit: bytes of an encoded batch; a span above it stands alone.

    Returns:
        The batches, and how many spans are beyond repair.
    """
    return cut(spans, _sound, limit)


def _sound(span: ReadableSpan) -> tuple[ReadableSpan, int]:
    try:
        return span, measured(span)
    except (UnicodeEncodeError, OverflowError):
        cleaned = _Cleaned(span)
        return cleaned, measured(cleaned)


def measured(span: ReadableSpan) -> int:
    """Return an upper bound of a span's encoded size in bytes, its resource and scope included.

    Raises:
        UnicodeEncodeError: a string holds half a surrogate pair.
        OverflowError: an integer has more than 64 bits.
    """
    scope = span.instrumentation_scope
    context = span.get_span_context()
    return (
        _SPAN_BYTES
        + encoded_size(span.name)
        + (encoded_size(context.trace_state) if context is not None else 0)
        + encoded_size(span.status.description)
        + encoded_size(span.attributes)
        + sum(
            _ITEM_BYTES + encoded_size(event.name) + encoded_size(event.attributes) for event in span.events
        )
        + sum(_ITEM_BYTES + encoded_size(link.attributes) for link in span.links)
        # Counted with each span although it is sent once: cheaper than to find out which spans share one.
        + encoded_size(span.resource.attributes)
        + (encoded_size((scope.name, scope.version, scope.schema_url, scope.attributes)) if scope else 0)
    )


class _Cleaned(ReadableSpan):
    """A span's copy in which every string and number can be encoded."""

    def __init__(self, span: ReadableSpan) -> None:
        scope = span.instrumentation_scope
        super().__init__(
            name=clean(span.name),
            context=span.get_span_context(),
            parent=span.parent,
            resource=Resource(clean(span.resource.attributes), span.resource.schema_url),
            attributes=_attributes(span),
            events=[Event(clean(event.name), _attributes(event), event.timestamp) for event in span.events],
            links=[Link(link.context, _attributes(link)) for link in span.links],
            kind=span.kind,
            status=Status(span.status.status_code, clean(span.status.description)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=scope
            and InstrumentationScope(
                clean(scope.name), clean(scope.version), clean(scope.schema_url), clean(scope.attributes)
            ),
        )
        self._dropped = (span.dropped_events, span.dropped_links)

    @property
    def dropped_events(self) -> int:
        return self._dropped[0]

    @property
    def dropped_links(self) -> int:
        return self._dropped[1]


def _attributes(holder: ReadableSpan | Event | Link) -> BoundedAttributes:
    cleaned = BoundedAttributes(attributes=clean(holder.attributes or {}))
    cleaned.dropped = holder.dropped_attributes
    return cleaned
