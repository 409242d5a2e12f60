"""The host's results, histories, exceptions and requests are the same with us and without us."""

from __future__ import annotations

import pytest

from tests.conftest import EVERYTHING, instrumented
from tests.scenes import SCENES, Scene, play


@pytest.mark.parametrize("shape", ["sync", "async"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_conversation_comes_out_the_same(scene: Scene, shape: str, our_errors: list[BaseException]) -> None:
    plain = play(scene, shape)
    with instrumented(EVERYTHING) as telemetry:
        traced = play(scene, shape)
    assert telemetry.spans
    assert traced == plain
