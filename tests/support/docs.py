"""The tables of the README and of docs/, made from the code: ``python -m tests.support.docs`` writes them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import autogen_otel
from autogen_otel.causes import server_messages
from autogen_otel.checks import report
from autogen_otel.cli import parsers
from autogen_otel.hosts.classic.lineages import ALL
from autogen_otel.hosts.classic.table import AGENTS, ROWS
from autogen_otel.redaction.formats import KEY_FORMATS
from autogen_otel.settings import Settings
from autogen_otel.vocabulary import attributes, causes, spans, verdicts
from autogen_otel.vocabulary.attributes import Kind

_ROOT = Path(__file__).parent.parent.parent
README = _ROOT / "README.md"
REDACTION = _ROOT / "docs" / "redaction.md"
HOOKS = _ROOT / "docs" / "hooks.md"
SPANS = _ROOT / "docs" / "spans.md"
CAUSES = _ROOT / "docs" / "causes.md"
CHECK = _ROOT / "docs" / "check.md"
SETTINGS = _ROOT / "docs" / "settings.md"
COMMANDS = _ROOT / "docs" / "cli.md"
PYTHON = _ROOT / "docs" / "python.md"
PAGES = (REDACTION, HOOKS, SPANS, CAUSES, SETTINGS, COMMANDS, PYTHON, CHECK)


def settings_table() -> Iterator[str]:
    """Every knob."""
    yield "| `Settings` | environment variable | default | meaning |"
    yield "|---|---|---|---|"
    for knob in fields(Settings):
        value = knob.metadata["default"]
        default = "" if value in (None, ()) else f"`{value}`"
        sentence = knob.metadata["sentence"].replace("](docs/", "](")
        yield f"| `{knob.name}` | `{knob.metadata['env']}` | {default} | {sentence} |"


def hooks_table() -> Iterator[str]:
    """Every place of the host that is observed."""
    names = sorted(ALL, key=lambda name: (name.startswith("ag2"), name))
    yield f"| function | yields | {' | '.join(names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    for row in ROWS:
        yield f"| `{row.module}.{row.name}` | {row.yields} | {_marks(row.lineages, names)} |"
    # Several rows meet the same classes.
    discovered = (*AGENTS, *(rule for row in ROWS for rule in row.discovers))
    for rule in dict.fromkeys(discovered):
        yield f"| `{rule.method}` of {rule.classes} | {rule.yields} | {_marks(rule.lineages, names)} |"


def _marks(lineages: frozenset[str], names: list[str]) -> str:
    return " | ".join("yes" if not lineages or name in lineages else "no" for name in names)


def formats_table() -> Iterator[str]:
    """Every issuer, and how its keys look."""
    shapes: dict[str, list[str]] = {}
    for key_format in KEY_FORMATS:
        known_shapes = shapes.setdefault(key_format.issuer, [])
        known_shapes += [shape for shape in key_format.shape.split(", ") if shape not in known_shapes]
    yield "| issuer | looks like |"
    yield "|---|---|"
    for issuer in sorted(shapes, key=str.casefold):
        yield f"| {issuer} | {', '.join(f'`{shape}`' for shape in shapes[issuer])} |"


def spans_table() -> Iterator[str]:
    """Every kind of span."""
    yield "| span | kind | one for each |"
    yield "|---|---|---|"
    for pattern, (kind, one_per) in spans.PATTERNS.items():
        yield f"| `{pattern}` | {kind} | {one_per} |"


def attributes_table() -> Iterator[str]:
    """Every attribute of a span."""
    meanings = _meanings()
    yield "| attribute | type | on | meaning |"
    yield "|---|---|---|---|"
    for key in sorted(attributes.KINDS):
        unit = attributes.UNITS[key]
        unit = f", {unit}" if unit in {"s", "USD"} else f", {unit}s" if unit else ""
        kind = f"{_TYPES[attributes.KINDS[key]]}{unit}"
        yield f"| `{key}` | {kind} | {attributes.SPANS[key]} | {meanings[key]} |"


def _meanings() -> dict[str, str]:
    """What stands below each key in the vocabulary."""
    meanings = {}
    for defined, below in pairwise(ast.parse(inspect.getsource(attributes)).body):
        match defined, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                key = getattr(attributes, name)
                if isinstance(key, str):
                    meanings[key] = " ".join(meaning.split())
    return meanings


def causes_table() -> Iterator[str]:
    """Every cause."""
    yield "| cause | means |"
    yield "|---|---|"
    for cause, meaning in causes.MEANINGS.items():
        yield f"| [`{cause}`](#{cause}) | {meaning} |"


def wordings_table() -> Iterator[str]:
    """How servers put the causes that no status tells."""
    yield "| cause | said, as a regular expression | by |"
    yield "|---|---|---|"
    for wording in server_messages.ALL:
        pattern = wording.pattern.replace("|", "\\|")
        yield f"| `{wording.cause}` | `{pattern}` | {wording.server} |"


def problems_table() -> Iterator[str]:
    """Every kind of problem of a ``config_list``."""
    yield "| kind | found where there is |"
    yield "|---|---|"
    for kind, meaning in report.MEANINGS.items():
        yield f"| `{kind}` | {meaning} |"


def verdicts_table() -> Iterator[str]:
    """Every verdict on an endpoint."""
    yield "| verdict | means | dead |"
    yield "|---|---|---|"
    for verdict, meaning in verdicts.MEANINGS.items():
        yield f"| `{verdict}` | {meaning} | {'yes' if verdict in verdicts.DEAD else 'no'} |"


def commands() -> Iterator[str]:
    """What each command says of itself; argparse's own layout changes from Python to Python."""
    for name, parser in parsers().items():
        yield f"\n## autogen-otel {name}\n\n{parser.description}\n"
        yield "| word | what it does |"
        yield "|---|---|"
        for action in parser._actions:
            takes = action.metavar or (
                "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
            )
            words = [" ".join(filter(None, (option, str(takes)))) for option in action.option_strings]
            words = words or [str(takes or action.dest)]
            if action.dest != "help":
                says = (action.help or "") % {"default": action.default}
                yield f"| {', '.join(f'`{word}`' for word in words)} | {says.replace('|', '&#124;')} |"
        yield f"\n```text\n{(parser.epilog or '').strip()}\n```"


