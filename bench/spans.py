"""How many spans a turn has: a comparison with hand-written spans is only fair if they are as many."""

from __future__ import annotations

from bench.variants import BY_HAND, OURS, observed
from bench.workloads import FIRST_TURNS, WORKLOADS, Workload, converse


def per_turn(base_url: str) -> dict[str, int]:
    """Spans of a turn, for each workload by its name.

    Args:
        base_url: where the model is.

    Raises:
        RuntimeError: ours are not as many as those written by hand.
    """
    spans = {}
    for workload in WORKLOADS:
        by_hand, ours = (_count(variant, workload, base_url) for variant in (BY_HAND, OURS))
        if by_hand != ours:
            raise RuntimeError(f"{workload.name}: a turn has {ours} spans of ours, and {by_hand} by hand")
        spans[workload.name] = ours
    return spans


def _count(variant: str, workload: Workload, base_url: str) -> int:
    counts = []
    for turns in (FIRST_TURNS, FIRST_TURNS + 1):
        with observed(variant, workload) as exporter:
            converse(workload, turns, base_url)
        counts.append(exporter.count)
    return counts[1] - counts[0]
