"""Lists of every kind, right ones and wrong ones, each with the kinds of problems that its entries have."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import autogen
import openai

from tests.support.lineage import IS_014, IS_02, IS_09

KEY = "sk-planted-7Hq2Zk0000Xw4Rt9LmNc5Vb8Yp3Ds6Fg1Jh"
OTHER_KEY = "sk-planted-1Aa2Bb3Cc4Dd5Ee6Ff7Gg8Hh9Ii0Jj1Kk2"
AZURE_KEY = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
ANTHROPIC_KEY = "sk-ant-api03-Qw3Er5Ty7Ui9Op1As2Df4Gh6Jk8Lz0Xc"
LOCAL = "http://localhost:8000/v1"


def gpt(**options: Any) -> dict[str, Any]:
    """A right entry for OpenAI, with more options."""
    return {"model": "gpt-4o", "api_key": KEY, **options}


def azure(**options: Any) -> dict[str, Any]:
    """A right entry for Azure, with more options; those that are ``None`` are left out."""
    entry = {
        "model": "gpt-4o",
        "api_key": AZURE_KEY,
        "api_type": "azure",
        "base_url": "https://claims.openai.azure.com",
        "api_version": "2024-06-01",
        **options,
    }
    return {name: value for name, value in entry.items() if value is not None}


def llm_config(*entries: dict[str, Any]) -> Any:
    """The host's own object for a list, where it has one; else the list."""
    if IS_02:
        return list(entries)
    make: Callable[..., Any] = autogen.LLMConfig
    return make(*entries) if IS_014 else make(config_list=list(entries))


def local(**options: Any) -> dict[str, Any]:
    """A right entry for a server of one's own, with more options."""
    return {"model": "llama-3", "api_key": "EMPTY", "base_url": LOCAL, **options}


@dataclass(frozen=True)
class Case:
    """A list, and what is wrong with it.

    Args:
        name: what it is.
        config: the list, or what holds one.
        entries: for each entry, the kinds of its problems.
        beside: the kinds of problems of what stands beside it.
        environ: variables that are set for it.
    """

    name: str
    config: Any
    entries: Sequence[set[str]]
    beside: set[str] = field(default_factory=set)
    environ: Mapping[str, str] = field(default_factory=dict)


def right(name: str, *entries: dict[str, Any], environ: Mapping[str, str] | None = None) -> Case:
    """A list that nothing is wrong with."""
    return Case(name, list(entries), [set()] * len(entries), environ=environ or {})


def wrong(name: str, entry: Any, *kinds: str) -> Case:
    """A list with one entry that has problems of these kinds, and one that is right."""
    return Case(name, [entry, local(model="spare")], [set(kinds), set()])


def alone(name: str, entry: dict[str, Any], *kinds: str) -> Case:
    """A list of one entry that has problems of these kinds."""
    return Case(name, [entry], [set(kinds)])


_OF_SDK = type(openai.OpenAI(api_key="none")._client).__mro__[-2].__module__.partition(".")[0]
HTTP: Any = importlib.import_module("httpx" if IS_09 else _OF_SDK)
"""The HTTP library whose clients the host takes."""


