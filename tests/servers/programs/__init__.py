"""Programs as users write them, run as processes of their own, with the environment as their only setup."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_SECONDS = 600


def run(name: str, *arguments: str, folder: Path, **environ: str) -> str:
    """Run one of this package's programs to its end.

    Args:
        name: of its module.
        arguments: for it.
        folder: where the journal goes; it has to stay empty, since an endpoint is there.
        environ: the ``OTEL_*`` and other variables that it gets; it inherits none of ours.

    Returns:
        What it printed.

    Raises:
        AssertionError: it failed, or telemetry was not taken by its endpoint.
    """
    journal = folder / f"journal-of-{name}"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_"))}
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-W", "ignore", "-m", f"{__name__}.{name}", *arguments],
        cwd=_ROOT,
        env={**inherited, "AUTOGEN_OTEL_JOURNAL_DIR": str(journal), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Shown by pytest if the test fails later: what we log about telemetry that is not taken stands there.
    sys.stderr.write(done.stderr)
    kept = [line for file in journal.rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert not kept, f"{len(kept)} lines went to the journal. {name} wrote:\n{done.stderr}"
    return done.stdout
