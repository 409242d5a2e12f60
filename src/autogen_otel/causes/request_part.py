"""Which part of a request a provider refuses: a message, the name of one, or the definition of a tool."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from autogen_otel.causes.provider_error import ProviderError

_MOST_WORDS: Final = 2_000
_PATH: Final = re.compile(
    r"\b(?P<list>messages|tools|functions)\W{1,3}(?P<index>\d{1,6})\b"
    r"(?:\W{1,3}function_?declarations\W{1,3}(?P<declaration>\d{1,6})\b)?"
    r"(?P<rest>[\w.\[\]]{0,200})",
    re.IGNORECASE,
)
"""As OpenAI (``messages[1].name``), pydantic (``messages.1.user.name``) and Google write it."""
_NAME_AT_END: Final = re.compile(r"\]?\.(?:(?:user|assistant|system|tool|function)\.)?name")
_NAME_IN_WORDS: Final = re.compile(
    r"(?:property|field|key|parameter|attribute|input)s? ['\"`]name['\"`]"
    r"|['\"`]name['\"`] (?:property|field|key|parameter|attribute|is not|is un)"
    r"|\b(?:can|may|cannot|must not) have a name\b",
    re.IGNORECASE,
)
_SCHEMA_OF: Final = re.compile(
    r"schema (?:of|for) (?:the )?(?:function|tool) ['\"`](?P<tool>[\w.-]{1,64})['\"`]", re.IGNORECASE
)


class RequestPart(NamedTuple):
    """A part of a request.

    Args:
        of_tools: whether it is one of the tools; else it is one of the messages.
        position: its index there, where the provider says it.
        tool: the tool's name, where the provider says it.
        is_name: whether it is the ``name`` of a message, in which AutoGen sends the name of the agent.
    """

    of_tools: bool
    position: int | None = None
    tool: str | None = None
    is_name: bool = False


def refused_part(error: ProviderError) -> RequestPart | None:
    """The part of the request that a provider complains about; ``None`` where it names none."""
    words = (error.message or "")[:_MOST_WORDS]
    schema = _SCHEMA_OF.search(words)
    path = _PATH.search((error.parameter or "")[:_MOST_WORDS]) or _PATH.search(words)
    if schema is not None:
        return RequestPart(of_tools=True, tool=schema["tool"])
    names_name = _NAME_IN_WORDS.search(words) is not None
    if path is None:
        return RequestPart(of_tools=False, is_name=True) if names_name else None
    if path["list"].lower() != "messages":
        return RequestPart(of_tools=True, position=int(path["declaration"] or path["index"]))
    is_name = names_name or _NAME_AT_END.fullmatch(path["rest"].rstrip(".")) is not None
    return RequestPart(of_tools=False, position=int(path["index"]), is_name=is_name)
