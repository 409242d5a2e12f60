"""Classes that an application makes for each request are freed: what is observed is held weakly."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

from autogen import ConversableAgent

from autogen_otel.testing import text, tool_call
from tests.support.agents import Serve, chat, llm_config, pair, user
from tests.support.models import HouseModel
from tests.support.telemetry import instrumented

_REQUESTS = 1000
_ENOUGH_FOR_THE_HOST = 200


def _request(number: int) -> list[weakref.ref[type]]:
    """One request: a client, two agents and a tool of classes of its own."""

    class Client(HouseModel):
        def create(self, params: dict[str, Any]) -> Any:
            return super().create(params)

    class Helper(ConversableAgent):  # type: ignore[misc]
        def get_human_input(self, prompt: str) -> str:
            return str(super().get_human_input(prompt))

        def run_code(self, code: str, **options: Any) -> Any:
            return super().run_code(code, **options)

    config = llm_config([{"model": f"house-{number % 7}", "model_client_cls": "Client"}])
    helper = Helper("helper", llm_config=config, human_input_mode="NEVER", code_execution_config=False)
    helper.register_model_client(model_client_cls=Client)
    chat(user(), helper)
    return [weakref.ref(Client), weakref.ref(Helper)]


def _alive_after(requests: int, forget: Callable[[], None]) -> int:
    """How many of the classes of so many requests live on."""
    made: list[weakref.ref[type]] = []
    for number in range(requests):
        made += _request(number)
        forget()
    for _ in range(2):
        # What is remembered of an agent goes with the agent, and only then nothing knows its class any more.
        gc.collect()
    return sum(one() is not None for one in made)


def test_a_thousand_requests_with_classes_of_their_own_leave_none_alive(
    our_errors: list[BaseException],
) -> None:
    # AG2 itself keeps the last few.
    by_the_host = _alive_after(_ENOUGH_FOR_THE_HOST, lambda: None)
    with instrumented() as telemetry:
        assert _alive_after(_REQUESTS, telemetry.clear) <= by_the_host


def test_classes_that_live_on_get_their_own_methods_back(our_errors: list[BaseException]) -> None:
    class Client(HouseModel):
        def create(self, params: dict[str, Any]) -> Any:
            return super().create(params)

    before = Client.__dict__["create"]
    with instrumented():
        helper = ConversableAgent(
            "helper",
            llm_config=llm_config([{"model": "house-1", "model_client_cls": "Client"}]),
            human_input_mode="NEVER",
            code_execution_config=False,
        )
        helper.register_model_client(model_client_cls=Client)
        chat(user(), helper)
        assert Client.__dict__["create"] is not before
    assert Client.__dict__["create"] is before


def _request_of_methods_that_know_their_agent() -> weakref.ref[Any]:
    """One request: the methods of the agent's class refer to the agent itself."""

    class Helper(ConversableAgent):  # type: ignore[misc]
        def generate_reply(self, *_arguments: Any, **_options: Any) -> str:
            return f"I am {helper.name}. TERMINATE"

        def get_human_input(self, prompt: str) -> str:
            return f"{helper.name} was asked: {prompt}"

    helper = Helper("helper", llm_config=False, human_input_mode="NEVER", code_execution_config=False)
    chat(user(), helper)
    return weakref.ref(helper)


def test_an_agent_that_its_own_methods_refer_to_is_freed(our_errors: list[BaseException]) -> None:
    with instrumented() as telemetry:
        agents = [_request_of_methods_that_know_their_agent() for _ in range(3)]
        assert "invoke_agent helper" in telemetry.tree()
        telemetry.clear()
        gc.collect()
        assert [one() for one in agents] == [None] * len(agents)


def _request_with_a_tool_that_knows_its_agent(serve: Serve) -> weakref.ref[Any]:
    """One request: a default and an annotation of an agent's tool refer to the agent itself."""
    asker, helper = pair(serve([tool_call("lookup", {"policy_id": "P-1"}), text("TERMINATE")]))

    class Policy(str):
        __slots__ = ()

        def asked_by(self) -> str:
            return str(asker.name)

    def lookup(policy_id: Policy, caller: Any = asker) -> str:
        return f"{caller.name} asked for {policy_id}"

    lookup.__annotations__["policy_id"] = Policy
    asker.register_function({"lookup": lookup})
    chat(asker, helper)
    return weakref.ref(asker)


def test_an_agent_that_its_tools_parameters_refer_to_is_freed(
    our_errors: list[BaseException], serve: Serve
) -> None:
    with instrumented() as telemetry:
        agents = [_request_with_a_tool_that_knows_its_agent(serve) for _ in range(3)]
        assert "execute_tool lookup" in telemetry.tree()
        telemetry.clear()
        gc.collect()
        assert [one() for one in agents] == [None] * len(agents)
