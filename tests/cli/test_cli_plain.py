from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PROGRAM = "import sys; sys.modules['rich'] = None; from autogen_otel.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("show", "--failing", "--limit", "2"),
        ("show", "a1"),
        ("show", "a1", "--full"),
        ("show", "d1", "--full"),
        ("diagnose",),
    ],
)
def test_without_rich_a_text_is_the_same_as_beyond_a_terminal(
    run: Run, journal: Path, words: tuple[str, ...]
) -> None:
    words = (*words, "--journal", str(journal))
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False
    )
    code, out, err = run(*words)
    assert (done.returncode, done.stderr) == (code, err)
    assert done.stdout.splitlines() == [line.rstrip() for line in out.splitlines()]


def test_doctor_needs_no_rich() -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, "doctor"], capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}
    assert "host: " in done.stdout
