"""The claims desk: real AutoGen agents, and the conversations that their scripted model holds with them."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import autogen

from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, entry, error, text, tool_call
from scenarios.policies import estimate_damage, lookup_policy, open_claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MODEL = "gpt-4o"
RETIRED_MODEL = "gpt-4-32k"
TOOLS: tuple[Callable[..., Any], ...] = (lookup_policy, estimate_damage, open_claim)
MESSAGE = (
    "A hailstorm smashed my windscreen. My policy is number 20417, the garage asks 840 euros. Am I covered?"
)

_GOOD_ID = "MOTOR-EU-20417"
_BAD_ID = "MOTOR-null-20417"
_SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"
_LOOK_UP = tool_call("lookup_policy", {"policy_id": _GOOD_ID})
_LOOK_UP_WRONG = tool_call("lookup_policy", {"policy_id": _BAD_ID})
_OPEN = tool_call("open_claim", {"policy_id": _GOOD_ID, "description": "windscreen smashed by hail"})
_ESTIMATE = tool_call("estimate_damage", {"claim_id": "C-20417", "amount": 840.0})
_DONE = text(
    "Yes: glass is covered, less 300 euros. Your claim C-20417 is open. TERMINATE", cached_tokens=128
)


@dataclass(frozen=True)
class Conversation:
    """One conversation of the claims desk.

    Args:
        title: what happens in it.
        replies: what the model answers, in order.
        models: the models of its ``config_list``, in order.
        group: held by the fraud analyst and the supervisor instead of the assistant.
    """

    title: str
    replies: Sequence[Reply]
    models: Sequence[str] = (MODEL,)
    group: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a user of the claims desk gets.

    Args:
        conversation: which one it was.
        history: the messages as AutoGen keeps them.
        error: what came out of ``initiate_chat``, if it failed.
    """

    conversation: Conversation
    history: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None


CONVERSATIONS = (
    Conversation("all is well", (_LOOK_UP, _OPEN, _ESTIMATE, _DONE)),
    Conversation("all is well again", (_LOOK_UP, _DONE)),
    Conversation(
        "a tool fails and the assistant talks around it",
        (
            _LOOK_UP_WRONG,
            text("I am sorry, I cannot see your policy right now; a colleague will call you. TERMINATE"),
        ),
    ),
    Conversation("a dead config entry", (_LOOK_UP, _DONE), models=(RETIRED_MODEL, MODEL)),
    Conversation(
        "silent retries",
        (_LOOK_UP, error(500, _SERVER_ERROR), error(500, _SERVER_ERROR), _DONE),
    ),
    Conversation(
        "two agents hand over to each other",
        (
            text("fraud_analyst"),
            text("Hail was reported in that street on that day; I see no sign of fraud."),
            text("supervisor"),
            text("Then I approve the claim. TERMINATE"),
        ),
        group=True,
    ),
    Conversation(
        "the one that dies",
        (_LOOK_UP_WRONG, *(error(500, _SERVER_ERROR) for _ in range(3))),
    ),
)

_WELL, _AGAIN, _TOOL_FAILS, _DEAD_ENTRY, _RETRIES = CONVERSATIONS[:5]
EARLIER = (
    *(_WELL, _AGAIN, _TOOL_FAILS, _AGAIN, _WELL, _RETRIES, _AGAIN, _AGAIN, _TOOL_FAILS, _WELL) * 2,
    *(_AGAIN, _DEAD_ENTRY, _WELL, _TOOL_FAILS, _AGAIN, _DEAD_ENTRY, _WELL, _AGAIN, _WELL),
)
"""What the desk has had to do before: enough conversations to tell what failures go with."""


class ClaimsModel:
    """The scripted model: the retired one is not found, any other gives the replies of the conversation."""

    def __init__(self) -> None:
        self._replies: Iterator[Reply] = iter(())

    def hold(self, conversation: Conversation) -> None:
        """Answer from now on as this conversation wants."""
        self._replies = iter(conversation.replies)

    def __call__(self, request: ChatRequest) -> Reply:
        """Find the reply to a request."""
        if request.model == RETIRED_MODEL:
            return error(404, f"The model `{RETIRED_MODEL}` has been deprecated")
        return next(self._replies)


def play(conversation: Conversation, server: ScriptedServer, model: ClaimsModel) -> Outcome:
    """Hold one conversation without AutoGen's printing, and keep the error it may end with."""
    model.hold(conversation)
    entries = [entry(server, name) for name in conversation.models]
    clerk = _clerk()
    recipient = _review_board(clerk, entries) if conversation.group else _assistant(entries)
    # silent=True does not reach everything that the hosts print.
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            clerk.initiate_chat(recipient, message=MESSAGE, silent=True)
        except Exception as problem:  # noqa: BLE001 - what the user sees, whatever it is
            return Outcome(conversation, clerk.chat_messages[recipient], problem)
    return Outcome(conversation, clerk.chat_messages[recipient])


def _llm_config(entries: list[dict[str, Any]]) -> dict[str, Any]:
    # 0.2 keeps a disk cache unless told otherwise, and a cached reply would not reach the server.
    return {"config_list": entries, "cache_seed": None}


def _assistant(entries: list[dict[str, Any]]) -> Any:
    assistant = autogen.ConversableAgent(
        "claims_assistant",
        system_message="You settle insurance claims with the tools you have. End with TERMINATE.",
        llm_config=_llm_config(entries),
        human_input_mode="NEVER",
        code_execution_config=False,
    )
    for tool in TOOLS:
        assistant.register_for_llm(name=tool.__name__, description=tool.__doc__)(tool)
    return assistant


def _clerk() -> Any:
    clerk = autogen.ConversableAgent(
        "clerk",
        llm_config=False,
        human_input_mode="NEVER",
        code_execution_config=False,
        is_termination_msg=_is_done,
    )
    for tool in TOOLS:
        clerk.register_for_execution(name=tool.__name__)(tool)
    return clerk


def _review_board(clerk: Any, entries: list[dict[str, Any]]) -> Any:
    duties = {
        "fraud_analyst": "You look for signs of fraud in insurance claims.",
        "supervisor": "You approve or refuse insurance claims once the fraud analyst has looked at them.",
    }
    members = [
        autogen.ConversableAgent(
            name,
            system_message=duty,
            description=duty,
            llm_config=_llm_config(entries),
            human_input_mode="NEVER",
            code_execution_config=False,
        )
        for name, duty in duties.items()
    ]
    group = autogen.GroupChat(
        agents=[clerk, *members], messages=[], max_round=6, select_speaker_auto_verbose=False
    )
    return autogen.GroupChatManager(
        groupchat=group,
        name="review_board",
        llm_config=_llm_config(entries),
        human_input_mode="NEVER",
        code_execution_config=False,
        is_termination_msg=_is_done,
        silent=True,
    )


def _is_done(message: dict[str, Any]) -> bool:
    return "TERMINATE" in str(message.get("content"))
