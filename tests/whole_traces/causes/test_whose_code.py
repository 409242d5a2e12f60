"""Whose code raised: functions, model clients and tools of the application's, wherever AutoGen calls them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from autogen import ConversableAgent

from autogen_otel.cli import main
from autogen_otel.testing import entry, raw, text, tool_call
from tests.support.agents import SHAPES, Serve, assistant, chat, converse, llm_config, pair, user
from tests.support.groups import group, pattern
from tests.support.lineage import HAS_PATTERNS, IS_014, IS_02
from tests.support.models import HouseModel
from tests.support.reproduced import Case
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.tools import lookup

_ANY = r"(?s).*"


class OwnError(Exception):
    """What the application raises."""


def helper_of_the_application(*_args: Any, **_options: Any) -> Any:
    raise OwnError("no idea")


def callback(*args: Any, **options: Any) -> Any:
    """A function that AutoGen calls, and that calls another one of the application's."""
    return helper_of_the_application(*args, **options)


def _termination(serve: Serve) -> Callable[[], Any]:
    helper = assistant([entry(serve([text("Fine.")]))])
    return lambda: chat(user(is_termination_msg=callback), helper)


def _reply(serve: Serve) -> Callable[[], Any]:
    helper = user("helper")
    helper.register_reply([ConversableAgent, None], callback)
    return lambda: chat(user(), helper)


def _hook(serve: Serve) -> Callable[[], Any]:
    helper = assistant([entry(serve([]))])
    helper.register_hook("process_all_messages_before_reply", callback)
    return lambda: chat(user(), helper)


def _sending_hook(serve: Serve) -> Callable[[], Any]:
    asker = user()
    asker.register_hook("process_message_before_send", callback)
    return lambda: chat(asker, assistant([entry(serve([]))]))


def _message(serve: Serve) -> Callable[[], Any]:
    helper = assistant([entry(serve([]))])
    return lambda: user().initiate_chat(helper, message=callback, silent=True)


def _summary(serve: Serve) -> Callable[[], Any]:
    helper = assistant([entry(serve([text("TERMINATE")]))])
    return lambda: chat(user(), helper, summary_method=callback)


def _speaker(serve: Serve) -> Callable[[], Any]:
    asker, manager = group([user("one"), user("two")], callback)
    return lambda: chat(asker, manager)


