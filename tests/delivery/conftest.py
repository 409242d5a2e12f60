"""Every test of this room starts from an environment that says nothing about telemetry."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from autogen_otel.delivery.exporting import export
from tests.delivery.endpoints import Clock
from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "AUTOGEN_OTEL_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(export, "time", clock)
    return clock
