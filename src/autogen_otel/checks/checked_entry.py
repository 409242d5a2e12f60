"""The checked about an entry that its checks use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

_PRIVATE_DOMAINS: Final = (
    ".local", ".localhost", ".internal", ".lan", ".home", ".svc", ".corp", ".intranet", ".test", ".arpa",
)  # fmt: skip
_OPENAI: Final = "api.openai.com"
_AZURE_HOSTS: Final = (
    "openai.azure.com",
    "cognitiveservices.azure.com",
    "openai.azure.us",
    "openai.azure.cn",
)


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """One entry, and all that is known around it.

    Args:
        index: its position in the list, from 0.
        count: the number of entries.
        entry: the entry, as plain data.
        options: the options beside the list.
        answer: the host's answer about it; ``None`` if it could not be asked.
        environ: environment variables.
        repeated_options: options that are in it twice.
    """

    index: int
    count: int
    entry: Mapping[str, Any]
    options: Mapping[str, Any]
    answer: Mapping[str, Any] | None
    environ: Mapping[str, str]
    repeated_options: tuple[str, ...] = field(default=())

    def value(self, *names: str) -> Any:
        """The first of these options that is set, in the entry, else beside the list."""
        for mapping in (self.entry, self.options):
            for name in names:
                if mapping.get(name) is not None:
                    return mapping[name]
        return None

    def is_set(self, name: str) -> bool:
        """Whether an option is in the entry or beside the list, even if it is ``None``."""
        return name in self.entry or name in self.options

    @property
    def api_type(self) -> str:
        """Which kind of client the host makes; ``openai`` unless the entry says otherwise."""
        api_type = self.value("api_type")
        return api_type if isinstance(api_type, str) and api_type else "openai"

    @property
    def is_azure(self) -> bool:
        """Whether the host makes an Azure client for it."""
        return self.api_type.startswith("azure")

    @property
    def is_openai(self) -> bool:
        """Whether the host makes a client of OpenAI's SDK for it."""
        if self.answer is not None and self.answer["has_sdk"]:
            return str(self.answer["client"]).startswith("OpenAI")
        return (
            self.api_type in {"openai", "open_ai", "openai_v2", "responses", "responses_v2"} or self.is_azure
        )

    @property
    def is_custom(self) -> bool:
        """Whether the application brings the model client."""
        return self.value("model_client_cls") is not None

    @property
    def url(self) -> str | None:
        """Where its requests go: as the host would send them, else as the entry says."""
        if self.answer is not None and self.answer["url"]:
            refused_options = {refusal["option"] for refusal in self.answer["refusals"]}
            # If the host refused the URL, it took the entry only without it.
            if refused_options.isdisjoint({"base_url", "azure_endpoint"}):
                return str(self.answer["url"])
        url = self.value("azure_endpoint", "base_url") if self.is_azure else self.value("base_url")
        if url is None:
            url = self.environ.get("AZURE_OPENAI_ENDPOINT" if self.is_azure else "OPENAI_BASE_URL")
        if url is None and self.api_type in {"openai", "open_ai"}:
            return f"https://{_OPENAI}/v1"
        return url if isinstance(url, str) else None

    @property
    def is_sent(self) -> bool:
        """Whether ``url`` is the URL of a request that the host made."""
        return self.answer is not None and self.answer["url"] == self.url

    @property
    def hostname(self) -> str | None:
        """The host name in ``url``."""
        try:
            return urlsplit(self.url or "").hostname
        except ValueError:
            return None

    @property
    def is_at_openai(self) -> bool:
        """Whether its requests go to OpenAI itself."""
        return self.is_openai and self.hostname == _OPENAI

    @property
    def is_at_azure(self) -> bool:
        """Whether its requests go to Azure."""
        return (self.hostname or "").endswith(_AZURE_HOSTS)

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine or in a private network, where keys may be anything."""
        host = self.hostname
        if host is None:
            return False
        try:
            return not ip_address(host).is_global
        except ValueError:
            return "." not in host or host.endswith(_PRIVATE_DOMAINS)
