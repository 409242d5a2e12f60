"""Batches that receivers take: small enough, and of spans that can be encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status

MAX_BYTES: Final = 3 * 1024 * 1024
"""Receivers refuse a whole batch above 4 MiB (gRPC) or 20 MiB (HTTP)."""

_SPAN_BYTES: Final = 160
"""Ids, times, flags, counts and the lengths around them."""
_ITEM_BYTES: Final = 64
_VALUE_BYTES: Final = 24
_INT64_END: Final = 2**63


def split(spans: Sequence[ReadableSpan], limit: int = MAX_BYTES) -> tuple[list[list[ReadableSpan]], int]:
    """Cut a batch into small ones, and clean what no encoder takes (half a surrogate pair, huge integers).

    Args:
        spans: the batch.
        limit: bytes of an encoded batch; a span above it stands alone.

    Returns:
        The batches, and how many spans are beyond repair.
    """
    batches: list[list[ReadableSpan]] = []
    lost, room = 0, 0
    for span in spans:
        try:
            sound, size = _sound(span)
        except Exception:  # noqa: BLE001 - spans of other libraries can hold anything
            lost += 1
            continue
        if size > room:
            batches.append([])
            room = limit
        batches[-1].append(sound)
        room -= size
    return batches, lost


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
        + _bytes(span.name)
        + (_bytes(context.trace_state) if context is not None else 0)
        + _bytes(span.status.description)
        + _bytes(span.attributes)
        + sum(_ITEM_BYTES + _bytes(event.name) + _bytes(event.attributes) for event in span.events)
        + sum(_ITEM_BYTES + _bytes(link.attributes) for link in span.links)
        # Counted with each span although it is sent once: cheaper than to find out which spans share one.
        + _bytes(span.resource.attributes)
        + (_bytes((scope.name, scope.version, scope.schema_url, scope.attributes)) if scope else 0)
    )


def _bytes(value: Any) -> int:
    if isinstance(value, str):
        return _VALUE_BYTES + (len(value) if value.isascii() else len(value.encode()))
    if isinstance(value, bytes):
        return _VALUE_BYTES + len(value)
    if isinstance(value, int):
        if not -_INT64_END <= value < _INT64_END:
            raise OverflowError("an attribute has more than 64 bits")
        return _VALUE_BYTES
    if isinstance(value, Mapping):
        return _VALUE_BYTES + sum(_VALUE_BYTES + _bytes(key) + _bytes(item) for key, item in value.items())
    if isinstance(value, Sequence):
        return _VALUE_BYTES + sum(map(_bytes, value))
    return _VALUE_BYTES


class _Cleaned(ReadableSpan):
    """A span's copy in which every string and number can be encoded."""

    def __init__(self, span: ReadableSpan) -> None:
        scope = span.instrumentation_scope
        super().__init__(
            name=_clean(span.name),
            context=span.get_span_context(),
            parent=span.parent,
            resource=Resource(_clean(span.resource.attributes), span.resource.schema_url),
            attributes=_attributes(span),
            events=[Event(_clean(event.name), _attributes(event), event.timestamp) for event in span.events],
            links=[Link(link.context, _attributes(link)) for link in span.links],
            kind=span.kind,
            status=Status(span.status.status_code, _clean(span.status.description)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=scope
            and InstrumentationScope(
                _clean(scope.name), _clean(scope.version), _clean(scope.schema_url), _clean(scope.attributes)
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
    cleaned = BoundedAttributes(attributes=_clean(holder.attributes or {}))
    cleaned.dropped = holder.dropped_attributes
    return cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and not -_INT64_END <= value < _INT64_END:
        return str(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_clean(item) for item in value]
    return value
