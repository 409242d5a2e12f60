"""One ``config_list`` entry tried: ``create`` of its model client."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

from autogen_otel.causes import Circumstances, Failure, Oddity, Scene
from autogen_otel.causes.decision import cause_of_break
from autogen_otel.operations.models import config_entries
from autogen_otel.operations.models.answer_read import read_answer
from autogen_otel.operations.models.config_entries import Entry, see_entry
from autogen_otel.operations.models.model_call import Fallback, ModelCall
from autogen_otel.operations.models.response import usage
from autogen_otel.operations.models.stream_read import StreamRead
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import MODEL_EXCEPTION, Facts, Measurement, silence_others
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics, spans


class EntryTried(Operation):
    """Reads ``create`` of any model client: AutoGen's own, AG2's second generation, custom ones.

    It has a span where there are several entries; an only one is not a choice, and stands on the model call.

    Attributes:
        tried: which entry it is.
        answered: whether an HTTP attempt was answered well: what fails after that is the answer itself.
        refusal: what the last HTTP attempt was answered, if that was an error.
        attempts: HTTP attempts begun.
        stream: the stream it was answered with, if it was.
    """

    failure_event = MODEL_EXCEPTION
    parameters = ("params",)

    __slots__ = (
        "_instead_of",
        "answered",
        "attempts",
        "began",
        "changes",
        "refusal",
        "stream",
        "tried",
    )

    def begin(self) -> Facts | None:
        """Note which entry it is; a client used outside ``OpenAIWrapper.create`` is none of our business."""
        call = self.parent
        if not isinstance(call, ModelCall):
            return None
        index = config_entries.index_of_client(call.instance, self.instance)
        if index is None:
            return None
        self.place = self.place.copy()
        self.place.entry = self
        self.answered, self.attempts, self.began = False, 0, perf_counter()
        self.stream: StreamRead | None = None
        self.refusal: Oddity | None = None
        self._instead_of = call.gave_up
        if self._instead_of is None and call.tried is not None and call.tried.index in call.answered:
            self._instead_of = Fallback(call.tried)
        entry = call.first if call.first.index == index else see_entry(self.recorder, call.instance, index)
        self.tried: Entry = entry
        call.gave_up, call.tried = None, entry
        self.changes = silence_others if entry.has_sdk else None
        if entry.count > 1:
            self.name = spans.config_entry(entry.index, entry.model)
            self.constants = (entry.facts,)
        return {}

    def returned(self, value: Any) -> Facts | None:
        """The entry answered, which the logical call needs to know."""
        call, index, stream = self.place.model_call, self.tried.index, self.stream
        if call is None:
            return None
        call.answered[index] = self.tried
        used = usage(value) if stream is None else stream.usage
        if used is not None:
            call.usages[index] = used
        call.read = read_answer(value)
        call.refusal = self.refusal
        if self.refusal is not None:
            # The SDK takes an error with a good status for an answer.
            self.failure = self.refusal.failure()
        if stream is None:
            return None
        if stream.error is not None:
            # The client makes do with what had arrived; nobody else will ever hear of the break.
            self.failure = Failure(cause_of_break(stream.error, self.carried_count), stream.error)
        return self._stream_facts(call, stream, failed=False)

    def failed(self, error: BaseException) -> Facts | None:
        """The entry failed; AutoGen goes on to the next one without a word, if there is one."""
        failure = self.failure = self.failure_of(error)
        call = self.place.model_call
        if call is None:
            return None
        call.gave_up = Fallback(self.tried, type(error), failure.cause)
        return None if self.stream is None else self._stream_facts(call, self.stream, failed=True)

    def cancelled(self) -> Facts | None:
        """How far a stream had come."""
        call = self.place.model_call
        if call is None or self.stream is None:
            return None
        return self._stream_facts(call, self.stream, failed=True)

    def failure_of(self, error: BaseException) -> Failure:
        """As the last attempt says, where the SDK or AutoGen tripped over what it was answered."""
        if self.refusal is not None and self.summary_of(error) is None:
            return self.refusal.failure(error)
        failure = super().failure_of(error)
        said = None if self.stream is None else self.stream.provider_error
        return failure if said is None else failure._replace(message=said.message)

    def circumstances(self) -> Circumstances:
        """What this entry was answered with."""
        return Circumstances(
            Scene.REQUEST,
            carried_messages=self.carried_count,
            stream=self.stream,
            was_answered=self.answered,
            has_custom_client=self.tried.is_custom,
        )

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """A try by the client of another SDK, whose HTTP attempts nobody sees; and a fallback."""
        agent = None if self.place.model_call is None else self.place.model_call.agent
        if self.attempts == 0:
            labels = {**self.tried.facts, names.GEN_AI_AGENT_NAME: agent, metrics.ATTEMPT_RESENT: False}
            if self.failure is not None:
                error = self.failure.error
                labels |= {
                    names.ERROR_TYPE: self.failure.type if error is None else type(error),
                    names.ERROR_ORIGIN: self.failure.cause,
                }
            yield metrics.MODEL_ATTEMPTS, 1, labels
        if self._instead_of is not None:
            yield self._instead_of.measured(self.tried, agent)

    def opened(self) -> StreamRead:
        """Begin the account of a stream."""
        self.stream = StreamRead(texts=[] if self.recorder.settings.records_messages else None)
        return self.stream

    def _stream_facts(self, call: ModelCall, stream: StreamRead, *, failed: bool) -> Facts | None:
        call.streams[self.tried.index] = stream
        return None if self.name is None else stream.facts(self.began, failed=failed)

    def _release(self) -> None:
        if self.stream is not None:
            # The SDK holds on to the account, and the frames of the exception to the SDK.
            self.stream.error = None
        self.stream = self._instead_of = None
