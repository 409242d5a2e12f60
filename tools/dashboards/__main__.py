"""Write the dashboards, the alert rules and the generated parts of their docs."""

from __future__ import annotations

import argparse
import sys

from tools.dashboards.files import ROOT, generated


def main() -> int:
    """Write or check the files; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    stale = {
        path: text
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        sys.stdout.write(f"{'differs' if check else 'wrote'}: {path.relative_to(ROOT)}\n")
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.stdout.write("These files are not what the builders make: make dashboards\n")
    return 1 if check and stale else 0


sys.exit(main())
