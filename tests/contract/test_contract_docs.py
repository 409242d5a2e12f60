"""The pages of docs/ cannot lie: what Python they show runs, and the commands they show are there."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import autogen_otel
from autogen_otel.cli import parsers
from tests.support.docs import README

_DOCS = README.parent / "docs"
_PAGES = sorted(_DOCS.glob("*.md"))
_READERS_OWN = frozenset({"claims", "converse"})
"""Names in examples that stand for something of the reader's own."""


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def _imports(code: str) -> set[str]:
    """The packages that code imports."""
    nodes = list(ast.walk(ast.parse(code)))
    named = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return named | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def _names(code: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    "page", [page for page in _PAGES if _blocks(page, "python")], ids=lambda page: page.stem
)
def test_python_runs(page: Path, our_errors: list[BaseException]) -> None:
    namespace: dict[str, object] = {"autogen_otel": autogen_otel}
    try:
        for code in _blocks(page, "python"):
            # What needs a web framework, or goes on from a program of the reader's, is only compiled.
            compiled = compile(code, page.name, "exec")
            if _READERS_OWN.isdisjoint(_names(code)) and all(map(_is_installed, _imports(code))):
                exec(compiled, namespace)  # noqa: S102 - that is the point
    finally:
        autogen_otel.uninstrument()
    assert our_errors == []


@pytest.mark.parametrize("page", [*_PAGES, README], ids=lambda page: page.stem)
def test_commands_exist_with_the_words_they_are_given(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = parsers()
    for command, rest in re.findall(r"autogen-otel ([a-z][a-z-]*)((?: +[^\n`|#&;]*)?)", text):
        if command not in known:
            # A sentence may go on with a verb; a command line does not.
            assert f"$ autogen-otel {command}" not in text, command
            continue
        options = {option for action in known[command]._actions for option in action.option_strings}
        given = {word.partition("=")[0] for word in re.findall(r"(?<=\s)--[a-z-]+", rest)}
        assert given <= options, (command, given - options)
