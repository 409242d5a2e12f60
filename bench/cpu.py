"""CPU time per turn: all workloads and variants take turns in one process, so that a slow moment hits all."""

from __future__ import annotations

from collections.abc import Callable

from bench.measured import Measured
from bench.memory import settle
from bench.variants import VARIANTS, observed
from bench.workloads import FIRST_TURNS, WORKLOADS, converse

_TURNS_IN_ROUND = 60
"""Short conversations are repeated in a round until they have about so many turns that count."""


def measure(base_url: str, rounds: int, say: Callable[[str], None]) -> dict[str, Measured]:
    """Microseconds of CPU per turn, for each workload by its name.

    Args:
        base_url: where the model is.
        rounds: how often to go over all workloads and variants.
        say: takes progress.
    """
    times: dict[str, dict[str, list[list[float]]]] = {
        workload.name: {variant: [] for variant in VARIANTS} for workload in WORKLOADS
    }
    for number in range(1, rounds + 1):
        say(f"CPU time: round {number} of {rounds}")
        for workload in WORKLOADS:
            for _ in range(max(1, _TURNS_IN_ROUND // workload.turns)):
                for variant in VARIANTS:
                    settle()
                    with observed(variant, workload):
                        seconds = converse(workload, FIRST_TURNS + workload.turns, base_url)
                    times[workload.name][variant].append([second * 1e6 for second in seconds])
    return {name: Measured.of(variants) for name, variants in times.items()}
