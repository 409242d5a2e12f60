"""What a process keeps beside the journal that it writes to: what it counts, and what it is at."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING, Final

from autogen_otel.delivery.counts.shared import Sharing
from autogen_otel.delivery.processes.in_flight import HAS_LOCKS, InFlight

if TYPE_CHECKING:
    from autogen_otel.delivery.journal import Journal

_LOGGER: Final = logging.getLogger("autogen_otel")


class Beside:
    """What this process keeps beside one journal.

    Args:
        journal: that it writes to.

    Attributes:
        in_flight: the conversations that are under way; ``None`` where they cannot be noted.
        counts: the file of what was counted.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.in_flight = InFlight(journal.folder) if HAS_LOCKS else None
        self.counts = Sharing(journal.folder)

    def note(self) -> None:
        """Bring up to date what is under way; never raises."""
        try:
            if self.in_flight is not None:
                self.in_flight.write()
        except Exception as error:  # noqa: BLE001 - the next look may succeed, and the last must not end the export
            _LOGGER.debug("What is in flight could not be noted: %s", type(error).__name__)

    def count(self, *, is_last: bool = False) -> None:
        """Add what was counted, unless the process writes to another journal by now; never raises."""
        if _kept is self:
            self.counts.write(is_last=is_last)

    def prune(self) -> None:
        """Remove what is too old or too much in the journal, which may take long; never raises."""
        try:
            self.journal.prune()
        except Exception as error:  # noqa: BLE001 - the next hour
            _LOGGER.debug("The journal could not be pruned: %s", type(error).__name__)

    def end(self) -> None:
        """Note and count for the last time."""
        self.note()
        self.count(is_last=True)


_kept: Beside | None = None


def keep(journal: Journal) -> Beside:
    """Keep notes and counts beside this journal, and no other."""
    global _kept  # noqa: PLW0603 - the process writes to one
    if _kept is None or _kept.journal.folder != journal.folder:
        before, kept = _kept, Beside(journal)
        if before is not None:
            before.count(is_last=True)
            kept.counts.leave_out_what_was()
        _kept = kept
        # Of functions for the exit the last is called first: a provider that is built now exports before.
        atexit.register(_kept.end)
    return _kept


def kept() -> Beside | None:
    """What is kept now; ``None`` where there is no journal."""
    return _kept
