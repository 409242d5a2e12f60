"""Every place where we attach, one row each: attach, detach, report and documentation come from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from autogen_otel.hooks.hops import AsyncioView, ThreadingView
from autogen_otel.hooks.streams import counted_async_stream, counted_stream
from autogen_otel.lineages import AG2_0_9, AG2_0_14, ALL, PYAUTOGEN_0_2
from autogen_otel.operations.conversations.agent_turn import GenerateReply
from autogen_otel.operations.conversations.conversation import InitiateChat
from autogen_otel.operations.conversations.handoff import NarrowCandidates, SelectSpeaker
from autogen_otel.operations.conversations.human_input import GetHumanInput
from autogen_otel.operations.conversations.nested_chat import NestedChat
from autogen_otel.operations.conversations.summary import SummarizeChat
from autogen_otel.operations.conversations.transition import DetermineNextAgent
from autogen_otel.operations.credentials import MakeClients, sdk_client
from autogen_otel.operations.models.assistant_run import GetRunResponse, WaitForRun
from autogen_otel.operations.models.entry_tried import CreateByClient
from autogen_otel.operations.models.http_attempt import Request, Send
from autogen_otel.operations.models.model_call import Create
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.tools.code_run import ExecuteBlocks, RunBlocks, RunCode
from autogen_otel.operations.tools.tool_call import ExecuteFunction

_AGENT = "autogen.agentchat.conversable_agent"
_GROUP = "autogen.agentchat.groupchat"
_PATTERNS = "autogen.agentchat.group.multi_agent_chat"
_TRANSITIONS = "autogen.agentchat.group.group_utils"
_SWARM = "autogen.agentchat.contrib.swarm_agent"
_WRAPPER = "autogen.oai.client"
_SDK = "openai._base_client"
_STREAMS = "openai._streaming"


@dataclass(frozen=True)
class Discovered:
    """Objects met at a call whose classes are observed from then on.

    Args:
        objects: from the instance of the row's function to the objects.
        method: the method of their classes to observe.
        operation: how its calls are read.
        what: the classes, for the documentation.
        yields: what a reader of the trace gets from it.
        lineages: the hosts that have such classes.
    """

    objects: Callable[[Any], Iterable[Any]]
    method: str
    operation: Operation[Any]
    what: str
    yields: str
    lineages: frozenset[str] = ALL


@dataclass(frozen=True)
class Row:
    """One function of the host that is observed.

    Args:
        module: where it is defined.
        name: ``Class.method``, or a function of the module.
        yields: what a reader of the trace gets from it.
        operation: how its calls are read.
        lineages: the hosts that have it.
        discovers: what is observed through it.
    """

    module: str
    name: str
    yields: str
    operation: Operation[Any]
    lineages: frozenset[str] = ALL
    discovers: tuple[Discovered, ...] = ()


@dataclass(frozen=True)
class LookupRow:
    """The attribute through which ``execute_function`` finds the user's function."""

    module: str
    name: str
    yields: str
    lineages: frozenset[str] = ALL


@dataclass(frozen=True)
class HopRow:
    """A module global through which AutoGen changes threads."""

    module: str
    name: str
    yields: str
    view: Callable[[Any, Any], Any]
    lineages: frozenset[str] = ALL


@dataclass(frozen=True)
class StreamRow:
    """The method with which the SDK makes the generator of a stream."""

    module: str
    name: str
    yields: str
    view: Callable[[Any, Any], Any]
    lineages: frozenset[str] = ALL


def _itself(agent: Any) -> tuple[Any, ...]:
    return (agent,)


def _sdk_clients(wrapper: Any) -> Iterator[Any]:
    for sdk in map(sdk_client, wrapper._clients):
        if any(base.__module__ == _SDK for base in type(sdk).__mro__):
            yield sdk


def _executor(agent: Any) -> tuple[Any, ...]:
    executor = getattr(agent, "_code_executor", None)
    return () if executor is None else (executor,)


AnyRow = Row | LookupRow | HopRow | StreamRow

