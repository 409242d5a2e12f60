"""How far a stream came, chunk by chunk, and how it ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.operations.models.stream_progress import StreamProgress
from autogen_otel.vocabulary import attributes as names
from tests.support.calls import known


def chunk(content: Any = None, finish_reason: str | None = None, **delta: Any) -> Any:
    choice = SimpleNamespace(delta=SimpleNamespace(content=content, **delta), finish_reason=finish_reason)
    return SimpleNamespace(choices=[choice], usage=None)


def stream(*chunks: Any, end: BaseException | None = None) -> StreamProgress:
    read = StreamProgress()
    for one in chunks:
        read.add(one)
    if end is not None:
        read.end(end)
    return read


_CALL = SimpleNamespace(function=SimpleNamespace(arguments='{"a"'))


@pytest.mark.parametrize(
    ("read", "chars"),
    [
        (chunk("half"), 4),
        (chunk(None, tool_calls=[_CALL, SimpleNamespace(function=None)]), 4),
        (chunk(None, function_call=SimpleNamespace(arguments="{}")), 2),
        (chunk(7, tool_calls="odd"), 0),
        (SimpleNamespace(choices=None), 0),
        (SimpleNamespace(choices=[SimpleNamespace()]), 0),
        (None, 0),
    ],
)
def test_text_and_arguments_are_counted_whatever_else_comes(read: Any, chars: int) -> None:
    counted = stream(read)
    assert (counted.chunks, counted.chars, counted.finished) == (1, chars, False)


def test_the_last_usage_counts_and_a_finish_reason_ends_the_answer() -> None:
    last = SimpleNamespace(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 1})
    read = stream(chunk("a"), chunk(None, "stop"), last, chunk(), end=StopIteration())
    assert (read.finished, read.exhausted, read.broken) == (True, True, False)
    assert known(read.usage) == {names.GEN_AI_USAGE_INPUT_TOKENS: 5, names.GEN_AI_USAGE_OUTPUT_TOKENS: 1}


def test_characters_are_recorded_only_of_a_stream_that_came_to_nothing() -> None:
    fine, broken = stream(chunk("half")), stream(chunk("half"), end=OSError())
    assert names.STREAM_RECEIVED_CHARS not in known(fine.facts(0, failed=False))
    assert known(fine.facts(0, failed=True))[names.STREAM_RECEIVED_CHARS] == 4
    assert known(broken.facts(0, failed=False))[names.STREAM_RECEIVED_CHARS] == 4
    assert known(stream().facts(0, failed=True)) == {names.STREAM_CHUNKS: 0, names.STREAM_RECEIVED_CHARS: 0}
