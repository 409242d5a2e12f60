"""One ``config_list`` entry tried: ``create`` of its model client."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import EntryTried, Failure
from autogen_otel.operations import config_entries
from autogen_otel.operations.model_call import ModelCallState
from autogen_otel.operations.operation import Call, Operation
from autogen_otel.vocabulary import failures


@dataclass(slots=True)
class EntryState:
    """Whether an HTTP attempt of this entry was answered well: what fails after that is the answer itself."""

    answered: bool = False


class CreateByClient(Operation[EntryTried]):
    """Reads ``create`` of any model client: AutoGen's own, AG2's second generation, custom ones."""

    def begin(self, call: Call) -> EntryTried | None:
        """Note which entry it is; a client used outside ``OpenAIWrapper.create`` is none of our business."""
        around = call.scope.parent.state if call.scope.parent is not None else None
        if not isinstance(around, ModelCallState):
            return None
        index = config_entries.index_of_client(around.wrapper, call.instance)
        if index is None:
            return None
        call.scope.state = EntryState()
        around.tried = config_entries.entry(around.wrapper, index)
        return EntryTried(entry=around.tried)

    def returned(self, call: Call, started: EntryTried, _value: Any) -> EntryTried:
        """The entry answered, which the logical call needs to know."""
        around = call.scope.find(ModelCallState)
        if around is not None:
            around.answered[started.entry.index] = started.entry
        return started

    def failed(self, call: Call, started: EntryTried, error: BaseException) -> EntryTried:
        """The entry failed; AutoGen goes on to the next one without a word, if there is one."""
        failure = call.failure(error)
        return replace(started, failure=Failure(origin=self._origin(call, failure), error=error))

    def _origin(self, call: Call, failure: Failure) -> str:
        state = call.scope.state
        answered = isinstance(state, EntryState) and state.answered
        streamed = bool((call.arguments.get("params") or {}).get("stream"))
        if answered and streamed:
            return failures.STREAM_INTERRUPTED
        if failure.origin != failures.UNKNOWN:
            return failure.origin
        if isinstance(failure.error, TypeError) and "unexpected keyword argument" in str(failure.error):
            return failures.CONFIG_ENTRY
        if answered:
            # The provider said 200 and sent something that is no completion.
            return failures.BACKEND
        return failures.CLIENT
