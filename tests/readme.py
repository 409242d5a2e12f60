"""The tables of the README, made from the code: ``python -m tests.readme`` writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

from autogen_otel.hooks.table import ROWS, Row
from autogen_otel.lineages import ALL
from autogen_otel.settings import Settings

README = Path(__file__).parent.parent / "README.md"


def settings_table() -> Iterator[str]:
    """Every knob."""
    yield "| `Settings` | environment variable | default | meaning |"
    yield "|---|---|---|---|"
    for knob in fields(Settings):
        default = "" if knob.default is None else f"`{knob.default}`"
        env = "" if knob.metadata["env"] is None else f"`{knob.metadata['env']}`"
        yield f"| `{knob.name}` | {env} | {default} | {knob.metadata['sentence']} |"


def hooks_table() -> Iterator[str]:
    """Every place of the host that is observed."""
    names = sorted(ALL, key=lambda name: (name.startswith("ag2"), name))
    yield f"| function | yields | {' | '.join(names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    for row in ROWS:
        yield f"| `{row.module}.{row.name}` | {row.yields} | {_marks(row.lineages, names)} |"
    # Several rows meet the same classes.
    discovered = (found for row in ROWS if isinstance(row, Row) for found in row.discovers)
    for found in dict.fromkeys(discovered):
        yield f"| `{found.method}` of {found.what} | {found.yields} | {_marks(found.lineages, names)} |"


def _marks(lineages: frozenset[str], names: list[str]) -> str:
    return " | ".join("yes" if name in lineages else "no" for name in names)


TABLES: dict[str, Callable[[], Iterator[str]]] = {"settings": settings_table, "hooks": hooks_table}


def filled(text: str) -> str:
    """The README with its tables as the code has them now."""
    for name, table in TABLES.items():
        block = "\n".join([f"<!-- {name} -->", *table(), f"<!-- /{name} -->"])
        text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: block, text, flags=re.DOTALL)  # noqa: B023
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
