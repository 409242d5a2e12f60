"""Real conversations by the dozen, diagnosed as their user would."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autogen_otel.diagnosis.findings import diagnose
from tests.support.desk import population, scenes
from tests.support.diagnosed import Incident, wrong_with

if TYPE_CHECKING:
    from pathlib import Path


_QUICK = ("all is well", "a tool raises", "three things at once")


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one in _QUICK else pytest.mark.slow) for one in scenes()],
)
@pytest.mark.shared("hosts")
def test_what_is_wrong_with_real_conversations_is_found_first(
    name: str, tmp_path: Path, our_errors: list[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "autogen.oai.client")
    scene = scenes()[name]
    diagnosis = diagnose(population(scene, tmp_path, seed=1))
    assert wrong_with(diagnosis, Incident(scene.truths)) == []
    assert diagnosis.conversations == 40


@pytest.mark.parametrize("count", [1, 5])
def test_conversations_that_are_all_held_for_so_many_turns_go_in_no_circle(
    count: int, tmp_path: Path, our_errors: list[BaseException]
) -> None:
    polite = replace(scenes()["a termination that never comes"], rate=1.0)
    assert diagnose(population(polite, tmp_path, seed=1, count=count)).findings == ()
