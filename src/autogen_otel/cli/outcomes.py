"""How a conversation's outcome is worded and coloured, in the list and above the tree alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autogen_otel.cli import quantities
from autogen_otel.diagnosis.conversations import Outcome, Summary

STYLES: Final[Mapping[Outcome, str]] = {
    "failed": "bold red",
    "recovered": "yellow",
    "ok": "green",
    "unfinished": "cyan",
}


def sentence(summary: Summary) -> str:
    """``failed: 2 failures (2 backend) in 4 turns of 2 agents, 12 s, 3,120 tokens in, 87 out``."""
    count = sum(summary.failures.values())
    seen = (
        f"{quantities.plural(count, 'failure')} ({quantities.causes(summary.failures)})"
        if count
        else "no failures"
    )
    turns = f"{quantities.plural(summary.turns, 'turn')} of {quantities.plural(len(summary.agents), 'agent')}"
    tokens = f"{summary.input_tokens:,} tokens in, {summary.output_tokens:,} out"
    return f"{summary.outcome}: {seen} in {turns}, {quantities.duration(summary.duration_ns)}, {tokens}"
