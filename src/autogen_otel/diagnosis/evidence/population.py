"""All conversations, reduced to counts, the failures, and samples of the calls that worked."""

from __future__ import annotations

import random
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

from autogen_otel.diagnosis.evidence.aggregates import (
    SAMPLE_SIZE,
    ConversationStart,
    Numbering,
    Sample,
    Samples,
    Timeline,
)
from autogen_otel.diagnosis.evidence.conversation import Conversation, is_filtered, odd_problem
from autogen_otel.diagnosis.evidence.features import plain
from autogen_otel.diagnosis.evidence.loops import Loop, is_loop, loop_in, loop_subject
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.subjects import tool_name
from autogen_otel.traces.gathering import gather_spans
from autogen_otel.traces.source import INSTANCES, WeightedConversation
from autogen_otel.traces.trace import STATUS_ERROR, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, terminations
from autogen_otel.vocabulary import spans as span_names

_SEED: Final = 14
_MOST_STARTS: Final = 100_000
_GROUP_SIZES: Final = ((40, 4000), (400, 400), (20_000, 4))
"""How many failures to keep of each of the first groups, of each of the next ones, and of all others."""
_EACH_FAILURE: Final = ((sys.maxsize, sys.maxsize),)
"""Sizes that keep each failure."""
_LOOP_SIZES: Final = ((100, 400), (2000, 10))
"""The same for conversations with a loop."""
_MOST_KINDS: Final = 500
"""Kinds of working calls: models invent names of tools."""
_MOST_NAMES: Final = 10_000
"""Workflows, tools and models to count; programs that invent names for each conversation have more."""
_USUAL_LIMITS: Final = 0.5
"""If more conversations of a workflow end at a limit, that is its design."""

_START: Final = attrgetter("start_ns")

GroupKey = tuple[Any, ...]
EntryKey = tuple[Any, Any]
"""Index and model of an entry of a ``config_list``."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many conversations were read, and how many they stand for, where all are too many.

    Args:
        failing_read: how many conversations with a failure were read.
        failing: how many conversations these stand for.
        working_read: how many other conversations were read.
        working: how many conversations these stand for.
    """

    failing_read: int
    failing: int
    working_read: int
    working: int

    @classmethod
    def of(cls, sample: Sequence[WeightedConversation]) -> Sampling | None:
        """The numbers of a sample; ``None`` if it has all conversations."""
        failing = [
            conversation.weight for conversation in sample if any(span.failed for span in conversation.spans)
        ]
        working = [
            conversation.weight
            for conversation in sample
            if not any(span.failed for span in conversation.spans)
        ]
        if all(weight == 1 for weight in (*failing, *working)):
            return None
        return cls(len(failing), round(sum(failing)), len(working), round(sum(working)))


