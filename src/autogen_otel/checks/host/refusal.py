"""What the host refuses in an entry, read from the exception with which it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from autogen_otel.causes import chain
from autogen_otel.reading import read, read_text, read_traceback

_UNEXPECTED: Final = re.compile(r"(\w+\.)?(\w+)\(\) got an unexpected keyword argument '([^']+)'")
_LIST: Final = "config_list"
_BEHIND_TAG: Final = 3
"""Where the name of an option stands: ``config_list``, position, ``api_type``, option."""
_IN_ENTRY: Final = 2
_LONGEST: Final = 2000

Kind = Literal["unknown", "value", "missing", "api_type", "package", "price", "other"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that the host refuses.

    Args:
        kind: an option that it does not know, a value, a missing option, an ``api_type``, a package that is
            not installed, a price, or something else.
        option: the option; ``None`` where it names none.
        message: the host's words.
        error: the class of its exception.
        beside: whether the option stands beside the ``config_list`` and not in an entry.
        expected: for an ``api_type``, those that it knows.
    """

    kind: Kind
    option: str | None
    message: str
    error: str
    beside: bool = False
    expected: tuple[str, ...] = ()


def refusals(error: BaseException) -> tuple[Refusal, ...]:
    """Read what the host refuses; an exception of pydantic's tells several things at once."""
    details = read(error, "errors")
    if callable(details) and type(error).__name__ == "ValidationError":
        try:
            found = tuple(_validated(details(include_input=False, include_url=False)))
        except Exception:  # noqa: BLE001 - another class of this name
            found = ()
        if found:
            return found
    message = read_text(error)[:_LONGEST]
    name = type(error).__name__
    if any(isinstance(link, ImportError) for link in chain(error)):
        return (Refusal("package", None, message, name),)
    unexpected = _UNEXPECTED.search(message) if isinstance(error, TypeError) else None
    if unexpected is not None:
        beside = unexpected[1] is not None and unexpected[1].startswith("LLMConfig")
        return (Refusal("unknown", unexpected[3], message, name, beside),)
    return (Refusal("price" if _is_about_price(error) else "other", None, message, name),)


def _validated(details: list[dict[str, Any]]) -> Iterator[Refusal]:
    for one in details:
        place, said = tuple(map(str, one["loc"])), str(one["type"])
        in_entry = place[:1] == (_LIST,)
        option = place[0] if place and not in_entry else None
        if in_entry and len(place) > _BEHIND_TAG:
            option = place[_BEHIND_TAG]
        kinds: dict[str, Kind] = {"extra_forbidden": "unknown", "missing": "missing"}
        kind = kinds.get(said, "value" if option else "other")
        expected: tuple[str, ...] = ()
        if said.startswith("union_tag") and len(place) == _IN_ENTRY:
            kind = option = "api_type"
            tags = str((one.get("ctx") or {}).get("expected_tags", ""))
            expected = tuple(tag.strip("' ") for tag in tags.split(",") if tag.strip("' "))
        yield Refusal(kind, option, str(one["msg"])[:_LONGEST], "ValidationError", not in_entry, expected)


def _is_about_price(error: BaseException) -> bool:
    """Whether the host was calculating with the entry's ``price``.

    Source: ``OpenAIWrapper._cost_with_customized_price``.
    """
    traceback = read_traceback(error)
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == "_cost_with_customized_price":
            return True
        traceback = traceback.tb_next
    return False
