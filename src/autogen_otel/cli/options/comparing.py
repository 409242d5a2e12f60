"""The option ``--compare``: which conversations count as before, and which as after."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from autogen_otel.cli import CommandError
from autogen_otel.cli.options.selecting import moment_option
from autogen_otel.diagnosis.changes import Side
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.selection import Selection

_MINUTES: Final = len("2026-11-22T12:46")


def sides(text: str, wanted: Selection) -> tuple[Side, Side]:
    """The two that an option asks for, before and after.

    Args:
        text: ``SINCE..UNTIL``, the time before, or ``KEY=BEFORE..AFTER``, two values of an attribute.
        wanted: which conversations count as after; for values of an attribute, on both sides.

    Raises:
        CommandError: it is neither, there is no time in it, or the two times overlap.
    """
    key, _, values = text.rpartition("=")
    before, dots, after = values.partition("..")
    if not dots or (key and not (before and after)) or not (before or after):
        raise CommandError(
            f"--compare takes SINCE..UNTIL, such as 26h..24h, or KEY=BEFORE..AFTER, such as"
            f" service.version=1.4..1.5; {text!r} is neither."
        )
    if key:
        was, now = (replace(wanted, attribute=(key, value)) for value in (before, after))
        return Side(f"{key}={before}", was), Side(f"{key}={after}", now)
    since, until = _moment(before), _moment(after)
    if since is not None and until is not None and since >= until:
        raise CommandError(f"--compare SINCE..UNTIL: {before} is not before {after}.")
    earlier = replace(wanted, since=since, until=until)
    if wanted.since is None and wanted.until is None:
        # Whoever names only the time before means what came after it.
        wanted = replace(wanted, since=until)
    if _overlap(earlier, wanted):
        raise CommandError(
            f"The time before ({_label(earlier)}) and the time to compare with it ({_label(wanted)}) overlap;"
            " --compare SINCE..UNTIL is the one, --since and --until the other."
        )
    return Side(_label(earlier), earlier), Side(_label(wanted), wanted)


def _moment(text: str) -> int | None:
    try:
        return moment_option(text) if text else None
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"--compare: {error}") from None


def _overlap(one: Selection, other: Selection) -> bool:
    return _begins_before_end(one, other) and _begins_before_end(other, one)


def _begins_before_end(one: Selection, other: Selection) -> bool:
    return one.since is None or other.until is None or one.since < other.until


def _label(wanted: Selection) -> str:
    since, until = (
        None if one is None else utc_time(one)[:_MINUTES] + "Z" for one in (wanted.since, wanted.until)
    )
    if until is None:
        return "at any time" if since is None else f"since {since}"
    return f"until {until}" if since is None else f"{since} to {until}"
