"""All conversations, reduced to counts, the failures, and samples of the calls that worked."""

from __future__ import annotations

import random
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final

from autogen_otel.diagnosis.evidence.kept import LARGEST, Began, Numbering, Sample, Samples, Timeline
from autogen_otel.diagnosis.evidence.loops import ALIKE_ANSWERS, LIMITS, Loop, loop_in
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.reading import Reading, is_filtered
from autogen_otel.diagnosis.evidence.subjects import tool_name
from autogen_otel.traces.gathering import gather_spans
from autogen_otel.traces.source import WeightedConversation
from autogen_otel.traces.trace import STATUS_ERROR, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_SEED: Final = 14
_MOST_REMEMBERED: Final = 100_000
_GROUP_SIZES: Final = ((40, 4000), (400, 400), (20_000, 4))
"""How many failures are kept of the first groups, of more of them, and of those that are there in masses."""
_EACH: Final = ((sys.maxsize, sys.maxsize),)
"""That is each failure."""
_LOOP_SIZES: Final = ((100, 400), (2000, 10))
"""The same of conversations that went in circles."""
_MOST_KINDS: Final = 500
"""Of calls that worked: models make up names of tools."""
_MOST_NAMES: Final = 10_000
"""Workflows and tools that are counted; programs that make up names for each conversation have more."""
_USUAL_LIMITS: Final = 0.5
"""A workflow of which more conversations end at a limit is built so."""
INSTANCES: Final = ("service.instance.id", "process.pid", "host.name")

_START: Final = attrgetter("start_ns")

GroupKey = tuple[Any, ...]


