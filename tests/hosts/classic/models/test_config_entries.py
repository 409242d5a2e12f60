"""Which entry of a ``config_list`` is which, and who stands behind it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.classic.models import config_entries
from autogen_otel.reading import reader_of
from autogen_otel.vocabulary import attributes as names
from tests.support.calls import known


@pytest.mark.parametrize(
    ("api_type", "address", "custom", "provider"),
    [
        (None, None, False, "openai"),
        (None, None, True, "custom"),
        (None, "127.0.0.1", False, "openai"),
        ("azure", None, False, "azure.ai.openai"),
        ("bedrock_v2", None, False, "aws.bedrock"),
        ("openai", "api.groq.com", False, "groq"),
        ("openai", "x.ai", False, "x_ai"),
        ("openai", "notx.ai", False, "openai"),
        ("azure", "me.openai.azure.com", True, "azure.ai.openai"),
        ("mistral", None, True, "mistral_ai"),
    ],
)
def test_the_provider_is_the_endpoints_before_the_entrys(
    api_type: str | None, address: str | None, custom: bool, provider: str
) -> None:
    assert config_entries.provider_of(api_type, address, custom=custom) == provider


@pytest.mark.parametrize(
    ("client", "endpoint"),
    [
        (None, (None, None)),
        (SimpleNamespace(base_url="https://api.example/v1"), ("api.example", 443)),
        (SimpleNamespace(base_url="http://api.example"), ("api.example", 80)),
        (SimpleNamespace(base_url="http://[::1]:8080/v1"), ("::1", 8080)),
        (SimpleNamespace(base_url="http://api.example:99999999"), (None, None)),
        (SimpleNamespace(base_url="nowhere"), (None, None)),
    ],
)
def test_the_endpoint_of_a_client(client: Any, endpoint: tuple[str | None, int | None]) -> None:
    assert config_entries.endpoint(client) == endpoint


@pytest.mark.parametrize(
    ("arguments", "own", "recorded"),
    [
        ({}, {}, {}),
        ({"temperature": 1, "top_p": 0.5}, {"temperature": 0}, (0.0, 0.5, None, None)),
        ({"max_tokens": 5}, {"max_completion_tokens": 7}, (None, None, 7, None)),
        ({"max_tokens": "5", "temperature": "hot", "top_p": 10**400}, {}, {}),
        ({"stream": True}, {}, (None, None, None, True)),
        ({"stream": "yes"}, {}, {}),
        ({"stream": True}, {"stream": False}, {}),
    ],
)
def test_options_of_an_entry_win_over_those_of_the_call(arguments: Any, own: Any, recorded: Any) -> None:
    keys = (
        names.GEN_AI_REQUEST_TEMPERATURE,
        names.GEN_AI_REQUEST_TOP_P,
        names.GEN_AI_REQUEST_MAX_TOKENS,
        names.GEN_AI_REQUEST_STREAM,
    )
    assert known(config_entries.options(arguments, own)) == known(dict(zip(keys, recorded, strict=False)))


@pytest.mark.parametrize(
    ("wrapper", "index"),
    [
        (SimpleNamespace(_clients=[1, 2]), 0),
        (SimpleNamespace(_clients=[1, 2], routing_method="fixed_order", _round_robin_index=1), 0),
        (SimpleNamespace(_clients=[1, 2], routing_method="round_robin", _round_robin_index=1), 1),
        (SimpleNamespace(_clients=[1, 2], routing_method="round_robin", _round_robin_index=2), 0),
        (SimpleNamespace(_clients=[1, 2], routing_method="round_robin", _round_robin_index=None), 0),
    ],
)
def test_the_first_entry_rotates_only_where_the_wrapper_does(wrapper: Any, index: int) -> None:
    assert config_entries.first_index(wrapper) == index


def test_a_client_is_known_by_identity() -> None:
    equal: list[list[str]] = [[], [], []]
    wrapper = SimpleNamespace(_clients=equal)
    assert [config_entries.index_of_client(wrapper, one) for one in equal] == [0, 1, 2]
    assert config_entries.index_of_client(wrapper, []) is None


_KEPT = {"r": {"config_id": 1, "pass_filter": False}, "odd": 7}


@pytest.mark.parametrize(
    ("response", "index", "passed"),
    [
        (SimpleNamespace(config_id=0, pass_filter=True), 0, True),
        (SimpleNamespace(config_id=1, pass_filter=False), 1, False),
        (SimpleNamespace(config_id=2), None, True),
        (SimpleNamespace(config_id=-1), None, True),
        (SimpleNamespace(id="r"), 1, False),
        (SimpleNamespace(id="odd"), None, True),
        (SimpleNamespace(id=7), None, True),
        (None, None, True),
    ],
)
def test_which_entry_answered_and_whether_its_answer_was_wanted(
    response: Any, index: int | None, passed: bool
) -> None:
    wrapper = SimpleNamespace(_clients=[1, 2], _response_metadata=_KEPT)
    assert config_entries.index_of_answer(wrapper, reader_of(response)) == index
    assert config_entries.has_passed_filter(wrapper, reader_of(response)) is passed
