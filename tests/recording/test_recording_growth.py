"""What a conversation exports grows with its transcript, not with its square."""

from __future__ import annotations

import pytest

from bench import growth

_LINEAR = 1.1


@pytest.mark.parametrize("label", ["without content", "with content"])
@pytest.mark.parametrize("kind", growth.CONVERSATIONS)
def test_the_bytes_exported_grow_in_line_with_the_turns(kind: str, label: str) -> None:
    sizes = [
        growth.exported(growth.CONVERSATIONS[kind], turns, growth.SETTINGS[label]) for turns in growth.TURNS
    ]
    slopes = list(growth.exponents(growth.TURNS, sizes))
    assert all(slope <= _LINEAR for slope in slopes), (sizes, slopes)


def test_the_whole_history_on_each_call_would_not_pass() -> None:
    sizes = [
        growth.exported(growth.group, turns, growth.SETTINGS["with the whole history"]) for turns in (10, 50)
    ]
    assert max(growth.exponents((10, 50), sizes)) > _LINEAR
