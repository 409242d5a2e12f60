"""What failed in one conversation: each failure where it began, once, with its retries."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from autogen_otel.diagnosis.evidence.arguments import argument_features
from autogen_otel.diagnosis.evidence.features import MOST_AROUND, Surroundings, plain_problem
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.subjects import (
    ERROR_INSIDE,
    NOT_OFFERED,
    has_error_inside,
    is_attempt,
    model_detail,
    model_subject,
    other_subject,
    raised_subject,
    request_subject,
    said_by,
    tool_name,
    tool_subject,
)
from autogen_otel.traces.failures import Failure, beginnings
from autogen_otel.traces.trace import HTTP, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, responses
from autogen_otel.vocabulary import spans as span_names

_IN_A_CALL: Final = frozenset({HTTP, span_names.CONFIG_ENTRY})


class Reading:
    """One conversation, which is put in order only if something in it is looked at.

    Args:
        spans: of the conversation, in any order.
        number: as ``Surroundings`` take it.

    Attributes:
        failed_calls: ids of the model calls and entries in which something failed, also if they recovered.
    """

    def __init__(self, spans: list[Span], number: object) -> None:
        self.spans = spans
        self._number = number
        self.failed_calls: set[str] = set()

    @cached_property
    def trace(self) -> Trace:
        """The conversation in order; of most nothing is looked at that needs it."""
        return Trace.of(self.spans)

    @cached_property
    def surroundings(self) -> Surroundings:
        """The conversation that the calls happen in."""
        return Surroundings(self.trace, self._number)

    def occurrences(self) -> list[Occurrence]:
        """The failures, in the order they began."""
        failed = [span for span in self.trace.spans if span.failed]
        began = beginnings(map(Failure.of, failed))
        found: list[Occurrence] = []
        calls: dict[str, list[Span]] = defaultdict(list)
        requests: dict[tuple[str | None, str], list[Span]] = defaultdict(list)
        for span in failed:
            if span.span_id not in began:
                continue
            cause = _cause(span)
            chat = self._call_of(span)
            if chat is not None and cause not in {causes.CALLBACK, causes.TOOL_EXCEPTION}:
                calls[chat.span_id].append(span)
                continue
            if is_attempt(span):
                requests[span.parent_id, cause].append(span)
                continue
            answered = self._answered(span) if cause in _OF_PROVIDERS else None
            if answered is None:
                found.append(self._of_span(span, cause))
            else:
                found.append(self._of_answer(span, cause, answered))
        for chat_id, spans in calls.items():
            chat = self.trace.span(chat_id)
            if chat is not None:
                found.extend(self._of_model(chat, spans))
        found += [self._of_request(spans, cause) for (_, cause), spans in requests.items()]
        # Where a turn failed on such an answer, that has told of it.
        filtered = [span for span in self.trace.spans if is_filtered(span) and not span.failed]
        found += [
            self._of_answer(chat, causes.CONTENT_FILTER, chat)
            for chat in filtered
            if chat.span_id not in self.failed_calls
        ]
        return sorted(found, key=lambda one: one.time_ns)

    # ------------------------------------------------------------ kinds of calls
    def _of_span(self, span: Span, cause: str) -> Occurrence:
        """What failed beside model calls: a tool, or a turn, a handoff, code, a callback."""
        compared_as = None
        if span.operation == span_names.EXECUTE_TOOL:
            problems = _problems(span)
            is_of_arguments = cause == causes.TOOL_ARGUMENTS
            asked_by = self._asked_by(span) if is_of_arguments else None
            subject = tool_subject(span, problems if is_of_arguments else (), asked_by)
            kind, describe = tool_kind(subject["tool"]), partial(self.tool_features, span)
            if asked_by is not None and subject.get("problem") in NOT_OFFERED:
                # No such tool works anywhere: what made the model ask for it is the question.
                compared_as, describe = MODEL, partial(self.model_features, asked_by, asked_by)
        else:
            problems = ()
            subject = other_subject(span, self.trace)
            kind, describe = CONVERSATION, partial(self.conversation_features, self.trace.top[0], span)
        return Occurrence(
            cause,
            subject,
            span.trace_id,
            span.span_id,
            span.start_ns,
            kind,
            self._effect(span),
            span.duration_ns,
            describe,
            problems=problems,
            compared_as=compared_as,
            said=said_by(span),
        )

    def _of_request(self, attempts: Sequence[Span], cause: str) -> Occurrence:
        """A request that no model call made: a tool, or what else is the program's, asked itself."""
        first, last = attempts[0], attempts[-1]
        above = self.trace.span(first.parent_id)
        beside = () if above is None else self.trace.children(above)
        later = [one for one in beside if is_attempt(one) and one.start_ns > last.start_ns]
        recovered = [one.start_ns for one in later if not one.failed]
        kind, describe = CONVERSATION, partial(self.conversation_features, self.trace.top[0], last)
        if above is not None and above.operation == span_names.EXECUTE_TOOL:
            kind, describe = tool_kind(tool_name(above)), partial(self.tool_features, above)
        return Occurrence(
            cause,
            request_subject(last, self.trace),
            first.trace_id,
            first.span_id,
            first.start_ns,
            kind,
            Effect.RETRIED if recovered else self._effect(last),
            max(0, min(recovered, default=last.end_ns) - first.start_ns),
            describe,
            attempts=len(attempts),
            said=said_by(last),
        )

    def _asked_by(self, tool: Span) -> Span | None:
        """The last model call before a tool call that asked for it."""
        name = str(tool.attributes.get(names.GEN_AI_TOOL_NAME))
        asked = {f"{name} {tool.attributes.get(names.GEN_AI_TOOL_CALL_ID)}", name}
        chats = self._chats
        before = bisect_right(chats, tool.start_ns, key=attrgetter("end_ns"))
        for chat in reversed(chats[max(0, before - MOST_AROUND) : before]):
            calls = chat.attributes.get(names.RESPONSE_TOOL_CALLS)
            if isinstance(calls, list) and not asked.isdisjoint(map(str, calls)):
                return chat
        return None

    @cached_property
    def _chats(self) -> list[Span]:
        """The model calls, in the order they ended."""
        chats = (span for span in self.spans if span.operation == span_names.CHAT)
        return sorted(chats, key=attrgetter("end_ns"))

    def _answered(self, turn: Span) -> Span | None:
        """The model call whose answer a turn failed on."""
        if turn.operation == span_names.EXECUTE_TOOL:
            return None
        chats = [one for one in self.trace.children(turn) if one.operation == span_names.CHAT]
        last = max(chats, key=lambda chat: chat.end_ns, default=None)
        return None if last is None or last.failed else last

    def _of_answer(self, failed: Span, cause: str, chat: Span) -> Occurrence:
        """An answer that AutoGen took, and could do nothing with: a turn failed on it, or nobody noticed."""
        self.failed_calls.add(chat.span_id)
        attempts = [child for child in self.trace.children(chat) if is_attempt(child)]
        attempt = attempts[-1] if attempts else None
        subject = model_subject(chat, chat, attempt)
        return Occurrence(
            cause,
            subject,
            failed.trace_id,
            failed.span_id,
            failed.start_ns,
            MODEL,
            self._effect(failed),
            chat.duration_ns,
            partial(self.model_features, chat, chat),
            model_detail(cause, attempt, subject),
            said=said_by(failed),
        )

    def _of_model(self, chat: Span, began: Sequence[Span]) -> Iterator[Occurrence]:
        entries = [child for child in self.trace.children(chat) if child.operation == span_names.CONFIG_ENTRY]
        last_entry = max(entries, key=lambda entry: entry.start_ns).span_id if entries else chat.span_id
        self.failed_calls.add(chat.span_id)
        grouped: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for span in began:
            grouped[self._entry_of(span, chat).span_id, _cause(span)].append(span)
        before: list[str] = []
        after_tool = next((link.span_id for link in chat.links if self.trace.span(link.span_id)), None)
        for (entry_id, cause), spans in grouped.items():
            entry = self.trace.span(entry_id) or chat
            self.failed_calls.add(entry_id)
            attempts = [span for span in spans if is_attempt(span)]
            told = attempts or [child for child in self.trace.children(entry) if is_attempt(child)]
            attempt = told[-1] if told else None
            subject = model_subject(chat, entry, attempt)
            if cause not in _PLAIN_MODEL_CAUSES:
                subject.update(raised_subject(spans[0]))
            if cause == causes.BACKEND and has_error_inside(spans[-1], attempt):
                subject["problem"] = ERROR_INSIDE
            if chat.failed:
                effect = Effect.FELL_OVER if entry_id != last_entry else self._effect(chat)
            else:
                effect = Effect.FELL_OVER if entry.failed else Effect.RETRIED
            yield Occurrence(
                cause,
                subject,
                chat.trace_id,
                spans[0].span_id,
                spans[0].start_ns,
                MODEL,
                effect,
                self._lost(chat, entry, spans),
                partial(self.model_features, chat, entry),
                model_detail(cause, attempt, subject),
                max(1, len(attempts)),
                after_tool=after_tool,
                fell_after=tuple(before),
                said=said_by(spans[-1]),
            )
            before.append(cause)

    def tool_features(self, tool: Span) -> dict[str, Any]:
        """What is known of a tool call, with what stands in its arguments."""
        features = self.surroundings.of_call(tool)
        features.update(argument_features(tool.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)))
        return features

    def model_features(self, chat: Span, entry: Span) -> dict[str, Any]:
        """What is known of a model call as one of its entries got it."""
        return self.surroundings.of_call(chat, entry)

    def conversation_features(self, root: Span, failed: Span | None = None) -> dict[str, Any]:
        """What is known of the conversation as a whole, until something failed in it."""
        return self.surroundings.of_conversation(root, failed)

    def was_answered_at_once(self, chat: Span) -> bool:
        """Whether the entry that answered did so with its first attempt."""
        failed = self.failed_calls
        return chat.span_id not in failed or any(
            one.operation == span_names.CONFIG_ENTRY and not one.failed and one.span_id not in failed
            for one in self.trace.children(chat)
        )

    # ------------------------------------------------------------ what came of it
    def _effect(self, span: Span) -> Effect:
        """What came of a failure that nothing made up for: whether the conversation ended with it."""
        ended = contiguous = False
        for above in islice(self.trace.up_from(span), MOST_AROUND):
            contiguous = above.failed and (contiguous or above is span)
            if above.operation == span_names.INVOKE_WORKFLOW:
                ended = contiguous
        return Effect.ENDED if ended else Effect.SWALLOWED

    def _lost(self, chat: Span, entry: Span, spans: Sequence[Span]) -> int:
        """Time from the first failure until what worked began, or all of the entry if nothing did."""
        begun = min(span.start_ns for span in spans)
        later = [
            child.start_ns
            for child in self.trace.children(entry)
            if is_attempt(child) and not child.failed and child.start_ns > begun
        ]
        if later and not entry.failed:
            return max(0, min(later) - begun)
        return max(0, (entry.end_ns or chat.end_ns) - begun)

    # ------------------------------------------------------------ where it belongs
    def _call_of(self, span: Span) -> Span | None:
        for above in self.trace.up_from(span):
            if above.operation == span_names.CHAT:
                return above
            if above.operation not in _IN_A_CALL:
                break
        return None

    def _entry_of(self, span: Span, chat: Span) -> Span:
        for above in self.trace.up_from(span):
            if above is chat or above.operation == span_names.CONFIG_ENTRY:
                return above
        return chat


_PLAIN_MODEL_CAUSES: Final = frozenset(causes.CAUSES) - {causes.CLIENT, causes.UNKNOWN}


_OF_PROVIDERS: Final = frozenset({causes.BACKEND, causes.CONTENT_FILTER, causes.PROMPT_TOO_LARGE})


def is_filtered(span: Span) -> bool:
    """Whether it is a model call whose answer a filter of the provider emptied or cut; no error is raised."""
    return span.attributes.get(names.RESPONSE_PROBLEM) == responses.CONTENT_FILTER


def _cause(span: Span) -> str:
    return str(span.attributes.get(names.ERROR_ORIGIN, causes.UNKNOWN))


def _problems(span: Span) -> tuple[str, ...]:
    recorded = span.attributes.get(names.TOOL_ARGUMENTS_PROBLEMS)
    return tuple(plain_problem(str(one)) for one in recorded) if isinstance(recorded, list) else ()