class CopiedClient(HTTP.Client):  # type: ignore[misc]
    """An HTTP client as AutoGen's documentation has it, which may be copied with the configuration."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiedClient:
        return self


def _function(*_: Any) -> str:
    return "token"


KEYS = {
    "OPENAI_API_KEY": KEY,
    "AZURE_OPENAI_API_KEY": AZURE_KEY,
    "OPENAI_API_VERSION": "2024-06-01",
    "AZURE_OPENAI_ENDPOINT": "https://claims.openai.azure.com",
}
"""Variables that the SDK reads; one environment for all entries, because each takes seconds."""

IN_ENTRY = set() if not IS_09 else {"unknown_option"}
"""What the lineage that takes few options in an entry says of more of them."""


RIGHT: tuple[Case, ...] = (
    right("one entry", gpt()),
    right("three models", gpt(), gpt(model="gpt-4o-mini"), gpt(model="o3")),
    right("the same model with two keys", gpt(), gpt(api_key=OTHER_KEY)),
    right("the same entry with other tags", gpt(tags=["cheap"]), gpt(tags=["fast"])),
    right("a key of a project", gpt(api_key="sk-proj-" + "aB3dE5fG7hJ9kL1mN" * 4)),
    right("the key from the environment", {"model": "gpt-4o"}, environ=KEYS),
    right("a null key and one in the environment", gpt(api_key=None), environ=KEYS),
    right(
        "a URL from the environment",
        gpt(api_key="any"),
        environ={"OPENAI_BASE_URL": LOCAL, "OPENAI_API_KEY": KEY + "\n"},
    ),
    right("a price", gpt(price=[0.0025, 0.01])),
    right("a server of one's own", local()),
    right("a server in the same network", local(base_url="http://vllm:8000/v1", api_key="NULL")),
    right("a server in a private network", local(base_url="http://10.1.2.3:8080/v1", api_key="not-needed")),
    right("a server with a placeholder for a key", local(api_key="YOUR_API_KEY")),
    right("a gateway with a key of its own shape", gpt(base_url="https://llm.acme.io/v1", api_key="acme-77")),
    right("a gateway with a key in words", gpt(base_url="https://llm.acme.io/v1", api_key="my-secret-key-7")),
    right("a rented server", gpt(base_url="https://static.7.clients.your-server.de/v1", api_key="acme-77")),
    right("a gateway without keys", local(base_url="https://llm.acme.io/v1")),
    right("OpenAI's URL with a slash at the end", gpt(base_url="https://api.openai.com/v1/")),
    right(
        "another provider with OpenAI's API",
        gpt(base_url="https://api.groq.com/openai/v1", api_key="gsk_" + "a1B2" * 12),
    ),
    right(
        "OpenRouter",
        gpt(
            model="meta-llama/llama-3-70b",
            base_url="https://openrouter.ai/api/v1",
            api_key="sk-or-v1-" + "ab12" * 16,
        ),
    ),
    right("Azure", azure()),
    right("Azure with a preview version", azure(api_version="2024-12-01-preview")),
    right("Azure with dots in the model", azure(model="gpt-3.5-turbo")),
    right("Azure with a key from the environment", azure(api_key=None), environ=KEYS),
    right("Azure with a version from the environment", azure(api_version=None), environ=KEYS),
    right("Azure with an endpoint from the environment", azure(base_url=None), environ=KEYS),
    right(
        "Azure's newer API, which is OpenAI's",
        gpt(api_key=AZURE_KEY, base_url="https://claims.openai.azure.com/openai/v1/"),
    ),
    right("Azure through a gateway", azure(api_key="acme-77", base_url="https://apim.acme.io")),
    right("Anthropic", {"model": "claude-sonnet-4", "api_key": ANTHROPIC_KEY, "api_type": "anthropic"}),
    right("Google", {"model": "gemini-2.0-flash", "api_key": "AIza" + "Sy3x" * 9, "api_type": "google"}),
    right("Mistral", {"model": "mistral-large", "api_key": "m1Str4l" * 5, "api_type": "mistral"}),
    right("Groq", {"model": "llama-3", "api_key": "gsk_" + "a1B2" * 12, "api_type": "groq"}),
    right("Cohere and OpenAI", {"model": "command-r", "api_key": "c0h3r3" * 6, "api_type": "cohere"}, gpt()),
    right("a model client of the program's own", {"model": "mine", "model_client_cls": "MyClient"}),
    right("extra_body of vLLM", local(extra_body={"guided_choice": ["a", "b"]})),
    Case(
        "an llm_config",
        {"config_list": [gpt()], "temperature": 0, "timeout": 120, "cache_seed": None},
        [set()],
    ),
    Case("an llm_config with one entry for a list", {"config_list": gpt()}, [set()], {"not_a_list"}),
    Case("options that some take in entries", [gpt(temperature=0.3, seed=7, stop=["\n"])], [IN_ENTRY]),
    Case("options of the SDK", [gpt(max_retries=5, timeout=90, organization="org-1")], [IN_ENTRY]),
    Case(
        "options of a request", [gpt(extra_headers={"x-team": "claims"}, reasoning_effort="low")], [IN_ENTRY]
    ),
    Case("a header", [gpt(default_headers={"x-team": "claims"})], [set()]),
    Case(
        "Azure in the SDK's words",
        [azure(base_url=None, azure_endpoint="https://a.openai.azure.com", azure_deployment="gpt")],
        [IN_ENTRY],
    ),
    Case(
        "Azure with a function for tokens", [azure(api_key=None, azure_ad_token_provider=_function)], [set()]
    ),
    right("an empty list of tags", gpt(tags=[])),
    Case(
        "a model client with options of its own",
        [{"model": "mine", "model_client_cls": "MyClient", "device": "cuda", "params": {"max_length": 9}}],
        [IN_ENTRY],
    ),
    right("a client that can be copied", gpt(http_client=CopiedClient())),
    right(
        "options of Google's", {"model": "gemini", "api_type": "google", "project_id": "p", "location": "x"}
    ),
    Case("the host's own object", llm_config(gpt(), azure(), local()), [set()] * 3),
    Case("a list in a tuple", ({"model": "gpt-4o", "api_key": KEY},), [set()]),
)
"""Lists that are right, odd ones among them; what the host refuses is wrong in that lineage all the same."""

WRONG: tuple[Case, ...] = (
    wrong("a misspelt option", gpt(temperatur=0.1), "unknown_option"),
    wrong("another misspelt option", gpt(max_token=100), "unknown_option"),
    wrong("an option in capitals", gpt(Temperature=0.1), "unknown_option"),
    wrong("an option of openai 0.x", gpt(api_base="https://api.openai.com/v1"), "unknown_option"),
    wrong("an option of nobody", gpt(frobnicate=True), "unknown_option"),
    wrong("two unknown options", gpt(tempereture=1, top_pp=1), "unknown_option"),
    wrong("Azure's options without Azure", gpt(azure_deployment="gpt"), "unknown_option"),
    wrong("a model by its old name", {"engine": "gpt-4o", "api_key": KEY}, "unknown_option", "model_missing"),
    wrong("a version without Azure", gpt(api_version="2024-06-01"), "unknown_option"),
    wrong("a client that cannot be copied", gpt(http_client=HTTP.Client()), "rejected"),
    wrong("nothing", {}, "model_missing", "key_missing"),
    wrong(
        "a provider that this host may not know",
        {"model": "deepseek-chat", "api_type": "deepseek", "api_key": "sk-" + "0a1b2c3d" * 4},
        *({"api_type"} if IS_02 else set()),
    ),
    wrong("no model", {"api_key": KEY}, "model_missing"),
    wrong("an empty model", gpt(model=""), "model_missing"),
    wrong("a placeholder for a model", gpt(model="<your-model-name>"), "model_placeholder"),
    wrong("a model with a space", gpt(model="gpt-4o "), "model_placeholder"),
    wrong("a model in place of its name", gpt(model=4), "model_missing"),
    wrong("no key", {"model": "gpt-4o"}, "key_missing"),
    wrong("no key for a server of one's own", {"model": "llama-3", "base_url": LOCAL}, "key_missing"),
    wrong("an empty key", gpt(api_key=""), "key_missing"),
    wrong("sk-...", gpt(api_key="sk-..."), "key_placeholder"),
    wrong("YOUR_API_KEY", gpt(api_key="YOUR_API_KEY"), "key_placeholder"),
    wrong("your key in words", gpt(api_key="<insert your OpenAI API key here>"), "key_placeholder"),
    wrong("a variable that nobody fills in", gpt(api_key="${OPENAI_API_KEY}"), "key_placeholder"),
    wrong("sk-xxxx", gpt(api_key="sk-" + "x" * 48), "key_placeholder"),
    wrong("EMPTY for OpenAI", gpt(api_key="EMPTY"), "key_placeholder"),
    wrong("a masked key", gpt(api_key="sk-proj-abc...xyz9"), "key_placeholder"),
    wrong("a placeholder for Azure", azure(api_key="your-azure-key"), "key_placeholder"),
    wrong(
        "a placeholder for Anthropic",
        {"model": "claude-sonnet-4", "api_key": "YOUR_ANTHROPIC_KEY", "api_type": "anthropic"},
        "key_placeholder",
    ),
    wrong("my key for OpenAI", gpt(api_key="MY_OPENAI_KEY"), "key_placeholder"),
    wrong("a URL with two schemes", gpt(base_url="https://https://llm.acme.io/v1"), "endpoint"),
    wrong("a URL with a comma", gpt(base_url="https://llm.acme.io/v1,"), "endpoint"),
    wrong("a URL from a manual", gpt(base_url="https://llm.example.com/v1"), "endpoint"),
    wrong("OpenAI without TLS", gpt(base_url="http://api.openai.com/v1"), "endpoint"),
    wrong("a price for three", gpt(price=[0.01, 0.02, 0.03]), "price"),
    wrong("a key with a line break", gpt(api_key=KEY + "\n"), "key_shape"),
    wrong("a key with a space", gpt(api_key=" " + KEY), "key_shape"),
    wrong("a key in quotes", gpt(api_key=f'"{KEY}"'), "key_shape"),
    wrong("a key with a line break for a server of one's own", local(api_key="abc\r\n"), "key_shape"),
    wrong("a key with a sign that no header can hold", gpt(api_key=KEY + "\u200b"), "key_shape"),
    wrong("a key of Anthropic's", gpt(api_key=ANTHROPIC_KEY), "key_shape"),
    wrong("a key of Azure's", gpt(api_key=AZURE_KEY), "key_shape"),
    wrong("a key that was cut", gpt(api_key="sk-abc12"), "key_shape"),
    wrong("a key of OpenAI's for Azure", azure(api_key=KEY), "key_shape"),
    wrong("a number for a key", gpt(api_key=7), "key_shape"),
    wrong("Azure without version", azure(api_version=None), "azure_version"),
    wrong("Azure without endpoint", azure(base_url=None), "azure_endpoint"),
    wrong("Azure with neither", azure(base_url=None, api_version=None), "azure_version", "azure_endpoint"),
    wrong("Azure with half a version", azure(api_version="2024"), "azure_version"),
    wrong(
        "Azure's endpoint without Azure",
        gpt(api_key=AZURE_KEY, base_url="https://claims.openai.azure.com"),
        "azure_endpoint",
    ),
    wrong(
        "a placeholder for Azure's endpoint",
        azure(base_url="https://YOUR_RESOURCE_NAME.openai.azure.com"),
        "endpoint",
    ),
    wrong("a URL that says too much", local(base_url=f"{LOCAL}/chat/completions"), "endpoint"),
    wrong("OpenAI's URL without its version", gpt(base_url="https://api.openai.com"), "endpoint"),
    wrong("a URL with a space", local(base_url="http://localhost:8000/v1 "), "endpoint"),
    wrong("a URL with an odd port", local(base_url="http://localhost:80o0/v1"), "endpoint"),
    wrong("a price in words", gpt(price=["cheap", "cheap"]), "price"),
    wrong("half a price", gpt(price=[0.01]), "price"),
    wrong("three prices", gpt(price={"prompt": 0.01}), "price"),
    wrong("an entry that is text", "gpt-4o", "not_an_object"),
    wrong("null for an entry", None, "not_an_object"),
    wrong("a misspelt api_type", azure(api_type="azzure"), "api_type"),
    Case("the same twice", [gpt(), local(), gpt()], [set(), set(), {"duplicate"}]),
    Case(
        "the same with OpenAI's URL",
        [gpt(), gpt(base_url="https://api.openai.com/v1")],
        [set(), {"duplicate"}],
    ),
    Case(
        "a key in the environment with a line break",
        [{"model": "gpt-4o"}],
        [{"key_shape"}],
        environ={"OPENAI_BASE_URL": LOCAL, "OPENAI_API_KEY": KEY + "\n"},
    ),
    alone(
        "no retries and no other entry", gpt(max_retries=0), *({"unknown_option"} if IS_09 else {"retries"})
    ),
    alone(
        "a timeout shorter than the waits",
        gpt(timeout=1, max_retries=6),
        *({"unknown_option"} if IS_09 else {"timeout"}),
    ),
    alone(
        "no timeout at all",
        gpt(timeout=None),
        *({"unknown_option"} if IS_09 else set() if IS_014 else {"timeout"}),
    ),
    alone(
        "a timeout in quotes", gpt(timeout="60"), *({"unknown_option", "timeout"} if IS_09 else {"timeout"})
    ),
    Case(
        "a misspelt option beside the list",
        {"config_list": [gpt()], "temprature": 0},
        [set()],
        {"unknown_option"},
    ),
    Case("no entries", [], [], {"empty"}),
    Case(
        "half a second beside the list",
        {"config_list": [gpt()], "timeout": 0.5},
        [{"timeout"} if IS_02 else set()],
        set() if IS_02 else {"rejected"},
    ),
)
"""Lists with something wrong."""
