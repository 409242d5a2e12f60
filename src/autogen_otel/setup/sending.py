"""Sending what is not journaled, metrics and log records: once each, and said once when it fails."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from autogen_otel.setup.outlet import Outlet, Refusal
    from autogen_otel.setup.signals import Signal

_LOGGER = logging.getLogger("autogen_otel")
_PAUSE_SECONDS: Final = 5.0
"""How long an endpoint that failed is left alone: what is queued at the end of a script then pays once."""
_ABSENT_SECONDS: Final = 300.0
"""How long one that does not know the signal is: it will hardly learn it, but it may be replaced."""
_SAY_AGAIN_SECONDS: Final = 60.0


class Sending:
    """Offers batches to an outlet, and leaves one that does not take them alone for a while.

    Args:
        outlet: the way to the endpoint.
        signal: what is sent.
        asked_for: whether somebody asked for it; else that nobody takes it is no more than worth knowing,
            for the one who reads the traces of a script in Jaeger has no use for metrics.
        consequence: what becomes of what is not taken, as the end of a sentence.
    """

    def __init__(self, outlet: Outlet, signal: Signal, *, asked_for: bool, consequence: str) -> None:
        self._outlet, self._signal = outlet, signal
        self._asked_for, self._consequence = asked_for, consequence
        self._paused_until = 0.0
        self._said_at = -_SAY_AGAIN_SECONDS
        self._refused = False
        self._closed = False

    def send(self, batch: Any) -> bool:
        """Return whether the endpoint took a batch; never raises."""
        if self._closed or time.monotonic() < self._paused_until:
            return False
        refusal = self._outlet.offer(batch)
        if refusal is None:
            self._say_taken()
            return True
        if refusal.absent:
            self._paused_until = time.monotonic() + _ABSENT_SECONDS
        elif refusal.lasting:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
        self._say_refused(refusal)
        return False

    def flush(self, timeout_millis: int) -> bool:
        """Have the outlet send what it holds; this class holds nothing."""
        try:
            return self._outlet.flush(timeout_millis)
        except Exception:  # noqa: BLE001 - flushing is a service, not a reason to fail
            return False

    def close(self) -> None:
        """Close the outlet; only the first time counts."""
        if self._closed:
            return
        self._closed = True
        try:
            self._outlet.close()
        except Exception as error:  # noqa: BLE001 - the application is about to end and cannot do anything about it
            _LOGGER.debug("The exporter did not shut down: %s", type(error).__name__)

    def _say_refused(self, refusal: Refusal) -> None:
        now = time.monotonic()
        if self._refused or now - self._said_at < _SAY_AGAIN_SECONDS:
            return
        self._refused = True
        self._said_at = now
        expected = not self._asked_for and (refusal.absent or refusal.silent)
        _LOGGER.log(
            logging.INFO if expected else logging.WARNING,
            "%s does not take %s (%s). %s; set %s=none to not send them.",
            self._outlet.label,
            self._signal.items,
            refusal.reason,
            self._consequence,
            self._signal.chooser,
        )

    def _say_taken(self) -> None:
        if self._refused:
            _LOGGER.info("%s takes %s again.", self._outlet.label, self._signal.items)
        self._refused = False
