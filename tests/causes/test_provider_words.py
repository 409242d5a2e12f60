"""What servers really say, and what it stands for; collected from public reports of each server."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.causes.decision import cause_of_answer
from autogen_otel.causes.provider_error import ProviderError, error_in, error_in_body
from autogen_otel.causes.request_part import RequestPart, refused_part
from autogen_otel.vocabulary import causes

_LLAMA_CPP = "\n------------\nWhile executing CallExpression at line 19, column 27 in source:\n...\nError: "
_LM_STUDIO = "Error rendering prompt with jinja template: "

ORDER = (
    (
        500,
        f"{_LLAMA_CPP}Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...",
    ),
    (
        500,
        f"{_LLAMA_CPP}Jinja Exception: After the optional system message, conversation roles must alternate",
    ),
    (500, f"{_LLAMA_CPP}Jinja Exception: System message must be at the beginning."),
    (500, f"{_LLAMA_CPP}Jinja Exception: Unexpected message role."),
    (500, 'Conversation roles must alternate at row 19, column 27:\n {{ raise_exception("...") }}'),
    (500, "Cannot pass both content and thinking in an assistant message with tool calls! at row 290"),
    (
        500,
        "rpc error: code = InvalidArgument desc = Error: Jinja Exception: No user query found in messages.",
    ),
    (500, "jinja2.exceptions.TemplateError: Only user and assistant roles are supported!"),
    (400, f'{_LM_STUDIO}"No user query found in messages.".'),
    (400, f'{_LM_STUDIO}"This model only supports single tool-calls at once!".'),
    (200, f'{_LM_STUDIO}"Conversation roles must alternate user/assistant/user/assistant/...".'),
    (400, "Cannot have 2 or more assistant messages at the end of the list."),
    (400, "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
    (400, "Unexpected role 'user' after role 'tool'"),
    (
        400,
        'messages: roles must alternate between "user" and "assistant", but found multiple "assistant" roles',
    ),
    (
        400,
        "This model does not support prefill. The conversation must end with a user message.",
    ),
    (400, "messages.67: role 'system' must precede an 'assistant' message or end the array"),
    (400, "Please ensure that multiturn requests alternate between user and model."),
    (400, "A conversation must start with a user message. Try again with a conversation that starts so."),
    (400, "Expected toolResult blocks at messages.2.content for the following Ids: tooluse_1"),
    (400, "After the (optional) system message(s), user or tool message(s) should alternate with assistant"),
    (400, "The last message of deepseek-reasoner must be a user message"),
    (400, "deepseek-reasoner does not support successive user or assistant messages"),
    (400, '<400> InternalError: messages with role "tool" must be a response to a preceeding message'),
    (400, "invalid params, tool result's tool id(call_1) not found"),
    (422, "Last message role must be 'user'"),
)


@pytest.mark.parametrize(("status", "words"), ORDER)
def test_messages_in_the_wrong_order_are_no_fault_of_the_server(status: int, words: str) -> None:
    said = ProviderError(words, type="server_error" if status == 500 else None)
    assert cause_of_answer(status, said, 0) == causes.CLIENT
    assert cause_of_answer(status, said, 3) == causes.STALE_STATE


@pytest.mark.parametrize(
    ("status", "words", "cause"),
    [
        (500, "jinja2.exceptions.TemplateError: System role not supported", causes.CONFIG_ENTRY),
        (500, "tools param requires --jinja flag", causes.CONFIG_ENTRY),
        (500, f'{_LM_STUDIO}"Unknown test: sequence".', causes.CONFIG_ENTRY),
        (400, f'{_LM_STUDIO}"Error: Parser Error: Expected closing statement token."', causes.CONFIG_ENTRY),
        (400, "registry.ollama.ai/library/gemma2 does not support tools", causes.CONFIG_ENTRY),
        (500, "The server had an error while processing your request", causes.BACKEND),
        (500, "Last message of the shard was lost", causes.BACKEND),
        (503, "roles must alternate", causes.BACKEND),
        (429, "roles must alternate", causes.RATE_LIMIT),
    ],
)
def test_what_a_model_cannot_do_and_what_a_server_suffers_is_told_apart(
    status: int, words: str, cause: str
) -> None:
    assert cause_of_answer(status, ProviderError(words), 0) == cause


SIZES = (
    (
        "The number of tokens to keep from the initial prompt is greater than the context length"
        " (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length"
    ),
    (
        "Trying to keep the first 15857 tokens when context the overflows. However, the model is loaded with"
        " context length of only 7866 tokens, which is not enough."
    ),
    (
        "Reached context length of 4096 tokens with model (arch: qwen2) that does not currently support"
        " mid-generation context overflow."
    ),
    "Context size has been exceeded.",
    "input is too large to process. increase the physical batch size",
    "Input length (9001 tokens) exceeds the maximum allowed length (8192 tokens).",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "prompt token count of 130000 exceeds the limit of 128000",
)


@pytest.mark.parametrize("words", SIZES)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_a_size_is_a_size_whatever_the_status(status: int, words: str) -> None:
    assert cause_of_answer(status, error_in({"error": words}), 0) == causes.PROMPT_TOO_LARGE


def _google(message: str, reason: str) -> Any:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"},
        {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "message": message},
    ]
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}}


@pytest.mark.parametrize(
    "words",
    [
        "API key not valid. Please pass a valid API key.",
        "API key expired. Please renew the API key.",
        "Please use another.",
    ],
)
@pytest.mark.parametrize("is_in_list", [True, False])
def test_a_wrong_key_that_google_answers_with_400(words: str, is_in_list: bool) -> None:
    body = _google(words, "API_KEY_INVALID")
    error = error_in([body] if is_in_list else body)
    assert (error.message, error.code) == (words, "API_KEY_INVALID")
    assert cause_of_answer(400, error) == causes.CONFIG_ENTRY


def test_an_error_as_text_in_a_message_is_read() -> None:
    inner = '{"error": {"code": 400, "message": "API key expired. Please renew the API key."}}'
    assert error_in({"error": {"message": inner, "code": 400}}).message == (
        "API key expired. Please renew the API key."
    )


def test_a_reason_in_words_is_no_code() -> None:
    assert error_in({"reason": "Nothing is left"}) == ProviderError("Nothing is left")


PARTS = (
    # The parameter, what the provider says, and the part.
    (
        "messages[1].name",
        "Invalid 'messages[1].name': string does not match pattern. Expected '^[^\\s<|\\\\/>]+$'.",
        RequestPart(of_tools=False, position=1, is_name=True),
    ),
    (
        None,
        "messages.0.name: Extra inputs are not permitted",
        RequestPart(of_tools=False, position=0, is_name=True),
    ),
    (
        None,
        "body.messages.1.user.name: Extra inputs are not permitted",
        RequestPart(of_tools=False, position=1, is_name=True),
    ),
    (
        None,
        "1 validation error for ChatCompletionRequest messages.0.user.name Extra inputs are not permitted",
        RequestPart(of_tools=False, position=0, is_name=True),
    ),
    (
        None,
        (
            "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' :"
            " property 'name' is unsupported, did you mean 'role'?)]"
        ),
        RequestPart(of_tools=False, position=2, is_name=True),
    ),
    (None, "Only messages of role 'user' can have a name.", RequestPart(of_tools=False, is_name=True)),
    (
        "messages[2].content",
        "Invalid type for 'messages[2].content'",
        RequestPart(of_tools=False, position=2),
    ),
    (
        "messages[2].tool_calls[0].function.name",
        "Invalid 'messages[2].tool_calls[0].function.name': string does not match pattern.",
        RequestPart(of_tools=False, position=2),
    ),
    (
        "tools[1].function.parameters",
        "Invalid schema for function 'list-databases': In context=(), object schema missing properties.",
        RequestPart(of_tools=True, tool="list-databases"),
    ),
    (
        "tools[3].function.name",
        "Invalid 'tools[3].function.name': string does not match pattern.",
        RequestPart(of_tools=True, position=3),
    ),
    (None, "tools.0.custom.input_schema: JSON schema is invalid", RequestPart(of_tools=True, position=0)),
    (
        None,
        "* GenerateContentRequest.tools[0].function_declarations[5].parameters.properties: empty",
        RequestPart(of_tools=True, position=5),
    ),
    ("temperature", "Unsupported value: 'temperature' does not support 0.7", None),
    (None, "tools: Extra inputs are not permitted", None),
)


@pytest.mark.parametrize(("parameter", "words", "part"), PARTS)
def test_the_part_of_a_request_that_is_refused(parameter: Any, words: str, part: RequestPart | None) -> None:
    error = ProviderError(words, parameter=parameter)
    assert refused_part(error) == part
    assert cause_of_answer(400, error._replace(code="unsupported_value")) == (
        causes.CONFIG_ENTRY if part is None else causes.CLIENT
    )


_COMMENTS = "<!-- a padding to disable MSIE and Chrome friendly error page -->\n" * 6
_OLD_BROWSERS = '<!--[if lt IE 7]> <html class="no-js ie6"> <![endif]-->'


@pytest.mark.parametrize(
    "page",
    [
        f"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n{_COMMENTS}",
        (
            f"<!-- served by edge-3 > cache -->\n<!DOCTYPE html>{_OLD_BROWSERS}<html><head>"
            "<title>502 Bad Gateway</title></head><body><!-- a > b --><p>nginx</p></body></html>"
        ),
        '<?xml version="1.0"?><!DOCTYPE html><html><title>502 Bad Gateway</title><body>nginx</body></html>',
    ],
)
@pytest.mark.parametrize("content_type", ["text/html", ""])
def test_the_comments_of_a_page_are_not_what_it_says(page: str, content_type: str) -> None:
    assert error_in_body(page.encode(), content_type).message == "text/html: 502 Bad Gateway nginx"