class Population:
    """What is kept of all conversations.

    Args:
        heaviest: how many conversations one that is taken stands for at most.
        group_sizes: how many failures are kept that are alike, as ``Samples`` takes it.

    Attributes:
        conversations: how many there were.
        first_ns: when the first of them began.
        last_ns: when the last of them began.
        over_time: how many began when.
        groups: failures that are alike.
        working: a sample of the calls that worked, by kind.
        returned_errors: how often each tool returned an error.
        returned_conversations: in how many conversations it did.
        loops: conversations that went in circles, by workflow and who was in it.
        ended: conversations that ended, by workflow.
        ended_at_limit: those of them that a limit ended.
    """

    def __init__(self, heaviest: float = 1.0, group_sizes: Sequence[tuple[int, int]] = _GROUP_SIZES) -> None:
        self.conversations = 0.0
        self.first_ns = self.last_ns = 0
        self.over_time = Timeline()
        self.groups: Samples[GroupKey, Occurrence] = Samples(*group_sizes)
        self.working: Samples[str, dict[str, Any]] = Samples((_MOST_KINDS, LARGEST))
        self.returned_errors: Counter[str] = Counter()
        self.returned_conversations: Counter[str] = Counter()
        self.loops: Samples[tuple[str, Loop], Occurrence] = Samples(*_LOOP_SIZES)
        self.ended_at_limit: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._seen: OrderedDict[str, Began] = OrderedDict()
        self._numbering = Numbering()
        self._heaviest, self._weight = heaviest, 1.0
        self._random = random.Random(_SEED)  # noqa: S311 - a sample, no secret

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Population:
        """Read conversations, whose spans come in any order."""
        population = cls()
        for gathered in gather_spans(spans):
            population.add(gathered)
        return population

    @classmethod
    def of_trace(cls, trace: Trace) -> Population:
        """Read one conversation, of which each failure is kept."""
        population = cls(group_sizes=_EACH)
        population.add(list(trace.spans))
        return population

    @classmethod
    def of_sample(cls, sample: Sequence[WeightedConversation]) -> Population:
        """Read conversations that stand for others."""
        population = cls(max((one.weight for one in sample), default=1.0))
        for one in sorted(sample, key=lambda one: min(span.start_ns for span in one.spans)):
            population.add(one.spans, one.weight)
        return population

    def add(self, spans: list[Span], weight: float = 1.0) -> None:
        """Take the spans of one conversation that stands for ``weight``, or of a late piece of one."""
        self._weight = weight
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
        reading = Reading(list(unique.values()), self._count(spans, roots or spans))
        found = self._keep_failures(reading) if has_failed else []
        # Of what works, all that is kept has to stand for the same number: of the lighter only some is kept.
        if weight >= self._heaviest or self._random.random() * self._heaviest < weight:
            self._keep_working(reading, tools, chats)
        self._keep_conversation(reading, roots, found)

    def add_failing(self, spans: list[Span], number: int) -> bool:
        """Take what failed in a conversation whose working calls and whose end somebody else counts.

        Args:
            spans: of the conversation, each once.
            number: which one of its process it is.

        Returns:
            Whether the conversation itself is what failed, and not a call in it.
        """
        reading = Reading(spans, number)
        found = self._keep_failures(reading)
        if found:
            return any(one.kind == CONVERSATION for one in found)
        root = _root_of(span for span in spans if span.operation == span_names.INVOKE_WORKFLOW)
        return root is not None and self._keep_loop(reading, root)

    def hold(self, occurrence: Occurrence) -> None:
        """Keep a failure, as it was read, also if it was left out of those that are alike."""
        self.groups.hold(group_key(occurrence), _identity(occurrence), occurrence)

    def merge(self, other: Population) -> None:
        """Take what another population has read; no conversation may be in both."""
        if other.first_ns:
            self.first_ns = min(self.first_ns or other.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)
        self.conversations += other.conversations
        self.over_time.merge(other.over_time)
        self.groups.merge(other.groups)
        self.working.merge(other.working)
        self.loops.merge(other.loops)
        for mine, others in (
            (self.returned_errors, other.returned_errors),
            (self.returned_conversations, other.returned_conversations),
            (self.ended, other.ended),
            (self.ended_at_limit, other.ended_at_limit),
        ):
            mine.update(others)
        self._numbering.merge(other._numbering)

    def number(self) -> None:
        """Say of all that is kept which conversation of its process it was in; all have to be read."""
        for working in self.working.values():
            for features in working.kept:
                self._numbering.replace(features)
        for sample in (*self.groups.values(), *self.loops.values()):
            for one in sample.kept:
                self._numbering.replace(one.features)

    def seldom_at_limit(self, workflow: str) -> bool:
        """Whether few enough conversations of a workflow end at a limit that it is not built so."""
        ended = self.ended[workflow]
        return ended == 1 or self.ended_at_limit[workflow] <= ended * _USUAL_LIMITS

    def in_group(self, key: GroupKey) -> list[Occurrence]:
        """The failures of a group, each with the number of failures that it stands for."""
        return _weighted(self.groups[key])

    def in_loop(self, key: tuple[str, Loop]) -> list[Occurrence]:
        """The conversations that went in one circle, each with the number of them that it stands for."""
        return _weighted(self.loops[key])

    def _count(self, spans: list[Span], own: list[Span]) -> Began | int:
        # A trace may begin in another program that asks this one.
        first = min(own, key=_START)
        began = self._seen.get(first.trace_id)
        if began is not None:
            return began
        self.conversations += self._weight
        start = min(map(_START, spans))
        self.first_ns = min(self.first_ns or start, start)
        self.last_ns = max(self.last_ns, start)
        self.over_time.add(start, self._weight)
        process = "/".join(str(first.resource.get(name, "")) for name in INSTANCES) + first.service
        began = self._seen[first.trace_id] = Began(process, first.start_ns)
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        # Of a sample nobody knows which one of its process a conversation was.
        if self._heaviest > 1:
            return 0
        self._numbering.note(began)
        return began

    def _keep_failures(self, reading: Reading) -> list[Occurrence]:
        found = reading.occurrences()
        for occurrence in found:
            sample = self.groups.wanting(group_key(occurrence), _identity(occurrence), self._weight)
            if sample is not None:
                sample.keep(occurrence.described())
        return found

    def _keep_loop(self, reading: Reading, root: Span) -> bool:
        loop = loop_in(reading.spans, root)
        if loop is None:
            return False
        key = (_workflow(root), loop._replace(times=0))
        sample = self.loops.wanting(key, root.trace_id, self._weight)
        if sample is not None:
            sample.keep(_circle(reading, root, loop))
        return True

    def _keep_working(self, reading: Reading, tools: list[Span], chats: list[Span]) -> None:
        returned: set[str] = set()
        for tool in tools:
            attributes = tool.attributes
            name = tool_name(tool)
            if names.TOOL_RETURNED_ERROR in attributes and (
                name in self.returned_errors or len(self.returned_errors) < _MOST_NAMES
            ):
                self.returned_errors[name] += round(self._heaviest)
                returned.add(name)
            if tool.status_code == STATUS_ERROR or attributes.get(names.CANCELLED) is True:
                continue
            sample = self.working.wanting(tool_kind(name), tool.trace_id + tool.span_id, self._heaviest)
            if sample is not None:
                sample.keep(reading.tool_features(tool))
        self.returned_conversations.update(dict.fromkeys(returned, round(self._heaviest)))
        for chat in chats:
            attributes = chat.attributes
            if not (
                chat.failed
                or is_filtered(chat)
                or attributes.get(names.CANCELLED) is True
                or attributes.get(names.CACHE_HIT) is True
            ) and reading.was_answered_at_once(chat):
                sample = self.working.wanting(MODEL, chat.trace_id + chat.span_id, self._heaviest)
                if sample is not None:
                    sample.keep(reading.model_features(chat, chat))

    def _keep_conversation(self, reading: Reading, roots: list[Span], found: list[Occurrence]) -> None:
        root = _root_of(roots)
        if root is None:
            return
        workflow = _workflow(root)
        if workflow in self.ended or len(self.ended) < _MOST_NAMES:
            self.ended[workflow] += round(self._weight)
        if root.attributes.get(names.CONVERSATION_TERMINATION) in LIMITS:
            if workflow in self.ended:
                self.ended_at_limit[workflow] += round(self._weight)
            if not found and self._keep_loop(reading, root):
                return
        if not any(one.kind == CONVERSATION for one in found):
            sample = self.working.wanting(CONVERSATION, root.trace_id, self._heaviest)
            if sample is not None:
                sample.keep(reading.conversation_features(root))


