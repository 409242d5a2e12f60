"""Real answers of providers, gateways and proxies that are errors: what they send, and what that is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from autogen_otel.testing import raw
from autogen_otel.testing.replies import Raw

JSON = "application/json"


@dataclass(frozen=True)
class Refused:
    """An answer that is an error.

    Args:
        name: whose it is.
        reply: what is sent.
        cause: what it stands for.
        words: a part of what every span says of it.
        code: ``autogen.http.error.code``.
        type: ``autogen.http.error.type``.
    """

    name: str
    reply: Raw
    cause: str
    words: str
    code: str | None = None
    type: str | None = None

    def __str__(self) -> str:
        return self.name


def answer(status: int, body: Any, content_type: str = JSON) -> Raw:
    """An HTTP answer that asks the SDK to try again at once, if it wants to."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return raw(status, {"content-type": content_type, "retry-after-ms": "1"}, content)


def openai(http_status: int, message: str, code: Any = None, type: Any = None, **more: Any) -> Raw:  # noqa: A002
    """In OpenAI's own shape."""
    return answer(
        http_status, {"error": {"message": message, "type": type, "param": None, "code": code, **more}}
    )


_TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
)
_PAGE = """<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>h1 {color: red}</style></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx/1.25.3</center></body></html>"""
_LOGIN = """<html><head><title>Sign in</title><script>let token = "x";</script></head>
<body><form>Please sign in to continue &amp; accept</form></body></html>"""