def public_names() -> Iterator[str]:
    """What `import autogen_otel` has to offer."""
    for name in autogen_otel.__all__:
        value = getattr(autogen_otel, name)
        is_settings = value is Settings
        signature = "" if is_settings else str(inspect.signature(value)).replace("autogen_otel.", "")
        yield f"\n## {name}\n\n```text\nautogen_otel.{name}{_folded(signature)}\n```"
        yield f"\n{_prose(inspect.getdoc(value) or '')}"
        if is_settings:
            yield "\nEvery field, its variable and its default: [Settings](settings.md)."


def _folded(signature: str) -> str:
    """A signature as a formatter would break it."""
    if len(signature) < _LONGEST_LINE:
        return signature
    inner, _, returned = signature.removeprefix("(").rpartition(")")
    return "(\n" + "".join(f"    {argument},\n" for argument in _arguments(inner)) + f"){returned}"


def _arguments(text: str) -> list[str]:
    """Split at commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _prose(doc: str) -> str:
    """A docstring in Markdown: its sections as lists."""
    text = doc.replace("``", "`")
    text = re.sub(r"^(Args|Returns|Raises|Attributes):\n", r"**\1**\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"^    (\w+): ", r"- `\1`: ", text, flags=re.MULTILINE)
    return re.sub(r"^ {4,}", "  ", text, flags=re.MULTILINE)


_LONGEST_LINE = 90
_TYPES = {
    Kind.INTEGER: "int",
    Kind.NUMBER: "double",
    Kind.BOOLEAN: "boolean",
    Kind.NAMES: "string[]",
    Kind.INTEGERS: "int[]",
    Kind.PROBLEMS: "string[]",
}
_TYPES |= {kind: "string" for kind in Kind if kind not in _TYPES}

TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "settings": settings_table,
    "hooks": hooks_table,
    "formats": formats_table,
    "spans": spans_table,
    "attributes": attributes_table,
    "causes": causes_table,
    "wordings": wordings_table,
    "problems": problems_table,
    "verdicts": verdicts_table,
    "commands": commands,
    "public names": public_names,
}
"""By the name in the comments around a table: ``<!-- settings -->``."""


def filled(text: str) -> str:
    """A page with its tables as the code has them now."""
    for name, table in TABLES.items():
        block = "\n".join([f"<!-- {name} -->", *table(), f"<!-- /{name} -->"])
        text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: block, text, flags=re.DOTALL)  # noqa: B023
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
