"""Wall time that the application waits longer for a turn, with spans queued and exported as in production."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from bench.figures import Figure
from bench.memory import settle
from bench.variants import BY_HAND, NOBODY, OURS, VARIANTS, observed
from bench.workloads import FIRST_TURNS, WORKLOADS, converse

_ROUNDS = 40


def latency(base_url: str, spans: int, say: Callable[[str], None]) -> Figure:
    """Median and 99th percentile of what is added to a turn.

    Args:
        base_url: where the model is.
        spans: in a turn.
        say: takes progress.
    """
    workload = WORKLOADS[0]
    say(f"Latency: {_ROUNDS} conversations of each variant")
    turn_seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for _ in range(_ROUNDS):
        for variant in VARIANTS:
            settle()
            with observed(variant, workload, queued=True):
                turn_seconds[variant] += converse(
                    workload, FIRST_TURNS + workload.turns, base_url, clock=time.perf_counter
                )
    percentiles = {
        variant: (statistics.median(times) * 1e6, statistics.quantiles(times, n=100)[-1] * 1e6)
        for variant, times in turn_seconds.items()
    }
    plain = percentiles[NOBODY]
    rows = []
    for variant in (BY_HAND, OURS):
        p50, p99 = (own - base for own, base in zip(percentiles[variant], plain, strict=True))
        rows.append((variant, f"{p50:.0f} µs", f"{p99:.0f} µs", f"{p50 / spans:.0f} µs"))
    return Figure(
        title="Latency",
        explanation=(
            f"What the application waits longer for a turn of {spans} observed calls: the difference of the "
            f"percentiles of {len(turn_seconds[NOBODY])} turns with spans and as many without. The p99 is "
            "that of a whole process with its threads, and varies from run to run. "
            f"Without spans a turn takes {plain[0]:.0f} µs (p50) and {plain[1]:.0f} µs (p99)."
        ),
        columns=("", "p50 of a turn", "p99 of a turn", "p50 of a call"),
        rows=rows,
    )
