"""The seam between AutoGen and OpenTelemetry: what happened, as frozen dataclasses.

An operation says at the start of a call what it knows, and at the end returns the same observation with
more fields set (``dataclasses.replace``). A field that is ``None`` is not known and is not recorded.
Neither side of the seam knows the other: operations know no OpenTelemetry, recording knows no AutoGen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class ContentKind(Enum):
    """What a captured value is; the capture policy decides by kind."""

    TOOL_ARGUMENTS = "tool_arguments"
    TOOL_RESULT = "tool_result"


@dataclass(frozen=True, slots=True)
class Content:
    """A value of the user's data. Only the capture room can turn it into an attribute.

    Args:
        kind: what it is.
        value: the host's own object, never changed; JSON text is parsed so that keys can be redacted.
    """

    kind: ContentKind
    value: object


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """One way in which a model's arguments do not fit a tool.

    Args:
        argument: name of the argument; dotted and indexed for nested values (``claim.items[2].price``).
        kind: ``missing``, ``unknown``, ``mistyped``, ``not_json``, ``not_object`` or ``unknown_tool``.
        expected: what the schema or signature wants, in JSON's words (``number``, ``one of 'a', 'b'``).
        got: the JSON type that came (``string``); ``None`` if nothing came.
        value: the value that came, shown shortened and redacted; ``None`` with ``got=None`` for none.
    """

    argument: str
    kind: str
    expected: str | None = None
    got: str | None = None
    value: object = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Args:
        origin: one of ``vocabulary.failures.CAUSES``.
        error: the original exception; ``None`` where the host has none (an HTTP status, an unknown tool).
        type: ``error.type`` where there is no exception.
        message: what to say where there is no exception.
    """

    origin: str
    error: BaseException | None = None
    type: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What all observations share."""

    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation(Observation):
    """One ``initiate_chat``. ``helper_role`` marks the chats that AutoGen makes for itself."""

    initiator: str
    recipient: str
    conversation_id: str | None = None
    helper_role: str | None = None
    turns: int | None = None
    errors_handled: int | None = None
    errors_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTurn(Observation):
    """One ``generate_reply``."""

    agent: str
    sender: str | None = None
    helper_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff(Observation):
    """Control passing from one agent to another."""

    source: str
    target: str | None = None
    reason: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reported them."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class PromptSize:
    """How much is sent: messages, those new since the pair's last call, characters, tool schemas."""

    messages: int
    new_messages: int
    chars: int
    tools: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``config_list`` entry, without anything secret.

    Args:
        index: position in ``config_list``, from 0.
        count: entries in ``config_list``.
        model: the model asked for.
        api_type: ``openai``, ``azure``, ``anthropic`` … as configured.
        provider: the value of ``gen_ai.provider.name``.
        address: host of the endpoint.
        port: port of the endpoint.
    """

    index: int
    count: int
    model: str | None = None
    api_type: str | None = None
    provider: str | None = None
    address: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The request parameters that change behaviour."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall(Observation):
    """One logical model call, ``OpenAIWrapper.create``.

    ``entry`` is the entry that answered; while none has, the one tried last, before that the first.
    """

    entry: Entry
    agent: str | None = None
    helper_role: str | None = None
    options: RequestOptions = RequestOptions()
    prompt: PromptSize | None = None
    cache_hit: bool | None = None
    response_id: str | None = None
    response_model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    failed_tools: tuple[Recording, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTried(Observation):
    """One ``config_list`` entry tried within a logical call."""

    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAttempt(Observation):
    """One HTTP request of the OpenAI SDK, silent retries included.

    Args:
        resend_count: how many attempts of the same request went before; 0 for the first.
        body_size: bytes of the request body.
        retry_after: seconds the server asked to wait.
    """

    method: str
    url: str
    address: str | None = None
    port: int | None = None
    resend_count: int = 0
    body_size: int | None = None
    status_code: int | None = None
    request_id: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Where the user's function stands."""

    function: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(Observation):
    """One tool or function call."""

    name: str
    call_id: str | None = None
    agent: str | None = None
    arguments: Content | None = None
    result: Content | None = None
    problems: tuple[ArgumentProblem, ...] = ()
    location: CodeLocation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest(Observation):
    """One request of the OpenAI SDK: it groups its attempts and has no span of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolBody(Observation):
    """The user's function inside a tool call, which tells that what happened and has no span itself."""


class Recording(Protocol):
    """A running observation, finished exactly once."""

    @property
    def context(self) -> Any:
        """What has to be current while the observed call runs."""

    def end(self, observation: Observation) -> None:
        """Finish it with what the call came to."""


class Recorder(Protocol):
    """Turns observations into telemetry."""

    def start(self, observation: Observation, parent: Recording | None) -> Recording:
        """Begin recording; children of the observed call hang below it."""
