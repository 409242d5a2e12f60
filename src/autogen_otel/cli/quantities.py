"""Durations, counts and times as a person reads them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import Final

from autogen_otel.traces.trace import NS

_MINUTE: Final = 60
_TENTHS_BELOW: Final = 10
_KILO: Final = 1000
_LEAST_COST: Final = 0.0001


def duration(nanoseconds: int) -> str:
    """``<1 ms``, ``812 ms``, ``3.1 s``, ``42 s``, ``2 min 05 s``."""
    seconds = nanoseconds / NS
    if seconds < 1 / _KILO:
        return "<1 ms"
    if round(seconds * _KILO) < _KILO:
        return f"{seconds * _KILO:.0f} ms"
    if seconds < _TENTHS_BELOW:
        return f"{seconds:.1f} s"
    whole_seconds = round(seconds)
    return (
        f"{whole_seconds} s"
        if whole_seconds < _MINUTE
        else f"{whole_seconds // _MINUTE} min {whole_seconds % _MINUTE:02} s"
    )


def plural(count: int, noun: str, several: str = "") -> str:
    """``1 turn``, ``1,204 turns``; ``several`` is the plural if it is not the noun with an ``s``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {several or f'{noun}s'}"


def size(byte_count: int) -> str:
    """``812 B``, ``41 kB``, ``268 MB``."""
    if byte_count < _KILO:
        return f"{byte_count} B"
    kilobytes = byte_count / _KILO
    # Up to ten megabytes the kilobytes still say something.
    return f"{kilobytes:,.0f} kB" if kilobytes < _TENTHS_BELOW * _KILO else f"{kilobytes / _KILO:,.0f} MB"


def cost(dollars: float) -> str:
    """``about $0.0123``; ``less than $0.0001`` where the digits would say that it costs nothing."""
    return "less than $0.0001" if 0 < dollars < _LEAST_COST else f"about ${dollars:.4f}"


def local_time(nanoseconds: int) -> str:
    """``2026-11-22 12:46:48`` in the reader's time zone; empty if no time was recorded."""
    return f"{_moment(nanoseconds).astimezone():%Y-%m-%d %H:%M:%S}" if nanoseconds else ""


def utc_time(nanoseconds: int) -> str:
    """``2026-11-22 12:46:48 UTC``."""
    return f"{_moment(nanoseconds):%Y-%m-%d %H:%M:%S} UTC"


def causes(failures: Counter[str]) -> str:
    """``2 backend, 1 tool_exception``, the most frequent first."""
    ordered = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {cause}" for cause, count in ordered)


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // NS, timezone.utc)
