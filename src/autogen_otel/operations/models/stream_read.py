"""How far a streamed answer came: read from its chunks as they pass, and from how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from autogen_otel.causes import chain
from autogen_otel.causes.decision import cause_of_status, raised_in
from autogen_otel.operations.models.response import usage
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

_TOKEN_COUNT = "autogen.token_count_utils"  # noqa: S105 - a module
"""AutoGen 0.2 and 0.9 count a stream's tokens here after its end, with a table that tiktoken downloads."""

_BAD_REQUEST = 400


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
    """

    chunks: int = 0
    chars: int = 0
    first_at: float | None = None
    usage: Facts | None = None
    finished: bool = False
    exhausted: bool = False
    broken: bool = False
    error: BaseException | None = None

    def add(self, chunk: Any) -> None:
        """Count a chunk."""
        self.chunks += 1
        if self.first_at is None:
            self.first_at = perf_counter()
        self.usage = usage(chunk) or self.usage
        for choice in _items(getattr(chunk, "choices", None)):
            self.finished = self.finished or getattr(choice, "finish_reason", None) is not None
            self.chars += _chars(getattr(choice, "delta", None))

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
        }

    def cause_of(self, error: BaseException) -> str:
        """Cause of a failure of the call that asked for the stream."""
        if self.error is not None and any(link is self.error for link in chain(error)):
            return _cause_of_break(self.error)
        if not (self.chunks or self.exhausted):
            # A client that cannot stream took the stream for the answer.
            return causes.CONFIG_ENTRY
        if _counting_tokens(error):
            return causes.CLIENT
        if self.exhausted and not self.finished:
            return causes.STREAM_INTERRUPTED
        choked = any(raised_in(error, package) for package in ("autogen", "openai", "pydantic"))
        return causes.BACKEND if choked else causes.CLIENT


def _cause_of_break(error: BaseException) -> str:
    """An error event may say more than that the stream broke: some refusals come so, after a 200."""
    code = getattr(error, "code", None)
    if code == "rate_limit_exceeded":
        return causes.RATE_LIMIT
    refused = cause_of_status(_BAD_REQUEST, code if isinstance(code, str) else None, str(error))
    return refused if refused == causes.PROMPT_TOO_LARGE else causes.STREAM_INTERRUPTED


def _counting_tokens(error: BaseException) -> bool:
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__") == _TOKEN_COUNT:
            return True
        traceback = traceback.tb_next
    return False


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
