"""What makes prompts grow: new messages, those carried over, the largest one, and tool schemas."""

from __future__ import annotations

from typing import Any

from autogen import ConversableAgent, OpenAIWrapper

from autogen_otel.testing import ChatRequest, Reply, entry, text
from tests.support.agents import Serve, assistant, chat, pair, user
from tests.support.groups import group, trio
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.tools import lookup


def sizes(telemetry: Telemetry, *names: str) -> list[tuple[Any, ...]]:
    return [
        tuple(attributes_of(span).get(f"autogen.prompt.{name}") for name in names)
        for span in telemetry.named("chat")
    ]


def test_history_kept_from_an_earlier_conversation_is_told_apart(telemetry: Telemetry, serve: Serve) -> None:
    helper, asker = (
        assistant([entry(serve([text("One."), text("Two. TERMINATE"), text("TERMINATE")]))]),
        user(),
    )
    asker._default_auto_reply = "Go on."
    chat(asker, helper, "First")
    chat(asker, helper, "Second", clear_history=False)
    assert sizes(telemetry, "messages", "new_messages", "carried_messages", "new_chars") == [
        (2, 2, None, len(helper.system_message) + len("First")),
        (4, 2, None, len("One." + "Go on.")),
        # The instructions and one question; four messages are from before.
        (6, 2, 4, len(helper.system_message) + len("Second")),
    ]


def test_a_cleared_history_carries_nothing_even_if_the_words_are_the_same(
    telemetry: Telemetry, serve: Serve
) -> None:
    helper, asker = assistant([entry(serve([text("TERMINATE")] * 3))]), user()
    for _ in range(3):
        chat(asker, helper, "The same")
    assert sizes(telemetry, "messages", "new_messages", "carried_messages") == [(2, 2, None)] * 3


def test_a_group_that_keeps_its_history_says_so(telemetry: Telemetry, serve: Serve) -> None:
    server = serve(lambda _: text("Fine."))
    asker, manager = group(trio(server), "round_robin", max_round=3)
    chat(asker, manager, "First")
    chat(asker, manager, "Second", clear_history=False)
    carried = [count for (count,) in sizes(telemetry, "carried_messages")]
    first, second = carried[: len(carried) // 2], carried[len(carried) // 2 :]
    assert set(first) == {None}
    assert all(second)


def test_the_largest_message_and_who_said_it(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("Short. TERMINATE")])
    asker, helper = pair(server, lookup)
    chat(asker, helper, "x" * 5000)
    ((largest, said_by, total, tools, schemas),) = sizes(
        telemetry, "largest_message.chars", "largest_message.from", "chars", "tools", "tools_chars"
    )
    assert (largest, total) == (5000, 5000 + len(helper.system_message))
    # In 0.2 a message has a name only in group chats.
    assert said_by in {"user", asker.name}
    assert tools == 1
    assert len('{"type":"function","function":{"name":"lookup"}}') < schemas < 1000


def test_a_history_that_is_cut_short_is_not_counted_as_new(telemetry: Telemetry, serve: Serve) -> None:
    helper = assistant([entry(serve([text(f"Answer {n}.") for n in range(4)] + [text("TERMINATE")]))])
    # What transforms of long histories do: only the last messages are sent.
    helper.register_hook("process_all_messages_before_reply", lambda messages: messages[-3:])
    asker = user()
    asker.register_reply(
        ConversableAgent, lambda _agent, messages, **_: (True, f"Question {len(messages)}?"), position=2
    )
    chat(asker, helper)
    assert sizes(telemetry, "messages", "new_messages") == [(2, 2), (4, 2), (4, 2), (4, 2), (4, 2)]


def test_choosing_speakers_is_one_series_although_its_agents_are_made_anew_each_time(
    telemetry: Telemetry, serve: Serve
) -> None:
    names = iter(["triage", "tech", "billing", "triage"])

    def reply(request: ChatRequest) -> Reply:
        chooses = "Only return the role" in str(request.body["messages"])
        return text(next(names) if chooses else f"Answer {request.ordinal}.")

    server = serve(reply)
    chat(*group(trio(server), "auto", server=server, max_round=5))
    chosen = [
        attributes_of(span)["autogen.prompt.new_messages"]
        for span in telemetry.named("chat")
        if attributes_of(span).get("autogen.helper.role") == "speaker_selection"
    ]
    assert chosen[1:] == [1] * 3


class Grudging(dict[str, Any]):
    """A message that does not say what is in it."""

    def get(self, *_: Any) -> Any:
        """Refuse."""
        raise RuntimeError("none of your business")


def test_a_message_that_will_not_say_its_size_costs_no_span(telemetry: Telemetry, serve: Serve) -> None:
    wrapper = OpenAIWrapper(config_list=[entry(serve([text("Fine.")]))])
    wrapper.create(messages=[Grudging(role="user", content="Hello")])
    assert sizes(telemetry, "messages", "chars") == [(1, 0)]
