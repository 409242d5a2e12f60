from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PROGRAM = """
import contextlib, io, json, sys
sys.modules["rich"] = None
from autogen_otel.cli import main
told = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(words)
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""


def without_rich(*commands: tuple[str, ...]) -> list[tuple[int, str, str]]:
    """What each command ends with and says, in one process that has no rich."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def test_without_rich_a_text_is_the_same_as_beyond_a_terminal(run: Run, journal: Path) -> None:
    commands = [
        (*words, "--journal", str(journal))
        for words in (
            ("show",),
            ("show", "--failing", "--limit", "2"),
            ("show", "a1"),
            ("show", "a1", "--full"),
            ("show", "d1", "--full"),
            ("diagnose",),
        )
    ]
    for words, (plain_code, plain_out, plain_err) in zip(commands, without_rich(*commands), strict=True):
        code, out, err = run(*words)
        assert (plain_code, plain_err) == (code, err), words
        assert plain_out.splitlines() == [line.rstrip() for line in out.splitlines()], words


@pytest.mark.slow
def test_doctor_needs_no_rich() -> None:
    ((code, out, _),) = without_rich(("doctor",))
    assert code in {0, 1}
    assert "host: " in out
