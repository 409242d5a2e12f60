"""All conversations, reduced to counts, the failures, and samples of the calls that worked."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.diagnosis.evidence.features import Features
from autogen_otel.diagnosis.evidence.gathering import gather
from autogen_otel.diagnosis.evidence.loops import LIMITS, Loop, loop_in
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.reading import Reading
from autogen_otel.diagnosis.evidence.sample import Sample
from autogen_otel.diagnosis.evidence.timeline import Timeline
from autogen_otel.traces.trace import Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from autogen_otel.vocabulary import spans as span_names

_MOST_KINDS: Final = 500
_MOST_REMEMBERED: Final = 100_000
_LARGEST_GROUP: Final = 4000
_INSTANCES: Final = ("service.instance.id", "process.pid", "host.name")

GroupKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which conversations count.

    Args:
        since_ns: begun then or later.
        until_ns: begun before then.
        service: of that program.
        trace: whose trace id begins so.
        limit: at most so many, in the order they are stored; 0 for all.
    """

    since_ns: int = 0
    until_ns: int = 0
    service: str | None = None
    trace: str = ""
    limit: int = 0

    def takes(self, spans: list[Span]) -> bool:
        """Whether a conversation counts."""
        if self.since_ns or self.until_ns:
            start = min(span.start_ns for span in spans)
            if start < self.since_ns or (self.until_ns and start >= self.until_ns):
                return False
        return self.service is None or any(span.service == self.service for span in spans)


class Population:
    """What is kept of all conversations.

    Attributes:
        conversations: how many there were.
        first_ns: when the first of them began.
        last_ns: when the last of them began.
        over_time: how many began when.
        groups: failures that are alike.
        working: a sample of the calls that worked, by kind.
        returned_errors: tools that returned errors, and in how many conversations.
    """

    def __init__(self) -> None:
        self.conversations = 0
        self.first_ns = self.last_ns = 0
        self.over_time = Timeline()
        self.groups: dict[GroupKey, Sample[Occurrence]] = {}
        self.working: dict[str, Sample[Features]] = {}
        self.returned_errors: Counter[str] = Counter()
        self.returned_conversations: Counter[str] = Counter()
        self.loops: list[tuple[str, Loop, Occurrence]] = []
        self.ended_at_limit: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._of_process: Counter[str] = Counter()

    @classmethod
    def of(cls, spans: Iterable[Span], wanted: Filter | None = None) -> Population:
        """Read conversations.

        Args:
            spans: in any order.
            wanted: which conversations; all by default.
        """
        wanted = wanted or Filter()
        population = cls()
        for gathered in gather(spans):
            if wanted.takes(gathered):
                population.add(gathered)
                if wanted.limit and population.conversations >= wanted.limit:
                    break
        return population

    def add(self, spans: list[Span]) -> None:
        """Take the spans of one conversation, or of a late piece of one."""
        has_failed = is_ours = False
        unique: dict[str, Span] = {}
        tools: list[Span] = []
        chats: list[Span] = []
        roots: list[Span] = []
        for span in spans:
            if span.span_id in unique:
                continue
            unique[span.span_id] = span
            has_failed = has_failed or span.status_code == 2  # noqa: PLR2004 - asked of every span
            operation = span.operation
            if operation == span_names.EXECUTE_TOOL:
                tools.append(span)
            elif operation == span_names.CHAT:
                chats.append(span)
            elif operation == span_names.INVOKE_WORKFLOW:
                roots.append(span)
            elif not is_ours:
                is_ours = operation == span_names.INVOKE_AGENT or span.scope == span_names.SCOPE
        if not (is_ours or tools or chats or roots):
            return
        number = self._count(spans)
        trace = _LazyTrace(list(unique.values()), number)
        found = trace.reading.occurrences() if has_failed else []
        for occurrence in found:
            self._keep(occurrence)
        self._keep_working(trace, tools, chats)
        self._keep_conversation(trace, roots, found)

    def in_group(self, key: GroupKey) -> list[Occurrence]:
        """The failures of a group, each with the number of failures that it stands for."""
        sample = self.groups[key]
        for occurrence in sample.kept:
            occurrence.weight = sample.weight
        return sample.kept

    def _count(self, spans: list[Span]) -> int:
        first = spans[0]
        number = self._seen.get(first.trace_id)
        if number is not None:
            return number
        self.conversations += 1
        start = min(span.start_ns for span in spans)
        self.first_ns = min(self.first_ns or start, start)
        self.last_ns = max(self.last_ns, start)
        self.over_time.add(start)
        process = "/".join(str(first.resource.get(name, "")) for name in _INSTANCES) + first.service
        self._of_process[process] += 1
        number = self._seen[first.trace_id] = self._of_process[process]
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return number

    def _keep(self, occurrence: Occurrence) -> None:
        key = group_key(occurrence)
        sample = self.groups.get(key)
        if sample is None:
            sample = self.groups[key] = Sample(_LARGEST_GROUP)
        if sample.wants():
            sample.keep(occurrence.described())

    def _sample(self, kind: str) -> Sample[Features] | None:
        sample = self.working.get(kind)
        if sample is None and len(self.working) < _MOST_KINDS:
            # Models make up names of tools; only so many are kept.
            sample = self.working[kind] = Sample()
        return sample

    def _keep_working(self, trace: _LazyTrace, tools: list[Span], chats: list[Span]) -> None:
        returned: set[str] = set()
        for tool in tools:
            attributes = tool.attributes
            name = str(attributes.get(names.GEN_AI_TOOL_NAME) or tool.subject)
            if names.TOOL_RETURNED_ERROR in attributes:
                self.returned_errors[name] += 1
                returned.add(name)
            if tool.failed or attributes.get(names.CANCELLED) is True:
                continue
            sample = self._sample(tool_kind(name))
            if sample is not None and sample.wants():
                sample.keep(trace.reading.tool_features(tool))
        self.returned_conversations.update(returned)
        models = self._sample(MODEL)
        for chat in chats:
            attributes = chat.attributes
            if (
                models is None
                or chat.failed
                or attributes.get(names.CANCELLED) is True
                or attributes.get(names.CACHE_HIT) is True
            ):
                continue
            entry = trace.answering_entry(chat)
            if entry is not None and models.wants():
                models.keep(trace.reading.model_features(chat, entry))

    def _keep_conversation(self, trace: _LazyTrace, roots: list[Span], found: list[Occurrence]) -> None:
        root = min(roots, key=lambda span: span.start_ns, default=None)
        if root is None:
            return
        workflow = str(root.attributes.get(names.GEN_AI_WORKFLOW_NAME) or root.subject)
        self.ended[workflow] += 1
        limited = root.attributes.get(names.CONVERSATION_TERMINATION) in LIMITS
        if limited:
            self.ended_at_limit[workflow] += 1
            loop = loop_in(trace.spans, root)
            if loop is not None and not found:
                self.loops.append((workflow, loop, trace.loop_occurrence(root, loop)))
                return
        if not any(one.kind == CONVERSATION for one in found):
            sample = self._sample(CONVERSATION)
            if sample is not None and sample.wants():
                sample.keep(trace.reading.surroundings.of_conversation(root))


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


