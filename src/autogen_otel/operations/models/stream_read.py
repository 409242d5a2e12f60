"""How far a streamed answer came: read from its chunks as they pass, and from how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from autogen_otel.causes.provider_error import ProviderError, error_in
from autogen_otel.operations.models.response import usage
from autogen_otel.reading import read
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names

_TOLD = ("error", "message", "code", "type", "detail", "param")


@dataclass(slots=True)
class StreamRead:
    """What is known of a stream while it is read.

    Args:
        chunks: chunks that came.
        chars: characters of text and of tool arguments in them.
        first_at: when the first one came, in seconds of ``time.perf_counter``.
        usage: token counts, if the provider sent them.
        finished: whether a chunk said why the model stopped, which the last one of every choice does.
        exhausted: whether it was read to its end.
        broken: whether it broke.
        error: what broke it; let go of when the entry that asked for it ends.
        provider_error: the error that a chunk was instead of a piece of the answer.
        texts: the pieces of its text, where message content is recorded.
    """

    chunks: int = 0
    chars: int = 0
    first_at: float | None = None
    usage: Facts | None = None
    finished: bool = False
    exhausted: bool = False
    broken: bool = False
    error: BaseException | None = None
    provider_error: ProviderError | None = None
    texts: list[str] | None = None

    def add(self, chunk: Any) -> None:
        """Count a chunk."""
        self.chunks += 1
        if self.first_at is None:
            self.first_at = perf_counter()
        self.usage = usage(chunk) or self.usage
        if not getattr(chunk, "choices", None):
            self.provider_error = self.provider_error or _error(chunk)
        for choice in _items(getattr(chunk, "choices", None)):
            self.finished = self.finished or getattr(choice, "finish_reason", None) is not None
            delta = getattr(choice, "delta", None)
            self.chars += _chars(delta)
            if self.texts is not None and isinstance(text := getattr(delta, "content", None), str):
                self.texts.append(text)

    def end(self, error: BaseException) -> None:
        """Note the end: the exception with which iteration ends, or the one that broke it."""
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            self.exhausted = True
        else:
            self.error, self.broken = error, True

    def facts(self, since: float, *, failed: bool) -> Facts:
        """What is recorded of it.

        Args:
            since: when the call that asked for it began, in seconds of ``time.perf_counter``.
            failed: whether that call came to nothing, though the stream itself may have been read to its end.
        """
        return {
            names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: None
            if self.first_at is None
            else self.first_at - since,
            names.STREAM_CHUNKS: self.chunks,
            names.STREAM_RECEIVED_CHARS: self.chars if failed or self.broken else None,
            names.GEN_AI_OUTPUT_MESSAGES: self._said() if failed else None,
        }

    def _said(self) -> tuple[dict[str, Any], ...] | None:
        """The answer as far as it came."""
        if not self.texts:
            return None
        return ({"role": "assistant", "content": "".join(self.texts), "finish_reason": None},)


def _error(chunk: Any) -> ProviderError | None:
    """The error that a chunk is; the SDK makes a chunk of whatever JSON an event has."""
    told = {key: value for key in _TOLD if (value := read(chunk, key)) is not None}
    return (
        error_in(told) if read(chunk, "object") == "error" or "error" in told or "message" in told else None
    )


def _chars(delta: Any) -> int:
    functions = [getattr(call, "function", None) for call in _items(getattr(delta, "tool_calls", None))]
    total = _length(getattr(delta, "content", None))
    for function in (*functions, getattr(delta, "function_call", None)):
        total += _length(getattr(function, "arguments", None))
    return total


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, (str, Mapping)) else ()


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else 0
