"""What a process keeps beside its journal: which conversations are under way, and what was counted."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING, Final

from autogen_otel.delivery.counts.shared import Sharing
from autogen_otel.delivery.processes.ending import STATE
from autogen_otel.delivery.processes.in_flight import InFlight

if TYPE_CHECKING:
    from autogen_otel.delivery.journal import Journal

_LOGGER: Final = logging.getLogger("autogen_otel")


class Beside:
    """What this process keeps beside one journal.

    Args:
        journal: that it writes to.

    Attributes:
        in_flight: the conversations that are under way.
        counts: the file of what was counted.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.in_flight = InFlight(journal.folder)
        self.counts = Sharing(journal.folder)

    def note(self) -> None:
        """Bring up to date what is under way; never raises."""
        try:
            self.in_flight.write()
        except Exception as error:  # noqa: BLE001 - the next look may succeed, and the last must not end the export
            _LOGGER.debug("What is in flight could not be noted: %s", type(error).__name__)

    def count(self, *, is_last: bool = False) -> None:
        """Add what was counted, unless the process writes to another journal by now; never raises."""
        if STATE.kept is self:
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


def keep(journal: Journal) -> Beside:
    """Keep notes and counts beside this journal, and no other."""
    if STATE.kept is None or STATE.kept.journal.folder != journal.folder:
        before, kept = STATE.kept, Beside(journal)
        if before is not None:
            before.count(is_last=True)
            kept.counts.leave_out_what_was()
        STATE.kept = kept
        # Of functions for the exit the last is called first: a provider that is built now exports before.
        atexit.register(kept.end)
    return STATE.kept
