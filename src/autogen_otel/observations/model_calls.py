"""Calls of models, down to the HTTP attempt."""

from __future__ import annotations

from dataclasses import dataclass

from autogen_otel.observations.seam import Content, Observation, Recording


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
    """How much is sent, and what makes it grow.

    Args:
        messages: messages in all.
        new_messages: those new since the last call of the same pair of agents.
        carried_messages: those left over from before the conversation began.
        chars: characters of all messages.
        new_chars: characters of the new messages.
        largest_chars: characters of the largest message.
        largest_from: who said that: a name, else a role.
        tools: tool schemas sent along.
        tools_chars: characters of these as JSON.
    """

    messages: int
    new_messages: int
    chars: int
    tools: int
    new_chars: int = 0
    carried_messages: int | None = None
    largest_chars: int | None = None
    largest_from: str | None = None
    tools_chars: int | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a model call says and hears, as far as it is to be recorded on it.

    Args:
        input: messages of the chat API, without the instructions that the prompt begins with.
        output: the model's answers in the same form, each with its ``finish_reason``.
        instructions: the messages of role ``system`` that the prompt begins with.
        tools: tool definitions as they are sent.
    """

    input: Content | None = None
    output: Content | None = None
    instructions: Content | None = None
    tools: Content | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost.

    Args:
        usd: US dollars.
        source: who says so: ``autogen`` (the host's own table) or ``genai-prices``.
    """

    usd: float
    source: str


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
    ``rejected`` are the indexes of entries whose answers the user's ``filter_func`` did not want, and
    ``spent`` what these answers cost all the same. ``instead_of`` is the entry that failed before the cache
    answered for the next one, which then was not tried.
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
    spent: tuple[tuple[Entry, Usage], ...] = ()
    instead_of: Fallback | None = None
    failed_tools: tuple[Recording, ...] = ()
    tool_failed_before: bool = False
    cost: Cost | None = None
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """Why another entry is tried: the one before failed, or its answer was not wanted.

    Args:
        entry: the one before.
        error_type: class of its exception; ``None`` if it answered and ``filter_func`` rejected that.
        origin: cause of its failure.
    """

    entry: Entry
    error_type: type[BaseException] | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTried(Observation):
    """One ``config_list`` entry tried within a logical call.

    Args:
        entry: which one.
        agent: whose call it is.
        stream: how far its streamed answer came.
        attempts: HTTP attempts seen; a client of another SDK has none.
        instead_of: what it is tried instead of.
    """

    entry: Entry
    agent: str | None = None
    stream: StreamRead | None = None
    attempts: int = 0
    instead_of: Fallback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest(Observation):
    """One request of the OpenAI SDK: it groups its attempts and has no span of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAttempt(Observation):
    """One HTTP request of the OpenAI SDK, silent retries included.

    Args:
        resend_count: how many attempts of the same request went before; 0 for the first.
        body_size: bytes of the request body.
        retry_after: seconds the server asked to wait.
        entry: the ``config_list`` entry that it is for.
        agent: whose call it is.
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
    entry: Entry | None = None
    agent: str | None = None


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
    tool_failed_before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolled(Observation):
    """One wait for a run to change its state: it tells the run and has no span of its own."""
