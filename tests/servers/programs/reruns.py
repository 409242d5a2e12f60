"""Has Streamlit's own test runner run a page again and again, and prints what of earlier runs still lives."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from tests.servers.programs.made import MADE

_RUNS = 10


def count() -> None:
    """Print how many classes and agents were made, and how many of them live."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(Path(__file__).with_name("rerun_page.py")), default_timeout=60).run()
    for _ in range(_RUNS):
        page.button[0].click().run()
        assert not page.exception, page.exception
        assert [one.value for one in page.markdown] == ["done"]
    gc.collect()
    sys.stdout.write(f"{len(MADE)} {sum(one() is not None for one in MADE)}\n")


if __name__ == "__main__":
    count()