class _Cache:
    """A cache whose store is gone."""

    def __init__(self, broken: str) -> None:
        self._broken = broken

    def get(self, _key: str, default: Any = None) -> Any:
        return callback() if self._broken == "get" else default

    def set(self, _key: str, _value: Any) -> None:
        callback()

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing to close."""


def _cache_get(serve: Serve) -> Callable[[], Any]:
    helper = assistant([entry(serve([]))])
    return lambda: chat(user(), helper, cache=_Cache("get"))


def _cache_set(serve: Serve) -> Callable[[], Any]:
    helper = assistant([entry(serve([text("Fine.")]))])
    return lambda: chat(user(), helper, cache=_Cache("set"))


CALLBACKS = {
    "a termination check": (_termination, "invoke_agent"),
    "a reply": (_reply, "invoke_agent"),
    "a hook": (_hook, "invoke_agent"),
    "a hook before sending": (_sending_hook, "invoke_workflow"),
    "a message": (_message, "invoke_workflow"),
    "a summary": (_summary, "invoke_workflow"),
    "a speaker function": (_speaker, "handoff"),
    "a cache's get": (_cache_get, "chat"),
    "a cache's set": (_cache_set, "chat"),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_what_a_function_of_the_applications_raises_is_a_callback(
    telemetry: Telemetry, serve: Serve, name: str
) -> None:
    made, span_name = CALLBACKS[name]
    with pytest.raises(OwnError):
        made(serve)()
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {"callback"}, telemetry.tree()
    inner = attributes_of([span for span in failed if span.name.startswith(span_name)][-1])
    assert inner["code.function.name"].endswith("helper_of_the_application")
    assert inner["code.file.path"] == __file__
    assert inner["code.line.number"] == helper_of_the_application.__code__.co_firstlineno + 1
    assert inner["autogen.callback.name"].rpartition(".")[2] in {"callback", "get", "set"}
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert (root["autogen.errors.origins"], root["autogen.errors.handled"]) == (("callback",), 0)


def test_a_termination_check_that_does_not_expect_a_message_without_text(
    telemetry: Telemetry, serve: Serve
) -> None:
    asker, helper = pair(serve([tool_call("lookup", {"policy_id": "P-1"}), text("Fine.")]), lookup)
    asker._is_termination_msg = lambda message: "TERMINATE" in message["content"]
    with pytest.raises(TypeError):
        chat(asker, helper)
    turn = attributes_of(telemetry.named("invoke_agent user")[0])
    assert turn["autogen.error.origin"] == "callback"
    assert "<lambda>" in turn["autogen.callback.name"]


class _Overriding(ConversableAgent):  # type: ignore[misc]
    """An agent that adds nothing of its own to what it overrides."""

    def receive(self, *args: Any, **options: Any) -> Any:
        return super().receive(*args, **options)


def test_a_method_that_only_passes_on_is_not_blamed(telemetry: Telemetry) -> None:
    helper = _Overriding("helper", llm_config=False, human_input_mode="NEVER", code_execution_config=False)
    with pytest.raises(Exception, match=_ANY):
        user().initiate_chat(helper, message={"role": "user", "name": "x"}, silent=True)
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.error.origin"] == "unknown"


def test_an_error_of_autogens_own_has_no_place_in_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path)
    trace_id = case.record(
        lambda: user().initiate_chat(user("helper"), message={"role": "user", "name": "x"}, silent=True)
    )
    main(["show", trace_id, "--journal", str(case.journal)])
    printed = capsys.readouterr().out
    assert "ValueError" in printed
    assert Path(__file__).name not in printed, printed


# ------------------------------------------------------------ what AG2 evaluates for the application
@pytest.mark.needs(HAS_PATTERNS, "only AG2 has context variables")
def test_a_template_that_names_a_missing_variable_is_the_applications(
    telemetry: Telemetry, serve: Serve
) -> None:
    from autogen import UpdateSystemMessage
    from autogen.agentchat.group import ContextVariables

    helper = ConversableAgent(
        "helper",
        llm_config=llm_config([entry(serve([text("TERMINATE")]))]),
        human_input_mode="NEVER",
        context_variables=ContextVariables({"order": "O-1"}),
        update_agent_state_before_reply=[UpdateSystemMessage("You help {customer}.")],
    )
    with pytest.raises(KeyError):
        chat(user(), helper)
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {"callback"}, telemetry.tree()
    assert all("a template names a variable" in (span.status.description or "") for span in failed)
    assert all("code.file.path" not in attributes_of(span) for span in failed)


@pytest.mark.needs(HAS_PATTERNS, "only AG2 has such handoffs")
@pytest.mark.parametrize("kind", ["context", "available"])
def test_a_condition_that_cannot_be_evaluated_is_no_unknown_failure(
    telemetry: Telemetry, serve: Serve, kind: str
) -> None:
    from autogen.agentchat import group as rules

    server = serve([text("Well?")])
    first, second = (assistant([entry(server)], name) for name in ("one", "two"))
    missing, target = rules.ContextExpression("${missing} > 3"), rules.AgentTarget(second)
    if kind == "context":
        condition = rules.ExpressionContextCondition(missing)
        first.handoffs.add_context_condition(rules.OnContextCondition(target=target, condition=condition))
    else:
        first.handoffs.add_llm_condition(
            rules.OnCondition(
                target=target,
                condition=rules.StringLLMCondition("when asked"),
                available=rules.ExpressionAvailableCondition(missing),
            )
        )
    with pytest.raises(KeyError):
        chat(*pattern("DefaultPattern", [first, second]))
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    causes = {attributes_of(span)["autogen.error.origin"] for span in failed}
    assert causes == {"orchestration"}, telemetry.tree()
    assert all("condition of a handoff" in (span.status.description or "") for span in failed)


# ------------------------------------------------------------ model clients
class _Client(HouseModel):
    """A client of the application's with one broken method."""

    broken = ""

    def create(self, params: dict[str, Any]) -> Any:
        if self.broken == "none":
            return None
        return callback() if self.broken == "create" else super().create(params)

    def message_retrieval(self, response: Any) -> list[str]:
        return callback() if self.broken == "message_retrieval" else super().message_retrieval(response)

    def cost(self, response: Any) -> float:
        return callback() if self.broken == "cost" else super().cost(response)


class _CreateClient(_Client):
    broken = "create"


class _NoneClient(_Client):
    broken = "none"


