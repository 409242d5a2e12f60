"""Holds all conversations that have secrets in them."""

from __future__ import annotations

import logging

import autogen_otel

autogen_otel.instrument()

from tests.support.conversations import play  # noqa: E402 - same
from tests.support.planted_secrets import PLANTS  # noqa: E402 - agents come after the one line

# AG2 logs what tools return, lone surrogates too, which no stream can take.
logging.getLogger("ag2.event.processor").disabled = True
for plant in PLANTS:
    play(plant.conversation, "sync")
