"""Codes, types and wordings of the errors of real servers, with the cause that each stands for.

Codes and types are a provider's contract; wordings are not, and change. Each wording is quoted from the
server named beside it, as far as it is the same in every error of its kind.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from autogen_otel.vocabulary import causes


class Wording(NamedTuple):
    """How one kind of server words an error.

    Args:
        cause: the cause that it stands for.
        pattern: a regular expression, searched for anywhere in the message, in any case.
        server: the servers that say so.
    """

    cause: str
    pattern: str
    server: str


BY_CODE: Final = {
    # OpenAI, Azure
    "context_length_exceeded": causes.PROMPT_TOO_LARGE,
    "string_above_max_length": causes.PROMPT_TOO_LARGE,
    "request_too_large": causes.PROMPT_TOO_LARGE,
    "max_tokens_exceeded": causes.PROMPT_TOO_LARGE,
    "tokens_limit_reached": causes.PROMPT_TOO_LARGE,
    "content_filter": causes.CONTENT_FILTER,
    "content_policy_violation": causes.CONTENT_FILTER,
    "ResponsibleAIPolicyViolation": causes.CONTENT_FILTER,
    "moderation_blocked": causes.CONTENT_FILTER,
    "rate_limit_exceeded": causes.RATE_LIMIT,
    "insufficient_quota": causes.RATE_LIMIT,
    "billing_hard_limit_reached": causes.RATE_LIMIT,
    "billing_not_active": causes.RATE_LIMIT,
    "invalid_api_key": causes.CONFIG_ENTRY,
    "account_deactivated": causes.CONFIG_ENTRY,
    "model_not_found": causes.CONFIG_ENTRY,
    "unsupported_parameter": causes.CONFIG_ENTRY,
    "unsupported_value": causes.CONFIG_ENTRY,
    "unsupported_model": causes.CONFIG_ENTRY,
    "unknown_parameter": causes.CONFIG_ENTRY,
    "invalid_model": causes.CONFIG_ENTRY,
    "DeploymentNotFound": causes.CONFIG_ENTRY,
    "OperationNotSupported": causes.CONFIG_ENTRY,
    "unsupported_country_region_territory": causes.CONFIG_ENTRY,
    "server_error": causes.BACKEND,
    # llama.cpp
    "exceed_context_size_error": causes.PROMPT_TOO_LARGE,
    "unavailable_error": causes.BACKEND,
    # Anthropic
    "rate_limit_error": causes.RATE_LIMIT,
    "overloaded_error": causes.RATE_LIMIT,
    "billing_error": causes.RATE_LIMIT,
    "authentication_error": causes.CONFIG_ENTRY,
    "permission_error": causes.CONFIG_ENTRY,
    "not_found_error": causes.CONFIG_ENTRY,
    "timeout_error": causes.TIMEOUT,
    "api_error": causes.BACKEND,
    # Google
    "RESOURCE_EXHAUSTED": causes.RATE_LIMIT,
    "RATE_LIMIT_EXCEEDED": causes.RATE_LIMIT,
    "API_KEY_INVALID": causes.CONFIG_ENTRY,
    "API_KEY_EXPIRED": causes.CONFIG_ENTRY,
    "UNAUTHENTICATED": causes.CONFIG_ENTRY,
    "PERMISSION_DENIED": causes.CONFIG_ENTRY,
    "NOT_FOUND": causes.CONFIG_ENTRY,
    "DEADLINE_EXCEEDED": causes.TIMEOUT,
    "UNAVAILABLE": causes.BACKEND,
    "INTERNAL": causes.BACKEND,
    # AWS
    "ThrottlingException": causes.RATE_LIMIT,
    "ServiceQuotaExceededException": causes.RATE_LIMIT,
    "AccessDeniedException": causes.CONFIG_ENTRY,
    "UnrecognizedClientException": causes.CONFIG_ENTRY,
    "ResourceNotFoundException": causes.CONFIG_ENTRY,
    "ModelTimeoutException": causes.TIMEOUT,
    # Alibaba
    "data_inspection_failed": causes.CONTENT_FILTER,
    "DataInspectionFailed": causes.CONTENT_FILTER,
    "Arrearage": causes.RATE_LIMIT,
}
"""Causes by ``code`` or ``type`` of the error."""

BY_STATUS: Final = {
    401: causes.CONFIG_ENTRY,
    402: causes.RATE_LIMIT,
    403: causes.CONFIG_ENTRY,
    404: causes.CONFIG_ENTRY,
    405: causes.CONFIG_ENTRY,
    407: causes.CONFIG_ENTRY,
    408: causes.TIMEOUT,
    410: causes.CONFIG_ENTRY,
    413: causes.PROMPT_TOO_LARGE,
    429: causes.RATE_LIMIT,
    498: causes.RATE_LIMIT,
    504: causes.TIMEOUT,
    522: causes.TIMEOUT,
    524: causes.TIMEOUT,
    529: causes.RATE_LIMIT,
}

ENTRY_PARAMETERS: Final = frozenset(
    {
        "model",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "api_version",
        "stop",
        "seed",
        "n",
        "reasoning_effort",
        "response_format",
        "service_tier",
    }
)
"""Parameters of a request that the entry sets, as ``param`` of the error names them."""

_SIZE, _FILTER, _RATE = causes.PROMPT_TOO_LARGE, causes.CONTENT_FILTER, causes.RATE_LIMIT
_CONFIG, _STALE, _TIMEOUT = causes.CONFIG_ENTRY, causes.STALE_STATE, causes.TIMEOUT

SIZE_WORDINGS: Final = (
    Wording(_SIZE, r"maximum context length", "OpenAI, vLLM, FastChat, DeepSeek"),
    Wording(_SIZE, r"context.{0,5}length.{0,30}exceed|exceed.{0,40}context.{0,5}length", "OpenAI, LM Studio"),
    Wording(_SIZE, r"exceeds? the available context size", "llama.cpp"),
    Wording(_SIZE, r"context size (?:has been )?exceeded", "LM Studio, llama.cpp"),
    Wording(
        _SIZE,
        r"exceed(?:s|ed|ing)? the (?:model'?s? |maximum )?context window",
        "OpenAI Responses, Groq, Ollama",
    ),
    Wording(_SIZE, r"tokens to keep from the initial prompt is greater", "LM Studio"),
    Wording(_SIZE, r"loaded with (?:a )?context length of only \d+", "LM Studio"),
    Wording(_SIZE, r"reached context length of \d+|context overflow", "LM Studio"),
    Wording(_SIZE, r"input is too large to process", "llama.cpp"),
    Wording(_SIZE, r"context window (?:of this model )?(?:is )?exceeded|contextwindowexceeded", "LiteLLM"),
    Wording(_SIZE, r"input is too long", "Bedrock, OpenAI"),
    Wording(_SIZE, r"prompt is too long", "Anthropic"),
    Wording(_SIZE, r"input length and `?max_tokens`? exceed context limit", "Anthropic"),
    Wording(_SIZE, r"request (?:entity |body )?(?:is )?too large", "OpenAI (429), nginx, Cloudflare"),
    Wording(_SIZE, r"payload too large|content too large", "Azure, proxies"),
    Wording(_SIZE, r"content.{0,20}string too long", "OpenAI"),
    Wording(_SIZE, r"too many (?:input )?tokens[:.]? (?:total|size|the|in )", "Cohere"),
    Wording(_SIZE, r"reduce the length of the (?:messages|prompt|input)", "OpenAI, Groq"),
    Wording(_SIZE, r"input token count.{0,40}exceeds? the maximum", "Google"),
    Wording(_SIZE, r"prompt contains \d+ tokens.{0,80}(?:too large|exceed|maximum)", "Mistral"),
    Wording(_SIZE, r"(?:inputs?|prompt).{0,60}must have less than \d+ tokens", "TGI"),
    Wording(_SIZE, r"`?inputs`? tokens \+ `?max_new_tokens`? must be", "TGI"),
    Wording(_SIZE, r"exceeds? the (?:max(?:imum)? )?(?:token limit|number of tokens)", "Together, Google"),
    Wording(_SIZE, r"larger than the (?:maximum|model'?s?) context|longer than the model", "SGLang, vLLM"),
    Wording(_SIZE, r"range of input length should be", "Alibaba"),
    Wording(_SIZE, r"input length.{0,40}exceeds the maximum allowed length", "SGLang"),
    Wording(_SIZE, r"model'?s (?:context length is only|maximum prompt length is) \d+", "vLLM, xAI"),
    Wording(_SIZE, r"prompt token count of \d+ exceeds|input tokens exceeded", "GitHub Copilot, Bedrock"),
    Wording(_SIZE, r"exceeded model token limit", "Moonshot"),
)
"""Size limits; they count at any status, because servers report them as 400, 413, 429 and 500."""

FILTER_WORDINGS: Final = (
    Wording(_FILTER, r"content management policy|content_filter", "Azure"),
    Wording(
        _FILTER,
        r"(?:prompt|input|request|message|response).{0,80}(?:content policy|safety system|usage polic)",
        "OpenAI",
    ),
    Wording(_FILTER, r"requires moderation.{0,80}flagged|input was flagged", "OpenRouter"),
    Wording(_FILTER, r"blocked by (?:the )?content filter|output blocked by content filtering", "Anthropic"),
    Wording(_FILTER, r"may contain inappropriate content", "Alibaba"),
    Wording(_FILTER, r"content exists risk", "DeepSeek"),
    Wording(_FILTER, r"prompt was blocked|blocked due to safety|prohibited_content", "Google"),
    Wording(_FILTER, r"blocked by.{0,20}guardrail", "Bedrock, LiteLLM"),
)
"""Refusals by policy, as errors of the request."""

ORDER_WORDINGS: Final = (
    Wording(_STALE, r"'tool_calls' must be followed by tool messages", "OpenAI, Azure, DeepSeek"),
    Wording(_STALE, r"tool_call_ids? did not have response messages", "OpenAI, Azure"),
    Wording(
        _STALE,
        r"role:? ?['\"]?tool['\"]? must be a response to a prec?e+ding message",
        "OpenAI, Azure, Alibaba",
    ),
    Wording(_STALE, r"function_call' must be followed by|role 'function' must", "OpenAI"),
    Wording(_STALE, r"no tool (?:call|output) found for function call", "OpenAI Responses"),
    Wording(_STALE, r"tool_use`? ids? were found without `?tool_result", "Anthropic"),
    Wording(_STALE, r"unexpected `?tool_use_id`? found in `?tool_result", "Anthropic"),
    Wording(_STALE, r"tool ?result blocks? (?:at|for)|number of tool ?result blocks", "Bedrock"),
    Wording(_STALE, r"not the same number of function calls and responses", "Mistral"),
    Wording(_STALE, r"unexpected role '?\w+'? after role|unexpected message role", "Mistral, Qwen"),
    Wording(_STALE, r"number of function response parts", "Google"),
    Wording(_STALE, r"function call turn comes immediately after", "Google"),
    Wording(_STALE, r"tool_?call_?id.{0,60}(?:not found|missing|unknown|no match)", "gateways"),
    Wording(_STALE, r"tool (?:call )?result.{0,80}(?:not found|does not follow)", "MiniMax"),
    Wording(_STALE, r"no previous assistant message|previous message.{0,40}(?:tool|assistant)", "templates"),
    Wording(
        _STALE,
        r"\b(?:roles?|messages?|turns|requests)\b.{0,80}\balternat(?:e|ing)\b",
        "llama.cpp, vLLM, TGI, Anthropic, Google, Perplexity",
    ),
    Wording(
        _STALE, r"no user (?:query|message)s? (?:was |were )?(?:found|in)", "Qwen in LM Studio, llama.cpp"
    ),
    Wording(
        _STALE,
        r"\b(?:first|last|final) (?:message|role|turn)\b.{0,60}\b(?:user|assistant|tool|system)\b",
        "NVIDIA, DeepSeek, Perplexity",
    ),
    Wording(_STALE, r"expected (?:first|last) role", "Mistral"),
    Wording(
        _STALE,
        r"\b(?:conversation|messages?|chat|history) (?:must|should|has to|needs to)"
        r" (?:start|begin|end|finish) with",
        "Anthropic, Bedrock",
    ),
    Wording(
        _STALE,
        r"system message (?:must|should|has to) (?:be|come)|only the first message|multiple system messages"
        r"|role '?system'? must",
        "Qwen, Anthropic",
    ),
    Wording(
        _STALE,
        r"2 or more assistant messages|(?:successive|consecutive) (?:user|assistant|system|messages)",
        "llama.cpp, DeepSeek",
    ),
    Wording(
        _STALE,
        r"only user(?:,| and) .{0,40}roles are supported|only supports single tool-?calls? at once",
        "Gemma, Mistral, Llama",
    ),
    Wording(_STALE, r"both content and thinking", "gpt-oss"),
    Wording(
        _STALE,
        r"jinja exception|\braise_exception\b|jinja2?\.exceptions\.TemplateError|TemplateError:",
        "templates of llama.cpp, LocalAI, vLLM, SGLang",
    ),
)
"""Complaints about the order of messages, which the templates of local servers raise and which these answer
with 500. They are stale where messages were carried over from an earlier run."""

ABILITY_WORDINGS: Final = (
    Wording(
        _CONFIG,
        r"system role (?:is )?not supported|does not support (?:the )?system (?:role|prompt)",
        "Gemma",
    ),
    Wording(_CONFIG, r"requires? `?--jinja", "llama.cpp"),
    Wording(_CONFIG, r"does not support (?:tools|functions|function calling)|not support tool", "Ollama"),
    Wording(
        _CONFIG,
        r"\b(?:tools?|functions?|function calling|tool (?:use|calling|choice))\W{0,3} (?:is|are) not"
        r" (?:supported|enabled)",
        "gateways",
    ),
    Wording(_CONFIG, r"\"auto\" tool choice requires", "vLLM"),
    Wording(
        _CONFIG,
        r"jinja template.{0,20}(?:parser error|unknown (?:test|filter|statement|operator))"
        r"|jinja2?\.exceptions\.TemplateSyntaxError",
        "LM Studio, vLLM",
    ),
)
"""What the model of an entry cannot do, or its server as it was started; local ones answer with 500."""

CONFIG_WORDINGS: Final = (
    Wording(_CONFIG, r"unexpected endpoint or method", "LM Studio"),
    Wording(_CONFIG, r"(?:incorrect|invalid|missing|no) api[ _-]?key", "OpenAI and most others"),
    Wording(_CONFIG, r"api[ _-]?key (?:is )?(?:not valid|invalid|missing|expired)", "Google"),
    Wording(_CONFIG, r"plain http request was sent to https port", "nginx"),
    Wording(_CONFIG, r"client sent an http request to an https server", "Go servers"),
    Wording(
        _CONFIG, r"model.{0,80}(?:does not exist|not found|not exist|not supported)", "vLLM, Ollama, Groq"
    ),
    Wording(
        _CONFIG, r"(?:unknown|invalid|no such|unsupported) model|not a valid model", "Mistral, OpenRouter"
    ),
    Wording(_CONFIG, r"no models? (?:is |are )?loaded", "LM Studio"),
    Wording(_CONFIG, r"resource not found|deployment .{0,60}does not exist", "Azure"),
    Wording(
        _CONFIG, r"api version .{0,30}not supported|missing required query parameter: api-version", "Azure"
    ),
    Wording(_CONFIG, r"unsupported parameter|unrecognized request argument|unknown parameter", "OpenAI"),
    Wording(_CONFIG, r"max_(?:completion_)?tokens\W? is too large", "OpenAI, Azure"),
    Wording(_CONFIG, r"extra inputs are not permitted|extra_forbidden", "Anthropic, Mistral"),
    Wording(_CONFIG, r"unauthorized|authentication (?:failed|required)|access denied", "gateways"),
)
"""Entries that can never work, where the status does not say so."""

RATE_WORDINGS: Final = (
    Wording(_RATE, r"rate.?limit|too many requests", "OpenAI and most others"),
    Wording(_RATE, r"exceeded your current quota|quota (?:was |has been )?exceeded|out of credits", "OpenAI"),
    Wording(_RATE, r"insufficient (?:balance|credits|quota|funds)", "DeepSeek, OpenRouter"),
    Wording(_RATE, r"credit balance is too low", "Anthropic"),
    Wording(_RATE, r"resource (?:has been )?exhausted|throttl", "Google, AWS"),
)
"""Limits of use, where the status does not say so."""

TIMEOUT_WORDINGS: Final = (
    Wording(_TIMEOUT, r"upstream request timeout|stream timeout", "Envoy"),
    Wording(_TIMEOUT, r"timed? ?out|deadline exceeded", "gateways"),
)
"""No answer in time, where the status does not say so."""


ALL: Final = (
    *SIZE_WORDINGS,
    *FILTER_WORDINGS,
    *ABILITY_WORDINGS,
    *ORDER_WORDINGS,
    *CONFIG_WORDINGS,
    *RATE_WORDINGS,
    *TIMEOUT_WORDINGS,
)


def mentions(wordings: tuple[Wording, ...], words: str) -> bool:
    """Whether one of the wordings occurs in what a provider said."""
    return _expression(wordings).search(words) is not None


# Compiled with the first failure: a program in which nothing fails starts sooner.
@cache
def _expression(wordings: tuple[Wording, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{wording.pattern})" for wording in wordings), re.IGNORECASE)
