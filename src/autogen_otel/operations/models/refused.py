"""What is known of a request that was refused, or could not be sent, beyond what the provider says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.causes import Failure, chain
from autogen_otel.causes.request_part import RequestPart, refused_part
from autogen_otel.causes.sdk_exception import error_of, request_id_of, status_of
from autogen_otel.operations.prompt_account import speaker_of
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

if TYPE_CHECKING:
    from autogen_otel.causes.provider_error import ProviderError
    from autogen_otel.operations.place import ModelCallAround
    from autogen_otel.recording import Facts

_TOOL_ROLES: Final = ("tool", "function")
_HALF_PAIR: Final = "half of a surrogate pair, which no request can carry"


def part_facts(error: ProviderError, call: ModelCallAround | None) -> Facts:
    """Whose name, or which tool's definition, a provider refuses; nothing where it is about neither.

    Args:
        error: what it says.
        call: the model call that the request belongs to.
    """
    part = refused_part(error)
    if part is None or call is None:
        return {}
    if part.of_tools:
        tool = part.tool or _tool_at(part, call)
        return {} if tool is None else {names.REFUSED_TOOL: tool}
    if not part.is_name:
        return {}
    messages = call.sent("messages")
    named = [_text(message, "name") for message in messages]
    name = (
        next(filter(None, named), None)
        if part.position is None
        else next(iter(named[part.position :][:1]), None)
    )
    return {} if name is None else {names.REFUSED_AGENT: name}


def part_words(facts: Facts) -> str:
    """What to add to the words of the provider, which may have only an index."""
    if names.REFUSED_AGENT in facts:
        return f" (the name that AutoGen sends of agent {facts[names.REFUSED_AGENT]})"
    return f" (tool {facts[names.REFUSED_TOOL]})" if names.REFUSED_TOOL in facts else ""


def exception_facts(error: BaseException, call: ModelCallAround | None) -> Facts:
    """What the exception of a client tells whose requests are not observed, as AG2's for other providers."""
    for link in chain(error):
        status = status_of(link)
        if status is not None:
            said = error_of(link)
            return {
                names.HTTP_RESPONSE_STATUS_CODE: status,
                names.HTTP_REQUEST_ID: request_id_of(link),
                names.HTTP_ERROR_CODE: said.code,
                names.HTTP_ERROR_TYPE: said.type,
                **part_facts(said, call),
            }
    return {}


def unsendable(error: BaseException, call: ModelCallAround | None) -> Failure | None:
    """The failure of a request that cannot be encoded, by who said what cannot; ``None`` for any other."""
    if call is None or type(error) is not UnicodeEncodeError or "surrogate" not in error.reason:
        return None
    messages = call.sent("messages")
    message = next((one for one in messages if any(map(_has_half_pair, _texts(one)))), None)
    if message is None:
        return None
    speaker = speaker_of(message, messages)
    if _text(message, "role") in _TOOL_ROLES:
        call.refused_tool = speaker
        return Failure(causes.TOOL_EXCEPTION, error, message=f"{speaker} returned {_HALF_PAIR}")
    return Failure(causes.CLIENT, error, message=f"a message of {speaker} has {_HALF_PAIR}")


def _tool_at(part: RequestPart, call: ModelCallAround) -> str | None:
    definitions = [*call.sent("tools"), *call.sent("functions")]
    definition = (
        next(iter(definitions[part.position : part.position + 1]), None)
        if part.position is not None
        else None
    )
    function = definition.get("function", definition) if type(definition) is dict else None
    return _text(function, "name")


def _texts(message: Any) -> Iterator[str]:
    if type(message) is not dict:
        return
    content, calls = message.get("content"), message.get("tool_calls")
    parts: Sequence[Any] = content if type(content) is list else ({"text": content},)
    for part in parts:
        yield _text(part, "text") or ""
    for call in calls if type(calls) is list else ():
        yield _text(call.get("function") if type(call) is dict else None, "arguments") or ""


def _has_half_pair(text: str) -> bool:
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _text(holder: Any, key: str) -> str | None:
    value = holder.get(key) if type(holder) is dict or isinstance(holder, Mapping) else None
    return value if isinstance(value, str) else None
