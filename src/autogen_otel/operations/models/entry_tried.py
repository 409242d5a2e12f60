"""One ``config_list`` entry tried: ``create`` of its model client."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from autogen_otel.observations import EntryTried, Failure, Fallback
from autogen_otel.operations.models import config_entries
from autogen_otel.operations.models.model_call import ModelCallState
from autogen_otel.operations.models.response import usage
from autogen_otel.operations.models.stream_read import StreamState
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.operations.reading import text_of
from autogen_otel.vocabulary import failures


@dataclass(slots=True)
class EntryState:
    """What is found out while one entry is tried.

    Args:
        answered: whether an HTTP attempt was answered well: what fails after that is the answer itself.
        attempts: HTTP attempts begun.
        began: when it began, in seconds of ``time.perf_counter``.
        stream: the stream it was answered with, if it was.
    """

    answered: bool = False
    attempts: int = 0
    began: float = field(default_factory=perf_counter)
    stream: StreamState | None = None

    def opened(self) -> StreamState:
        """Keep the account of a stream that begins."""
        self.stream = StreamState()
        return self.stream


class CreateByClient(Operation[EntryTried]):
    """Reads ``create`` of any model client: AutoGen's own, AG2's second generation, custom ones."""

    parameters = ("params",)

    def begin(self, call: Call) -> EntryTried | None:
        """Note which entry it is; a client used outside ``OpenAIWrapper.create`` is none of our business."""
        around = call.scope.parent.state if call.scope.parent is not None else None
        if not isinstance(around, ModelCallState):
            return None
        index = config_entries.index_of_client(around.wrapper, call.instance)
        if index is None:
            return None
        call.scope.state = EntryState()
        instead_of = around.gave_up
        if instead_of is None and around.tried is not None and around.tried.index in around.answered:
            instead_of = Fallback(around.tried)
        first = around.first
        around.gave_up = None
        around.tried = first if first.index == index else config_entries.entry(around.wrapper, index)
        return EntryTried(entry=around.tried, agent=around.agent, instead_of=instead_of)

    def returned(self, call: Call, started: EntryTried, value: Any) -> EntryTried:
        """The entry answered, which the logical call needs to know."""
        around = call.scope.find(ModelCallState)
        if around is not None:
            around.answered[started.entry.index] = started.entry
            streamed = call.scope.state.stream if isinstance(call.scope.state, EntryState) else None
            used = usage(value) if streamed is None else streamed.usage
            if used is not None:
                around.usages[started.entry.index] = used
        ended, state = self._with_stream(call, started, failed=False), call.scope.state
        if isinstance(state, EntryState) and state.stream is not None and state.stream.error is not None:
            # The client makes do with what had arrived; nobody else will ever hear of the break.
            broke = state.stream.error
            return replace(ended, failure=Failure(origin=state.stream.origin_of(broke), error=broke))
        return ended

    def failed(self, call: Call, started: EntryTried, error: BaseException) -> EntryTried:
        """The entry failed; AutoGen goes on to the next one without a word, if there is one."""
        origin = self._origin(call, call.failure(error), error)
        around = call.scope.find(ModelCallState)
        if around is not None:
            around.gave_up = Fallback(started.entry, type(error), origin)
        ended = self._with_stream(call, started, failed=True)
        return replace(ended, failure=Failure(origin=origin, error=error))

    def _with_stream(self, call: Call, started: EntryTried, *, failed: bool) -> EntryTried:
        state, around = call.scope.state, call.scope.find(ModelCallState)
        if not isinstance(state, EntryState):
            return started
        started = replace(started, attempts=state.attempts)
        if state.stream is None or around is None:
            return started
        around.streams[started.entry.index] = state.stream
        return replace(started, stream=state.stream.read(state.began, failed=failed))

    def _origin(self, call: Call, failure: Failure, error: BaseException) -> str:
        state = call.scope.state
        assert isinstance(state, EntryState)
        if not isinstance(error, Exception):
            # An exit, an interrupt or a cancellation says nothing about the entry.
            return failure.origin
        if state.stream is not None:
            return state.stream.origin_of(error)
        if failure.origin != failures.UNKNOWN:
            return failure.origin
        if isinstance(error, TypeError) and "unexpected keyword argument" in text_of(error):
            return failures.CONFIG_ENTRY
        # The provider said 200 and sent something that is no completion, or nothing was ever asked.
        return failures.BACKEND if state.answered else failures.CLIENT
