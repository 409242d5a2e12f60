"""The host's results, histories, exceptions and requests are the same with us and without us."""

from __future__ import annotations

import pytest

from tests.support.conversations import CONVERSATIONS, Conversation, play
from tests.support.telemetry import EVERYTHING, instrumented
from tests.support.ways import WAYS


@pytest.mark.parametrize("shape", ["sync", "async"])
@pytest.mark.parametrize("conversation", [*CONVERSATIONS, *WAYS], ids=lambda conversation: conversation.name)
def test_a_conversation_comes_out_the_same(
    conversation: Conversation, shape: str, our_errors: list[BaseException]
) -> None:
    plain = play(conversation, shape)
    with instrumented(EVERYTHING) as telemetry:
        traced = play(conversation, shape)
    assert telemetry.spans
    assert traced == plain
