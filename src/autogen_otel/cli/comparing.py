"""The option ``--compare``: which conversations count as before, and which as after."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from autogen_otel.cli import CommandError, quantities
from autogen_otel.cli.selecting import moment_option
from autogen_otel.diagnosis.changes import Side
from autogen_otel.diagnosis.evidence.population import Filter

_MINUTES: Final = len("2026-11-22T12:46")
_FOREVER: Final = 2**63


def sides(text: str, wanted: Filter) -> tuple[Side, Side]:
    """The two that an option asks for, before and after.

    Args:
        text: ``SINCE..UNTIL``, the time before, or ``KEY=BEFORE..AFTER``, two values of an attribute.
        wanted: which conversations count as after; for values of an attribute, on both sides.

    Raises:
        CommandError: it is neither, or the two times overlap.
    """
    key, _, values = text.rpartition("=")
    before, dots, after = values.partition("..")
    if not dots or (key and not (before and after)) or not (before or after):
        raise CommandError(
            f"--compare takes SINCE..UNTIL, such as 26h..24h, or KEY=BEFORE..AFTER, such as"
            f" service.version=1.4..1.5; {text!r} is neither."
        )
    if key:
        return Side(f"{key}={before}", wanted, key, before), Side(f"{key}={after}", wanted, key, after)
    since, until = _moment(before), _moment(after)
    earlier = replace(wanted, since_ns=since, until_ns=until)
    if not wanted.since_ns and not wanted.until_ns:
        # Whoever names only the time before means what came after it.
        wanted = replace(wanted, since_ns=until)
    if _overlap(earlier, wanted):
        raise CommandError(
            f"The time before ({_label(earlier)}) and the time to compare with it ({_label(wanted)}) overlap;"
            " --compare SINCE..UNTIL is the one, --since and --until the other."
        )
    return Side(_label(earlier), earlier), Side(_label(wanted), wanted)


def _moment(text: str) -> int:
    try:
        return moment_option(text) if text else 0
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"--compare: {error}") from None


def _overlap(one: Filter, other: Filter) -> bool:
    return one.since_ns < (other.until_ns or _FOREVER) and other.since_ns < (one.until_ns or _FOREVER)


def _label(wanted: Filter) -> str:
    since, until = (quantities.utc_time(one)[:_MINUTES] + "Z" for one in (wanted.since_ns, wanted.until_ns))
    if not wanted.until_ns:
        return f"since {since}" if wanted.since_ns else "at any time"
    return f"{since} to {until}" if wanted.since_ns else f"until {until}"
