"""Reads from the host's exception what it refuses in an entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from autogen_otel.causes import chain
from autogen_otel.causes.blame import in_function
from autogen_otel.reading import read, read_text

_UNEXPECTED: Final = re.compile(r"(\S+)\(\) got an unexpected keyword argument '([^']+)'")
_LIST: Final = "config_list"
_OPTION_INDEX: Final = 3
"""The index of an option's name in a location: ``config_list``, position, ``api_type``, option."""
_ENTRY_DEPTH: Final = 2
"""The length of an entry's location: ``config_list``, position."""
_LONGEST: Final = 2000

Kind = Literal["unknown", "value", "missing", "api_type", "package", "price", "other"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that the host refuses.

    Args:
        kind: an option that it does not know, a value, a missing option, an ``api_type``, a package that is
            not installed, a price, or something else.
        option: the option; ``None`` if the host names none.
        message: the host's words.
        error: the class of its exception.
        is_beside: whether the option is beside the ``config_list`` and not in an entry.
        expected_types: for an ``api_type``, the types that the host knows.
    """

    kind: Kind
    option: str | None
    message: str
    error: str
    is_beside: bool = False
    expected_types: tuple[str, ...] = ()


def refusals(error: BaseException) -> tuple[Refusal, ...]:
    """Read what the host refuses; an exception of pydantic names several problems at once."""
    details = read(error, "errors")
    if callable(details) and type(error).__name__ == "ValidationError":
        try:
            validation_refusals = tuple(_validation_refusals(details(include_input=False, include_url=False)))
        except Exception:  # noqa: BLE001 - another class of this name
            validation_refusals = ()
        if validation_refusals:
            return validation_refusals
    message = read_text(error)[:_LONGEST]
    name = type(error).__name__
    if any(isinstance(link, ImportError) for link in chain(error)):
        return (Refusal("package", None, message, name),)
    match = _UNEXPECTED.match(message) if isinstance(error, TypeError) else None
    if match is not None:
        return (Refusal("unknown", match[2], message, name, match[1].startswith("LLMConfig")),)
    return (Refusal("price" if _is_about_price(error) else "other", None, message, name),)


def _validation_refusals(details: list[dict[str, Any]]) -> Iterator[Refusal]:
    for detail in details:
        location, error_kind = tuple(map(str, detail["loc"])), str(detail["type"])
        in_entry = location[:1] == (_LIST,)
        option = location[0] if location and not in_entry else None
        if in_entry and len(location) > _OPTION_INDEX:
            option = location[_OPTION_INDEX]
        kinds: dict[str, Kind] = {"extra_forbidden": "unknown", "missing": "missing"}
        kind = kinds.get(error_kind, "value" if option else "other")
        expected_types: tuple[str, ...] = ()
        if error_kind.startswith("union_tag") and len(location) == _ENTRY_DEPTH:
            kind = option = "api_type"
            tags = str((detail.get("ctx") or {}).get("expected_tags", ""))
            expected_types = tuple(tag.strip("' ") for tag in tags.split(",") if tag.strip("' "))
        yield Refusal(
            kind, option, str(detail["msg"])[:_LONGEST], "ValidationError", not in_entry, expected_types
        )


def _is_about_price(error: BaseException) -> bool:
    """Whether the host was calculating with the entry's ``price``.

    Source: ``OpenAIWrapper._cost_with_customized_price``.
    """
    return in_function(error, "autogen.oai.client", "_cost_with_customized_price")
