"""The progress of a streamed answer: read from its chunks as they pass, and from its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from autogen_otel.causes.provider_error import ProviderError, error_in
from autogen_otel.operations.models.response import usage
from autogen_otel.reading import read, read_text
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names

_ERROR_FIELDS = ("error", "message", "code", "type", "detail", "param")


@dataclass(slots=True)
class StreamProgress:
    """How far a stream came.

    Args:
        chunks: number of chunks received.
        chars: characters of text and of tool arguments in them.
        first_chunk_time: when the first one arrived, in seconds of ``time.perf_counter``.
        usage: token counts, if the provider sent them.
        finished: whether a chunk had a finish reason, as the last chunk of every choice does.
        exhausted: whether the reader reached its end.
        broken: whether it broke.
        error: the exception that broke it; dropped when the call of the entry ends.
        provider_error: the error that a chunk had instead of a part of the answer.
        texts: the parts of its text, if message content is recorded.
    """

    chunks: int = 0
    chars: int = 0
    first_chunk_time: float | None = None
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
        if self.first_chunk_time is None:
            self.first_chunk_time = perf_counter()
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

    def message_of(self, error: BaseException) -> str | None:
        """What the provider said in the stream, if the exception that left the call does not say it.

        Args:
            error: the exception; of an event whose error is plain text, the SDK has only the body.
        """
        if self.provider_error is not None:
            return self.provider_error.message
        said = error_in(read(error, "body")).message if error is self.error else None
        return None if said is None or said in read_text(error) else said

    def facts(self, start_time: float, *, failed: bool) -> Facts:
        """The facts of the stream.

        Args:
            start_time: when the call of the entry began, in seconds of ``time.perf_counter``.
            failed: whether that call failed, even if the stream itself reached its end.
        """
        return {
            names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: None
            if self.first_chunk_time is None
            else self.first_chunk_time - start_time,
            names.STREAM_CHUNKS: self.chunks,
            names.STREAM_RECEIVED_CHARS: self.chars if failed or self.broken else None,
            names.GEN_AI_OUTPUT_MESSAGES: self._partial_answer() if failed else None,
        }

    def _partial_answer(self) -> tuple[dict[str, Any], ...] | None:
        """The part of the answer that arrived."""
        if not self.texts:
            return None
        return ({"role": "assistant", "content": "".join(self.texts), "finish_reason": None},)


def _error(chunk: Any) -> ProviderError | None:
    """The error in a chunk; the SDK makes a chunk of any JSON that an event has."""
    fields = {key: value for key in _ERROR_FIELDS if (value := read(chunk, key)) is not None}
    return (
        error_in(fields)
        if read(chunk, "object") == "error" or "error" in fields or "message" in fields
        else None
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
