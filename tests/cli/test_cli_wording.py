"""What a finding says in a line, where there is little to say."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.cli import wording

ENTRY = {"entry": 0, "model": "gpt-4o"}


@pytest.mark.parametrize(
    ("cause", "more", "said"),
    [
        ("backend", {}, "fails without an HTTP status"),
        ("backend", {"status_code": 500}, "answers 500"),
        ("backend", {"status_code": 200}, "answers 200 with something that is no completion"),
        ("content_filter", {"status_code": 200}, "answers 200 with what a filter emptied or cut"),
        ("timeout", {"tool": "search"}, "gives no answer in time after search took long"),
        ("stream_interrupted", {"status_code": 200}, "answers 200 and breaks off"),
    ],
)
def test_a_model_call_says_how_it_failed_with_or_without_a_status(
    cause: str, more: dict[str, Any], said: str
) -> None:
    assert wording.title(cause, {**ENTRY, **more}) == f"config_list[0] gpt-4o {said}"