class _RetrievalClient(_Client):
    broken = "message_retrieval"


class _CostClient(_Client):
    broken = "cost"


class _UsageClient(_Client):
    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return dict(callback(response))


@pytest.mark.parametrize(
    "client",
    [
        _CreateClient,
        _NoneClient,
        pytest.param(
            _RetrievalClient,
            marks=pytest.mark.needs(not IS_014, "AG2 reads the choices of a response itself"),
        ),
        _CostClient,
        _UsageClient,
    ],
    ids=lambda one: one.__name__,
)
def test_what_a_client_of_the_applications_does_wrong_is_the_clients(
    telemetry: Telemetry, client: type[Any]
) -> None:
    helper = assistant([{"model": "house-1", "model_client_cls": client.__name__}])
    helper.register_model_client(model_client_cls=client)
    with pytest.raises(Exception, match=_ANY):
        chat(user(), helper)
    failed = [attributes_of(span) for span in telemetry.spans if not span.status.is_ok]
    assert {one["autogen.error.origin"] for one in failed} == {"client"}, telemetry.tree()
    assert attributes_of(telemetry.one("chat"))["autogen.client.class"].endswith(client.__name__)


class _HookError(Exception):
    """What a hook of an HTTP client raises."""


@pytest.mark.needs(IS_02, "newer hosts copy their configuration, which HTTP clients refuse")
def test_a_hook_of_the_http_client_is_blamed_on_every_level(telemetry: Telemetry, serve: Serve) -> None:
    import openai._base_client as sdk

    def refuse(_request: object) -> None:
        raise _HookError("not today")

    helper = assistant([entry(serve([]), max_retries=0)])
    helper.client._clients[0]._oai_client._client.event_hooks = {"request": [refuse]}
    assert sdk
    with pytest.raises(Exception, match=_ANY):
        chat(user(), helper)
    failed = [attributes_of(span) for span in telemetry.spans if not span.status.is_ok]
    assert {one["autogen.error.origin"] for one in failed} == {"client"}, telemetry.tree()
    assert attributes_of(telemetry.one("POST"))["autogen.callback.name"].endswith("refuse")


# ------------------------------------------------------------ tools
class PanicException(BaseException):
    """How a panic of Rust code arrives through PyO3."""


@pytest.mark.parametrize(
    "error", [PanicException("index out of bounds"), SystemExit(3)], ids=["panic", "exit"]
)
def test_what_is_no_exception_of_a_tools_is_the_tools_all_the_same(
    telemetry: Telemetry, serve: Serve, error: BaseException
) -> None:
    def broken() -> str:
        """Break."""
        raise error

    with pytest.raises(type(error)):
        chat(*pair(serve([tool_call("broken", {})]), broken))
    failed = [attributes_of(span) for span in telemetry.spans if not span.status.is_ok]
    assert {one["autogen.error.origin"] for one in failed} == {"tool_exception"}, telemetry.tree()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.needs(IS_014, "only AG2 runs asynchronous tools of sync chats in threads of its own")
@pytest.mark.parametrize(
    "error", [PanicException("index out of bounds"), KeyboardInterrupt()], ids=["panic", "interrupt"]
)
def test_what_ag2_loses_of_an_asynchronous_tool_is_found(
    telemetry: Telemetry, serve: Serve, error: BaseException
) -> None:
    async def broken() -> str:
        """Break."""
        raise error

    with pytest.raises(KeyError):
        chat(*pair(serve([tool_call("broken", {})]), broken))
    root = attributes_of(telemetry.one("invoke_workflow"))
    if isinstance(error, KeyboardInterrupt):
        assert (root["autogen.cancelled"], root["autogen.conversation.termination"]) == (True, "cancelled")
        assert all(span.status.is_ok for span in telemetry.spans), telemetry.tree()
    else:
        assert (root["autogen.errors.origins"], root["autogen.errors.handled"]) == (("tool_exception",), 0)
        assert "index out of bounds" in (telemetry.one("invoke_workflow").status.description or "")


def test_an_exception_of_the_same_words_is_not_the_same(telemetry: Telemetry, serve: Serve) -> None:
    def ask(*_args: Any, **_options: Any) -> Any:
        inner = user("inner")
        nothing: dict[str, Any] = {}
        inner.register_reply([ConversableAgent, None], lambda *_a, **_o: nothing["content"])
        with contextlib.suppress(KeyError):
            chat(user("asker"), inner)
        return nothing["content"]

    helper = user("helper")
    helper.register_reply([ConversableAgent, None], ask)
    with pytest.raises(KeyError):
        chat(user(), helper)
    root = attributes_of(telemetry.named("invoke_workflow user -> helper")[0])
    assert (root["autogen.errors.handled"], root["autogen.error.origin"]) == (1, "callback")


