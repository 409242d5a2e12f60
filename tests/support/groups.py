"""Conversations of more than two: group chats, AG2's patterns, the swarms of 0.9, and nested chats."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from autogen import ConversableAgent, GroupChat, GroupChatManager

from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, entry, text
from tests.support.agents import assistant, llm_config, user

Pair = tuple[ConversableAgent, ConversableAgent]


def silent_agent(name: str, **options: Any) -> ConversableAgent:
    """An agent that needs no model to say something."""
    return user(name, default_auto_reply=f"I am {name}.", **options)


def group(
    members: Sequence[ConversableAgent],
    method: Any,
    *,
    server: ScriptedServer | None = None,
    asker: ConversableAgent | None = None,
    **options: Any,
) -> Pair:
    """A user and the manager of a group chat that the user is a member of.

    Args:
        members: the other members.
        method: ``speaker_selection_method``; a string or a function.
        server: where the model is that chooses speakers.
        asker: the user.
        options: for ``GroupChat``; four rounds unless they say otherwise.
    """
    asker = asker or silent_agent("user")
    options.setdefault("max_round", 4)
    chat = GroupChat(agents=[asker, *members], messages=[], speaker_selection_method=method, **options)
    model = llm_config([entry(server)]) if server is not None else False
    return asker, GroupChatManager(groupchat=chat, llm_config=model)


def trio(server: ScriptedServer) -> list[ConversableAgent]:
    """Three agents with a model."""
    return [assistant([entry(server)], name) for name in ("triage", "tech", "billing")]


def pattern(
    name: str,
    agents: Sequence[ConversableAgent],
    *,
    with_user: bool = False,
    max_rounds: int = 8,
    **options: Any,
) -> Pair:
    """Who begins a pattern's chat, and the manager: what ``initiate_group_chat`` makes before it begins.

    Args:
        name: class of the pattern.
        agents: its agents; the first begins.
        with_user: whether a user takes part.
        max_rounds: of the group chat.
        options: for the pattern.
    """
    patterns = importlib.import_module("autogen.agentchat.group.patterns")
    if with_user:
        options["user_agent"] = silent_agent("user")
    group_pattern = getattr(patterns, name)(initial_agent=agents[0], agents=list(agents), **options)
    chat_parts = group_pattern.prepare_group_chat(max_rounds=max_rounds, messages="Hello")
    return chat_parts[10], chat_parts[8]


def swarm(
    agents: Sequence[ConversableAgent], *, with_user: bool = False, max_rounds: int = 8, **options: Any
) -> Pair:
    """Who begins a swarm's chat, and the manager: what ``initiate_swarm_chat`` makes before it begins.

    Args:
        agents: its agents; the first begins.
        with_user: whether a user takes part.
        max_rounds: of the group chat.
        options: ``context_variables`` and ``after_work``, as for ``initiate_swarm_chat``.
    """
    host = importlib.import_module("autogen.agentchat.contrib.swarm_agent")
    context = options.get("context_variables") or host.ContextVariables()
    asker = silent_agent("user") if with_user else None
    executor, nested_agents = host._prepare_swarm_agents(agents[0], list(agents), context)
    _messages, beginner, names, temporary_users = host._process_initial_messages(
        "Hello", asker, list(agents), nested_agents
    )
    transition = host.create_swarm_transition(
        agents[0], executor, names, asker, options.get("after_work", host.AfterWorkOption.TERMINATE)
    )
    chat = GroupChat(
        agents=[executor, *agents, *nested_agents, *([asker] if asker is not None else temporary_users)],
        messages=[],
        max_round=max_rounds,
        speaker_selection_method=transition,
    )
    manager = host._create_swarm_manager(chat, options.get("swarm_manager_args"), list(agents))
    host._setup_context_variables(executor, list(agents), manager, context)
    host._link_agents_to_swarm_manager(chat.agents, manager)
    return beginner, manager


def nested_chat_of(server: ScriptedServer, inner: ConversableAgent, *, turns: int = 1) -> Pair:
    """A user and an agent that asks another one before it replies."""
    asker, outer = silent_agent("user"), assistant([entry(server)], "outer")
    queue = [
        {"recipient": inner, "message": "Please check.", "max_turns": turns, "summary_method": "last_msg"}
    ]
    outer.register_nested_chats(queue, trigger=asker)
    return asker, outer


def speaker_script(*names: str, otherwise: str = "Fine.") -> Callable[[ChatRequest], Reply]:
    """A script that answers speaker selections with these names in turn, and everything else with words.

    Args:
        names: what the model answers; the last one again and again.
        otherwise: what the agents say.
    """
    remaining_names = list(names)

    def answer(request: ChatRequest) -> Reply:
        prompt = str(request.messages)
        if "select the next role" not in prompt and "Only return the" not in prompt:
            return text(otherwise)
        return text(remaining_names.pop(0) if len(remaining_names) > 1 else remaining_names[0])

    return answer


def group_with_function(servers: Sequence[ScriptedServer]) -> Pair:
    """A group in which a function of the user's lets each member speak once."""

    def in_order(last: Any, chat: GroupChat) -> Any:
        return {"user": chat.agents[1], "analyst": chat.agents[2]}.get(last.name)

    return group([silent_agent("analyst"), silent_agent("supervisor")], in_order)


