"""The README cannot lie: its code runs, its tables are the code's, its first commands stand at the top."""

from __future__ import annotations

import re

import autogen_otel
from autogen_otel.vocabulary import causes
from tests.support.docs import CAUSES, PAGES, README, filled

TEXT = README.read_text(encoding="utf-8")


def test_the_tables_are_what_the_code_says() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert filled(text) == text, f"{page.name}: run: python -m tests.support.docs"


def test_every_cause_has_a_part_of_its_own() -> None:
    parts = re.findall(r"^## (\w+)$", CAUSES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert parts == list(causes.CAUSES)


def test_the_two_commands_stand_in_the_first_25_lines() -> None:
    top = "\n".join(TEXT.splitlines()[:25])
    assert "make demo" in top
    assert "make test" in top
    assert "autogen_otel.instrument()" in top


def test_the_python_in_it_runs(our_errors: list[BaseException], capsys: object) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(blocks) >= 2
    try:
        exec("\n".join(blocks), {})  # noqa: S102 - that is the point
    finally:
        autogen_otel.uninstrument()


def test_it_counts_the_causes_right() -> None:
    assert "one of fifteen causes" in TEXT
    assert len(causes.CAUSES) == 15


def test_every_command_of_make_that_it_names_exists() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\$ make (\w+)", TEXT)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
