"""Watching a stream of the OpenAI SDK while its chunks pass to AutoGen, untouched and one by one.

The SDK makes the generator of a stream once, in ``Stream.__stream__``, and takes every chunk from it. Inside
a model call that generator stands in a transparent proxy, which only counts: nothing is read ahead, no
context is entered around the generator, and nothing of ours has to be ended, since the config entry that
asked for the stream tells how far it came when it ends itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import wrapt

from autogen_otel.context import current
from autogen_otel.hooks.drive import Runtime
from autogen_otel.hooks.guard import guarded
from autogen_otel.operations.models.entry_tried import EntryState
from autogen_otel.operations.models.stream_read import StreamState

if TYPE_CHECKING:
    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy  # not subscriptable before wrapt 2


class _Chunks(Proxy):
    """A generator of chunks, counted as they pass.

    Args:
        chunks: the SDK's generator.
        state: what is told of each chunk and of the end.
    """

    def __init__(self, chunks: Any, state: StreamState) -> None:
        super().__init__(chunks)
        self._self_state = state

    def __iter__(self) -> Any:
        """As of any iterator."""
        return self

    def __next__(self) -> Any:
        """The next chunk, as it comes."""
        try:
            chunk = self.__wrapped__.__next__()
        except BaseException as error:
            with suppress(Exception), guarded:
                self._self_state.ended(error)
            raise
        with suppress(Exception), guarded:
            self._self_state.came(chunk)
        return chunk


class _AsyncChunks(Proxy):
    """The same for an asynchronous generator; arguments as of ``_Chunks``."""

    def __init__(self, chunks: Any, state: StreamState) -> None:
        super().__init__(chunks)
        self._self_state = state

    def __aiter__(self) -> Any:
        """As of any asynchronous iterator."""
        return self

    async def __anext__(self) -> Any:
        """The next chunk, as it comes."""
        try:
            chunk = await self.__wrapped__.__anext__()
        except BaseException as error:
            with suppress(Exception), guarded:
                self._self_state.ended(error)
            raise
        with suppress(Exception), guarded:
            self._self_state.came(chunk)
        return chunk


def counted_stream(original: Any, runtime: Runtime) -> Any:
    """``Stream.__stream__`` with its chunks counted inside model calls."""
    return _counting(original, _Chunks, runtime)


def counted_async_stream(original: Any, runtime: Runtime) -> Any:
    """``AsyncStream.__stream__`` with its chunks counted inside model calls."""
    return _counting(original, _AsyncChunks, runtime)


def _counting(
    original: Callable[..., Any], proxy: Callable[[Any, StreamState], Any], runtime: Runtime
) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        chunks = original(*args, **kwargs)
        with suppress(Exception), guarded:
            state = _opened(runtime)
            if state is not None:
                return proxy(chunks, state)
        return chunks

    return functools.update_wrapper(counted, original)


def _opened(runtime: Runtime) -> StreamState | None:
    """The account of a stream that a config entry has just been given; ``None`` outside of model calls."""
    scope = current.scope() if runtime.enabled else None
    entry = scope.find(EntryState) if scope is not None else None
    return entry.opened() if entry is not None else None
