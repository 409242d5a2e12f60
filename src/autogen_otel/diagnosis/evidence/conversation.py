"""The failures of one conversation: each where it began, once, with its retries."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from autogen_otel.diagnosis.evidence.arguments import argument_features
from autogen_otel.diagnosis.evidence.features import MOST_NEIGHBOURS, Surroundings, plain_problem
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.subjects import (
    ERROR_INSIDE,
    UNAVAILABLE_TOOLS,
    has_error_inside,
    is_attempt,
    message_of,
    model_detail,
    model_subject,
    other_subject,
    raised_subject,
    request_subject,
    tool_name,
    tool_subject,
)
from autogen_otel.traces.failures import Answers, FailedSpan, beginnings
from autogen_otel.traces.trace import HTTP, STATUS_ERROR, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, responses
from autogen_otel.vocabulary import spans as span_names

_IN_A_CALL: Final = frozenset({HTTP, span_names.CONFIG_ENTRY})

_WHOLE: Final = frozenset({span_names.INVOKE_WORKFLOW, span_names.INVOKE_AGENT, span_names.CHAT})
"""What a program asks for: the outermost of them has the exception that the program gets."""


class Conversation:
    """One conversation, which is ordered only if something reads it.

    Args:
        spans: the conversation's, in any order.
        number: as ``Surroundings`` take it.

    Attributes:
        failed_calls: ids of the model calls and entries with a failure, even if they recovered.
    """

    def __init__(self, spans: list[Span], number: object) -> None:
        self.spans = spans
        self._number = number
        self.failed_calls: set[str] = set()

    @cached_property
    def trace(self) -> Trace:
        """The conversation in order; most conversations never need it."""
        return Trace.of(self.spans)

    @cached_property
    def surroundings(self) -> Surroundings:
        """The conversation around the calls."""
        return Surroundings(self.trace, self._number)

    def occurrences(self) -> list[Occurrence]:
        """The failures, in the order they began."""
        failed_spans = [span for span in self.trace.spans if span.failed]
        first_ids = beginnings(map(FailedSpan.of, failed_spans), Answers(self.trace.spans))
        occurrences: list[Occurrence] = []
        calls: dict[str, list[Span]] = defaultdict(list)
        requests: dict[tuple[str | None, str], list[Span]] = defaultdict(list)
        for span in failed_spans:
            if span.span_id not in first_ids:
                continue
            cause = _cause(span)
            chat = self._call_of(span)
            if chat is not None and cause not in {causes.CALLBACK, causes.TOOL_EXCEPTION}:
                calls[chat.span_id].append(span)
                continue
            if is_attempt(span):
                requests[span.parent_id, cause].append(span)
                continue
            answering_chat = self._answering_chat(span) if cause in _PROVIDER_CAUSES else None
            if answering_chat is None:
                occurrences.append(self._of_span(span, cause))
            else:
                occurrences.append(self._of_answer(span, cause, answering_chat))
        for chat_id, spans in calls.items():
            chat = self.trace.span(chat_id)
            if chat is not None:
                occurrences.extend(self._of_model(chat, spans))
        occurrences += [self._of_request(spans, cause) for (_, cause), spans in requests.items()]
        # If a turn failed on such an answer, that failure is in the list already.
        filtered_chats = [span for span in self.trace.spans if is_filtered(span) and not span.failed]
        occurrences += [
            self._of_answer(chat, causes.CONTENT_FILTER, chat)
            for chat in filtered_chats
            if chat.span_id not in self.failed_calls
        ]
        return sorted(occurrences, key=lambda occurrence: occurrence.time_ns)

    # ------------------------------------------------------------ kinds of calls
    def _of_span(self, span: Span, cause: str) -> Occurrence:
        """A failure outside of model calls: of a tool, a turn, a handoff, code or a callback."""
        compared_as = None
        if span.operation == span_names.EXECUTE_TOOL:
            problems = _problems(span)
            is_of_arguments = cause == causes.TOOL_ARGUMENTS
            chat = self._requesting_chat(span) if is_of_arguments else None
            subject = tool_subject(span, problems if is_of_arguments else (), chat)
            kind, describe = tool_kind(subject["tool"]), partial(self.tool_features, span)
            if chat is not None and subject.get("problem") in UNAVAILABLE_TOOLS:
                # No such tool ever works: the question is what made the model request it.
                compared_as, describe = MODEL, partial(self.model_features, chat, chat)
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
            message=message_of(span),
        )

    def _of_request(self, attempts: Sequence[Span], cause: str) -> Occurrence:
        """A request outside of model calls: a tool, or other code of the program, made it."""
        first, last = attempts[0], attempts[-1]
        parent = self.trace.span(first.parent_id)
        siblings = () if parent is None else self.trace.children(parent)
        later = [attempt for attempt in siblings if is_attempt(attempt) and attempt.start_ns > last.start_ns]
        success_times = [attempt.start_ns for attempt in later if not attempt.failed]
        kind, describe = CONVERSATION, partial(self.conversation_features, self.trace.top[0], last)
        if parent is not None and parent.operation == span_names.EXECUTE_TOOL:
            kind, describe = tool_kind(tool_name(parent)), partial(self.tool_features, parent)
        return Occurrence(
            cause,
            request_subject(last, self.trace),
            first.trace_id,
            first.span_id,
            first.start_ns,
            kind,
            Effect.RETRIED if success_times else self._effect(last),
            max(0, min(success_times, default=last.end_ns) - first.start_ns),
            describe,
            attempts=len(attempts),
            message=message_of(last),
        )

    def _requesting_chat(self, tool: Span) -> Span | None:
        """The last model call before a tool call that requested it."""
        name, call_id = (
            tool.attributes.get(key) for key in (names.GEN_AI_TOOL_NAME, names.GEN_AI_TOOL_CALL_ID)
        )
        chats = self._chats
        end = bisect_right(chats, tool.start_ns, key=attrgetter("end_ns"))
        for chat in reversed(chats[max(0, end - MOST_NEIGHBOURS) : end]):
            calls = chat.attributes.get(names.RESPONSE_TOOL_CALLS)
            if isinstance(calls, list) and any(_is_request(str(call), name, call_id) for call in calls):
                return chat
        return None

    @cached_property
    def _chats(self) -> list[Span]:
        """The model calls, in the order they ended."""
        chats = (span for span in self.spans if span.operation == span_names.CHAT)
        return sorted(chats, key=attrgetter("end_ns"))

    def _answering_chat(self, turn: Span) -> Span | None:
        """The model call whose answer a turn failed on."""
        if turn.operation == span_names.EXECUTE_TOOL:
            return None
        chats = [child for child in self.trace.children(turn) if child.operation == span_names.CHAT]
        last = max(chats, key=lambda chat: chat.end_ns, default=None)
        return None if last is None or last.failed else last

    def _of_answer(self, failed_span: Span, cause: str, chat: Span) -> Occurrence:
        """An answer that AutoGen took but could not use: a turn failed on it, or nobody noticed."""
        self.failed_calls.add(chat.span_id)
        attempts = [child for child in self.trace.children(chat) if is_attempt(child)]
        attempt = attempts[-1] if attempts else None
        subject = model_subject(chat, chat, attempt)
        return Occurrence(
            cause,
            subject,
            failed_span.trace_id,
            failed_span.span_id,
            failed_span.start_ns,
            MODEL,
            self._effect(failed_span),
            chat.duration_ns,
            partial(self.model_features, chat, chat),
            model_detail(cause, attempt, subject),
            message=message_of(failed_span),
        )

    def _of_model(self, chat: Span, failed_spans: Sequence[Span]) -> Iterator[Occurrence]:
        entries = [child for child in self.trace.children(chat) if child.operation == span_names.CONFIG_ENTRY]
        last_entry = max(entries, key=lambda entry: entry.start_ns).span_id if entries else chat.span_id
        self.failed_calls.add(chat.span_id)
        groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for span in failed_spans:
            groups[self._entry_of(span, chat).span_id, _cause(span)].append(span)
        earlier_errors: list[tuple[str, Any]] = []
        after_tool = next((link.span_id for link in chat.links if self.trace.span(link.span_id)), None)
        for (entry_id, cause), spans in groups.items():
            entry = self.trace.span(entry_id) or chat
            self.failed_calls.add(entry_id)
            attempts = [span for span in spans if is_attempt(span)]
            all_attempts = attempts or [child for child in self.trace.children(entry) if is_attempt(child)]
            attempt = all_attempts[-1] if all_attempts else None
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
                self._lost_ns(chat, entry, spans),
                partial(self.model_features, chat, entry),
                model_detail(
                    cause,
                    attempt,
                    subject,
                    entry.attributes.get(names.CLIENT_CLASS) or chat.attributes.get(names.CLIENT_CLASS),
                ),
                max(1, len(attempts)),
                after_tool=after_tool,
                earlier_errors=tuple(earlier_errors),
                message=message_of(spans[-1]),
            )
            earlier_errors.append((cause, subject.get("status_code")))

    def tool_features(self, tool: Span) -> dict[str, Any]:
        """The features of a tool call, with those of its arguments."""
        features = self.surroundings.of_tool_call(tool)
        features.update(argument_features(tool.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)))
        return features

    def model_features(self, chat: Span, entry: Span) -> dict[str, Any]:
        """The features of a model call as one of its entries received it."""
        return self.surroundings.of_call(chat, entry)

    def conversation_features(self, root: Span, failed_span: Span | None = None) -> dict[str, Any]:
        """The features of the conversation as a whole, until a failure in it."""
        return self.surroundings.of_conversation(root, failed_span)

    def was_answered_at_once(self, chat: Span) -> bool:
        """Whether the entry that answered did so with its first attempt."""
        failed_calls = self.failed_calls
        return chat.span_id not in failed_calls or any(
            child.operation == span_names.CONFIG_ENTRY
            and not child.failed
            and child.span_id not in failed_calls
            for child in self.trace.children(chat)
        )

    # ------------------------------------------------------------ effects
    def _effect(self, span: Span) -> Effect:
        """The effect of a failure without a retry or fallback: whether it ended the conversation.

        A turn or model call that the program itself makes, outside of any conversation, is one for this.
        """
        has_ended = is_contiguous = False
        for ancestor in islice(self.trace.up_from(span), MOST_NEIGHBOURS):
            is_contiguous = ancestor.failed and (is_contiguous or ancestor is span)
            if ancestor.operation in _WHOLE:
                has_ended = is_contiguous
        return Effect.ENDED if has_ended else Effect.SWALLOWED

    def _lost_ns(self, chat: Span, entry: Span, spans: Sequence[Span]) -> int:
        """Time from the first failure until an attempt worked, or until the entry ended."""
        first_failure_ns = min(span.start_ns for span in spans)
        success_times = [
            child.start_ns
            for child in self.trace.children(entry)
            if is_attempt(child) and not child.failed and child.start_ns > first_failure_ns
        ]
        if success_times and not entry.failed:
            return max(0, min(success_times) - first_failure_ns)
        return max(0, (entry.end_ns or chat.end_ns) - first_failure_ns)

    # ------------------------------------------------------------ ancestors
    def _call_of(self, span: Span) -> Span | None:
        for ancestor in self.trace.up_from(span):
            if ancestor.operation == span_names.CHAT:
                return ancestor
            if ancestor.operation not in _IN_A_CALL:
                break
        return None

    def _entry_of(self, span: Span, chat: Span) -> Span:
        for ancestor in self.trace.up_from(span):
            if ancestor is chat or ancestor.operation == span_names.CONFIG_ENTRY:
                return ancestor
        return chat


_PLAIN_MODEL_CAUSES: Final = frozenset(causes.CAUSES) - {causes.CLIENT, causes.UNKNOWN}

_PROVIDER_CAUSES: Final = frozenset({causes.BACKEND, causes.CONTENT_FILTER, causes.PROMPT_TOO_LARGE})


def is_filtered(span: Span) -> bool:
    """Whether a model call got an answer that the provider's filter emptied or cut, without an error."""
    return span.attributes.get(names.RESPONSE_PROBLEM) == responses.CONTENT_FILTER


def _is_request(requested: str, name: object, call_id: object) -> bool:
    """Whether what a model requested, ``lookup call_abc``, is this call.

    AutoGen replaces characters of names that it does not allow, so that only the id is the same.
    """
    return requested in (name, f"{name} {call_id}") or (bool(call_id) and requested.endswith(f" {call_id}"))


def odd_problem(chat: Span) -> str | None:
    """The problem of an answer that AutoGen goes on with, if it has one."""
    problem = chat.attributes.get(names.RESPONSE_PROBLEM)
    return problem if problem in responses.NO_FAILURE and chat.status_code != STATUS_ERROR else None


def _cause(span: Span) -> str:
    return str(span.attributes.get(names.ERROR_ORIGIN, causes.UNKNOWN))


def _problems(span: Span) -> tuple[str, ...]:
    problems = span.attributes.get(names.TOOL_ARGUMENTS_PROBLEMS)
    return tuple(plain_problem(str(problem)) for problem in problems) if isinstance(problems, list) else ()