def group_that_names_nobody(servers: Sequence[ScriptedServer]) -> Pair:
    """A group whose model names nobody."""
    members = [silent_agent("analyst"), silent_agent("supervisor")]
    return group(members, "auto", server=servers[0], max_retries_for_selecting_speaker=0)


def nested_chat(servers: Sequence[ScriptedServer]) -> Pair:
    """An agent that asks another one before it replies."""
    return nested_chat_of(servers[0], assistant([entry(servers[0])], "inner"))


def pattern_with_transfers(servers: Sequence[ScriptedServer]) -> Pair:
    """A pattern in which one agent has a transfer tool, one tool names the next agent, and one fails."""
    from autogen.agentchat.group import AgentTarget, OnCondition, ReplyResult, StringLLMCondition

    agents = trio(servers[0])

    def escalate(why: str) -> Any:
        if why == "no reason":
            raise ValueError("That is no reason.")
        return ReplyResult(message=f"Escalated: {why}", target=AgentTarget(agents[2]))

    agents[1].register_for_llm(name="escalate", description="Escalates.")(escalate)
    condition = OnCondition(target=AgentTarget(agents[1]), condition=StringLLMCondition(prompt="Technical."))
    agents[0].handoffs.add_llm_condition(condition)
    return pattern("DefaultPattern", agents)


def pattern_with_conditions(servers: Sequence[ScriptedServer]) -> Pair:
    """A pattern with a condition on the context and a nested chat behind a transfer tool."""
    group_ = importlib.import_module("autogen.agentchat.group")
    agents = trio(servers[0])
    queue = [{"recipient": assistant([entry(servers[0])], "specialist"), "message": "?", "max_turns": 1}]
    vip = group_.StringContextCondition(variable_name="vip")
    agents[0].handoffs.add_context_condition(
        group_.OnContextCondition(target=group_.AgentTarget(agents[1]), condition=vip)
    )
    agents[1].handoffs.add_llm_condition(
        group_.OnCondition(
            target=group_.NestedChatTarget(nested_chat_config={"chat_queue": queue}),
            condition=group_.StringLLMCondition(prompt="Special."),
        )
    )
    return pattern("DefaultPattern", agents, context_variables=group_.ContextVariables(data={"vip": True}))


def pattern_reverting_to_user(servers: Sequence[ScriptedServer]) -> Pair:
    """A pattern that asks the user after each agent."""
    group_ = importlib.import_module("autogen.agentchat.group")
    options = {"with_user": True, "max_rounds": 4, "group_after_work": group_.RevertToUserTarget()}
    return pattern("DefaultPattern", [silent_agent("one"), silent_agent("two")], **options)


def pattern_with_guardrail(servers: Sequence[ScriptedServer]) -> Pair:
    """A pattern with a guardrail that stops the first agent."""
    group_ = importlib.import_module("autogen.agentchat.group")
    guardrails = importlib.import_module("autogen.agentchat.group.guardrails")
    one, two = silent_agent("one"), silent_agent("two")
    target = group_.AgentTarget(two)
    one.register_output_guardrail(guardrails.RegexGuardrail("no names", condition="I am", target=target))
    return pattern("DefaultPattern", [one, two])


def swarm_with_hand_offs(servers: Sequence[ScriptedServer]) -> Pair:
    """A swarm with a transfer tool, a condition on the context and a function that ends it."""
    host = importlib.import_module("autogen.agentchat.contrib.swarm_agent")
    agents = trio(servers[0])

    def stop(last: Any, messages: Any, chat: Any) -> Any:
        return host.AfterWorkOption.TERMINATE

    host.register_hand_off(agents[0], [host.OnCondition(agents[1], "Technical.")])
    host.register_hand_off(agents[1], [host.OnContextCondition(agents[2], "vip")])
    host.register_hand_off(agents[2], host.AfterWork(stop))
    return swarm(agents, context_variables=host.ContextVariables(data={"vip": True}))
