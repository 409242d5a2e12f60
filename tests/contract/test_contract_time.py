"""What runs on the host's thread is linear: twice the text takes about twice the steps, which are counted."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import pytest

import autogen_otel
from autogen_otel.causes import wordings
from autogen_otel.redaction import formats
from autogen_otel.redaction.formats import KEY_FORMATS
from tests.support.backtracking import MOST_GROWTH, Pattern, hardest

_PACKAGE: Final = Path(autogen_otel.__file__).parent
_METHODS: Final = frozenset({"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})


# ---------------------------------------------------------------- regular expressions
class Site(NamedTuple):
    """A place in the source that makes a regular expression."""

    place: str
    pattern: Pattern | None
    """``None`` if it is made of values that only a running program has."""


_MADE_LATER: Final[dict[str, Callable[[], list[Pattern]]]] = {
    "causes.wordings: _expression": lambda: [
        Pattern(wording.pattern, re.IGNORECASE, "search") for wording in wordings.ALL
    ],
    "checks.masking: self._secret_pattern": lambda: [Pattern("secret\\ words|secret|a\\+b")],
    "redaction.formats: _compile": lambda: [Pattern(key_format.source) for key_format in KEY_FORMATS],
    "redaction.known.secrets: self._short_pattern": lambda: [
        Pattern(r"(?<![^\W_])(?:0secret|secret0|s1)(?![^\W_])")
    ],
    "redaction.formats: _key_searches": lambda: list(_made_on_import(formats._key_searches())),
}
"""Expressions that functions make of values, with what these functions would make."""


@cache
def _sites() -> tuple[Site, ...]:
    """Every place in the package that makes a regular expression."""
    return tuple(
        site
        for path in sorted(_PACKAGE.rglob("*.py"))
        if "import re\n" in (source := path.read_text(encoding="utf-8"))
        for site in _sites_in(path, ast.parse(source))
    )


def _sites_in(path: Path, tree: ast.Module) -> Iterator[Site]:
    name = ".".join(path.relative_to(_PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(f"autogen_otel.{name}")
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _is_of_re(call.func):
            holder: ast.AST = call
            while not isinstance(holder, (ast.FunctionDef, ast.Assign, ast.AnnAssign, ast.Module)):
                holder = parents[holder]
            place = f"{name}: {_name_of(holder)}"
            try:
                text, flags = _evaluate(call.args[0], module), _flags_of(call, module)
            except NameError:
                made: list[Any] = list(_made_on_import(getattr(module, _name_of(holder), None)))
                yield from (Site(place, pattern) for pattern in made or [None])
            else:
                yield Site(place, Pattern(_as_text(text), flags, _method_of(call, holder, parents, tree)))


def _made_on_import(value: Any) -> Iterator[Pattern]:
    """The expressions in a module's constant, which has been made by now."""
    method = getattr(value, "__name__", "finditer") if callable(value) else "finditer"
    expression = getattr(value, "__self__", value)
    if isinstance(expression, re.Pattern):
        yield Pattern(_as_text(expression.pattern), expression.flags & ~re.UNICODE, method)
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _made_on_import(item)


def _is_of_re(function: ast.AST) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in {*_METHODS, "compile"}
    )


def _name_of(holder: ast.AST) -> str:
    if isinstance(holder, ast.FunctionDef):
        return holder.name
    target = holder.targets[0] if isinstance(holder, ast.Assign) else getattr(holder, "target", None)
    return "" if target is None else ast.unparse(target)


def _evaluate(node: ast.expr, module: ModuleType) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), vars(module))  # noqa: S307 - our own source


def _flags_of(call: ast.Call, module: ModuleType) -> int:
    flags = next((keyword.value for keyword in call.keywords if keyword.arg == "flags"), None)
    is_compiled = isinstance(call.func, ast.Attribute) and call.func.attr == "compile"
    if flags is None and is_compiled and len(call.args) > 1:
        flags = call.args[1]
    return 0 if flags is None else int(_evaluate(flags, module))


def _as_text(pattern: str | bytes) -> str:
    return pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern


def _method_of(call: ast.Call, holder: ast.AST, parents: dict[ast.AST, ast.AST], tree: ast.Module) -> str:
    """The method that the package uses of a pattern, if it is one for all of its uses; else all matches."""
    used = parents[call]
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        return call.func.attr
    if isinstance(used, ast.Attribute):
        return used.attr
    name = _name_of(holder)
    uses = {
        parents[node].attr if isinstance(parents[node], ast.Attribute) else "finditer"  # type: ignore[attr-defined]
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    }
    if not name.startswith("_") or used is not holder:
        return "finditer"
    if uses == {"match", "fullmatch"}:
        return "fullmatch"
    return uses.pop() if len(uses) == 1 else "finditer"


def test_expressions_that_are_made_later_are_known() -> None:
    assert {site.place for site in _sites() if site.pattern is None} == set(_MADE_LATER)


def _patterns() -> list[Any]:
    known = [site for site in _sites() if site.pattern is not None]
    made_later = [Site(place, pattern) for place, make in _MADE_LATER.items() for pattern in make()]
    return [
        pytest.param(site.pattern, id=f"{site.place} {number}")
        for number, site in enumerate([*known, *made_later])
    ]


@pytest.mark.shared("plain")
@pytest.mark.parametrize("pattern", _patterns())
def test_an_expression_searches_in_linear_time(pattern: Pattern) -> None:
    growth, (first, repeated, last) = hardest(pattern)
    assert growth <= MOST_GROWTH, (
        f"{pattern.method} {pattern.text!r}: {first!r} + {repeated!r} * n + {last!r} takes {growth} times "
        "as many steps for twice the n"
    )


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (r"(a+)+b", "match"),
        (r"(?:\w+\s?)*:", "search"),
        (r"(?:a|ab|b)*c", "fullmatch"),
        (r"x*x*y", "match"),
        (r"\s+;", "sub"),
        (r"<(?=.*>)", "finditer"),
        (r"key.*?:.*?=", "search"),
        (r"your(?:[^a-z]+[a-z0-9]+)*?[^a-z]*key", "search"),
    ],
)
def test_the_search_for_hard_strings_finds_them(text: str, method: str) -> None:
    assert hardest(Pattern(text, method=method))[0] > MOST_GROWTH


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (r"(?<!\w)\w+:", "search"),
        (r"\s+;", "match"),
        (r"key[^:]{0,200}:", "sub"),
        (r"(?:[a-z]+,)*z", "match"),
        (r"(['\"])[^'\"\n]*\1?", "finditer"),
    ],
)
def test_the_search_for_hard_strings_accuses_nobody_else(text: str, method: str) -> None:
    assert hardest(Pattern(text, method=method))[0] <= MOST_GROWTH