class Population:
    """Counts, failures and samples of all conversations.

    Args:
        group_sizes: how many failures of a group to keep, as ``Samples`` takes it.

    Attributes:
        conversations: how many there were.
        failing: in how many of them something failed, or a limit ended a loop.
        first_ns: when the first of them began.
        last_ns: when the last of them began.
        over_time: conversations by when they began.
        groups: failures, by what they have in common.
        working: samples of the calls that worked, by kind.
        returned_errors: how often each tool returned an error.
        returned_conversations: in how many conversations each tool did.
        answered: how many model calls each entry answered.
        odd_answers: how many answers of each model had which problem, see ``odd_problem``.
        odd_conversations: in how many conversations that was.
        loops: conversations that ended in a loop, by workflow and agents.
        ended_conversations: how many conversations ended, by workflow.
        ended_at_limit: how many of them a limit ended.
        sampling: how many of them were read, if not all.
    """

    def __init__(self, group_sizes: Sequence[tuple[int, int]] = _GROUP_SIZES) -> None:
        self.conversations = self.failing = 0.0
        self.first_ns = self.last_ns = 0
        self.over_time = Timeline()
        self.groups: Samples[GroupKey, Occurrence] = Samples(*group_sizes)
        self.working: Samples[str, dict[str, Any]] = Samples((_MOST_KINDS, SAMPLE_SIZE))
        self.returned_errors: Counter[str] = Counter()
        self.returned_conversations: Counter[str] = Counter()
        self.answered: Counter[EntryKey] = Counter()
        self.odd_answers: Counter[tuple[str, str]] = Counter()
        self.odd_conversations: Counter[tuple[str, str]] = Counter()
        self.loops: Samples[tuple[str, Loop], Occurrence] = Samples(*_LOOP_SIZES)
        self.ended_at_limit: Counter[str] = Counter()
        self.ended_conversations: Counter[str] = Counter()
        self.sampling: Sampling | None = None
        self._starts: OrderedDict[str, ConversationStart] = OrderedDict()
        self._numbering = Numbering()

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Population:
        """Read conversations, whose spans come in any order."""
        population = cls()
        for conversation in gather_spans(spans):
            population.add(conversation)
        return population

    @classmethod
    def of_trace(cls, trace: Trace) -> Population:
        """Read one conversation and keep each of its failures."""
        population = cls(group_sizes=_EACH_FAILURE)
        population.add(list(trace.spans))
        return population

    @classmethod
    def of_sample(cls, sample: Sequence[WeightedConversation]) -> Population:
        """Read a sample, whose conversations stand for others."""
        population = cls()
        population.sampling = Sampling.of(sample)
        heaviest = max((conversation.weight for conversation in sample), default=1.0)
        choice = random.Random(_SEED)  # noqa: S311 - a sample, no secret
        for conversation in sorted(sample, key=lambda one: min(map(_START, one.spans))):
            weight = conversation.weight
            # All working calls must have the same weight: those of some lighter conversations do not count.
            counts = weight >= heaviest or choice.random() * heaviest < weight
            # In a sample the number of a conversation in its process is unknown.
            number = 0 if heaviest > 1 else None
            population.add(conversation.spans, weight, heaviest if counts else 0.0, number)
        return population

    def add(
        self, spans: list[Span], weight: float = 1.0, working: float = 1.0, number: int | None = None
    ) -> None:
        """Add the spans of one conversation, or of a late piece of one.

        Args:
            spans: the spans; one may come twice.
            weight: how many conversations it stands for, and each failure in it; 0 if they do not count.
            working: how many calls each call stands for that worked; the same for all of one kind, or 0.
            number: the conversation's number in its process, 0 if it is unknown; by default it follows from
                those that are added.
        """
        has_failed = is_ours = False
        unique: dict[str, Span] = {}
        tools: list[Span] = []
        chats: list[Span] = []
        roots: list[Span] = []
        for span in spans:
            if span.span_id in unique:
                continue
            unique[span.span_id] = span
            has_failed = has_failed or span.status_code == STATUS_ERROR
            operation = span.operation
            if operation == span_names.EXECUTE_TOOL:
                tools.append(span)
            elif operation == span_names.CHAT:
                chats.append(span)
                has_failed = has_failed or is_filtered(span)
            elif operation == span_names.INVOKE_WORKFLOW:
                roots.append(span)
            elif not is_ours:
                is_ours = operation == span_names.INVOKE_AGENT or span.scope == span_names.SCOPE
        if not (is_ours or tools or chats or roots):
            return
        start = self._count(spans, roots or spans, weight)
        conversation = Conversation(list(unique.values()), start if number is None else number)
        failures = self._keep_failures(conversation, weight) if has_failed else []
        if failures:
            self.failing += weight
        if working:
            self._keep_working(conversation, tools, chats, working)
        self._keep_conversation(conversation, roots, failures, weight, working)

    def keep_tools(self, spans: list[Span], number: int, weights: Mapping[str, float]) -> None:
        """Add only those calls in a conversation that worked and are of one of some tools.

        Args:
            spans: the conversation's, each once.
            number: as for ``add``.
            weights: by tool, how many calls each call stands for.
        """
        conversation = Conversation(spans, number)
        for tool in spans:
            if tool.operation == span_names.EXECUTE_TOOL and weights.get(tool_name(tool)):
                self._keep_tool(conversation, tool, weights[tool_name(tool)])

    def hold(self, occurrence: Occurrence) -> None:
        """Keep a failure, as it was read, even if the sample of its group left it out."""
        self.groups.hold(group_key(occurrence), _identity(occurrence), occurrence)

    def merge(self, other: Population) -> None:
        """Add another population; no conversation may be in both."""
        if other.first_ns:
            self.first_ns = min(self.first_ns or other.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)
        self.conversations += other.conversations
        self.failing += other.failing
        self.over_time.merge(other.over_time)
        self.groups.merge(other.groups)
        self.working.merge(other.working)
        self.loops.merge(other.loops)
        self.returned_errors.update(other.returned_errors)
        self.returned_conversations.update(other.returned_conversations)
        self.answered.update(other.answered)
        self.odd_answers.update(other.odd_answers)
        self.odd_conversations.update(other.odd_conversations)
        self.ended_conversations.update(other.ended_conversations)
        self.ended_at_limit.update(other.ended_at_limit)
        self._numbering.merge(other._numbering)

    def number(self) -> None:
        """Give all features the number of their conversation in its process; all have to be read before."""
        for working in self.working.values():
            for features in working.members:
                self._numbering.replace(features)
        for sample in (*self.groups.values(), *self.loops.values()):
            for occurrence in sample.members:
                self._numbering.replace(occurrence.features)

    def seldom_at_limit(self, workflow: str) -> bool:
        """Whether so few conversations of a workflow end at a limit that it is not its design."""
        count = self.ended_conversations[workflow]
        return count == 1 or self.ended_at_limit[workflow] <= count * _USUAL_LIMITS

    def in_group(self, key: GroupKey) -> list[Occurrence]:
        """The failures of a group, each with its weight: how many it stands for."""
        return _weighted(self.groups[key])

    def in_loop(self, key: tuple[str, Loop]) -> list[Occurrence]:
        """The conversations with one loop, each with its weight: how many it stands for."""
        return _weighted(self.loops[key])

    def _count(self, spans: list[Span], workflow_spans: list[Span], weight: float) -> ConversationStart:
        # A trace may begin in another program that calls this one.
        first = min(workflow_spans, key=_START)
        conversation_start = self._starts.get(first.trace_id)
        if conversation_start is not None:
            return conversation_start
        self.conversations += weight
        start_ns = min(map(_START, spans))
        self.first_ns = min(self.first_ns or start_ns, start_ns)
        self.last_ns = max(self.last_ns, start_ns)
        self.over_time.add(start_ns, weight)
        process = "/".join(str(first.resource.get(name, "")) for name in INSTANCES) + first.service
        conversation_start = self._starts[first.trace_id] = ConversationStart(process, first.start_ns)
        if len(self._starts) > _MOST_STARTS:
            self._starts.popitem(last=False)
        self._numbering.note(conversation_start)
        return conversation_start

    def _keep_failures(self, conversation: Conversation, weight: float) -> list[Occurrence]:
        occurrences = conversation.occurrences()
        for occurrence in occurrences if weight else ():
            sample = self.groups.sample_for(group_key(occurrence), _identity(occurrence), weight)
            if sample is not None:
                sample.keep(occurrence.with_features())
        return occurrences

    def _keep_loop(self, conversation: Conversation, root: Span, weight: float) -> bool:
        loop = loop_in(conversation.spans, root)
        if loop is not None and weight:
            self.failing += weight
            key = (_workflow(root), loop._replace(times=0))
            sample = self.loops.sample_for(key, root.trace_id, weight)
            if sample is not None:
                sample.keep(_loop_occurrence(conversation, root, loop))
        return loop is not None

    def _keep_working(
        self, conversation: Conversation, tools: list[Span], chats: list[Span], weight: float
    ) -> None:
        tools_with_errors: set[str] = set()
        for tool in tools:
            name = tool_name(tool)
            if names.TOOL_RETURNED_ERROR in tool.attributes and (
                name in self.returned_errors or len(self.returned_errors) < _MOST_NAMES
            ):
                self.returned_errors[name] += round(weight)
                tools_with_errors.add(name)
            self._keep_tool(conversation, tool, weight)
        self.returned_conversations.update(dict.fromkeys(tools_with_errors, round(weight)))
        self._count_odd_answers(chats, round(weight))
        for chat in chats:
            attributes = chat.attributes
            if (
                chat.failed
                or is_filtered(chat)
                or attributes.get(names.CANCELLED) is True
                or attributes.get(names.CACHE_HIT) is True
            ):
                continue
            entry = (
                plain(attributes.get(names.CONFIG_INDEX)),
                plain(attributes.get(names.GEN_AI_REQUEST_MODEL)),
            )
            if entry in self.answered or len(self.answered) < _MOST_NAMES:
                self.answered[entry] += round(weight)
            if conversation.was_answered_at_once(chat):
                sample = self.working.sample_for(MODEL, chat.trace_id + chat.span_id, weight)
                if sample is not None:
                    sample.keep(conversation.model_features(chat, chat))

    def _keep_tool(self, conversation: Conversation, tool: Span, weight: float) -> None:
        if tool.status_code == STATUS_ERROR or tool.attributes.get(names.CANCELLED) is True:
            return
        kind = tool_kind(tool_name(tool))
        sample = self.working.sample_for(kind, tool.trace_id + tool.span_id, weight)
        if sample is not None:
            sample.keep(conversation.tool_features(tool))

    def _count_odd_answers(self, chats: list[Span], weight: int) -> None:
        odd = [(chat.subject, problem) for chat in chats if (problem := odd_problem(chat)) is not None]
        known = [key for key in odd if key in self.odd_answers or len(self.odd_answers) < _MOST_NAMES]
        for key in known:
            self.odd_answers[key] += weight
        self.odd_conversations.update(dict.fromkeys(known, weight))

    def _keep_conversation(
        self,
        conversation: Conversation,
        roots: list[Span],
        failures: list[Occurrence],
        weight: float,
        working: float,
    ) -> None:
        root = _root_of(roots)
        if root is None:
            return
        workflow = _workflow(root)
        if workflow in self.ended_conversations or len(self.ended_conversations) < _MOST_NAMES:
            self.ended_conversations[workflow] += round(weight)
        if root.attributes.get(names.CONVERSATION_TERMINATION) in terminations.LIMITS:
            if workflow in self.ended_conversations:
                self.ended_at_limit[workflow] += round(weight)
            if not failures and self._keep_loop(conversation, root, weight):
                return
        if working and not any(failure.kind == CONVERSATION for failure in failures):
            sample = self.working.sample_for(CONVERSATION, root.trace_id, working)
            if sample is not None:
                sample.keep(conversation.conversation_features(root))


