"""Runs a Streamlit page as Streamlit's own test runner does, and prints what of its earlier runs still lives."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path
from typing import Any

MADE: list[weakref.ref[Any]] = []
"""The classes and the agents of all runs."""
_RUNS = 10


def _main() -> None:
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(Path(__file__).with_name("rerun_page.py")), default_timeout=60).run()
    for _ in range(_RUNS):
        page.button[0].click().run()
        assert not page.exception, page.exception
        assert [one.value for one in page.markdown] == ["done"]
    gc.collect()
    sys.stdout.write(f"{len(MADE)} {sum(one() is not None for one in MADE)}\n")


if __name__ == "__main__":
    # The page imports this module by its name.
    from tests.servers.programs import reruns

    reruns._main()
