"""Checks where an entry's requests go: Azure's endpoint and version, and URLs that lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from autogen_otel.checks.checked_entry import CheckedEntry
from autogen_otel.checks.placeholders import is_placeholder_host, is_quoted
from autogen_otel.checks.report import ERROR, WARNING, Problem

_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:-[a-z]+)?|v\d+|preview|latest")
_TEMPLATE: Final = re.compile(r"[<>{}$]|(?i:(?:^|\.)example\.(?:com|net|org)(?::\d+)?$)")
"""Characters that no host name has, and names that RFC 2606 reserves for examples."""
_REAL_HOST: Final = re.compile(r"(?i)\.your-server\.de(?::\d+)?$")
"""The servers of a large provider, whose real names look like a placeholder."""
_REPEATED_PATH: Final = re.compile(r"(/chat/completions|/openai/deployments|/v1)(?=/).*\1(?=/|$)")
_REQUEST_PATHS: Final = ("/chat/completions", "/responses")
_URLS: Final = ("base_url", "azure_endpoint")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_USABLE_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_OLLAMA_PORT: Final = 11434
_SCHEMES: Final = frozenset({"http", "https", "ftp", "ws", "wss"})


def endpoint_problems(checked: CheckedEntry) -> Iterator[Problem]:
    """Find problems of the address that the requests go to."""
    if checked.is_custom:
        return
    if checked.is_azure:
        yield from _azure_problems(checked)
    option = next((name for name in _URLS if checked.value(name) is not None), None)
    problem = _written_url_problem(checked, option) if option is not None else None
    problem = problem or _sent_url_problem(checked, option)
    if problem is not None:
        yield problem


def _problem(option: str, message: str, *, is_sure: bool = True, kind: str = "endpoint") -> Problem:
    return Problem(kind, ERROR if is_sure else WARNING, message, option)


def _azure_problems(checked: CheckedEntry) -> Iterator[Problem]:
    version = checked.value("api_version")
    if version is None and not checked.environ.get("OPENAI_API_VERSION"):
        message = "api_version is missing, which Azure needs; add it, or set OPENAI_API_VERSION"
        yield _problem("api_version", message, kind="azure_version")
    elif version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        message = "api_version is no version of Azure's, such as 2024-06-01"
        yield _problem("api_version", message, kind="azure_version")
    if checked.value(*_URLS) is None and not checked.environ.get("AZURE_OPENAI_ENDPOINT"):
        message = (
            "base_url is missing, without which Azure cannot be found; add https://….openai.azure.com, "
            "or set AZURE_OPENAI_ENDPOINT"
        )
        yield _problem("base_url", message, kind="azure_endpoint")


def _written_url_problem(checked: CheckedEntry, option: str) -> Problem | None:  # noqa: PLR0911 - one return for each finding
    url = checked.value(option)
    if not isinstance(url, str):
        return _problem(option, f"{option} is no text")
    if not url.strip():
        return _problem(option, f"{option} is empty; leave it out, or give the URL")
    if re.search(r"\s", url):
        return _problem(option, f"{option} holds whitespace or a line break; remove it")
    if is_quoted(url):
        return _problem(option, f"{option} holds quotes of its own; remove them")
    if url.endswith((",", ";")):
        return _problem(option, f"{option} ends in {url[-1]!r}, which is not of the URL; cut it")
    host = url.partition("://")[2].partition("/")[0] or url
    is_sure = _TEMPLATE.search(host) is not None
    if is_sure or (is_placeholder_host(host) and not _REAL_HOST.search(host)):
        return _problem(option, f"{option} is a placeholder; put the real URL there", is_sure=is_sure)
    scheme = _SCHEME.match(url)
    if scheme is not None and scheme[1].lower() not in _USABLE_SCHEMES:
        return _problem(option, f"{option} begins with {scheme[0]}; it must be http:// or https://")
    return None


def _sent_url_problem(checked: CheckedEntry, option: str | None) -> Problem | None:  # noqa: PLR0911 - one return for each finding
    name = option or "base_url"
    try:
        parts = urlsplit(checked.url or "")
        port = parts.port
    except ValueError:
        return _problem(name, f"{name} is no URL: its host or port cannot be read")
    if checked.url is None:
        return None
    if parts.scheme not in _USABLE_SCHEMES or not parts.hostname:
        return _problem(name, f"{name} is no URL; it must begin with http:// or https://")
    if parts.hostname in _SCHEMES and parts.path.startswith("//"):
        return _problem(name, f"{name} is no URL; it must begin with http:// or https:// once")
    if parts.hostname == "none":
        return _problem(name, f"{name} is null, which the host takes for a name; leave it out")
    if port == 0:
        return _problem(name, f"{name} has port 0, where nothing can listen")
    return _path_problem(checked, name, parts)


def _path_problem(checked: CheckedEntry, name: str, parts: SplitResult) -> Problem | None:
    match = _REPEATED_PATH.search(parts.path)
    if match is not None:
        return _problem(name, f"{name} ends in what the SDK adds: {match[1]} would be there twice; cut it")
    if checked.is_at_azure and not checked.is_azure and checked.is_openai and "/openai/v1" not in parts.path:
        message = f'{name} leads to Azure, which needs "api_type": "azure"'
        return _problem(name, message, kind="azure_endpoint")
    if checked.is_sent and checked.is_openai and not parts.path.endswith(_REQUEST_PATHS):
        explanation = "behind which the SDK puts its path; cut it, or move it to default_query"
        return _problem(name, f"{name} holds a query, {explanation}")
    if parts.port == _OLLAMA_PORT and checked.is_openai and not parts.path.startswith("/v1"):
        message = f"{name} lacks /v1, below which Ollama has what OpenAI's SDK asks"
        return _problem(name, message, is_sure=False)
    return _openai_url_problem(checked, name, parts) if checked.is_at_openai else None


def _openai_url_problem(checked: CheckedEntry, name: str, parts: SplitResult) -> Problem | None:
    if checked.is_azure:
        return _problem(name, f"{name} leads to OpenAI, but api_type is azure", kind="azure_endpoint")
    if parts.scheme == "http":
        return _problem(name, f"{name} leads to OpenAI without TLS; begin it with https://")
    if not parts.path.startswith("/v1"):
        return _problem(name, f"{name} lacks /v1: https://api.openai.com/v1")
    return None
