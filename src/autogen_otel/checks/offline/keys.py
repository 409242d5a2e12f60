"""What is wrong with the key of an entry, without ever saying the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from autogen_otel.checks.offline.facts import Facts
from autogen_otel.checks.offline.placeholders import (
    is_dummy,
    is_masked,
    is_own_word,
    is_placeholder,
    is_quoted,
    is_template,
)
from autogen_otel.checks.report import ERROR, WARNING, Problem
from autogen_otel.checks.values import kind_named, kind_of

_ISSUERS: Final = {
    "sk-ant-": "Anthropic",
    "sk-or-": "OpenRouter",
    "sk-proj-": "OpenAI",
    "sk-svcacct-": "OpenAI",
    "AIza": "Google",
    "gsk_": "Groq",
    "xai-": "xAI",
    "pplx-": "Perplexity",
    "hf_": "Hugging Face",
    "csk-": "Cerebras",
    "nvapi-": "NVIDIA",
    "r8_": "Replicate",
    "tgp_v1_": "Together",
    "AKIA": "AWS",
    "ghp_": "GitHub",
    "github_pat_": "GitHub",
}
"""Who issues keys that begin so, the longer beginnings first where one holds the other."""

_HOSTS: Final = {
    "api.openai.com": "OpenAI",
    "api.anthropic.com": "Anthropic",
    "openrouter.ai": "OpenRouter",
    "generativelanguage.googleapis.com": "Google",
    "api.groq.com": "Groq",
    "api.x.ai": "xAI",
    "api.perplexity.ai": "Perplexity",
    "huggingface.co": "Hugging Face",
    "api.cerebras.ai": "Cerebras",
    "api.deepseek.com": "DeepSeek",
    "api.mistral.ai": "Mistral",
    "api.together.xyz": "Together",
    "openai.azure.com": "Azure",
    "cognitiveservices.azure.com": "Azure",
}
_TYPES: Final = {"anthropic": "Anthropic", "google": "Google", "groq": "Groq", "cerebras": "Cerebras"}
_WHITESPACE: Final = re.compile(r"\s")
_SHORTEST: Final = 20
_OPENAIS: Final = ("sk-", "sess-", "ek_", "eyJ")
_OTHERS_OF_AZURE: Final = (
    "azure_ad_token",
    "azure_ad_token_provider",
    "workload_identity",
    "admin_api_key",
)
_VARIABLES: Final = {
    "azure": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"),
    "openai": ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"),
}


def key_problem(facts: Facts) -> Problem | None:
    """Find what is wrong with the key."""
    given = facts.value("api_key")
    if facts.is_custom or kind_of(given) is not None:
        return None
    if given is None:
        return _from_elsewhere(facts)
    if not isinstance(given, str):
        return _problem("key_shape", f"api_key is {kind_named(given)}, not text")
    if not given.strip():
        return _problem("key_missing", f"api_key is empty; {_remedy(facts)}")
    return _of_text(given, facts, "api_key")


def _from_elsewhere(facts: Facts) -> Problem | None:
    """The key that the SDK finds in the environment."""
    if not facts.is_openai or facts.value(*_OTHERS_OF_AZURE) is not None:
        return None
    name = next((name for name in _variables(facts) if facts.environ.get(name)), None)
    if name is not None:
        return _of_text(facts.environ[name], facts, f"the key in {name}")
    if facts.answer is None or any(map(_is_about_keys, facts.answer["refusals"])):
        return _problem("key_missing", f"there is no api_key; {_remedy(facts)}")
    return None


def _is_about_keys(refused: Mapping[str, Any]) -> bool:
    """Whether an SDK complains that it has no key."""
    words = refused["message"].lower() if refused["kind"] == "other" else ""
    return "credential" in words or "api_key" in words or "authentication" in words


def _of_text(key: str, facts: Facts, what: str) -> Problem | None:  # noqa: PLR0911 - one return for each finding
    if any(sign in key for sign in "\r\n"):
        return _problem(
            "key_shape", f"{what} holds a line break, with which no request can be sent; remove it"
        )
    if _WHITESPACE.search(key) and not is_placeholder(key):
        where = "inside" if _WHITESPACE.search(key.strip()) else "around it"
        return _problem("key_shape", f"{what} holds whitespace {where}; remove it")
    if is_quoted(key):
        return _problem("key_shape", f"{what} holds quotes of its own, which are sent with it; remove them")
    if not (key.isascii() and key.isprintable()):
        if is_masked(key) and not facts.is_local:
            return _problem(
                "key_placeholder", f"{what} is a placeholder or was copied with its middle left out"
            )
        return _problem("key_shape", f"{what} holds characters that no header can; copy it anew")
    if facts.is_local:
        return None
    if is_placeholder(key):
        # A server that nobody knows may take any word.
        is_sure = is_template(key) or _wanted(facts) is not None
        return _problem(
            "key_placeholder", f"{what} is a placeholder; {_remedy(facts)}", ERROR if is_sure else WARNING
        )
    if (is_dummy(key) or is_own_word(key)) and _wanted(facts) is not None:
        return _problem("key_placeholder", f"{what} is a placeholder, and {_wanted(facts)} wants a real one")
    if is_masked(key) and _wanted(facts) is not None:
        return _problem("key_placeholder", f"{what} was copied with its middle left out; copy the whole key")
    return _of_provider(key, facts, what)


def _of_provider(key: str, facts: Facts, what: str) -> Problem | None:
    issuer = next((who for start, who in _ISSUERS.items() if key.startswith(start)), None)
    wanted = _wanted(facts)
    if wanted == "Azure" and key.startswith("sk-"):
        issuer = issuer or "OpenAI"
    if wanted is not None and issuer is not None and issuer != wanted:
        return _problem("key_shape", f"{what} has the shape of a key of {issuer}, but {wanted} is asked")
    if not facts.is_at_openai:
        return None
    if not key.startswith(_OPENAIS):
        return _problem(
            "key_shape", f"{what} does not look like a key of OpenAI, which begin with sk-", WARNING
        )
    if len(key) < _SHORTEST:
        return _problem("key_shape", f"{what} has only {len(key)} characters, too few for a key of OpenAI")
    return None


def _wanted(facts: Facts) -> str | None:
    """Whose key the entry needs; ``None`` where anybody's may do."""
    host = facts.hostname
    if host is not None:
        for known, who in _HOSTS.items():
            if host == known or host.endswith(f".{known}"):
                return who
        return None
    return next((who for start, who in _TYPES.items() if facts.api_type.startswith(start)), None)


def _variables(facts: Facts) -> tuple[str, ...]:
    return _VARIABLES["azure" if facts.is_azure else "openai"]


def _remedy(facts: Facts) -> str:
    if facts.is_local:
        return "for a server that wants none, any word will do, such as EMPTY"
    return (
        f"put the key there, or leave it out and set {_variables(facts)[0]}"
        if facts.is_openai
        else "put the key there"
    )


def _problem(kind: str, message: str, severity: str = ERROR) -> Problem:
    return Problem(kind, severity, message, "api_key")
