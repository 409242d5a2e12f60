"""Reads a ``config_list`` from a file, an environment variable, or a value of a program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final

from autogen_otel.checks.values import json_type_name, to_plain
from autogen_otel.reading import read, read_text
from autogen_otel.redaction import KnownSecrets, Redactor

VARIABLE: Final = "OAI_CONFIG_LIST"
"""The variable, or file, that AutoGen's documentation passes to ``config_list_from_json``."""
STANDARD_INPUT: Final = "-"
_ATTRIBUTE: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_LONGEST: Final = 300
_LIST: Final = "config_list"


class SourceError(Exception):
    """There is no list to check; the message says why and what to do, without anything secret."""


@dataclass(frozen=True, slots=True)
class Source:
    """A list to check.

    Args:
        label: where it comes from, for people.
        entries: its entries, as plain data.
        options: the options beside it in an ``llm_config``.
        text: its JSON as the user wrote it; ``None`` if it is a value of a program.
        repeated_options: for each entry, the options that are in it twice.
    """

    label: str
    entries: list[Any]
    options: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    repeated_options: tuple[tuple[str, ...], ...] = ()

    @property
    def objects(self) -> list[Mapping[str, Any]]:
        """The entries that are objects, and no ``llm_config`` that has a list in it."""
        return [entry for entry in self.entries if is_entry(entry)]


def is_entry(entry: Any) -> bool:
    """Whether it is an object, and no ``llm_config`` that has a list in it."""
    return isinstance(entry, Mapping) and not (_LIST in entry and "model" not in entry)


def find(config: str | None) -> Source:
    """Find the list that an argument of the command line names.

    Args:
        config: a file, the name of a variable, ``module:attribute``, or ``-`` for standard input; ``None``
            for the variable ``OAI_CONFIG_LIST``, else the file of that name.

    Raises:
        SourceError: there is none.
    """
    name = VARIABLE if config is None else config
    if name == STANDARD_INPUT:
        return of_text(sys.stdin.read(), "standard input")
    # In AutoGen's order: a variable of this name comes first.
    if name in os.environ and (config is None or not _is_file(name)):
        return _of_variable(name, os.environ[name])
    if _is_file(os.path.expanduser(name)):  # noqa: PTH111 - Path raises for an unknown user
        return _of_file(os.path.expanduser(name), name)  # noqa: PTH111 - same
    if _ATTRIBUTE.fullmatch(name):
        return of_value(_import_value(name), name)
    if config is None:
        raise SourceError(
            f"nothing to check: the variable {VARIABLE} is not set, and no file of that name is here; "
            "name a file, or module:attribute"
        )
    raise SourceError(
        f"{_redact(name)} is no file, no variable that is set, and not module:attribute; name one of these"
    )


def own_entries(config: str | None) -> list[Any]:
    """The entries of a list with the program's objects in them, for a caller that asks the model.

    Args:
        config: as ``find`` takes it.

    Raises:
        SourceError: there is none.
    """
    if config is None or config in os.environ or _is_file(config) or not _ATTRIBUTE.fullmatch(config):
        return find(config).entries
    value = _import_value(config)
    of_value(value, config)
    nested_list = value.get(_LIST) if isinstance(value, Mapping) else read(value, _LIST)
    entries = value if nested_list is None else nested_list
    return list(entries) if isinstance(entries, (list, tuple)) else [entries]


def of_value(value: Any, label: str = "the list") -> Source:
    """Take a list, an ``LLMConfig``, an entry, or a dict with a ``config_list``.

    Raises:
        SourceError: it is none of these.
    """
    if isinstance(value, Mapping):
        return _of_mapping(to_plain(value), label)
    entries = read(value, _LIST)
    dump = read(value, "model_dump")
    if isinstance(entries, list):
        options = to_plain(dump()) if callable(dump) else {}
        return Source(label, [to_plain(entry) for entry in entries], _without_list(options))
    if isinstance(value, (list, tuple)):
        return Source(label, [to_plain(entry) for entry in value])
    if callable(dump) and read(value, "model") is not None:
        return Source(label, [to_plain(value)])
    if callable(value):
        raise SourceError(f"{label} is a function or class; name the list that it makes")
    raise SourceError(f"{label} is {json_type_name(value)}; a config_list is a list of objects")


