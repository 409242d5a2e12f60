"""``python -m tests.every_case FOLDER``: does each case run in at least one environment?

``needs`` and ``shared`` leave cases out of an environment because another one runs them. This compares what
the environments have written in their last whole runs, and exits with 1 where a case ran in none of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def cases_of_no_environment(folder: Path) -> list[str]:
    """Ids of the cases that each environment left to another.

    Args:
        folder: holds a folder for each environment, with ``cases.json`` in it.
    """
    here, elsewhere = set[str](), set[str]()
    for file in folder.glob("*/cases.json"):
        cases = json.loads(file.read_text("utf-8"))
        here.update(cases["here"])
        elsewhere.update(cases["elsewhere"])
    return sorted(elsewhere - here)


if __name__ == "__main__":
    missing = cases_of_no_environment(Path(sys.argv[1]))
    for case in missing:
        print(f"runs in no environment: {case}", file=sys.stderr)  # noqa: T201 - a program
    sys.exit(bool(missing))