def group_key(occurrence: Occurrence) -> GroupKey:
    """What the failures of one group have in common."""
    subject = dict(occurrence.subject)
    if occurrence.kind == MODEL:
        # An outage shows as several statuses, and a service has several hosts.
        for name in ("status_code", "host"):
            subject.pop(name, None)
    if occurrence.cause == causes.ORCHESTRATION and is_loop(subject):
        # A circle is the same wherever it was when the limit came.
        subject = {name: sorted(str(value).split(", ")) for name, value in subject.items()}
    return (
        occurrence.cause,
        occurrence.kind,
        tuple(sorted((name, str(value)) for name, value in subject.items())),
        tuple(sorted((name, str(value)) for name, value in occurrence.detail.items())),
    )


def _identity(occurrence: Occurrence) -> str:
    return occurrence.trace_id + occurrence.span_id


def _weighted(sample: Sample[Occurrence]) -> list[Occurrence]:
    occurrences, weight = sample.members, sample.weight
    for occurrence in occurrences:
        occurrence.weight = weight
    return occurrences


def _root_of(workflows: Iterable[Span]) -> Span | None:
    return min(workflows, key=_START, default=None)


def _workflow(root: Span) -> str:
    return str(root.attributes.get(names.GEN_AI_WORKFLOW_NAME) or root.subject)


def _loop_occurrence(conversation: Conversation, root: Span, loop: Loop) -> Occurrence:
    """The failure of a conversation that ended in a loop."""
    return Occurrence(
        causes.ORCHESTRATION,
        loop_subject(loop),
        root.trace_id,
        root.span_id,
        root.start_ns,
        CONVERSATION,
        Effect.SWALLOWED,
        root.duration_ns,
        partial(conversation.conversation_features, root),
        {},
        loop.times,
    ).with_features()
