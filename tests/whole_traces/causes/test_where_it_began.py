"""Where a failure began, which the recorder says, is where a reader would find that it began."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from autogen_otel.delivery.journal.writing import line_of
from autogen_otel.delivery.spans import encodable_span
from autogen_otel.traces.failures import Answers, FailedSpan, beginnings
from autogen_otel.traces.formats.otlp import spans_of
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from tests.support.agents import SHAPES
from tests.support.conversations import CONVERSATIONS, Conversation, play
from tests.support.telemetry import Telemetry
from tests.support.ways import WAYS


def _read(telemetry: Telemetry) -> list[Span]:
    line = line_of([encodable_span(span)[0] for span in telemetry.spans])
    return [span for span in spans_of(json.loads(line)) if isinstance(span, Span)]


def _without(span: Span) -> Span:
    """The span as an older version has recorded it."""
    attributes = {key: value for key, value in span.attributes.items() if key != names.ERROR_BEGAN_HERE}
    return replace(span, attributes=attributes)


def _beginnings(spans: Sequence[Span]) -> list[str]:
    first_ids = beginnings([FailedSpan.of(span) for span in spans if span.failed], Answers(spans))
    return sorted(f"{span.name} {span.status_message}" for span in spans if span.span_id in first_ids)


@SHAPES
@pytest.mark.parametrize("conversation", [*CONVERSATIONS, *WAYS], ids=lambda one: one.name)
def test_what_is_recorded_is_what_would_be_inferred(
    telemetry: Telemetry, conversation: Conversation, shape: str
) -> None:
    play(conversation, shape)
    spans = _read(telemetry)
    failed = [span for span in spans if span.failed]
    assert all(type(span.attributes.get(names.ERROR_BEGAN_HERE)) is bool for span in failed)
    assert _beginnings(spans) == _beginnings([*map(_without, spans)]), telemetry.tree()


def test_the_recorders_word_counts() -> None:
    parent, child = (
        FailedSpan(span_id, parent_id, "chat", 9, "backend", "", None, frozenset(), began_here=True)
        for span_id, parent_id in (("a", None), ("b", "a"))
    )
    assert beginnings([parent, child], Answers()) == {"a", "b"}
    assert beginnings([replace(parent, began_here=False), child], Answers()) == {"b"}
    # Of older versions and other programs it is inferred.
    assert beginnings([replace(parent, began_here=None), replace(child, began_here=None)], Answers()) == {"b"}
