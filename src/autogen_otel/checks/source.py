"""Reads a ``config_list`` from a file, an environment variable, or a value of a program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final

from autogen_otel.checks.values import json_type_name, kind_of, to_plain
from autogen_otel.plain_files import open_file
from autogen_otel.plain_text import one_line
from autogen_otel.reading import read, read_text
from autogen_otel.redaction import KnownSecrets, Redactor

VARIABLE: Final = "OAI_CONFIG_LIST"
"""The variable, or file, that AutoGen's documentation passes to ``config_list_from_json``."""
STANDARD_INPUT: Final = "-"
_ATTRIBUTE: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_LONGEST: Final = 300
_LIST: Final = "config_list"
_MOST_CHARACTERS: Final = 8_000_000
_DEEPEST: Final = 50
_TOO_DEEP: Final = "is no config_list: its JSON is nested too deeply"


class SourceError(Exception):
    """There is no list to check; the message says why and what to do, without anything secret."""


@dataclass(frozen=True, slots=True)
class ConfigList:
    """A list to check.

    Args:
        label: where it comes from, for people.
        entries: its entries, as plain data.
        options: the options beside it in an ``llm_config``.
        document: the object in JSON that the list is in; ``None`` if there is none.
        repeated_options: for each entry, the options that are in it twice.
        single_object: whether one object stands where AutoGen wants a list.
    """

    label: str
    entries: list[Any]
    options: dict[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    repeated_options: tuple[tuple[str, ...], ...] = ()
    single_object: bool = False

    @property
    def objects(self) -> list[Mapping[str, Any]]:
        """The entries that are objects, and no ``llm_config`` that has a list in it."""
        return [entry for entry in self.entries if is_entry(entry)]


def is_entry(entry: Any) -> bool:
    """Whether it is an object, and no ``llm_config`` that has a list in it."""
    return isinstance(entry, Mapping) and not (_LIST in entry and "model" not in entry)


def find(config: str | None) -> ConfigList:
    """Find the list that an argument of the command line names.

    Args:
        config: a file, the name of a variable, ``module:attribute``, or ``-`` for standard input; ``None``
            for the variable ``OAI_CONFIG_LIST``, else the file of that name.

    Raises:
        SourceError: there is none.
    """
    name = VARIABLE if config is None else config
    if name == STANDARD_INPUT:
        return of_text(sys.stdin.read(_MOST_CHARACTERS + 1), "standard input")
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


def of_value(value: Any, label: str = "the list") -> ConfigList:
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
        return ConfigList(label, [to_plain(entry) for entry in entries], _without_list(options))
    if isinstance(value, (list, tuple)):
        return ConfigList(label, [to_plain(entry) for entry in value])
    if callable(dump) and read(value, "model") is not None:
        return ConfigList(label, [to_plain(value)])
    if callable(value):
        raise SourceError(f"{label} is a function or class; name the list that it makes")
    raise SourceError(f"{label} is {json_type_name(value)}; a config_list is a list of objects")


def of_text(text: str, label: str) -> ConfigList:
    """Read a list from JSON.

    Raises:
        SourceError: it is no JSON, or no list.
    """
    if text.startswith("\ufeff"):
        raise SourceError(
            f"{label} begins with a byte order mark, which AutoGen cannot read; save it as UTF-8 without one"
        )
    if len(text) > _MOST_CHARACTERS:
        raise SourceError(f"{label} is longer than {_MOST_CHARACTERS:,} characters; that is no config_list")
    repeated: list[tuple[dict[str, Any], tuple[str, ...]]] = []
    value = _parse(text, label, repeated)
    if not isinstance(value, (dict, list)):
        raise SourceError(f"{label} is {json_type_name(value)}; a config_list is a list of objects")
    config_list = ConfigList(label, value) if isinstance(value, list) else _of_mapping(value, label)
    repeated_by_id = {id(json_object): names for json_object, names in repeated}
    document = value if isinstance(value, dict) and value.get(_LIST) is not None else None
    return replace(
        config_list,
        document=document,
        repeated_options=tuple(repeated_by_id.get(id(entry), ()) for entry in config_list.entries),
        single_object=config_list.single_object or (isinstance(value, dict) and document is None),
    )


def _parse(text: str, label: str, repeated: list[tuple[dict[str, Any], tuple[str, ...]]]) -> Any:
    """Parse JSON, and add the objects in which a name stands twice, with these names.

    Raises:
        SourceError: it is no JSON, or nested too deeply.
    """

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        json_object = dict(pairs)
        if len(json_object) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.append((json_object, tuple(name for name, count in counts.items() if count > 1)))
        return json_object

    try:
        value = json.loads(text, object_pairs_hook=build)
    except json.JSONDecodeError as error:
        position = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise SourceError(f"{label} is no JSON: {position}{_hint(text, error.pos)}") from None
    except ValueError as error:
        raise SourceError(f"{label} is no config_list: {one_line(str(error))}") from None
    except RecursionError:
        raise SourceError(f"{label} {_TOO_DEEP}") from None
    if _is_too_deep(value):
        raise SourceError(f"{label} {_TOO_DEEP}")
    return value


def _is_too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than any option is, so that nothing may recurse in it."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for container in level
            if isinstance(container, (dict, list))
            for item in (container.values() if isinstance(container, dict) else container)
        ]
    return any(isinstance(item, (dict, list)) for item in level)


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