_conversation, _turn, _tool, _handoff = InitiateChat(), GenerateReply(), ExecuteFunction(), SelectSpeaker()
_nested, _transition = NestedChat(), DetermineNextAgent()
_request, _send = Request(), Send()
_human, _code, _blocks = GetHumanInput(), RunCode(), RunBlocks()
_SENDERS = (
    Discovered(lambda client: (client._client,), "send", _send, "the SDK's HTTP client", "HTTP attempts"),
)
_MODEL_CLIENTS = (
    Discovered(
        lambda wrapper: wrapper._clients,
        "create",
        CreateByClient(),
        "each model client, custom ones too",
        "config entries",
    ),
    # Others put wrappers of their own between such a class and the SDK's base class, which then is passed by.
    Discovered(_sdk_clients, "request", _request, "each client of the SDK", "HTTP attempts"),
    Discovered(
        lambda wrapper: (sdk._client for sdk in _sdk_clients(wrapper)),
        "send",
        _send,
        "its HTTP client",
        "HTTP attempts",
    ),
)
_PEOPLE = (
    Discovered(_itself, "get_human_input", _human, "each agent class that has its own", "wait for a human"),
    Discovered(_itself, "a_get_human_input", _human, "each agent class that has its own", "wait for a human"),
)
_ASSISTANTS = PYAUTOGEN_0_2 | AG2_0_9
_TURNS = (
    *_PEOPLE,
    Discovered(
        _itself,
        "execute_code_blocks",
        _blocks,
        "each agent class that has its own",
        "code that cannot be run",
    ),
    Discovered(_itself, "run_code", _code, "each agent class that has its own", "code run"),
    Discovered(
        _executor, "execute_code_blocks", ExecuteBlocks(), "each code executor, custom ones too", "code run"
    ),
    Discovered(
        _itself, "_get_run_response", GetRunResponse(), "`GPTAssistantAgent`", "assistant's run", _ASSISTANTS
    ),
    Discovered(
        _itself, "_wait_for_run", WaitForRun(), "`GPTAssistantAgent`", "status, usage and error", _ASSISTANTS
    ),
)

ROWS: tuple[AnyRow, ...] = (
    Row(_AGENT, "ConversableAgent.initiate_chat", "conversation", _conversation, discovers=_PEOPLE),
    Row(_AGENT, "ConversableAgent.a_initiate_chat", "conversation", _conversation, discovers=_PEOPLE),
    # On top of the conversation, so that its span hangs below the handoff that leads to it.
    Row(_AGENT, "ConversableAgent.initiate_chat", "handoff to a nested chat", _nested),
    Row(_AGENT, "ConversableAgent.a_initiate_chat", "handoff to a nested chat", _nested),
    Row(_AGENT, "ConversableAgent._summarize_chat", "what a model call is for", SummarizeChat()),
    Row(_AGENT, "ConversableAgent.generate_reply", "agent turn", _turn, discovers=_TURNS),
    Row(_AGENT, "ConversableAgent.a_generate_reply", "agent turn", _turn, discovers=_TURNS),
    Row(_AGENT, "ConversableAgent.execute_function", "tool call", _tool),
    Row(_AGENT, "ConversableAgent.a_execute_function", "tool call", _tool),
    LookupRow(_AGENT, "ConversableAgent._function_map", "the tool's own exception and stack trace"),
    Row(_AGENT, "ConversableAgent.execute_code_blocks", "code that cannot be run", _blocks),
    Row(_AGENT, "ConversableAgent.run_code", "code run", _code),
    Row(_AGENT, "ConversableAgent.get_human_input", "wait for a human", _human),
    Row(_AGENT, "ConversableAgent.a_get_human_input", "wait for a human", _human),
    Row(_GROUP, "GroupChat.select_speaker", "handoff", _handoff),
    Row(_GROUP, "GroupChat.a_select_speaker", "handoff", _handoff),
    Row(_GROUP, "GroupChat._prepare_and_select_agents", "candidates of a handoff", NarrowCandidates()),
    Row(_TRANSITIONS, "determine_next_agent", "reason of a handoff", _transition, AG2_0_9 | AG2_0_14),
    Row(_SWARM, "_determine_next_agent", "reason of a handoff", _transition, AG2_0_9),
    Row(_WRAPPER, "OpenAIWrapper.__init__", "the credentials to mask", MakeClients()),
    Row(_WRAPPER, "OpenAIWrapper.create", "model call, config entries", Create(), discovers=_MODEL_CLIENTS),
    Row(_SDK, "SyncAPIClient.request", "HTTP attempts", _request, discovers=_SENDERS),
    Row(_SDK, "AsyncAPIClient.request", "HTTP attempts", _request, discovers=_SENDERS),
    StreamRow(_STREAMS, "Stream.__stream__", "how far streams came", counted_stream),
    StreamRow(_STREAMS, "AsyncStream.__stream__", "how far streams came", counted_async_stream),
    HopRow(_AGENT, "asyncio", "parents of model calls in async chats", AsyncioView),
    HopRow(_AGENT, "threading", "parents in run() and async tools", ThreadingView, AG2_0_9 | AG2_0_14),
    HopRow(_PATTERNS, "threading", "parents in group patterns", ThreadingView, AG2_0_14),
    HopRow(_SWARM, "threading", "parents in swarms", ThreadingView, AG2_0_9),
)
