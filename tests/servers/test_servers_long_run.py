"""A process that goes on for long holds no more at its end than in its middle, and all it did has arrived."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.delivery.receivers import receiving
from tests.servers.programs import run

_CONVERSATIONS = 2000
_ROOM_BYTES = 24 * 2**20
"""For what Python's allocator does not give back."""

_SENDERS = 3
"""One each for spans, metrics and what is sent from the journal."""


def test_two_thousand_conversations_leave_nothing_behind(tmp_path: Path) -> None:
    with receiving() as endpoint:
        said = json.loads(
            run(
                "long_run",
                str(_CONVERSATIONS),
                folder=tmp_path,
                OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url,
                OTEL_BSP_MAX_QUEUE_SIZE="65536",
            ).splitlines()[-1]
        )
        names = [span.name for span in endpoint.spans]
    assert names.count("invoke_workflow asker -> helper") == _CONVERSATIONS
    first, second = said["halves"]
    grown = {
        kind: (first["objects"].get(kind, 0), many)
        for kind, many in second["objects"].items()
        # What is remembered by number has its bound, which half of them need not have reached.
        if many > first["objects"].get(kind, 0) + 64
    }
    assert grown == {}
    assert second["files"] <= first["files"]
    assert _named(second["threads"], ours=False) == _named(first["threads"], ours=False)
    # Ours come when they are needed, one more where an endpoint is slow for once; there is a bound to that.
    assert all(count <= _SENDERS for count in _named(second["threads"], ours=True).values())
    assert second["bytes"] - first["bytes"] < _ROOM_BYTES
    assert said["restored"]


def _named(threads: list[str], *, ours: bool) -> Counter[str]:
    return Counter(name for name in threads if name.startswith("autogen-otel") is ours)
