"""What runs on the host's thread is linear: twice the text takes about twice the steps, which are counted.

Steps are those of a backtracking engine for each regular expression, and lines of ours for each function.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Final, NamedTuple

import pytest

import autogen_otel
from autogen_otel import Settings, plain_text
from autogen_otel.causes import server_messages
from autogen_otel.causes.decision import Circumstances, Scene, decide
from autogen_otel.causes.provider_error import error_in_answer, error_in_body
from autogen_otel.checks import SourceError, examine
from autogen_otel.checks.ask import Answers
from autogen_otel.checks.source import of_text, of_value
from autogen_otel.hosts.classic.tools.printed_error import printed_error
from autogen_otel.operations.tools.json_schema import mismatches
from autogen_otel.operations.tools.returned_error import returned_error
from autogen_otel.operations.tools.tool_arguments import decode
from autogen_otel.redaction import KnownSecrets, formats
from autogen_otel.redaction.formats import KEY_FORMATS
from tests.support.backtracking import MOST_GROWTH, Pattern, hardest
from tests.support.config_lists import KEY
from tests.support.hostile_text import KINDS, endless
from tests.support.rendering import Content, ContentKind, ContentRenderer

_PACKAGE: Final = Path(autogen_otel.__file__).parent
_METHODS: Final = frozenset({"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})


# ---------------------------------------------------------------- regular expressions
class Site(NamedTuple):
    """A place in the source that makes a regular expression."""

    place: str
    pattern: Pattern | None
    """``None`` if it is made of values that only a running program has."""


_MADE_LATER: Final[dict[str, Callable[[], list[Pattern]]]] = {
    "causes.server_messages: _expression": lambda: [
        Pattern(wording.pattern, re.IGNORECASE, "search") for wording in server_messages.ALL
    ],
    "checks.masking: self._secret_pattern": lambda: [Pattern("secret\\ words|secret|a\\+b")],
    "plain_text: _odd": lambda: [Pattern(plain_text._odd(kept).pattern, method="sub") for kept in ("", "\n")],
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


# ---------------------------------------------------------------- functions
def _secrets() -> KnownSecrets:
    secrets = KnownSecrets()
    secrets.add_tree({"api_key": KEY})
    return secrets


_WITH_CONTENT: Final = Settings(environ={}, capture_message_content="SPAN_AND_EVENT")
_RENDERERS: Final = {
    "cut": ContentRenderer(_WITH_CONTENT, _secrets()),
    "whole": ContentRenderer(replace(_WITH_CONTENT, max_value_length=1_000_000), _secrets()),
}
_SCHEMA: Final = {
    "type": "object",
    "properties": {"a": {"type": "number"}, "b": {"enum": ["x"]}},
    "additionalProperties": False,
}


def _fail(text: str) -> None:
    raise ValueError(text)


def _raised(text: str) -> BaseException:
    with pytest.raises(ValueError) as raised:
        _fail(text)
    return raised.value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _body(text: str) -> bytes:
    return json.dumps({"error": {"message": text, "details": [{"loc": [text], "msg": text}]}}).encode()


def _messages(text: str) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": text}}]
    call = {"id": text, "function": {"name": text, "arguments": text}}
    return [{"role": "user", "content": parts}, {"role": "assistant", "content": text, "tool_calls": [call]}]


def _learn(text: str) -> None:
    secrets = KnownSecrets()
    secrets.add_tree({"api_key": text, "headers": {"x-team": text}, "base_url": text})
    secrets.mask(text + text)


def _check(option: str) -> Callable[[str], object]:
    def check(text: str) -> object:
        entry = {"model": "m", "api_key": "k", option or text[:1000]: text}
        return examine([of_value([entry])], answers=Answers(problem="not asked"))

    return check


def _read_config(text: str) -> None:
    with suppress(SourceError):
        of_text(text, "a file")


def _rendering(renderer: ContentRenderer) -> dict[str, Callable[[str], object]]:
    def content(kind: ContentKind, value: Callable[[str], object]) -> Callable[[str], object]:
        return lambda text: renderer.content(Content(kind, value(text)))

    return {
        "text": renderer.text,
        "name": renderer.name,
        "url": renderer.url,
        "json": renderer.json,
        "json of objects": lambda text: renderer.json({"a": [text, {text: text}]}),
        "arguments": content(ContentKind.TOOL_ARGUMENTS, str),
        "result": content(ContentKind.TOOL_RESULT, lambda text: [text, text.encode("utf-8", "replace")]),
        "code output": content(ContentKind.CODE_OUTPUT, str),
        "messages": content(ContentKind.INPUT_MESSAGES, _messages),
        "tool definitions": content(
            ContentKind.TOOL_DEFINITIONS, lambda text: [{"function": {"name": text}}]
        ),
        "stack trace": lambda text: renderer.stacktrace(_raised(text)),
    }


FUNCTIONS: Final[dict[str, Callable[[str], object]]] = {
    **{f"{name}, {how}": call for how in _RENDERERS for name, call in _rendering(_RENDERERS[how]).items()},
    "secrets": _learn,
    "printed error": printed_error,
    "returned error": returned_error,
    "error in JSON": lambda text: error_in_body(_body(text), "application/json"),
    "error in a page": lambda text: error_in_body(_bytes(text), "text/html"),
    "error in an answer": lambda text: error_in_answer(_bytes(text), "text/plain", is_chat=True),
    "cause": lambda text: decide([_raised(text)], Circumstances(Scene.MODEL_CALL)),
    "arguments that are JSON": lambda text: decode(text, str),
    "arguments against a schema": lambda text: list(mismatches({"a": text, "b": text, text: 1}, _SCHEMA)),
    "check of a file": _read_config,
    **{
        f"check of {option or 'an option'}": _check(option)
        for option in ("model", "api_key", "base_url", "api_type", "azure_endpoint", "")
    },
}
_LENGTH: Final = 800
_MOST_DOUBLINGS: Final = 5


def _lines(function: Callable[[str], object], text: str) -> int:
    """How many lines of ours run."""
    lines = 0

    def count(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count if frame.f_code.co_filename.startswith(str(_PACKAGE)) else None

    before = sys.gettrace()
    sys.settrace(count)
    try:
        function(text)
    finally:
        sys.settrace(before)
    return lines


def _growth(function: Callable[[str], object], kind: str) -> float:
    """How many times the lines grow with twice the text, once no limit lies between the two lengths."""
    length, growth = _LENGTH, 0.0
    for _ in range(_MOST_DOUBLINGS):
        short, long = (_lines(function, endless(kind, times * length)) for times in (1, 2))
        growth = long / short
        if growth <= MOST_GROWTH:
            break
        length *= 2
    return growth


@pytest.mark.shared("plain")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_twice_the_lines_for_twice_the_text(name: str) -> None:
    function = FUNCTIONS[name]
    function("")  # what is made once
    growths = {kind: _growth(function, kind) for kind in KINDS}
    assert {kind: growth for kind, growth in growths.items() if growth > MOST_GROWTH} == {}
