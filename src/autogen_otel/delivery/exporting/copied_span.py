"""A span that is made from another one's parts. Loads the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan


class CopiedSpan(ReadableSpan):
    """A finished span that can be exported.

    Args:
        dropped_events: how many events it lost before.
        dropped_links: how many links.
        parts: what every span has.
    """

    def __init__(self, *, dropped_events: int, dropped_links: int, **parts: Any) -> None:
        super().__init__(**parts)
        self._dropped = (dropped_events, dropped_links)

    @property
    def dropped_events(self) -> int:
        """How many events it lost."""
        return self._dropped[0]

    @property
    def dropped_links(self) -> int:
        """How many links it lost."""
        return self._dropped[1]


def bounded(attributes: Mapping[str, Any], dropped: int) -> BoundedAttributes:
    """Return the attributes of a span, an event or a link that lost so many before."""
    copy = BoundedAttributes(attributes=attributes)
    copy.dropped = dropped
    return copy
