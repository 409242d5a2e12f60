"""Finds what is wrong with the key of an entry, and never prints the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from autogen_otel.checks.checked_entry import CheckedEntry
from autogen_otel.checks.placeholders import (
    is_dummy,
    is_masked,
    is_own_word,
    is_placeholder,
    is_quoted,
    is_template,
)
from autogen_otel.checks.report import ERROR, WARNING, Problem
from autogen_otel.checks.values import json_type_name, kind_of

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
"""Issuers by the beginning of their keys; of two beginnings that fit, the longer stands first."""

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
_OPENAI_BEGINNINGS: Final = ("sk-", "sess-", "ek_", "eyJ")
_OTHER_AZURE_CREDENTIALS: Final = (
    "azure_ad_token",
    "azure_ad_token_provider",
    "workload_identity",
    "admin_api_key",
)
_VARIABLES: Final = {
    "azure": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"),
    "openai": ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"),
}


def key_problem(checked: CheckedEntry) -> Problem | None:
    """Find what is wrong with the key."""
    key = checked.value("api_key")
    if checked.is_custom or kind_of(key) is not None:
        return None
    if key is None:
        return _environment_key_problem(checked)
    if not isinstance(key, str):
        return _problem("key_shape", f"api_key is {json_type_name(key)}, not text")
    if not key.strip():
        return _problem("key_missing", f"api_key is empty; {_remedy(checked)}")
    return _text_problem(key, checked, "api_key")


def _environment_key_problem(checked: CheckedEntry) -> Problem | None:
    """Find what is wrong with the key that the SDK reads from the environment."""
    if not checked.is_openai or checked.value(*_OTHER_AZURE_CREDENTIALS) is not None:
        return None
    name = next((name for name in _variables(checked) if checked.environ.get(name)), None)
    if name is not None:
        return _text_problem(checked.environ[name], checked, f"the key in {name}")
    if checked.answer is None or any(map(_is_about_keys, checked.answer["refusals"])):
        return _problem("key_missing", f"there is no api_key; {_remedy(checked)}")
    return None


def _is_about_keys(refusal: Mapping[str, Any]) -> bool:
    """Whether an SDK refuses because it has no key."""
    words = refusal["message"].lower() if refusal["kind"] == "other" else ""
    return "credential" in words or "api_key" in words or "authentication" in words


def _text_problem(key: str, checked: CheckedEntry, label: str) -> Problem | None:  # noqa: PLR0911 - one return for each finding
    if any(character in key for character in "\r\n"):
        return _problem(
            "key_shape", f"{label} holds a line break, with which no request can be sent; remove it"
        )
    if _WHITESPACE.search(key) and not is_placeholder(key):
        position = "inside" if _WHITESPACE.search(key.strip()) else "around it"
        return _problem("key_shape", f"{label} holds whitespace {position}; remove it")
    if is_quoted(key):
        return _problem("key_shape", f"{label} holds quotes of its own, which are sent with it; remove them")
    if not (key.isascii() and key.isprintable()):
        if is_masked(key) and not checked.is_local:
            return _problem(
                "key_placeholder", f"{label} is a placeholder or was copied with its middle left out"
            )
        return _problem("key_shape", f"{label} holds characters that no header can; copy it anew")
    if checked.is_local:
        return None
    if is_placeholder(key):
        # An unknown server may accept any word.
        is_sure = is_template(key) or _needed_issuer(checked) is not None
        return _problem(
            "key_placeholder", f"{label} is a placeholder; {_remedy(checked)}", ERROR if is_sure else WARNING
        )
    if (is_dummy(key) or is_own_word(key)) and _needed_issuer(checked) is not None:
        return _problem(
            "key_placeholder", f"{label} is a placeholder, and {_needed_issuer(checked)} wants a real one"
        )
    if is_masked(key) and _needed_issuer(checked) is not None:
        return _problem("key_placeholder", f"{label} was copied with its middle left out; copy the whole key")
    return _issuer_problem(key, checked, label)


def _issuer_problem(key: str, checked: CheckedEntry, label: str) -> Problem | None:
    issuer = next((name for start, name in _ISSUERS.items() if key.startswith(start)), None)
    needed_issuer = _needed_issuer(checked)
    if needed_issuer == "Azure" and key.startswith("sk-"):
        issuer = issuer or "OpenAI"
    if needed_issuer is not None and issuer is not None and issuer != needed_issuer:
        return _problem(
            "key_shape", f"{label} has the shape of a key of {issuer}, but {needed_issuer} is asked"
        )
    if not checked.is_at_openai:
        return None
    if not key.startswith(_OPENAI_BEGINNINGS):
        return _problem(
            "key_shape", f"{label} does not look like a key of OpenAI, which begin with sk-", WARNING
        )
    if len(key) < _SHORTEST:
        return _problem("key_shape", f"{label} has only {len(key)} characters, too few for a key of OpenAI")
    return None


def _needed_issuer(checked: CheckedEntry) -> str | None:
    """The provider whose key the entry needs; ``None`` if any key may do."""
    host = checked.hostname
    if host is not None:
        for domain, issuer in _HOSTS.items():
            if host == domain or host.endswith(f".{domain}"):
                return issuer
        return None
    return next((issuer for start, issuer in _TYPES.items() if checked.api_type.startswith(start)), None)


def _variables(checked: CheckedEntry) -> tuple[str, ...]:
    return _VARIABLES["azure" if checked.is_azure else "openai"]


def _remedy(checked: CheckedEntry) -> str:
    if checked.is_local:
        return "for a server that wants none, any word will do, such as EMPTY"
    return (
        f"put the key there, or leave it out and set {_variables(checked)[0]}"
        if checked.is_openai
        else "put the key there"
    )


def _problem(kind: str, message: str, severity: str = ERROR) -> Problem:
    return Problem(kind, severity, message, "api_key")
