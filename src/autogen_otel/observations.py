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
    CODE_OUTPUT = "code_output"
    CODE_TRACEBACK = "code_traceback"


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
class PrintedError:
    """An exception that the host has only as text, because executed code printed it.

    Args:
        stacktrace: the stack trace as printed, else whatever was printed.
        type: the exception's class as printed; ``None`` where none shows.
        message: the exception's message as printed.
    """

    stacktrace: Content
    type: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Args:
        origin: one of ``vocabulary.failures.CAUSES``.
        error: the original exception; ``None`` where the host has none (an HTTP status, an unknown tool).
        type: ``error.type`` where there is no exception.
        message: what to say where there is no exception.
        printed: the exception where only its text is left.
    """

    origin: str
    error: BaseException | None = None
    type: str | None = None
    message: str | None = None
    printed: PrintedError | None = None


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
    termination: str | None = None
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
    """Control passing from one agent to another.

    Args:
        source: who hands over.
        target: who takes over; ``None`` while that is open, and at the end of a chat.
        reason: one of ``vocabulary.handoffs.REASONS``.
        rule: the user's function, tool or condition that decided.
        candidates: who could have taken over.
        ends_chat: nobody takes over, and that is how the chat ends.
        hidden: control only goes to an agent that AutoGen has made for itself, or back from it.
    """

    source: str
    target: str | None = None
    reason: str | None = None
    rule: str | None = None
    candidates: tuple[str, ...] = ()
    ends_chat: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionStep(Observation):
    """A step of choosing the next speaker, which tells the handoff what it found and has no span itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Observation):
    """AutoGen summing a conversation up; only the model call inside has a span."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reported them."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class StreamRead:
    """How far a streamed answer came.

    Args:
        chunks: chunks that came.
        first_chunk_seconds: from the beginning of the call to the first of them.
        received_chars: if it broke or the call failed, characters of text and tool arguments that came.
    """

    chunks: int
    first_chunk_seconds: float | None = None
    received_chars: int | None = None


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
    ``rejected`` are the indexes of entries whose answers the user's ``filter_func`` did not want.
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
    stream: StreamRead | None = None
    rejected: tuple[int, ...] = ()
    failed_tools: tuple[Recording, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTried(Observation):
    """One ``config_list`` entry tried within a logical call."""

    entry: Entry
    stream: StreamRead | None = None


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
class CodeRun(Observation):
    """Code run by an executor, one block or several at once.

    Args:
        language: of the (first) block.
        agent: who runs it.
        blocks: how many blocks are run at once.
        exit_code: 0 if it worked.
        output: what it printed.
        told_below: whether each block is a run of its own, so that this one has nothing to add.
    """

    language: str
    agent: str | None = None
    blocks: int = 1
    exit_code: int | None = None
    output: Content | None = None
    told_below: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanInput(Observation):
    """A human asked for input. ``reply`` is ``skip``, ``exit`` or ``text``; never what was typed."""

    agent: str
    reply: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantRun(Observation):
    """One run of OpenAI's Assistants API: a model call that the provider drives and the agent polls.

    Args:
        model: the model the run asks for.
        agent: whose run it is.
        address: host of the endpoint.
        port: port of the endpoint.
        assistant_id: the assistant at the provider.
        thread_id: the conversation at the provider.
        run_id: the run at the provider.
        status: the last one seen.
        error_code: the provider's own word for what went wrong.
        usage: tokens of the whole run.
        failed_tools: tool calls that failed earlier in the conversation.
    """

    model: str | None = None
    agent: str | None = None
    provider: str | None = None
    address: str | None = None
    port: int | None = None
    assistant_id: str | None = None
    thread_id: str | None = None
    run_id: str | None = None
    status: str | None = None
    error_code: str | None = None
    usage: Usage | None = None
    failed_tools: tuple[Recording, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolled(Observation):
    """One wait for a run to change its state: it tells the run and has no span of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest(Observation):
    """One request of the OpenAI SDK: it groups its attempts and has no span of its own."""


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
