"""No files of ours import one another in a circle, not even for types or inside of functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import autogen_otel

_PACKAGE = Path(autogen_otel.__file__).parent


def _modules() -> dict[str, Path]:
    files = {file.relative_to(_PACKAGE.parent).with_suffix(""): file for file in _PACKAGE.rglob("*.py")}
    return {".".join(path.parts).removesuffix(".__init__"): file for path, file in files.items()}


def _imported(file: Path, modules: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules else node.module for name in names)


def test_imports_form_no_circle() -> None:
    modules = _modules()
    imports = {name: {*_imported(file, modules)} & modules.keys() for name, file in modules.items()}
    order = [*TopologicalSorter(imports).static_order()]
    assert len(order) > 200
