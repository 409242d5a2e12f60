"""deploy/collector.yaml: its redaction must not eat what dashboards and diagnosis read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from autogen_otel.vocabulary import attributes, metrics, spans

_DEPLOY = Path(__file__).parents[2] / "deploy"
_CONFIG: dict[str, Any] = yaml.safe_load((_DEPLOY / "collector.yaml").read_text("utf-8"))
_NAMES = [
    value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)
] + list(metrics.LABELS)
_RESOURCE = (
    "service.name",
    "service.namespace",
    "service.instance.id",
    "service.version",
    "deployment.environment.name",
)


def _matching(kind: str, text: str) -> list[str]:
    return [pattern for pattern in _CONFIG["processors"]["redaction"][kind] if re.search(pattern, text)]


@pytest.mark.parametrize("name", [*_NAMES, *_RESOURCE])
def test_no_name_of_ours_looks_like_the_name_of_a_secret(name: str) -> None:
    assert _matching("blocked_key_patterns", name) == []
    assert _matching("blocked_values", name) == []


@pytest.mark.parametrize(
    "name",
    [
        "http.request.header.authorization",
        "http.request.header.x-api-key",
        "http.response.header.set-cookie",
        "db.password",
        "api_key",
        "client.secret",
        "oauth.access_token",
        "Azure.ClientSecret",
    ],
)
def test_names_of_secrets_are_recognised(name: str) -> None:
    assert _matching("blocked_key_patterns", name)


@pytest.mark.parametrize(
    "text",
    [
        spans.workflow("clerk", "claims_assistant"),
        spans.chat("gpt-4o-mini-2024-07-18"),
        spans.config_entry(1, "meta-llama/Llama-3.3-70B-Instruct"),
        "http://127.0.0.1:8080/v1/chat/completions?api-version=2026-01-01",
        "https://my-resource.openai.azure.com/openai/deployments/gpt-4o/chat/completions",
        "Error code: 401 - Incorrect API key provided: [redacted].",
        "This model's maximum context length is 8192 tokens",
        "amount: expected number, got string 'ten thousand'",
        "req_011CTz9bJxQvW2kTmN5cXyAb",
        "chatcmpl-9uRq3ZJ0kq8t5dXw2nLrB7vYcE1",
        "call_8fXhT2oGJtbPqVn4mK0sLwZy",
        'File "policies.py", line 66, in office_of: return _OFFICES[region]',
        "passwords are checked in auth.py; the token count is 1234567890",
        "the task-tracking-for-hail-damage-2026 desk",
    ],
)
def test_what_traces_are_full_of_is_left_alone(text: str) -> None:
    assert _matching("blocked_values", text) == []


def test_everything_is_redacted_before_it_waits_or_leaves() -> None:
    pipelines = _CONFIG["service"]["pipelines"]
    order = pipelines["traces"]["processors"]
    assert order[0] == "memory_limiter"
    assert (
        order.index("transform/lift")
        < order.index("redaction")
        < order.index("transform/lower")
        < order.index("tail_sampling")
    )
    assert "redaction/metrics" in pipelines["metrics"]["processors"]
    assert "redaction" in pipelines["logs"]["processors"]


def test_nothing_listens_beyond_loopback_unless_it_is_told_to() -> None:
    for path in (*_DEPLOY.glob("collector*.yaml"), _DEPLOY / "jaeger.yaml"):
        addresses = re.findall(
            r"^\s+(?:endpoint|host): (\S*LISTEN_HOST\S*)", path.read_text("utf-8"), re.MULTILINE
        )
        assert len(addresses) >= 4, path
        assert all(re.match(r"\$\{env:\w+_LISTEN_HOST:-127\.0\.0\.1\}", address) for address in addresses), (
            path
        )


@pytest.mark.parametrize("name", ["collector.yaml", "collector-agent.yaml"])
def test_full_queues_fit_below_the_memory_limit(name: str) -> None:
    config: dict[str, Any] = yaml.safe_load((_DEPLOY / name).read_text("utf-8"))

    def default(value: str) -> int:
        return int(value.rpartition(":-")[2].rstrip("}"))

    queues = [
        default(exporter["sending_queue"]["queue_size"])
        for exporter in config["exporters"].values()
        if exporter.get("sending_queue", {}).get("sizer") == "bytes"
    ]
    # Measured with a real one: six bytes of memory to a queued byte, and 100 MiB for itself.
    needed = sum(queues) * 6 / 2**20 + 100
    assert queues
    assert needed <= default(config["processors"]["memory_limiter"]["limit_mib"])
