"""Traces as text: what several tests expect, and what they want to see of handoffs."""

from __future__ import annotations

from typing import Any

from tests.support.telemetry import Telemetry, attributes_of

STORY = ("autogen.handoff.reason", "autogen.handoff.rule", "autogen.conversation.termination")
"""What a reader wants to know of handoffs and endings; for ``Telemetry.tree``."""

HEALTHY = """\
invoke_workflow user -> assistant errors.handled=0
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user
    execute_tool lookup
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user"""
"""One tool call and an answer: ``agents.healthy_pair``."""

CONDITION_ON_CONTEXT = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=no_eligible_speaker
  handoff user -> triage handoff.reason=initial_agent
  invoke_agent triage
  handoff triage -> tech handoff.reason=context_condition handoff.rule=vip
  invoke_agent tech
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  handoff tech -> (end) handoff.reason=after_work"""
"""A pattern or a swarm in which a condition on the context chooses the next agent."""

MODEL_CHOOSES = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=max_round
  handoff user -> triage handoff.reason=initial_agent
  invoke_agent triage
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  handoff triage -> billing handoff.reason=auto
    chat gpt-4o config.index=0 cache.hit=False helper.role=speaker_selection
      POST http.response.status_code=200
  invoke_agent billing
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200"""
"""A pattern or a swarm in which a model chooses the next agent."""

BACK_TO_USER = """\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=max_round
  handoff user -> one handoff.reason=initial_agent
  invoke_agent one
  handoff one -> user handoff.reason=after_work
  invoke_agent user
  handoff user -> one handoff.reason=user_replied
  invoke_agent one"""
"""A pattern or a swarm that asks the user after each agent."""


def transfer_by(tool: str) -> str:
    """A pattern or a swarm in which a model hands over with this tool."""
    return f"""\
invoke_workflow user -> chat_manager errors.handled=0 conversation.termination=no_eligible_speaker
  handoff user -> triage handoff.reason=initial_agent
  invoke_agent triage
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  execute_tool {tool}
  handoff triage -> tech handoff.reason=llm_condition handoff.rule={tool}
  invoke_agent tech
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  handoff tech -> (end) handoff.reason=after_work"""


def of_handoffs(telemetry: Telemetry, attribute: str) -> list[Any]:
    """One attribute of each handoff, by the last part of its key."""
    return [attributes_of(span).get(f"autogen.handoff.{attribute}") for span in telemetry.named("handoff")]


def below_the_request(tree: str) -> str:
    """The tree as it stands below the application's span (``Telemetry.request``)."""
    return "request\n" + "\n".join(f"  {line}" for line in tree.splitlines())
