"""The call of one ``config_list`` entry: ``create`` of its model client."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

from autogen_otel.causes import Circumstances, Failure, OddAnswer, Scene
from autogen_otel.causes.decision import cause_of_break
from autogen_otel.hosts.classic.models import config_entries
from autogen_otel.hosts.classic.models.config_entries import Entry, see_entry
from autogen_otel.hosts.classic.models.model_call import Fallback, ModelCall
from autogen_otel.operations.models.answer import read_answer
from autogen_otel.operations.models.refused import exception_facts, unsendable
from autogen_otel.operations.models.response import usage
from autogen_otel.operations.models.stream_progress import StreamProgress
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import MODEL_EXCEPTION, Facts, Measurement, silence_others
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics, spans


class EntryCall(Operation):
    """Reads ``create`` of any model client: AutoGen's own, AG2's second generation, custom ones.

    It has a span only if there are several entries; a single entry's facts are on the model call.

    Attributes:
        entry: the entry.
        was_answered: whether an HTTP attempt succeeded: a failure after that is one of the answer itself.
        refusal: the error that answered the last HTTP attempt, if one did.
        attempts: number of HTTP attempts.
        start_time: when the call began, in seconds of ``time.perf_counter``.
        stream: the progress of the streamed answer, if the answer is one.
    """

    failure_event = MODEL_EXCEPTION
    parameters = ("params",)

    __slots__ = (
        "_fallback",
        "attempts",
        "changes",
        "entry",
        "refusal",
        "start_time",
        "stream",
        "was_answered",
    )

    def begin(self) -> Facts | None:
        """Note which entry it is; a client used outside ``OpenAIWrapper.create`` is not observed."""
        call = self.parent
        if not isinstance(call, ModelCall):
            return None
        index = config_entries.index_of_client(call.instance, self.instance)
        if index is None:
            return None
        self.place = self.place.copy()
        self.place.entry = self
        self.was_answered, self.attempts, self.start_time = False, 0, perf_counter()
        self.stream: StreamProgress | None = None
        self.refusal: OddAnswer | None = None
        self._fallback = call.fallback
        if (
            self._fallback is None
            and call.last_entry is not None
            and call.last_entry.index in call.answered_entries
        ):
            self._fallback = Fallback(call.last_entry)
        entry = (
            call.first_entry
            if call.first_entry.index == index
            else see_entry(self.recorder, call.instance, index)
        )
        self.entry: Entry = entry
        call.fallback, call.last_entry = None, entry
        self.changes = silence_others if entry.has_sdk else None
        if entry.count > 1:
            self.name = spans.config_entry(entry.index, entry.model)
            self.constants = (entry.facts,)
        return {}

    def returned(self, value: Any) -> Facts | None:
        """The entry answered: tell the logical call."""
        call, index, stream = self.place.model_call, self.entry.index, self.stream
        if not isinstance(call, ModelCall):
            return None
        call.answered_entries[index] = self.entry
        tokens = usage(value) if stream is None else stream.usage
        if tokens is not None:
            call.usages[index] = tokens
        call.answer = read_answer(value)
        call.refusal = self.refusal
        if self.refusal is not None:
            # The SDK treats an error with a good status as an answer.
            self.failure = self.refusal.failure()
        if stream is None:
            return None
        if stream.error is not None:
            # The client returns the part that had arrived; nobody else will ever learn of the break.
            self.failure = Failure(cause_of_break(stream.error, self.carried_count), stream.error)
        return self._stream_facts(call, stream, failed=False)

    def failed(self, error: BaseException) -> Facts | None:
        """The entry failed; AutoGen silently goes on to the next one, if there is one."""
        failure = self.failure = self.failure_of(error)
        call = self.place.model_call
        if not isinstance(call, ModelCall):
            return None
        call.fallback = Fallback(self.entry, type(error), failure.cause)
        facts: Facts = {} if self.attempts else exception_facts(error, call)
        if self.name is None:
            call.exception_facts = facts
        if self.stream is not None:
            facts = {**facts, **(self._stream_facts(call, self.stream, failed=True) or {})}
        return {**facts, names.REFUSED_TOOL: call.refused_tool} if call.refused_tool else facts

    def cancelled(self) -> Facts | None:
        """The progress of a stream until then."""
        call = self.place.model_call
        if not isinstance(call, ModelCall) or self.stream is None:
            return None
        return self._stream_facts(call, self.stream, failed=True)

    def failure_of(self, error: BaseException) -> Failure:
        """The failure of the last attempt, where the SDK or AutoGen tripped over its answer."""
        if self.refusal is not None and self.summary_of(error) is None:
            return self.refusal.failure(error)
        failure = unsendable(error, self.place.model_call) or super().failure_of(error)
        message = None if self.stream is None else self.stream.message_of(error)
        return failure if message is None else failure._replace(message=message)

    def circumstances(self) -> Circumstances:
        """What is known of the answer to this entry."""
        return Circumstances(
            Scene.REQUEST,
            carried_messages=self.carried_count,
            stream=self.stream,
            was_answered=self.was_answered,
            has_custom_client=self.entry.is_custom,
        )

    def measurements(self, _seconds: float) -> Iterator[Measurement]:
        """A call by the client of another SDK, whose HTTP attempts are not observed; and a fallback."""
        agent = None if self.place.model_call is None else self.place.model_call.agent
        if self.attempts == 0:
            labels = {**self.entry.facts, names.GEN_AI_AGENT_NAME: agent, metrics.ATTEMPT_RESENT: False}
            if self.failure is not None:
                error = self.failure.error
                labels |= {
                    names.ERROR_TYPE: self.failure.type if error is None else type(error),
                    names.ERROR_ORIGIN: self.failure.cause,
                }
            yield metrics.MODEL_ATTEMPTS, 1, labels
        if self._fallback is not None:
            yield self._fallback.measurement(self.entry, agent)

    def open_stream(self) -> StreamProgress:
        """Begin to record the progress of a stream."""
        self.stream = StreamProgress(texts=[] if self.recorder.settings.records_messages else None)
        return self.stream

    def _stream_facts(self, call: ModelCall, stream: StreamProgress, *, failed: bool) -> Facts | None:
        call.streams[self.entry.index] = stream
        return None if self.name is None else stream.facts(self.start_time, failed=failed)

    def _release(self) -> None:
        if self.stream is not None:
            # The SDK holds a reference to the progress, and the frames of the exception one to the SDK.
            self.stream.error = None
        self.stream = self._fallback = None
