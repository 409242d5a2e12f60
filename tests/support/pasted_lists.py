"""Lists as people copy them from documentation, other programs and chats, with what is wrong with each."""

from __future__ import annotations

from typing import Any

from tests.support.config_lists import (
    IN_ENTRY,
    KEY,
    KEYS,
    LOCAL,
    Case,
    alone,
    azure,
    gpt,
    local,
    right,
    wrong,
)
from tests.support.lineage import IS_02, IS_09

AZURE_LONG_KEY = "5KXn3v8YtZ0qWcRbL2mJ7dHsGfPaQeUiO9xVyT1BzCkNwMrE4hSgJQQJ99AKACYeBjFXJ3w3AAABACOG1a2b"
GROQ_KEY = "gsk_" + "Ab3dEf6hIj9k" * 4
OPENROUTER_KEY = "sk-or-v1-" + "0123456789abcdef" * 4
DEPLOYMENT = "https://claims.openai.azure.com/openai/deployments/gpt-4o"
PROVIDERS = {"api_type"} if IS_02 else set()
"""What pyautogen 0.2 says of types that it does not know, and sends to OpenAI."""


def of_azure(**options: Any) -> dict[str, Any]:
    """An entry with Azure's endpoint in the SDK's words."""
    return azure(base_url=None, azure_endpoint="https://claims.openai.azure.com/", **options)


PASTED_RIGHT: tuple[Case, ...] = (
    Case("Azure's endpoint with a slash", [of_azure(api_key=AZURE_LONG_KEY)], [IN_ENTRY]),
    right("Azure's other name", azure(base_url="https://claims.cognitiveservices.azure.com/")),
    right("Azure for the government", azure(base_url="https://claims.openai.azure.us")),
    right(
        "Azure's foundry, which is OpenAI's API",
        gpt(api_key=AZURE_LONG_KEY, base_url="https://claims.services.ai.azure.com/openai/v1"),
    ),
    Case("Azure's endpoint twice", [azure(azure_endpoint="https://claims.openai.azure.com")], [IN_ENTRY]),
    Case(
        "Azure with a token",
        [azure(api_key=None, azure_ad_token="eyJ0eXAi.eyJhdWQi.c2lnbmF0dXJl")],
        [IN_ENTRY],
    ),
    Case(
        "Azure behind a gateway with its own key",
        [
            azure(
                base_url="https://apim.acme.io/aoai",
                default_headers={"Ocp-Apim-Subscription-Key": "a1b2c3d4"},
            )
        ],
        [set()],
    ),
    right("litellm with its well-known key", local(base_url="http://localhost:4000", api_key="sk-1234")),
    right("litellm elsewhere", gpt(base_url="https://litellm.acme.io/v1", api_key="sk-1234")),
    right("LM Studio", local(base_url="http://192.168.1.20:1234/v1", api_key="lm-studio")),
    Case("LM Studio without a limit", [local(max_tokens=-1)], [set() if IS_02 or IS_09 else {"rejected"}]),
    right("Ollama", local(base_url="http://localhost:11434/v1", api_key="ollama")),
    right("an address of version 6", local(base_url="http://[::1]:1234/v1", api_key="none")),
    right("all addresses", local(base_url="http://0.0.0.0:8000/v1")),
    right("the host of a container", local(base_url="http://host.docker.internal:1234/v1", api_key="NULL")),
    right(
        "a proxy with a password", gpt(base_url="https://bob:hunter2secret@llm.acme.io/v1", api_key="acme-77")
    ),
    right(
        "DeepSeek's API without its version",
        gpt(model="deepseek-chat", base_url="https://api.deepseek.com", api_key="sk-" + "0a1b2c3d" * 4),
    ),
    right(
        "Gemini with OpenAI's API",
        gpt(
            model="gemini-2.0-flash",
            base_url="https://generativelanguage.googleapis.com/v1beta/openai/",
            api_key="AIza" + "Sy3x" * 9,
        ),
    ),
    right("a format of answers", gpt(response_format={"type": "json_object"})),
    Case("an llm_config with functions", {"config_list": [gpt()], "functions": []}, [set()]),
    Case("one entry without a list", gpt(), [set()]),
    Case("a model of thoughts", [gpt(model="o3-mini", max_completion_tokens=1000)], [IN_ENTRY]),
    Case("a stream", [gpt(stream=True)], [IN_ENTRY]),
    Case("a price of 0", [local(price=[0, 0])], [set()]),
    Case("a seed for the cache", {"config_list": [gpt()], "cache_seed": 42}, [set()]),
    Case(
        "Bedrock, and one that every lineage knows",
        [
            {
                "model": "anthropic.claude-3-sonnet-20240229-v1:0",
                "api_type": "bedrock",
                "aws_region": "us-east-1",
            }
        ],
        [PROVIDERS],
    ),
    right("Together", {"model": "mixtral", "api_key": "0a1b2c3d" * 8, "api_type": "together"}),
    Case("a seldom provider's client", [{"model": "llama3.1", "api_type": "ollama"}], [PROVIDERS]),
    Case("the key of OpenAI in the old type", [gpt(api_type="open_ai")], [set() if IS_02 else {"api_type"}]),
)
"""Lists that are right, but for what the lineage refuses."""