def of_text(text: str, label: str) -> Source:
    """Read a list from JSON.

    Raises:
        SourceError: it is no JSON, or no list.
    """
    if text.startswith("\ufeff"):
        raise SourceError(
            f"{label} begins with a byte order mark, which AutoGen cannot read; save it as UTF-8 without one"
        )
    builder = _ObjectBuilder()
    try:
        value = json.loads(text, object_pairs_hook=builder.build)
    except json.JSONDecodeError as error:
        position = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise SourceError(f"{label} is no JSON: {position}{_hint(text, error.pos)}") from None
    except RecursionError:
        raise SourceError(f"{label} is no config_list: its JSON is nested too deeply") from None
    if isinstance(value, dict):
        source = _of_mapping(value, label)
    elif isinstance(value, list):
        source = Source(label, value)
    else:
        raise SourceError(f"{label} is {json_type_name(value)}; a config_list is a list of objects")
    repeated_options = tuple(builder.repeated_in(entry) for entry in source.entries)
    return Source(label, source.entries, source.options, text, repeated_options)


_HINTS: Final = (
    (("//", "/*", "#"), "; JSON has no comments, remove them"),
    (("]", "}"), "; remove the comma before it"),
    (tuple("'\u201c\u201d\u2018\u2019"), "; JSON takes straight double quotes only"),
    (("True", "False", "None"), "; JSON writes true, false and null"),
    (("{",), "; put all entries into one list"),
)
"""What to do about text that is no JSON, by the text at the position of the error."""


def _hint(text: str, position: int) -> str:
    """What to do about text that is no JSON; nothing if that is not known."""
    # The scanner of some versions stops at the comma itself.
    rest = text[position:].lstrip().removeprefix(",").lstrip()
    return next(
        (hint for starts, hint in _HINTS if rest.startswith(starts)), "" if rest else "; it ends there"
    )


class _ObjectBuilder:
    """Builds the objects of a JSON text, and remembers which keys were in them twice."""

    def __init__(self) -> None:
        self._repeated: list[tuple[dict[str, Any], tuple[str, ...]]] = []

    def build(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        json_object = dict(pairs)
        if len(json_object) < len(pairs):
            names = [name for name, _ in pairs]
            repeated_names = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
            self._repeated.append((json_object, repeated_names))
        return json_object

    def repeated_in(self, entry: Any) -> tuple[str, ...]:
        return next(
            (repeated_names for json_object, repeated_names in self._repeated if json_object is entry), ()
        )


def _of_mapping(value: dict[str, Any], label: str) -> Source:
    if value.get(_LIST) is None:
        if "model" in value:
            # One entry instead of a list.
            return Source(label, [{key: item for key, item in value.items() if key != _LIST}])
        raise SourceError(
            f"{label} is an object without a config_list; give the list, or the whole llm_config"
        )
    config_list = value[_LIST]
    entries = [config_list] if isinstance(config_list, dict) else config_list
    if not isinstance(entries, list):
        raise SourceError(
            f"{label} has a config_list that is {json_type_name(entries)}; it is a list of objects"
        )
    return Source(label, entries, _without_list(value))


def _without_list(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in {_LIST, "tools", "functions"}}


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long, or with a null byte, to be a path
        return False


def _of_variable(name: str, value: str) -> Source:
    if _is_file(value):
        return _of_file(value, f"{_redact(value)} (from {name})")
    if not value.lstrip().startswith(("[", "{", "\ufeff")):
        tilde_hint = ", and AutoGen takes ~ for the name of a folder" if value.startswith("~") else ""
        raise SourceError(
            f"the variable {name} is neither JSON nor the path of a file that is here{tilde_hint}"
        )
    return of_text(value, f"the variable {name}")


def _of_file(path: str, label: str) -> Source:
    if path.endswith(".py"):
        example = f"{Path(path).stem}:config_list"
        raise SourceError(f"{label} is Python and no JSON; name the list in it, such as {example}")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SourceError(f"{label} is not UTF-8; save it so") from None
    except OSError as error:
        raise SourceError(f"{label} cannot be read: {error.strerror}") from None
    return of_text(text, label)


def _import_value(name: str) -> Any:
    """Import a program's value, which may do and raise anything."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with contextlib.redirect_stdout(sys.stderr):
        try:
            return resolve_name(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - their module may raise anything
            reason = f"{type(error).__name__}: {read_text(error)}"
            raise SourceError(f"{name} cannot be imported: {_redact(reason)}") from None


def _redact(text: str) -> str:
    """Redact a text that may quote a key, and put it on one line."""
    secrets = KnownSecrets()
    secrets.add_environment(os.environ)
    return Redactor(secrets).fit(" ".join(text.split()), _LONGEST)
