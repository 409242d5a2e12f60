"""Every place where we attach, one row each: attach, detach, report and documentation come from here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from autogen_otel.hooks.hops import AsyncioView, ThreadingView
from autogen_otel.lineages import AG2_0_9, AG2_0_14, ALL
from autogen_otel.operations.agent_turn import GenerateReply
from autogen_otel.operations.conversation import InitiateChat
from autogen_otel.operations.credentials import MakeClients
from autogen_otel.operations.entry_tried import CreateByClient
from autogen_otel.operations.handoff import SelectSpeaker
from autogen_otel.operations.http_attempt import Request, Send
from autogen_otel.operations.model_call import Create
from autogen_otel.operations.operation import Operation
from autogen_otel.operations.tool_call import ExecuteFunction

_AGENT = "autogen.agentchat.conversable_agent"
_GROUP = "autogen.agentchat.groupchat"
_PATTERNS = "autogen.agentchat.group.multi_agent_chat"
_WRAPPER = "autogen.oai.client"
_SDK = "openai._base_client"


@dataclass(frozen=True)
class Discovered:
    """Objects met at a call whose classes are observed from then on.

    Args:
        objects: from the instance of the row's function to the objects.
        method: the method of their classes to observe.
        operation: how its calls are read.
        what: the classes, for the report and the documentation.
    """

    objects: Callable[[Any], Iterable[Any]]
    method: str
    operation: Operation[Any]
    what: str


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
    discovers: Discovered | None = None


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


AnyRow = Row | LookupRow | HopRow

_conversation, _turn, _tool, _handoff = InitiateChat(), GenerateReply(), ExecuteFunction(), SelectSpeaker()
_request, _send = Request(), Send()
_SENDERS = Discovered(lambda client: (client._client,), "send", _send, "the HTTP client (httpx or httpx2)")
_MODEL_CLIENTS = Discovered(
    lambda wrapper: wrapper._clients, "create", CreateByClient(), "each model client, custom ones too"
)

ROWS: tuple[AnyRow, ...] = (
    Row(_AGENT, "ConversableAgent.initiate_chat", "conversation", _conversation),
    Row(_AGENT, "ConversableAgent.a_initiate_chat", "conversation", _conversation),
    Row(_AGENT, "ConversableAgent.generate_reply", "agent turn", _turn),
    Row(_AGENT, "ConversableAgent.a_generate_reply", "agent turn", _turn),
    Row(_AGENT, "ConversableAgent.execute_function", "tool call", _tool),
    Row(_AGENT, "ConversableAgent.a_execute_function", "tool call", _tool),
    LookupRow(_AGENT, "ConversableAgent._function_map", "the tool's own exception and stack trace"),
    Row(_GROUP, "GroupChat.select_speaker", "handoff", _handoff),
    Row(_GROUP, "GroupChat.a_select_speaker", "handoff", _handoff),
    Row(_WRAPPER, "OpenAIWrapper.__init__", "the credentials to mask", MakeClients()),
    Row(_WRAPPER, "OpenAIWrapper.create", "model call, config entries", Create(), discovers=_MODEL_CLIENTS),
    Row(_SDK, "SyncAPIClient.request", "HTTP attempts", _request, discovers=_SENDERS),
    Row(_SDK, "AsyncAPIClient.request", "HTTP attempts", _request, discovers=_SENDERS),
    HopRow(_AGENT, "asyncio", "parents of model calls in async chats", AsyncioView),
    HopRow(_AGENT, "threading", "parents in run() and async tools", ThreadingView, AG2_0_9 | AG2_0_14),
    HopRow(_PATTERNS, "threading", "parents in group patterns", ThreadingView, AG2_0_14),
)