class _LazyTrace:
    """A conversation that is put in order only if something in it is looked at."""

    __slots__ = ("_number", "_reading", "spans")

    def __init__(self, spans: list[Span], number: int) -> None:
        self.spans = spans
        self._number = number
        self._reading: Reading | None = None

    @property
    def reading(self) -> Reading:
        if self._reading is None:
            self._reading = Reading(Trace.of(self.spans), self._number)
        return self._reading

    def answering_entry(self, chat: Span) -> Span | None:
        """The entry that answered; ``None`` if an attempt failed there first."""
        if self._reading is None:
            # Nothing in it failed: its own span says all that the entry's would.
            return chat
        if chat.span_id not in self._reading.failed_calls:
            return chat
        trace = self._reading.trace
        entries = [one for one in trace.children(chat) if one.operation == span_names.CONFIG_ENTRY]
        well = [one for one in entries if one.span_id not in self._reading.failed_calls and not one.failed]
        return well[-1] if well else None

    def loop_occurrence(self, root: Span, loop: Loop) -> Occurrence:
        subject: dict[str, Any] = {"agent": ", ".join(loop.agents)}
        if loop.tool is not None:
            subject["tool"] = loop.tool
        return Occurrence(
            causes.ORCHESTRATION,
            subject,
            {"loop": True},
            root.trace_id,
            root.span_id,
            root.start_ns,
            CONVERSATION,
            Effect.SWALLOWED,
            root.duration_ns,
            loop.times,
            None,
            features=self.reading.surroundings.of_conversation(root),
        )