def drop_entries(config_list: ConfigList, dead_indices: Collection[int]) -> str:
    """Write the list as JSON without the entries at these positions.

    Args:
        config_list: the list.
        dead_indices: positions, from 0.

    Raises:
        SourceError: the list comes from a program and holds what JSON cannot.
    """
    entries = [
        _to_json_value(entry, index)
        for index, entry in enumerate(config_list.entries)
        if index not in dead_indices
    ]
    document = entries if config_list.document is None else {**config_list.document, _LIST: entries}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _to_json_value(value: Any, index: int) -> Any:
    kind = kind_of(value)
    if kind == "tuple":
        return [_to_json_value(item, index) for item in value["items"]]
    if kind is not None:
        raise SourceError(
            f"entry {index} holds a {kind} of the program, which JSON cannot; leave out --drop-dead"
        )
    if isinstance(value, dict):
        return {key: _to_json_value(item, index) for key, item in value.items()}
    return [_to_json_value(item, index) for item in value] if isinstance(value, list) else value


def _of_mapping(value: dict[str, Any], label: str) -> ConfigList:
    if value.get(_LIST) is None:
        if "model" in value:
            # One entry instead of a list.
            return ConfigList(label, [{key: item for key, item in value.items() if key != _LIST}])
        raise SourceError(
            f"{label} is an object without a config_list; give the list, or the whole llm_config"
        )
    config_list = value[_LIST]
    entries = [config_list] if isinstance(config_list, dict) else config_list
    if not isinstance(entries, list):
        raise SourceError(
            f"{label} has a config_list that is {json_type_name(entries)}; it is a list of objects"
        )
    return ConfigList(label, entries, _without_list(value), single_object=isinstance(config_list, dict))


def _without_list(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in {_LIST, "tools", "functions"}}


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # too long, or with a null byte, to be a path
        return False


def _of_variable(name: str, value: str) -> ConfigList:
    if _is_file(value):
        return _of_file(value, f"{_redact(value)} (from {name})")
    if not value.lstrip().startswith(("[", "{", "\ufeff")):
        tilde_hint = ", and AutoGen takes ~ for the name of a folder" if value.startswith("~") else ""
        raise SourceError(
            f"the variable {name} is neither JSON nor the path of a file that is here{tilde_hint}"
        )
    return of_text(value, f"the variable {name}")


def _of_file(path: str, label: str) -> ConfigList:
    if path.endswith(".py"):
        example = f"{Path(path).stem}:config_list"
        raise SourceError(f"{label} is Python and no JSON; name the list in it, such as {example}")
    try:
        with open_file(Path(path).resolve()) as file:
            text = file.read(_MOST_CHARACTERS + 1).decode()
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
