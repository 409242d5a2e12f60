"""Every place where we attach, one row each: attach, detach, report and documentation come from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from autogen_otel.hooks.drive import OnCall, Runtime, observe
from autogen_otel.hooks.hops import AsyncioView, ThreadingView
from autogen_otel.hooks.lookup import FunctionMap
from autogen_otel.hooks.outermost import outermost
from autogen_otel.hooks.streams import counted_async_stream, counted_stream
from autogen_otel.lineages import AG2_0_9, AG2_0_14, ALL, PYAUTOGEN_0_2, Lineage
from autogen_otel.operations.conversations.agent_turn import AgentTurn, OwnTurn
from autogen_otel.operations.conversations.conversation import Conversation, SummarizeChat
from autogen_otel.operations.conversations.handoff import (
    NarrowCandidates,
    NestedChat,
    OwnSelection,
    SpeakerSelection,
)
from autogen_otel.operations.conversations.human_input import HumanInput
from autogen_otel.operations.conversations.message import MessageSent
from autogen_otel.operations.conversations.transition import DetermineNextAgent
from autogen_otel.operations.first_sight import MakeWrapper, sdk_client
from autogen_otel.operations.models.assistant_run import AssistantRun, WaitForRun
from autogen_otel.operations.models.entry_call import EntryCall
from autogen_otel.operations.models.http_attempt import ApiRequest, HttpAttempt, SendRequest
from autogen_otel.operations.models.model_call import ModelCall
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.tools.code_run import ExecuteBlocks, RunBlocks, RunCode
from autogen_otel.operations.tools.own_tool_call import OwnToolCall
from autogen_otel.operations.tools.tool_call import ToolCall
from autogen_otel.reading import read

_AGENT = "autogen.agentchat.conversable_agent"
_GROUP = "autogen.agentchat.groupchat"
_PATTERNS = "autogen.agentchat.group.multi_agent_chat"
_TRANSITIONS = "autogen.agentchat.group.group_utils"
_SWARM = "autogen.agentchat.contrib.swarm_agent"
_WRAPPER = "autogen.oai.client"
_SDK = "openai._base_client"
_STREAMS = "openai._streaming"
_ASYNC_PACKAGES = frozenset({"openai", "httpx", "httpx2"})


class DiscoveryRule(NamedTuple):
    """Which objects to look for at a call, whose classes are observed from then on.

    Args:
        objects: returns the objects of the instance whose method was called.
        method: the method of their classes to observe.
        operation: the operation that reads its calls.
        classes: the classes, for the documentation.
        yields: what a reader of the trace gets from it.
        lineages: the hosts that have such classes.
        attribute: the instance's attribute that holds or leads to the objects, if the host may replace it.
        if_instrumented: only if another instrumentation may observe the objects too.
    """

    objects: Callable[[Any], Iterable[Any]]
    method: str
    operation: type[Operation]
    classes: str
    yields: str
    lineages: frozenset[str] = ALL
    attribute: str = ""
    if_instrumented: bool = False


class Place(NamedTuple):
    """Where a row is attached.

    Args:
        owner: the class or module.
        name: its attribute.
        original: the present attribute.
        runtime: the instrumentation that is switched on.
        lineage: the host.
        on_call: called with the instance before each call.
    """

    owner: Any
    name: str
    original: Any
    runtime: Runtime
    lineage: Lineage
    on_call: OnCall | None = None


Replacement = Callable[[Place], Any]
"""Makes the replacement of the original at a place."""


class Row(NamedTuple):
    """One attribute of the host that we replace.

    Args:
        module: where it is defined.
        name: ``Class.method``, or a name of the module.
        yields: what a reader of the trace gets from it.
        replacement: makes the replacement.
        lineages: the hosts that have it.
        discovers: the objects that are observed through it.
        is_optional: whether the class may lack it, because its instances have it.
    """

    module: str
    name: str
    yields: str
    replacement: Replacement
    lineages: frozenset[str] = ALL
    discovers: tuple[DiscoveryRule, ...] = ()
    is_optional: bool = False


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
