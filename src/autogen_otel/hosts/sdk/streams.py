"""Watching a stream of the OpenAI SDK while its chunks pass to AutoGen, untouched and one by one.

The SDK makes the generator of a stream once, in ``Stream.__stream__``, and takes every chunk from it. Inside
a model call we wrap that generator in a transparent proxy, which only counts: nothing is read ahead, no
context is entered around the generator, and nothing of ours has to be ended, since the call of the config
entry that requested the stream records its progress when it ends itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from autogen_otel.hooks.drive import Runtime
from autogen_otel.hooks.guard import report
from autogen_otel.hooks.parts import Proxy
from autogen_otel.operations.models.stream_progress import StreamProgress
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import current_call


class _Chunks(Proxy):
    """A proxy of a generator that counts the chunks as they pass.

    Args:
        chunks: the SDK's generator.
        stream: the progress of the stream.
    """

    def __init__(self, chunks: Any, stream: StreamProgress) -> None:
        super().__init__(chunks)
        self._self_stream = stream

    def __iter__(self) -> Any:
        """As of any iterator."""
        return self

    def __next__(self) -> Any:
        """The next chunk, as it comes."""
        try:
            chunk = self.__wrapped__.__next__()
        except BaseException as error:
            try:
                self._self_stream.end(error)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            raise
        try:
            self._self_stream.add(chunk)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return chunk


class _AsyncChunks(Proxy):
    """The same for an asynchronous generator; arguments as of ``_Chunks``."""

    def __init__(self, chunks: Any, stream: StreamProgress) -> None:
        super().__init__(chunks)
        self._self_stream = stream

    def __aiter__(self) -> Any:
        """As of any asynchronous iterator."""
        return self

    async def __anext__(self) -> Any:
        """The next chunk, as it comes."""
        try:
            chunk = await self.__wrapped__.__anext__()
        except BaseException as error:
            try:
                self._self_stream.end(error)
            except Exception as ours:  # noqa: BLE001 - the boundary
                with suppress(Exception):
                    report(ours)
            raise
        try:
            self._self_stream.add(chunk)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return chunk


def counted_stream(original: Any, runtime: Runtime) -> Any:
    """``Stream.__stream__`` with its chunks counted inside model calls."""
    return _count_chunks(original, _Chunks, runtime)


def counted_async_stream(original: Any, runtime: Runtime) -> Any:
    """``AsyncStream.__stream__`` with its chunks counted inside model calls."""
    return _count_chunks(original, _AsyncChunks, runtime)


def _count_chunks(
    original: Callable[..., Any], proxy: Callable[[Any, StreamProgress], Any], runtime: Runtime
) -> Callable[..., Any]:
    def count_chunks(*args: Any, **kwargs: Any) -> Any:
        chunks = original(*args, **kwargs)
        try:
            stream = _open_stream(runtime)
            if stream is not None:
                return proxy(chunks, stream)
        except Exception as ours:  # noqa: BLE001 - the boundary
            with suppress(Exception):
                report(ours)
        return chunks

    return functools.update_wrapper(count_chunks, original)


def _open_stream(runtime: Runtime) -> StreamProgress | None:
    """The progress of a stream that a config entry has just received; ``None`` outside of model calls."""
    call = current_call() if runtime.enabled else None
    # Read once: the call may end on another thread meanwhile, and drops its entry then.
    entry = call.place.entry if isinstance(call, Operation) else None
    return None if entry is None else entry.open_stream()
