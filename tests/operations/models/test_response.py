"""What a response says of tokens in the words of each API."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.operations.models.response import usage
from autogen_otel.vocabulary import attributes as names
from tests.support.calls import known

_KEYS = (
    names.GEN_AI_USAGE_INPUT_TOKENS,
    names.GEN_AI_USAGE_OUTPUT_TOKENS,
    names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
)


@pytest.mark.parametrize(
    ("reported", "counts"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, (5, 2, None, None)),
        ({"input_tokens": 5, "output_tokens": 2, "reasoning_tokens": 1}, (5, 2, None, 1)),
        (SimpleNamespace(prompt_tokens=0, completion_tokens=None), (0, None, None, None)),
        (
            {
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 4},
            },
            (None, None, 3, 4),
        ),
        (
            {"input_tokens_details": SimpleNamespace(cached_tokens=3), "output_tokens_details": {}},
            (None, None, 3, None),
        ),
        ({"prompt_tokens": True, "completion_tokens": "2", "input_tokens": 7}, None),
        ({}, None),
        (None, None),
        ("many", None),
    ],
)
def test_tokens(reported: Any, counts: tuple[int | None, ...] | None) -> None:
    counted = usage(SimpleNamespace(usage=reported))
    assert (counted is None) == (counts is None)
    assert known(counted) == known(dict(zip(_KEYS, counts or (), strict=bool(counts))))