PASTED_WRONG: tuple[Case, ...] = (
    wrong("a deployment's URL", azure(base_url=DEPLOYMENT), "endpoint"),
    wrong(
        "a deployment's whole URL without Azure",
        gpt(base_url=f"{DEPLOYMENT}/chat/completions?api-version=2024-06-01", api_key="acme-77"),
        "azure_endpoint",
    ),
    wrong("a version without zeros", azure(api_version="2024-6-1"), "azure_version"),
    wrong("a version with other hyphens", azure(api_version="2024\u201110\u201121"), "azure_version"),
    wrong(
        "a URL with a query",
        gpt(base_url="https://llm.acme.io/v1?team=claims", api_key="acme-77"),
        "endpoint",
    ),
    wrong("a whole URL with a slash", local(base_url=f"{LOCAL}/chat/completions/"), "endpoint"),
    wrong("Ollama's own API", local(base_url="http://localhost:11434/api", api_key="ollama"), "endpoint"),
    wrong("a misspelt scheme", gpt(base_url="htps://llm.acme.io/v1", api_key="acme-77"), "endpoint"),
    wrong("a port that is none", local(base_url="http://localhost:80000/v1"), "endpoint"),
    wrong("a URL in quotes", gpt(base_url='"https://api.openai.com/v1"'), "endpoint"),
    wrong("a URL from a template", gpt(base_url="${OPENAI_BASE_URL}"), "endpoint"),
    wrong("an empty URL", gpt(base_url=""), "endpoint"),
    wrong("a key with a byte order mark", gpt(api_key="\ufeff" + KEY), "key_shape"),
    wrong("a whole header for a key", gpt(api_key="Bearer " + KEY), "key_shape"),
    wrong("a key in a list", gpt(api_key=[KEY]), "key_shape"),
    wrong("the name of the variable", gpt(api_key="OPENAI_API_KEY"), "key_placeholder"),
    wrong("the code for the variable", gpt(api_key="os.environ['OPENAI_API_KEY']"), "key_placeholder"),
    wrong("a template for a key", gpt(api_key="{{ openai_key }}"), "key_placeholder"),
    wrong("words and zeros", gpt(api_key="your-00000000-0000-0000-0000-000000000000"), "key_placeholder"),
    wrong("my and zeros", gpt(api_key="my-00000000-0000-0000-0000-000000000000-key"), "key_placeholder"),
    wrong(
        "a long host in words",
        gpt(base_url=f"https://your-{'0' * 50}-resource.acme.io/v1", api_key="acme-77"),
        "endpoint",
    ),
    wrong("Groq's key for OpenAI", gpt(api_key=GROQ_KEY), "key_shape"),
    wrong("OpenRouter's key for OpenAI", gpt(api_key=OPENROUTER_KEY), "key_shape"),
    wrong(
        "OpenAI's key for DeepSeek",
        gpt(base_url="https://api.deepseek.com", api_key="sk-proj-" + "aB3dE5fG" * 6),
        "key_shape",
    ),
    wrong(
        "a guess at a placeholder", gpt(base_url="https://llm.acme.io/v1", api_key="xxxx"), "key_placeholder"
    ),
    wrong("a list in the list", [gpt()], "not_an_object"),
    wrong("an llm_config in the list", {"config_list": [gpt()], "temperature": 0}, "not_an_object"),
    wrong("a model in a list", gpt(model=["gpt-4o"]), "model_missing"),
    wrong("an option in camel case", gpt(maxTokens=100), "unknown_option"),
    wrong("an option with a hyphen", {"model": "gpt-4o", "api-key": KEY}, "unknown_option", "key_missing"),
    wrong("a proxy", gpt(proxies={"https": "http://proxy:3128"}), "unknown_option"),
    wrong("the old timeout", gpt(request_timeout=60), "unknown_option"),
    wrong("a temperature in quotes", gpt(temperature="0.2"), *(IN_ENTRY or ({"value"} if IS_02 else set()))),
    wrong("a limit in quotes", gpt(max_tokens="1000"), *({"value"} if IS_02 else set())),
    wrong("a temperature of 3", gpt(temperature=3), *(IN_ENTRY or {"value" if IS_02 else "rejected"})),
    wrong("a limit of 0", gpt(max_tokens=0), "value"),
    wrong("retries in quotes", gpt(max_retries="3"), "retries", *IN_ENTRY),
    wrong("a timeout of 0", gpt(timeout=0), "timeout", *IN_ENTRY),
    wrong("tags in one text", gpt(tags="cheap"), *(() if IS_02 else ("rejected",))),
    wrong("one price for both", gpt(price=0.001), *(() if IS_02 else ("price",))),
    wrong("a negative price", gpt(price=[-1, 2]), "price"),
    wrong("no URL at all", gpt(base_url=None), *({"endpoint"} if IS_09 else ())),
    Case(
        "the same in another order",
        [
            {"model": "m", "api_key": "EMPTY", "base_url": LOCAL},
            {"base_url": LOCAL, "model": "m", "api_key": "EMPTY"},
        ],
        [set(), {"duplicate"}],
    ),
    Case("the same with a slash", [local(), local(base_url=f"{LOCAL}/")], [set(), {"duplicate"}]),
    Case(
        "a word for a seed",
        {"config_list": [gpt()], "cache_seed": "abc"},
        [set()],
        set() if IS_02 else {"rejected"},
    ),
    Case(
        "the same by the environment",
        [{"model": "gpt-4o"}, gpt()],
        [set(), {"duplicate"}],
        environ=KEYS,
    ),
    alone(
        "a type in capitals",
        azure(api_type="Azure"),
        *({"unknown_option", "azure_endpoint"} if IS_02 else {"api_type"}),
    ),
    alone("a type of Azure's of old", azure(api_type="azure_ad"), *(() if IS_02 else {"api_type"})),
)
"""Lists with something wrong, in most lineages."""

GUESSED = (
    "a guess at a placeholder",
    "Ollama's own API",
    "a key of Azure's",
    "a placeholder for Azure's endpoint",
)
"""Lists in which what is wrong is likely and not certain, so that no entry is dropped for it."""
