"""The values of a ``config_list`` as plain data, which another process can read.

A value that is no plain data (a function, a class, an HTTP client) becomes a stand-in with the kind of the
value: the other process makes a harmless object of that kind.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any, Final

from autogen_otel.reading import read, read_text

_KIND: Final = "autogen-otel stand-in"
"""The key that only stand-ins have."""
_DEEPEST: Final = 20
_MOST_BITS: Final = 4096
_TIMEOUT_PARTS: Final = ("connect", "read", "write", "pool")
_HTTP: Final = ("httpx", "httpx2")


def to_plain(value: Any, depth: int = 0) -> Any:
    """Convert a value to what JSON can hold, with stand-ins for all else.

    Args:
        value: an entry, or a value inside it.
        depth: how deep inside; a value that is too deep becomes a stand-in.
    """
    # Python does not write such a number as text.
    is_huge = isinstance(value, int) and value.bit_length() > _MOST_BITS
    if not is_huge and (value is None or isinstance(value, (bool, int, float, str))):
        # An enum or another subclass becomes the plain value that it equals.
        return value if type(value) in {type(None), bool, int, float, str} else _base_value(value)
    if is_huge or depth > _DEEPEST:
        return stand_in("object")
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [to_plain(item, depth + 1) for item in value]
    if isinstance(value, (tuple, set, frozenset)):
        return stand_in("tuple", items=[to_plain(item, depth + 1) for item in value])
    return _stand_in_of(value, depth)


def stand_in(kind: str, **facts: Any) -> dict[str, Any]:
    """Return what represents a value that is no plain data.

    Args:
        kind: its kind: ``tuple``, ``function``, ``class``, ``http_client``, ``timeout`` or ``object``.
        facts: what is needed to make another such value.
    """
    return {_KIND: kind, **facts}


def kind_of(value: object) -> str | None:
    """The kind of a stand-in; ``None`` for data."""
    return value.get(_KIND) if isinstance(value, dict) else None


def is_number(value: object) -> bool:
    """Whether a value is a number in JSON, where true and false are no numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def json_type_name(value: object) -> str:
    """The type of a value, in words that people who write JSON know."""
    kinds = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        type(None): "null",
        dict: "an object",
        list: "a list",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")


def revive(value: Any) -> Any:
    """Convert a value back, with an object of the same kind for each stand-in."""
    if isinstance(value, list):
        return [revive(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = kind_of(value)
    if kind is None:
        return {key: revive(item) for key, item in value.items()}
    if kind == "tuple":
        return tuple(revive(item) for item in value["items"])
    return _make_object(kind, value)


def holds_own_objects(value: Any) -> bool:
    """Whether the value holds objects of the program, which no other process has."""
    if isinstance(value, list):
        return any(map(holds_own_objects, value))
    if not isinstance(value, dict):
        return False
    kind = kind_of(value)
    if kind in {None, "tuple"}:
        return any(map(holds_own_objects, value.values()))
    return kind != "timeout"


def _base_value(value: Any) -> Any:
    return next(kind(value) for kind in (bool, int, float, str) if isinstance(value, kind))


def _stand_in_of(value: Any, depth: int) -> Any:
    kinds = {cls.__name__ for cls in type(value).__mro__}
    if isinstance(value, type):
        return stand_in("class")
    if "SecretStr" in kinds:
        return to_plain(value.get_secret_value(), depth + 1)
    if "LLMConfigEntry" in kinds:
        return to_plain(value.model_dump(), depth + 1)
    if any(name.endswith("Url") for name in kinds) or type(value).__name__ == "URL":
        return read_text(value)
    return _http_stand_in(value, kinds) or stand_in("function" if callable(value) else "object")


def _http_stand_in(value: Any, kinds: set[str]) -> Any:
    """The stand-in of an HTTP client or of its timeouts; ``None`` for anything else."""
    clients = [cls.__module__.partition(".")[0] for cls in type(value).__mro__ if cls.__name__ == "Client"]
    for module in _HTTP:
        if module in clients:
            copies = hasattr(type(value), "__deepcopy__")
            return stand_in("http_client", module=module, copies=copies)
    root = type(value).__module__.partition(".")[0]
    if root in _HTTP and "Timeout" in kinds:
        return stand_in("timeout", module=root, **{part: read(value, part) for part in _TIMEOUT_PARTS})
    return None


def _make_object(kind: str, facts: Mapping[str, Any]) -> Any:
    if kind == "function":
        return _stand_in_function
    if kind == "class":
        return importlib.import_module("pydantic").BaseModel
    if kind in {"http_client", "timeout"}:
        module = sys.modules.get(facts["module"]) or importlib.import_module(facts["module"])
        if kind == "http_client":
            # The hosts copy configurations, for which a client needs a method that no client has by itself.
            namespace = {"__deepcopy__": lambda client, _memo: client} if facts["copies"] else {}
            return type("Client", (module.Client,), namespace)()
        return module.Timeout(**{part: facts[part] for part in _TIMEOUT_PARTS})
    return object()


def _stand_in_function(*_: Any, **__: Any) -> str:
    """Takes the place of a function of the program: most functions in entries return a token."""
    return "a-token-made-by-the-program"