def test_a_tool_that_raises_a_cancellation_itself_has_failed(telemetry: Telemetry, serve: Serve) -> None:
    def broken() -> str:
        """Break."""
        raise asyncio.CancelledError("inner task")

    with pytest.raises(asyncio.CancelledError):
        chat(*pair(serve([tool_call("broken", {})]), broken))
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert (root["autogen.errors.origins"], root.get("autogen.cancelled")) == (("tool_exception",), None)


def test_two_calls_with_the_same_id_both_carry_it(telemetry: Telemetry, serve: Serve) -> None:
    from autogen_otel.testing import tool_calls

    arguments = {"policy_id": "P-1"}
    twins = tool_calls([("lookup", arguments, "call_1"), ("lookup", arguments, "call_1")])
    chat(*pair(serve([twins, text("TERMINATE")]), lookup))
    assert [attributes_of(one)["gen_ai.tool.call.id"] for one in telemetry.named("execute_tool")] == [
        "call_1"
    ] * 2


# ------------------------------------------------------------ answers that the host trips over
def _response(**message: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"content": None, "function_call": None, "tool_calls": None, **message})


@pytest.mark.parametrize(
    ("message", "cause", "words"),
    [
        (
            {
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": None, "arguments": "{}"}}
                ]
            },
            "tool_arguments",
            "whose name is null",
        ),
        (
            {"tool_calls": [{"id": "call_1", "type": "function", "function": None}]},
            "tool_arguments",
            "without a function",
        ),
    ],
    ids=["no name", "no function"],
)
def test_an_odd_answer_is_named_where_the_host_trips_over_it(
    telemetry: Telemetry, serve: Serve, message: dict[str, Any], cause: str, words: str
) -> None:
    from autogen_otel.testing import malformed

    with pytest.raises(Exception, match=_ANY):
        chat(*pair(serve([malformed(message={"content": None, **message})]), lookup))
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {cause}, telemetry.tree()
    assert all(words in (span.status.description or "") for span in failed), [
        one.status.description for one in failed
    ]


def test_an_answer_without_choices_is_the_backends(telemetry: Telemetry, serve: Serve) -> None:
    from autogen_otel.testing import malformed

    with pytest.raises(Exception, match=_ANY):
        chat(user(), assistant([entry(serve([malformed(choices=[])]))]))
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {"backend"}, telemetry.tree()
    assert all("no choices" in (span.status.description or "") for span in failed)


@SHAPES
def test_an_answer_that_is_cut_off_is_the_backends(telemetry: Telemetry, serve: Serve, shape: str) -> None:
    cut = (
        b'{"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "The pol'
    )
    answer = raw(200, {"content-type": "application/json"}, cut)
    with pytest.raises(json.JSONDecodeError):
        converse(shape, user(), assistant([entry(serve([answer]))]))
    failed = [span for span in telemetry.spans if not span.status.is_ok]
    assert {attributes_of(span)["autogen.error.origin"] for span in failed} == {"backend"}, telemetry.tree()


def test_an_answer_that_is_not_compressed_as_it_says_is_the_backends(
    telemetry: Telemetry, serve: Serve
) -> None:
    answer = raw(200, {"content-type": "application/json", "content-encoding": "gzip"}, b"no gzip")
    with pytest.raises(Exception, match="Connection error"):
        chat(user(), assistant([entry(serve([answer] * 3))]))
    failed = [attributes_of(span) for span in telemetry.spans if not span.status.is_ok]
    assert {one["autogen.error.origin"] for one in failed} == {"backend"}, telemetry.tree()


def test_words_that_cannot_be_sent_are_no_fault_of_the_entry(telemetry: Telemetry, serve: Serve) -> None:
    with pytest.raises(UnicodeEncodeError):
        chat(user(), assistant([entry(serve([]))]), "half a pair: \ud800")
    failed = [attributes_of(span) for span in telemetry.spans if not span.status.is_ok]
    assert {one["autogen.error.origin"] for one in failed} == {"client"}, telemetry.tree()
