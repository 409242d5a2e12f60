"""The process in which the host is asked about lists, as a fork of one that has imported AutoGen."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.checks import ask
from tests.support import forking


class _Programs:
    """What ``ask`` needs of ``subprocess``."""

    PIPE, DEVNULL, TimeoutExpired = subprocess.PIPE, subprocess.DEVNULL, subprocess.TimeoutExpired

    @staticmethod
    def run(
        command: Sequence[str],
        *,
        input: bytes,  # noqa: A002 - as subprocess.run has it
        timeout: float,
        **_more: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        isolated, *words = command[1:]
        assert isolated == "-I"
        completed = forking.run(
            words, folder=Path.cwd(), environment=os.environ, seconds=int(timeout) + 1, stdin=input.decode()
        )
        return subprocess.CompletedProcess(command, completed.returncode, completed.stdout.encode())


def ask_in_a_fork(patch: pytest.MonkeyPatch) -> None:
    """Let what is asked of the host be asked without importing it anew, which takes two seconds.

    How the real process starts is tested in ``test_checks_asking.py``.
    """
    patch.setattr(ask, "subprocess", _Programs)
