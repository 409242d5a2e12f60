"""The table of formats in docs/redaction.md: ``python -m tests.redaction_docs`` writes it from the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from autogen_otel.capture.patterns import KEY_FORMATS

PAGE = Path(__file__).parent.parent / "docs" / "redaction.md"


def formats_table() -> Iterator[str]:
    """Every issuer, and how its keys look."""
    shapes: dict[str, list[str]] = {}
    for one in KEY_FORMATS:
        known = shapes.setdefault(one.issuer, [])
        known += [shape for shape in one.shape.split(", ") if shape not in known]
    yield "| issuer | looks like |"
    yield "|---|---|"
    for issuer in sorted(shapes, key=str.casefold):
        yield f"| {issuer} | {', '.join(f'`{shape}`' for shape in shapes[issuer])} |"


def filled(text: str) -> str:
    """The page with its table as the code has it now."""
    block = "\n".join(["<!-- formats -->", *formats_table(), "<!-- /formats -->"])
    return re.sub("<!-- formats -->.*?<!-- /formats -->", lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
