"""Requests that are refused, or cannot be sent, because of what the program put into them: whose it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.cli import main
from autogen_otel.testing import entry, error, text, tool_call
from autogen_otel.testing.replies import Raw
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, pair, user
from tests.support.models import HouseModel, counting_words
from tests.support.reproduced import Case
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.tools import lookup


def refusal(message: str, parameter: str | None = None) -> Raw:
    """A refusal as OpenAI words it."""
    said = {"message": message, "type": "invalid_request_error", "param": parameter, "code": None}
    return Raw(400, {"content-type": "application/json"}, json.dumps({"error": said}).encode())


LEVELS = ("POST", "chat", "invoke_agent", "invoke_workflow")
_ANY = r"(?s).*"
_JINJA = "\n------------\nWhile executing CallExpression at line 19 in source:\nError: Jinja Exception: "


def origins(telemetry: Telemetry) -> set[Any]:
    """The causes on all failed spans."""
    return {attributes_of(span)["autogen.error.origin"] for span in telemetry.spans if not span.status.is_ok}


# ------------------------------------------------------------ the order of messages
@SHAPES
@pytest.mark.parametrize(
    "words", ["Conversation roles must alternate user/assistant/...", "No user query found in messages."]
)
def test_an_order_of_messages_that_a_local_server_answers_with_500_is_no_outage(
    telemetry: Telemetry, serve: Serve, shape: str, words: str
) -> None:
    refused = error(500, f"{_JINJA}{words}", headers={"x-should-retry": "false"})
    with pytest.raises(Exception, match=_ANY):
        converse(shape, user(), assistant([entry(serve(lambda _: refused))]))
    assert origins(telemetry) == {"client"}, telemetry.tree()
    assert all(words in (telemetry.named(level)[0].status.description or "") for level in LEVELS)


def test_an_order_of_messages_that_was_carried_over_is_stale(telemetry: Telemetry, serve: Serve) -> None:
    refused = error(500, f"{_JINJA}System message must be at the beginning.", retry_after=0.001)
    helper = assistant([entry(serve([text("TERMINATE"), *[refused] * 3]))])
    asker = user()
    chat(asker, helper)
    with pytest.raises(Exception, match=_ANY):
        chat(asker, helper, "Again", clear_history=False)
    assert origins(telemetry) == {"stale_state"}, telemetry.tree()


# ------------------------------------------------------------ sizes
_LM_STUDIO = (
    "The number of tokens to keep from the initial prompt is greater than the context length"
    " (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length, or provide a"
    " shorter input"
)


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_size_that_lm_studio_tells_as_plain_text_is_told_on_every_level(
    telemetry: Telemetry, serve: Serve, status: int, is_streamed: bool
) -> None:
    body = json.dumps({"error": _LM_STUDIO})
    if is_streamed and status == 200:
        refused = Raw(200, {"content-type": "text/event-stream"}, f"event: error\ndata: {body}\n\n".encode())
    else:
        refused = Raw(status, {"content-type": "application/json", "x-should-retry": "false"}, body.encode())
    helper = configured(
        assistant([entry(serve(lambda _: refused))]), **({"stream": True} if is_streamed else {})
    )
    with counting_words(), pytest.raises(Exception, match=_ANY):
        chat(user(), helper)
    assert origins(telemetry) == {"prompt_too_large"}, telemetry.tree()
    levels = LEVELS[1:] if is_streamed and status == 200 else LEVELS
    for level in levels:
        assert "greater than the context length" in (telemetry.one(level).status.description or ""), level


# ------------------------------------------------------------ names and schemas
@pytest.mark.parametrize(
    "refused",
    [
        refusal("Invalid 'messages[1].name': string does not match pattern.", "messages[1].name"),
        Raw(
            422,
            {"content-type": "application/json"},
            json.dumps(
                {
                    "object": "error",
                    "message": {
                        "detail": [
                            {
                                "type": "extra_forbidden",
                                "loc": ["body", "messages", 1, "user", "name"],
                                "msg": "Extra inputs are not permitted",
                            }
                        ]
                    },
                }
            ).encode(),
        ),
        refusal("Only messages of role 'user' can have a name."),
        refusal(
            "'messages.1' : for 'role:user' the following must be satisfied: property 'name' is unsupported"
        ),
    ],
    ids=["pattern", "location", "role", "property"],
)
def test_a_refused_name_is_that_of_an_agent_and_no_option_of_the_entry(
    telemetry: Telemetry, serve: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path, refused: Any
) -> None:
    helper = assistant([entry(serve(lambda _: refused))])
    with pytest.raises(Exception, match=_ANY):
        chat(user("Eve_of_claims"), helper, message={"content": "Hello", "name": "Eve_of_claims"})  # type: ignore[arg-type]
    assert origins(telemetry) == {"client"}, telemetry.tree()
    assert attributes_of(telemetry.one("POST"))["autogen.refused.agent"] == "Eve_of_claims"
    for level in LEVELS:
        assert "agent Eve_of_claims" in (telemetry.one(level).status.description or ""), level


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        (
            "Invalid schema for function 'lookup': In context=(), object schema missing properties.",
            "tools[0].function.parameters",
        ),
        ("Invalid 'tools[0].function.name': string does not match pattern.", "tools[0].function.name"),
        ("* GenerateContentRequest.tools[0].function_declarations[0].parameters.properties: empty", None),
    ],
    ids=["schema", "name", "Google"],
)
def test_a_refused_tool_is_named(
    telemetry: Telemetry, serve: Serve, words: str, parameter: str | None
) -> None:
    refused = refusal(words, parameter)
    with pytest.raises(Exception, match=_ANY):
        chat(*pair(serve(lambda _: refused), lookup))
    assert origins(telemetry) == {"client"}, telemetry.tree()
    assert attributes_of(telemetry.one("POST"))["autogen.refused.tool"] == "lookup"
    assert all("lookup" in (telemetry.one(level).status.description or "") for level in LEVELS)


def test_diagnose_names_the_agent_and_no_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from autogen_otel.testing import ScriptedServer

    case = Case(tmp_path)
    refused = refusal("Invalid 'messages[1].name': string does not match pattern.", "messages[1].name")
    with ScriptedServer(lambda _: refused) as server:
        helper = assistant([entry(server)])
        case.record(lambda: chat(user("Eve"), helper, message={"content": "Hello", "name": "Eve"}))  # type: ignore[arg-type]
    main(["diagnose", "--journal", str(case.journal)])
    printed = " ".join(capsys.readouterr().out.split())
    assert "the name of agent Eve" in printed
    assert "custom client" not in printed


# ------------------------------------------------------------ what cannot be encoded
def broken_text(policy_id: str) -> str:
    """Return half of a surrogate pair, as a file name or a cut emoji may have it."""
    return f"{policy_id}: \ud83d"


def _can_send_half_pairs() -> bool:
    import openai._base_client as sdk

    http = vars(sdk)["httpx2" if "httpx2" in vars(sdk) else "httpx"]
    try:
        http.Request("POST", "http://x", json={"x": "\ud83d"})
    except UnicodeEncodeError:
        return False
    return True


@SHAPES
@pytest.mark.needs(not _can_send_half_pairs(), "this HTTP client escapes all that is not ASCII")
def test_half_a_surrogate_pair_in_a_tools_result_is_the_tools(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    with pytest.raises(UnicodeEncodeError):
        converse(shape, *pair(serve([tool_call("broken_text", {"policy_id": "P-1"})]), broken_text))
    assert origins(telemetry) == {"tool_exception"}, telemetry.tree()
    failed = telemetry.named("chat")[-1]
    assert attributes_of(failed)["autogen.refused.tool"] == "broken_text"
    assert "broken_text returned half of a surrogate pair" in (failed.status.description or "")


@pytest.mark.needs(not _can_send_half_pairs(), "this HTTP client escapes all that is not ASCII")
@pytest.mark.parametrize("by", ["tool", "user"])
def test_no_test_that_passes_is_written_of_what_cannot_be_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    from autogen_otel import Settings
    from autogen_otel.testing import ScriptedServer

    case = Case(tmp_path)
    with ScriptedServer([tool_call("broken_text", {"policy_id": "P-1"})]) as server:
        agents = pair(server, broken_text)
        message = "Hello" if by == "tool" else "Half: \ud83d"
        trace_id = case.record(
            lambda: chat(*agents, message), settings=Settings(capture_message_content="SPAN_ONLY")
        )
    path = tmp_path / "test_it.py"
    assert main(["repro", trace_id, "--journal", str(case.journal), "-o", str(path)]) != 0
    assert "surrogate" in capsys.readouterr().err
    assert not path.exists()
    main(["diagnose", "--journal", str(case.journal), "--format", "json"])
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    if by == "tool":
        assert (finding["cause"], finding["subject"]["tool"]) == ("tool_exception", "broken_text")
        assert "broken_text returned has half of a surrogate pair" in finding["advice"]


# ------------------------------------------------------------ exceptions of other SDKs
class _SDKError(Exception):
    """What the SDK of another provider raises, whose requests are not observed."""


def _raised(kind: str) -> Exception:
    failure = _SDKError("Overloaded")
    fields: dict[str, dict[str, Any]] = {
        "Anthropic": {
            "status_code": 529,
            "request_id": "req_011",
            "body": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        },
        "Google": {"code": 503, "status": "UNAVAILABLE", "message": "Overloaded"},
        "Bedrock": {
            "response": {
                "Error": {"Code": "ThrottlingException", "Message": "Too many requests"},
                "ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "11e3-a4"},
            }
        },
        "wrapped": {},
    }
    vars(failure).update(fields[kind])
    if kind == "wrapped":
        outer = RuntimeError("the call of the model failed")
        outer.__cause__ = _raised("Anthropic")
        return outer
    return failure


class _Foreign(HouseModel):
    """A client of another SDK."""

    def create(self, params: dict[str, Any]) -> Any:
        raise _raised(params["model"])


_ANTHROPIC = {"http.response.status_code": 529, "autogen.http.request_id": "req_011"}
_TOLD = {
    "Anthropic": {**_ANTHROPIC, "autogen.http.error.type": "overloaded_error"},
    "Google": {
        "http.response.status_code": 503,
        "autogen.http.error.code": "503",
        "autogen.http.error.type": "UNAVAILABLE",
    },
    "Bedrock": {
        "http.response.status_code": 429,
        "autogen.http.request_id": "11e3-a4",
        "autogen.http.error.code": "ThrottlingException",
    },
    "wrapped": {**_ANTHROPIC, "autogen.http.error.type": "overloaded_error"},
}


@pytest.mark.parametrize("kind", _TOLD)
@pytest.mark.parametrize("count", [1, 2])
def test_status_and_request_id_are_read_from_the_exceptions_of_other_sdks(
    telemetry: Telemetry, serve: Serve, kind: str, count: int
) -> None:
    own = {"model": kind, "model_client_cls": "_Foreign"}
    helper = assistant([own, *[entry(serve([text("TERMINATE")]))][: count - 1]])
    helper.register_model_client(model_client_cls=_Foreign)
    with pytest.raises(Exception, match=_ANY):
        chat(user(), helper)
    failed = attributes_of(telemetry.named("chat" if count == 1 else "config_entry 0")[0])
    assert failed["autogen.error.origin"] == ("backend" if kind == "Google" else "rate_limit")
    told = {
        key: value
        for key, value in failed.items()
        if key.startswith(("http.response", "autogen.http.")) and value is not None
    }
    assert told == _TOLD[kind]
