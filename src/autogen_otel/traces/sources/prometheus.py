"""The number of conversations from Prometheus or Mimir, which a sample of their traces cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import SourceError, WeightedConversation
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.trace import NS
from autogen_otel.vocabulary import metrics

_OUTCOME: Final = metrics.CONVERSATION_OUTCOME.replace(".", "_")
_SERIES: Final = metrics.CONVERSATION_DURATION.name.replace(".", "_") + "(_seconds)?_count"
_FAILING: Final = frozenset({metrics.FAILED, metrics.RECOVERED})
_NAMESPACE: Final = "(.*/)?"


class ConversationCounts(NamedTuple):
    """The number of conversations in which something failed, also if they recovered, and of all others."""

    failing: float
    working: float


def count(client: Client, selection: Selection) -> ConversationCounts:
    """Count the conversations of a time, and of one program or of all.

    Args:
        client: asks Prometheus, or whatever speaks its query interface.
        selection: with both ends of the time.

    Raises:
        SourceError: it cannot be asked, or knows nothing of them.
    """
    # What was measured in the last second counts too.
    since, until = (selection.since or 0) // NS, -(-(selection.until or 0) // NS)
    matchers = [""]
    if selection.service is not None:
        # The label depends on the configuration of Prometheus.
        service_pattern = _escape(selection.service)
        matchers = [f',service_name=~"{service_pattern}"', f',job=~"{_NAMESPACE}{service_pattern}"']
    for matcher in matchers:
        expression = _growth(f'{{__name__=~"{_SERIES}"{matcher}}}', max(1, until - since))
        counts = client.get(
            "/api/v1/query", {"query": expression, "time": until}, missing={}, read=_by_outcome
        )
        if counts:
            failing = sum(number for outcome, number in counts.items() if outcome in _FAILING)
            return ConversationCounts(failing, sum(counts.values()) - failing)
    raise SourceError(
        f"{client.name} counted no such conversations in that time; "
        f"check that {metrics.CONVERSATION_DURATION.name} reaches it"
    )


def reweight(
    sample: Sequence[WeightedConversation], counts: ConversationCounts
) -> list[WeightedConversation]:
    """Weight a sample so that its conversations stand for as many as were counted."""
    is_failing = [any(span.failed for span in conversation.spans) for conversation in sample]
    failing = sum(is_failing)
    # Metrics come a little later than traces: none stands for less than itself.
    weights = {
        True: max(1.0, counts.failing / max(1, failing)),
        False: max(1.0, counts.working / max(1, len(sample) - failing)),
    }
    return [
        WeightedConversation(conversation.spans, weights[is_failure])
        for conversation, is_failure in zip(sample, is_failing, strict=True)
    ]


def _growth(series: str, seconds: int) -> str:
    """How much counters grew; ``increase`` alone does not see the first value of a series."""
    samples, earlier = f"{series}[{seconds}s]", f"last_over_time({series}[1h] offset {seconds}s)"
    return (
        f"sum by ({_OUTCOME}) ("
        f"(last_over_time({samples}) - {earlier} >= 0 unless resets({samples}) > 0)"
        f" or (increase({samples}) and {earlier})"
        f" or max_over_time({samples}))"
    )


def _by_outcome(answer: Any) -> dict[str, float]:
    results = answer["data"]["result"]
    counts = {str(series["metric"].get(_OUTCOME, "")): float(series["value"][1]) for series in results}
    return {outcome: number for outcome, number in counts.items() if math.isfinite(number)}


def _escape(text: str) -> str:
    """A text as a regular expression within quotes."""
    pattern = "".join(rf"\{character}" if character in r"\.+*?()|[]{}^$" else character for character in text)
    return pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
