"""Every place where we attach, one row each: attach, detach, report and documentation come from here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

from autogen_otel.hooks.drive import Runtime, observe
from autogen_otel.hooks.hops import AsyncioView, ThreadingView
from autogen_otel.hooks.outermost import outermost
from autogen_otel.hooks.report import StoodDown
from autogen_otel.hooks.rows import DiscoveryRule, Place, Replacement, Row, Table
from autogen_otel.hosts.classic.conversations.agent_turn import AgentTurn, OwnTurn
from autogen_otel.hosts.classic.conversations.conversation import Conversation, SummarizeChat
from autogen_otel.hosts.classic.conversations.handoff import (
    NarrowCandidates,
    NestedChat,
    OwnSelection,
    SpeakerSelection,
)
from autogen_otel.hosts.classic.conversations.human_input import HumanInput
from autogen_otel.hosts.classic.conversations.message import MessageSent
from autogen_otel.hosts.classic.conversations.transition import DetermineNextAgent
from autogen_otel.hosts.classic.first_sight import MakeWrapper, sdk_client
from autogen_otel.hosts.classic.lineages import AG2_0_9, AG2_0_14, PYAUTOGEN_0_2
from autogen_otel.hosts.classic.models.assistant_run import AssistantRun, WaitForRun
from autogen_otel.hosts.classic.models.entry_call import EntryCall
from autogen_otel.hosts.classic.models.model_call import ModelCall
from autogen_otel.hosts.classic.tools.code_run import ExecuteBlocks, RunBlocks, RunCode
from autogen_otel.hosts.classic.tools.lookup import FunctionMap
from autogen_otel.hosts.classic.tools.own_tool_call import OwnToolCall
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.hosts.sdk.http_attempt import ApiRequest, HttpAttempt, SendRequest
from autogen_otel.hosts.sdk.streams import counted_async_stream, counted_stream
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import read
from autogen_otel.recording import share_provider

_AG2_TRACER: Final = "autogen.opentelemetry."
_AG2_FLAG: Final = "__otel_wrapped__"
AG2_TRACER_NAME: Final = "AG2's own tracer (autogen.opentelemetry)"
_WHY_STOOD_DOWN: Final = (
    "its chat spans would repeat ours, so they are not made while we are attached; of agents that "
    "instrument_agent() was called on before, it alone reports turns and tools: "
    "call autogen_otel.instrument() first"
)
_AGENT = "autogen.agentchat.conversable_agent"
_GROUP = "autogen.agentchat.groupchat"
_PATTERNS = "autogen.agentchat.group.multi_agent_chat"
_TRANSITIONS = "autogen.agentchat.group.group_utils"
_SWARM = "autogen.agentchat.contrib.swarm_agent"
_WRAPPER = "autogen.oai.client"
_SDK = "openai._base_client"
_STREAMS = "openai._streaming"
_ASYNC_PACKAGES = frozenset({"openai", "httpx", "httpx2"})


def is_awaited(owner: Any, method: str) -> bool:
    """Whether the host awaits what a method returns, which may be a plain function with a coroutine."""
    if method.startswith("a_"):
        return True
    return any(
        base.__name__.startswith("Async") and base.__module__.partition(".")[0] in _ASYNC_PACKAGES
        for base in getattr(owner, "__mro__", ())
    )


def _calls(operation: type[Operation]) -> Replacement:
    """A function whose calls an operation reads."""
    return lambda place: observe(
        place.original,
        operation,
        place.runtime,
        place.owner,
        place.on_call,
        is_awaited=is_awaited(place.owner, place.name),
    )


def _calls_from_outside(operation: type[Operation]) -> Replacement:
    """A method whose calls an operation reads only if the application itself makes them."""
    return lambda place: outermost(place.original, _calls(operation)(place), place.runtime)


def _view(view: Callable[[Any, Runtime], Any]) -> Replacement:
    """A module or function that the host uses through our view of it."""
    return lambda place: view(place.original, place.runtime)


def _function_map(place: Place) -> Any:
    return FunctionMap(place.name, place.runtime, awaits_results=place.lineage.awaits_results)


def _itself(agent: Any) -> tuple[Any, ...]:
    return (agent,)


def _sdk_clients(wrapper: Any) -> Iterator[Any]:
    for sdk in map(sdk_client, wrapper._clients):
        if any(base.__module__ == _SDK for base in type(sdk).__mro__):
            yield sdk


def _group(agent: Any) -> tuple[Any, ...]:
    group = read(agent, "groupchat")
    return () if group is None else (group,)


def _executor(agent: Any) -> tuple[Any, ...]:
    executor = read(agent, "_code_executor")
    return () if executor is None else (executor,)


def _http_client(sdk: Any) -> tuple[Any, ...]:
    return (sdk._client,)


def _http_clients(wrapper: Any) -> Iterator[Any]:
    for sdk in _sdk_clients(wrapper):
        yield sdk._client


_OWN = "each agent class that has its own"
_OWN_GROUP = "each group chat class that has its own"
_CLIENTS = "each model client, custom ones too"
_EXECUTORS = "each code executor, custom ones too"
_ASSISTANT = "`GPTAssistantAgent`"
_ASSISTANTS = PYAUTOGEN_0_2 | AG2_0_9
_SENDERS = (
    DiscoveryRule(
        _http_client, "send", HttpAttempt, "the SDK's HTTP client", "HTTP attempts", attribute="_client"
    ),
    DiscoveryRule(
        _http_client,
        "_send_single_request",
        SendRequest,
        "the SDK's HTTP client",
        "trace headers",
        if_instrumented=True,
    ),
)
_MODEL_CLIENTS = (
    DiscoveryRule(
        lambda wrapper: wrapper._clients,
        "create",
        EntryCall,
        _CLIENTS,
        "config entries",
        attribute="_clients",
    ),
    # Others put wrappers between such a class and the SDK's base class, whose method then is not called.
    DiscoveryRule(_sdk_clients, "request", ApiRequest, "each client of the SDK", "HTTP attempts"),
    DiscoveryRule(_http_clients, "send", HttpAttempt, "its HTTP client", "HTTP attempts"),
    DiscoveryRule(
        _http_clients,
        "_send_single_request",
        SendRequest,
        "its HTTP client",
        "trace headers",
        if_instrumented=True,
    ),
)
_HUMAN_INPUTS = (
    DiscoveryRule(_itself, "get_human_input", HumanInput, _OWN, "wait for a human"),
    DiscoveryRule(_itself, "a_get_human_input", HumanInput, _OWN, "wait for a human"),
)
_TURNS = (
    *_HUMAN_INPUTS,
    DiscoveryRule(_itself, "execute_code_blocks", RunBlocks, _OWN, "code that cannot be run"),
    DiscoveryRule(_itself, "run_code", RunCode, _OWN, "code run"),
    DiscoveryRule(
        _executor, "execute_code_blocks", ExecuteBlocks, _EXECUTORS, "code run", attribute="_code_executor"
    ),
    DiscoveryRule(_itself, "_get_run_response", AssistantRun, _ASSISTANT, "assistant's run", _ASSISTANTS),
    DiscoveryRule(_itself, "_wait_for_run", WaitForRun, _ASSISTANT, "status, usage and error", _ASSISTANTS),
)
AGENTS = (
    DiscoveryRule(_itself, "generate_reply", OwnTurn, _OWN, "agent turn"),
    DiscoveryRule(_itself, "a_generate_reply", OwnTurn, _OWN, "agent turn"),
    DiscoveryRule(_itself, "execute_function", OwnToolCall, _OWN, "tool call"),
    DiscoveryRule(_itself, "a_execute_function", OwnToolCall, _OWN, "tool call"),
    DiscoveryRule(_group, "select_speaker", OwnSelection, _OWN_GROUP, "handoff"),
    DiscoveryRule(_group, "a_select_speaker", OwnSelection, _OWN_GROUP, "handoff"),
    *_TURNS,
)
"""Which methods to look for in each new agent: a class may never call the method that it overrides."""

_conversation, _nested_chat = _calls(Conversation), _calls(NestedChat)
_message = _calls_from_outside(MessageSent)
_turn, _tool, _human = _calls(AgentTurn), _calls(ToolCall), _calls(HumanInput)
_selection, _transition, _request = _calls(SpeakerSelection), _calls(DetermineNextAgent), _calls(ApiRequest)
_asyncio, _threading = _view(AsyncioView), _view(ThreadingView)

ROWS: tuple[Row, ...] = (
    Row(_AGENT, "ConversableAgent.initiate_chat", "conversation", _conversation, discovers=_HUMAN_INPUTS),
    Row(_AGENT, "ConversableAgent.a_initiate_chat", "conversation", _conversation, discovers=_HUMAN_INPUTS),
    # On top of the conversation, so that its span is a child of the handoff that leads to it.
    Row(_AGENT, "ConversableAgent.initiate_chat", "handoff to a nested chat", _nested_chat),
    Row(_AGENT, "ConversableAgent.a_initiate_chat", "handoff to a nested chat", _nested_chat),
    Row(_AGENT, "ConversableAgent.send", "conversation by a message", _message),
    Row(_AGENT, "ConversableAgent.a_send", "conversation by a message", _message),
    Row(_AGENT, "ConversableAgent._summarize_chat", "what a model call is for", _calls(SummarizeChat)),
    Row(_AGENT, "ConversableAgent.generate_reply", "agent turn", _turn, discovers=_TURNS),
    Row(_AGENT, "ConversableAgent.a_generate_reply", "agent turn", _turn, discovers=_TURNS),
    Row(_AGENT, "ConversableAgent.execute_function", "tool call", _tool),
    Row(_AGENT, "ConversableAgent.a_execute_function", "tool call", _tool),
    Row(
        _AGENT,
        "ConversableAgent._function_map",
        "the tool's own exception and stack trace",
        _function_map,
        is_optional=True,
    ),
    Row(_AGENT, "ConversableAgent.execute_code_blocks", "code that cannot be run", _calls(RunBlocks)),
    Row(_AGENT, "ConversableAgent.run_code", "code run", _calls(RunCode)),
    Row(_AGENT, "ConversableAgent.get_human_input", "wait for a human", _human),
    Row(_AGENT, "ConversableAgent.a_get_human_input", "wait for a human", _human),
    Row(_GROUP, "GroupChat.select_speaker", "handoff", _selection),
    Row(_GROUP, "GroupChat.a_select_speaker", "handoff", _selection),
    Row(_GROUP, "GroupChat._prepare_and_select_agents", "candidates of a handoff", _calls(NarrowCandidates)),
    Row(_TRANSITIONS, "determine_next_agent", "reason of a handoff", _transition, AG2_0_9 | AG2_0_14),
    Row(_SWARM, "_determine_next_agent", "reason of a handoff", _transition, AG2_0_9),
    Row(_WRAPPER, "OpenAIWrapper.__init__", "the credentials to mask", _calls(MakeWrapper)),
    Row(
        _WRAPPER,
        "OpenAIWrapper.create",
        "model call, config entries",
        _calls(ModelCall),
        discovers=_MODEL_CLIENTS,
    ),
    Row(_SDK, "SyncAPIClient.request", "HTTP attempts", _request, discovers=_SENDERS),
    Row(_SDK, "AsyncAPIClient.request", "HTTP attempts", _request, discovers=_SENDERS),
    Row(_STREAMS, "Stream.__stream__", "how far streams came", _view(counted_stream)),
    Row(_STREAMS, "AsyncStream.__stream__", "how far streams came", _view(counted_async_stream)),
    Row(_AGENT, "asyncio", "parents of model calls in async chats", _asyncio),
    Row(_AGENT, "threading", "parents in run() and async tools", _threading, AG2_0_9 | AG2_0_14),
    Row(_PATTERNS, "threading", "parents in group patterns", _threading, AG2_0_14),
    Row(_SWARM, "threading", "parents in swarms", _threading, AG2_0_9),
)


def _past_ag2_tracer(target: str, function: Any, tracer: Any) -> tuple[Any, StoodDown | None]:
    """The host's function, also where AG2's own tracer has wrapped it: its span would repeat ours."""
    if not inspect.isfunction(function) or not getattr(function, _AG2_FLAG, False):
        return function, None
    if not function.__module__.startswith(_AG2_TRACER):
        return function, None
    variables = inspect.getclosurevars(function).nonlocals
    inner = variables.get("original_create")
    # Spans of another provider repeat nothing.
    if not inspect.isfunction(inner) or not share_provider(variables.get("tracer"), tracer):
        return function, None
    return inner, StoodDown(target, AG2_TRACER_NAME, _WHY_STOOD_DOWN)


TABLE = Table(ROWS, AGENTS, is_awaited, _past_ag2_tracer)
"""Classic AutoGen's."""