REFUSED = (
    # ------------------------------------------------ sizes
    Refused(
        "OpenAI, context length",
        openai(400, _TOO_LONG, "context_length_exceeded", "invalid_request_error"),
        "prompt_too_large",
        "maximum context length",
        "context_length_exceeded",
        "invalid_request_error",
    ),
    Refused(
        "vLLM, context length",
        answer(400, {"object": "error", "message": _TOO_LONG, "type": "BadRequestError", "code": 400}),
        "prompt_too_large",
        "9001 tokens",
        "400",
        "BadRequestError",
    ),
    Refused(
        "FastChat, context length",
        answer(400, {"object": "error", "message": _TOO_LONG, "code": 40303}),
        "prompt_too_large",
        "9001 tokens",
        "40303",
    ),
    Refused(
        "llama.cpp, 400",
        openai(
            400,
            "the request exceeds the available context size, try increasing it",
            400,
            "exceed_context_size_error",
            n_ctx=4096,
        ),
        "prompt_too_large",
        "exceeds the available context size",
        "400",
        "exceed_context_size_error",
    ),
    Refused(
        "llama.cpp, 500",
        openai(
            500,
            "the request exceeds the available context size. try increasing the context size",
            500,
            "server_error",
        ),
        "prompt_too_large",
        "available context size",
        "500",
        "server_error",
    ),
    Refused(
        "LM Studio, context size",
        answer(400, {"error": "Context size has been exceeded."}),
        "prompt_too_large",
        "Context size has been exceeded",
    ),
    Refused(
        "Bedrock, input too long",
        answer(400, {"message": "Input is too long for requested model.", "__type": "ValidationException"}),
        "prompt_too_large",
        "Input is too long",
        None,
        "ValidationException",
    ),
    Refused(
        "Anthropic, prompt too long",
        answer(
            400,
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "message": "prompt is too long: 208310 tokens > 200000 maximum",
                },
            },
        ),
        "prompt_too_large",
        "prompt is too long",
        None,
        "invalid_request_error",
    ),
    Refused(
        "OpenAI, larger than the minute's budget",
        openai(
            429,
            "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000.",
            "rate_limit_exceeded",
            "tokens",
        ),
        "prompt_too_large",
        "Request too large",
        "rate_limit_exceeded",
        "tokens",
    ),
    Refused(
        "nginx, 413",
        answer(
            413,
            "<html><head><title>413 Request Entity Too Large</title></head><body><h1>413</h1></body></html>",
            "text/html",
        ),
        "prompt_too_large",
        "text/html: 413 Request Entity Too Large",
    ),
    Refused(
        "OpenAI, string too long",
        openai(
            400,
            "Invalid 'messages[1].content': string too long. Expected a string with maximum length 10485760.",
            "string_above_max_length",
            "invalid_request_error",
        ),
        "prompt_too_large",
        "string too long",
        "string_above_max_length",
        "invalid_request_error",
    ),
    # ------------------------------------------------ shapes
    Refused("FastAPI, a detail", answer(422, {"detail": "model is required"}), "client", "model is required"),
    Refused(
        "FastAPI, details",
        answer(
            422,
            {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "value_error"}]},
        ),
        "client",
        "body.messages.0: field required",
    ),
    Refused(
        "an error that is text", answer(500, {"error": "CUDA out of memory"}), "backend", "CUDA out of memory"
    ),
    Refused(
        "Gemini, a list",
        answer(
            429,
            [
                {
                    "error": {
                        "code": 429,
                        "message": "Resource has been exhausted (e.g. check quota).",
                        "status": "RESOURCE_EXHAUSTED",
                    }
                }
            ],
        ),
        "rate_limit",
        "Resource has been exhausted",
        "429",
        "RESOURCE_EXHAUSTED",
    ),
    Refused(
        "a message and a code",
        answer(500, {"message": "shard 3 is down", "code": "shard_down"}),
        "backend",
        "shard 3 is down",
        "shard_down",
    ),
    Refused(
        "Envoy, no upstream",
        answer(503, "no healthy upstream", "text/plain"),
        "backend",
        "no healthy upstream",
    ),
    Refused(
        "Envoy, reset",
        answer(
            503,
            "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
            "text/plain",
        ),
        "backend",
        "upstream connect error",
    ),
    Refused(
        "a page of a proxy",
        answer(502, _PAGE, "text/html"),
        "backend",
        "502 Bad Gateway: text/html: 502 Bad Gateway nginx/1.25.3",
    ),
    Refused(
        "a page of a proxy, 504",
        answer(504, _PAGE.replace("502 Bad Gateway", "504 Gateway Time-out"), "text/html"),
        "timeout",
        "text/html: 504 Gateway Time-out",
    ),
    Refused("nothing at all", answer(500, "", "text/plain"), "backend", "500 Internal Server Error"),
    Refused(
        "Azure, by code",
        openai(404, "The API deployment for this resource does not exist.", "DeploymentNotFound"),
        "config_entry",
        "API deployment",
        "DeploymentNotFound",
    ),
    Refused(
        "OAuth",
        answer(401, {"error": "invalid_token", "error_description": "The access token expired"}),
        "config_entry",
        "The access token expired",
        "invalid_token",
    ),
    # ------------------------------------------------ codes
    Refused(
        "OpenAI, model",
        openai(404, "The model `gpt-9` does not exist", "model_not_found", "invalid_request_error"),
        "config_entry",
        "gpt-9",
        "model_not_found",
        "invalid_request_error",
    ),
    Refused(
        "OpenAI, key",
        openai(401, "Incorrect API key provided", "invalid_api_key", "invalid_request_error"),
        "config_entry",
        "Incorrect API key",
        "invalid_api_key",
        "invalid_request_error",
    ),
    Refused(
        "OpenAI, rate",
        openai(429, "Rate limit reached for gpt-4o", "rate_limit_exceeded", "requests"),
        "rate_limit",
        "Rate limit reached",
        "rate_limit_exceeded",
        "requests",
    ),
    Refused(
        "OpenAI, quota",
        openai(429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
        "rate_limit",
        "current quota",
        "insufficient_quota",
        "insufficient_quota",
    ),
    Refused(
        "DeepSeek, balance",
        openai(402, "Insufficient Balance", "invalid_request_error", "unknown_error"),
        "rate_limit",
        "Insufficient Balance",
        "invalid_request_error",
        "unknown_error",
    ),
    Refused(
        "Anthropic, overloaded",
        answer(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        "rate_limit",
        "Overloaded",
        None,
        "overloaded_error",
    ),
    Refused(
        "Bedrock, throttled",
        answer(400, {"message": "Too many requests, please wait", "__type": "ThrottlingException"}),
        "rate_limit",
        "Too many requests",
        None,
        "ThrottlingException",
    ),
    Refused(
        "Azure, content filter",
        openai(
            400,
            "The prompt triggered Azure OpenAI's content management policy.",
            "content_filter",
            None,
            status=400,
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
        "content_filter",
        "content management policy",
        "content_filter",
        "400",
    ),
    Refused(
        "a wrong option",
        openai(
            400,
            "Unsupported value: 'temperature' does not support 0.7",
            "unsupported_value",
            "invalid_request_error",
        ),
        "config_entry",
        "Unsupported value",
        "unsupported_value",
        "invalid_request_error",
    ),
    Refused(
        "vLLM, no tools",
        answer(
            400,
            {
                "object": "error",
                "message": '"auto" tool choice requires --enable-auto-tool-choice',
                "type": "BadRequestError",
                "code": 400,
            },
        ),
        "config_entry",
        "tool choice requires",
        "400",
        "BadRequestError",
    ),
    Refused(
        "more tokens than the model has, through a gateway that names no parameter",
        openai(
            400,
            "max_tokens is too large: 99999. This model supports at most 4096 completion tokens.",
            "invalid_value",
            "invalid_request_error",
        ),
        "config_entry",
        "max_tokens is too large",
        "invalid_value",
        "invalid_request_error",
    ),
    Refused(
        "a gateway, no tools",
        openai(400, "`tools` is not supported by model llama2", None, "invalid_request_error"),
        "config_entry",
        "is not supported by",
        None,
        "invalid_request_error",
    ),
    Refused(
        "a proxy that wants to know who asks",
        answer(407, "Proxy Authentication Required", "text/plain"),
        "config_entry",
        "Proxy Authentication Required",
    ),
    Refused(
        "nginx, plain HTTP to an HTTPS port",
        answer(
            400, "<html><body>400 The plain HTTP request was sent to HTTPS port</body></html>", "text/html"
        ),
        "config_entry",
        "plain HTTP request",
    ),
    Refused(
        "a misuse",
        openai(400, "you must provide a messages parameter", None, "invalid_request_error"),
        "client",
        "messages parameter",
        None,
        "invalid_request_error",
    ),
    Refused(
        "Bedrock, throttled by tokens",
        answer(
            429,
            {"message": "Too many tokens, please wait before trying again.", "__type": "ThrottlingException"},
        ),
        "rate_limit",
        "Too many tokens",
        None,
        "ThrottlingException",
    ),
    Refused(
        "OpenAI, account closed",
        openai(401, "Your account was closed for violating our usage policies.", "account_deactivated"),
        "config_entry",
        "account was closed",
        "account_deactivated",
    ),
    Refused(
        "Google, key",
        answer(400, {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}),
        "config_entry",
        "API key not valid",
        "400",
        "INVALID_ARGUMENT",
    ),
    Refused(
        "Anthropic, credit",
        answer(
            400,
            {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"},
            },
        ),
        "rate_limit",
        "credit balance",
        None,
        "invalid_request_error",
    ),
    Refused(
        "LiteLLM, 500",
        openai(500, "litellm.RateLimitError: AzureException RateLimitError - slow down"),
        "rate_limit",
        "litellm.RateLimitError",
    ),
    Refused(
        "OpenRouter, what the provider behind it said",
        openai(
            400,
            "Provider returned error",
            400,
            metadata={"raw": '{"error": {"message": "prompt is too long", "code": "too_long"}}'},
        ),
        "prompt_too_large",
        "Provider returned error: prompt is too long",
        "too_long",
    ),
    Refused(
        "a list of errors",
        answer(404, {"errors": [{"code": "model_not_found", "message": "gpt-9 is not here"}]}),
        "config_entry",
        "gpt-9 is not here",
        "model_not_found",
    ),
    Refused(
        "FastAPI, a detail that is an object",
        answer(400, {"detail": {"error": {"message": "Long", "code": "context_length_exceeded"}}}),
        "prompt_too_large",
        "Long",
        "context_length_exceeded",
    ),
    Refused(
        "JSON in JSON",
        answer(500, {"error": '{"message": "shard 3 is down", "code": "shard_down"}'}),
        "backend",
        "shard 3 is down",
        "shard_down",
    ),
    # ------------------------------------------------ errors with a good status
    Refused(
        "OpenRouter, in a choice",
        answer(
            200,
            {
                "id": "x",
                "choices": [
                    {"error": {"code": 429, "message": "Slow down"}, "finish_reason": "error", "index": 0}
                ],
            },
        ),
        "rate_limit",
        "Slow down",
        "429",
    ),
    Refused(
        "a gateway of its own kind",
        answer(200, {"success": False, "msg": "balance used up", "code": 402, "choices": None}),
        "rate_limit",
        "balance used up",
        "402",
    ),
    Refused(
        "a gateway, 200",
        answer(200, {"error": {"message": "Rate limit exceeded", "code": 429}}),
        "rate_limit",
        "Rate limit exceeded",
        "429",
    ),
    Refused(
        "LM Studio, 200",
        answer(200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        "config_entry",
        "Unexpected endpoint",
    ),
    Refused(
        "llama.cpp, 200",
        answer(
            200,
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size",
                    "type": "exceed_context_size_error",
                }
            },
        ),
        "prompt_too_large",
        "available context size",
        "400",
        "exceed_context_size_error",
    ),
    Refused(
        "no choices, 200",
        answer(200, {"id": "x", "object": "chat.completion", "model": "gpt-4o"}),
        "backend",
        "no choices",
    ),
    Refused(
        "a login page, 200",
        answer(200, _LOGIN, "text/html"),
        "backend",
        "text/html: Sign in Please sign in to continue & accept",
    ),
    Refused("an empty body, 200", answer(200, ""), "backend", "the body is empty"),
    Refused("half a body, 200", answer(200, '{"id": "x", "choi'), "backend", "choi"),
    Refused(
        "OpenRouter, 200",
        answer(200, {"error": {"message": "Provider returned error", "code": 502}, "choices": None}),
        "backend",
        "Provider returned error",
        "502",
    ),
)
"""Whatever the shape, words, code and cause are the same on every level."""
