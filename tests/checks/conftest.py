"""Lists are checked without importing the host anew for each question."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from autogen_otel.checks import ask
from tests.support.asking import ask_in_a_fork


@pytest.fixture(scope="module", autouse=True)
def _asked_in_a_fork() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        ask_in_a_fork(patch)
        yield


@pytest.fixture
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is about the process itself, or about what the host finds as it is imported."""
    monkeypatch.setattr(ask, "subprocess", subprocess)