def group_key(occurrence: Occurrence) -> GroupKey:
    """What failures that are alike have in common."""
    subject = dict(occurrence.subject)
    if occurrence.kind == MODEL:
        # One outage answers with several statuses, and one service has several hosts.
        for name in ("status_code", "host"):
            subject.pop(name, None)
    return (
        occurrence.cause,
        occurrence.kind,
        tuple(sorted((name, str(value)) for name, value in subject.items())),
        tuple(sorted((name, str(value)) for name, value in occurrence.detail.items())),
    )


def _identity(occurrence: Occurrence) -> str:
    return occurrence.trace_id + occurrence.span_id


def _weighted(sample: Sample[Occurrence]) -> list[Occurrence]:
    kept, weight = sample.kept, sample.weight
    for occurrence in kept:
        occurrence.weight = weight
    return kept


def _root_of(workflows: Iterable[Span]) -> Span | None:
    return min(workflows, key=_START, default=None)


def _workflow(root: Span) -> str:
    return str(root.attributes.get(names.GEN_AI_WORKFLOW_NAME) or root.subject)


def _circle(reading: Reading, root: Span, loop: Loop) -> Occurrence:
    """A conversation that went in circles."""
    subject: dict[str, Any] = {"agent": ", ".join(loop.agents)}
    if loop.tool is not None:
        subject["tool"] = loop.tool
    if loop.of_words:
        subject["problem"] = ALIKE_ANSWERS
    return Occurrence(
        causes.ORCHESTRATION,
        subject,
        root.trace_id,
        root.span_id,
        root.start_ns,
        CONVERSATION,
        Effect.SWALLOWED,
        root.duration_ns,
        partial(reading.conversation_features, root),
        {"loop": True},
        loop.times,
    ).described()
