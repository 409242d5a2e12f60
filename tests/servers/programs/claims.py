"""Holds those conversations of the claims desk whose titles are its arguments."""

from __future__ import annotations

import sys

import autogen_otel

autogen_otel.instrument()

from autogen_otel.testing import ScriptedServer  # noqa: E402 - same
from scenarios.claims import CONVERSATIONS, ClaimsModel, play  # noqa: E402 - agents come after the one line

model = ClaimsModel()
with ScriptedServer(model) as server:
    for conversation in CONVERSATIONS:
        if conversation.title in sys.argv[1:]:
            play(conversation, server, model)
