"""The summary of each conversation, made span by span so that no trace has to stay in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal, get_args

from autogen_otel.traces.failures import Answers, FailedSpan, count_by_cause
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.trace import ENDED, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

Outcome = Literal["failed", "recovered", "ok", "cancelled", "running", "interrupted", "unfinished"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

_START: Final = attrgetter("start_ns")
_COST_DIGITS: Final = 10
"""Significant digits; the sum of floats has more that mean nothing: 0.1 + 0.2 is 0.30000000000000004."""
_MOST_PARENTS: Final = 2
"""For so many parents the end of their chats is kept: one of two differs from the parent of any chat."""
_OPERATIONS: Final = frozenset({span_names.INVOKE_WORKFLOW, span_names.INVOKE_AGENT, span_names.CHAT})


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """An entry of a ``config_list``."""

    index: int
    model: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in one line; the tokens of cached replies are not counted.

    Args:
        name: ``user -> assistant``; the best guess while the conversation's own span is missing.
        duration_ns: up to the last span that arrived.
        agents: the agents that took a turn, in the order they first did.
        outcome: ``failed``; ``cancelled`` if the program itself ended it; ``recovered`` if failures happened
            and it went on; ``running`` while it does; ``interrupted`` if its program was killed meanwhile;
            ``unfinished`` if its outermost span never arrived; else ``ok``.
        failures: how many failures began in it, by cause.
        ended_by: why it ended; of several conversations side by side, the last one.
        cost_usd: estimated; 0 where nothing is known.
        failed_entries: entries of a ``config_list`` that failed, in that order.
        answer_problems: how many answers were not whole although no error was raised, by problem.
        under_way: the name of the innermost operation in flight that began last, now or when interrupted.
        under_way_since_ns: when that operation began; 0 where none is in flight.
    """

    trace_id: str
    name: str
    service: str
    start_ns: int
    duration_ns: int
    agents: tuple[str, ...]
    turns: int
    outcome: Outcome
    failures: Counter[str]
    ended_by: str
    cost_usd: float
    input_tokens: int
    output_tokens: int
    failed_entries: tuple[Entry, ...] = ()
    answer_problems: Counter[str] = field(default_factory=Counter)
    under_way: str | None = None
    under_way_since_ns: int = 0


def summaries(spans: Iterable[Span], selection: Selection = EVERYTHING) -> list[Summary]:
    """Summarize each trace that has a conversation and is wanted; its spans may come in any order."""
    tests = selection.tests()
    builders: dict[str, _SummaryBuilder] = {}
    passed_tests: dict[str, set[str]] = {}
    for span in spans:
        if span.trace_id not in builders:
            builders[span.trace_id] = _SummaryBuilder(span.trace_id)
        builders[span.trace_id].add(span)
        for name, test in tests.items():
            if test(span):
                passed_tests.setdefault(span.trace_id, set()).add(name)
    all_summaries = (builder.summary() for builder in builders.values() if builder.is_conversation)
    return [
        summary
        for summary in all_summaries
        if selection.begins_in_time(summary.start_ns)
        and selection.outcome in {None, summary.outcome}
        and passed_tests.get(summary.trace_id, set()) >= tests.keys()
    ]


def is_conversation(spans: Iterable[Span]) -> bool:
    """Whether a trace has a conversation, or a part of one, in it."""
    return any(map(_belongs_to_a_conversation, spans))


def is_selected(selection: Selection, spans: Collection[Span]) -> bool:
    """Whether a conversation, given by all of its spans, is wanted."""
    return (
        selection.begins_in_time(min(span.start_ns for span in spans))
        and all(any(map(test, spans)) for test in selection.tests().values())
        and (selection.outcome is None or summarize(Trace.of(spans)).outcome == selection.outcome)
    )


def summarize(trace: Trace) -> Summary:
    """Summarize one trace."""
    builder = _SummaryBuilder(trace.trace_id)
    for span in trace.spans:
        builder.add(span)
    return builder.summary()


@dataclass(slots=True)
class _SummaryBuilder:
    """Takes the spans of one trace in any order and keeps what its summary needs."""

    trace_id: str
    start_ns: int = 0
    end_ns: int = 0
    service: str = ""
    is_conversation: bool = False
    _root: tuple[str, bool] | None = None
    """Subject of the root span, and whether it failed."""
    _span_ids: set[str] = field(default_factory=set)
    _parent_ids: set[str] = field(default_factory=set)
    """Parents that have to arrive before the trace is complete."""
    _chats: list[Span] = field(default_factory=list)
    """The ``invoke_workflow`` spans."""
    _turns: int = 0
    _agents: dict[str, tuple[int, str]] = field(default_factory=dict)
    """When each agent's first turn began, and its ``sender -> agent``."""
    _failures: list[FailedSpan] = field(default_factory=list)
    _answers: Answers = field(default_factory=Answers)
    _failed_entries: set[Entry] = field(default_factory=set)
    _answer_problems: Counter[str] = field(default_factory=Counter)
    _under_way: Span | None = None
    """The span in flight that began last."""
    _cost_usd: float = 0.0
    _input_tokens: int = 0
    _output_tokens: int = 0

    def add(self, span: Span) -> None:
        """Take one span."""
        self.start_ns = min(self.start_ns or span.start_ns, span.start_ns)
        self.end_ns = max(self.end_ns, span.end_ns)
        self.service = self.service or span.service
        operation = span.operation
        self.is_conversation = self.is_conversation or _belongs_to_a_conversation(span)
        if span.state != ENDED and (self._under_way is None or span.start_ns >= self._under_way.start_ns):
            self._under_way = replace(span, events=(), links=())
        self._answers.add(span)
        if span.failed:
            self._failures.append(FailedSpan.of(span))
            index = _integer(span, names.CONFIG_INDEX)
            if operation == span_names.CONFIG_ENTRY and index is not None:
                self._failed_entries.add(
                    Entry(index, str(span.attributes.get(names.GEN_AI_REQUEST_MODEL, "")))
                )
        if operation == span_names.INVOKE_AGENT:
            self._add_turn(span)
        elif operation == span_names.CHAT:
            self._add_tokens(span)
            if names.RESPONSE_PROBLEM in span.attributes:
                self._answer_problems[str(span.attributes[names.RESPONSE_PROBLEM])] += 1
        elif operation == span_names.INVOKE_WORKFLOW:
            self._chats.append(replace(span, events=(), links=()))
        self._add_ids(span)

    def summary(self) -> Summary:
        """The summary of the spans that came so far."""
        outer = _outer(self._chats)
        turns = [turns for chat in outer if (turns := _integer(chat, names.CONVERSATION_TURNS)) is not None]
        failures = count_by_cause(self._failures, self._answers)
        return Summary(
            trace_id=self.trace_id,
            name=self._name(outer),
            service=self.service,
            start_ns=self.start_ns,
            duration_ns=max(0, self.end_ns - self.start_ns),
            agents=tuple(sorted(self._agents, key=self._agents.__getitem__)),
            turns=sum(turns) if turns else self._turns,
            outcome=self._outcome(outer, failures),
            failures=failures,
            ended_by=str(outer[-1].attributes.get(names.CONVERSATION_TERMINATION, "")) if outer else "",
            cost_usd=float(f"{self._cost_usd:.{_COST_DIGITS}g}"),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            failed_entries=tuple(sorted(self._failed_entries)),
            answer_problems=self._answer_problems,
            under_way=None if self._under_way is None else self._under_way.name,
            under_way_since_ns=0 if self._under_way is None else self._under_way.start_ns,
        )

    def _add_ids(self, span: Span) -> None:
        if span.parent_id is None:
            self._root = (span.subject, span.failed)
            # With the root nothing that the summary needs can be missing any more.
            self._span_ids.clear()
            self._parent_ids.clear()
        elif self._root is None:
            self._span_ids.add(span.span_id)
            # A conversation may hang below a span of the user's that is recorded elsewhere.
            if span.operation != span_names.INVOKE_WORKFLOW:
                self._parent_ids.add(span.parent_id)

    def _add_turn(self, span: Span) -> None:
        if names.HELPER_ROLE in span.attributes:
            return
        self._turns += 1
        agent = str(span.attributes.get(names.GEN_AI_AGENT_NAME) or span.subject)
        sender = span.attributes.get(names.SENDER_NAME)
        turn = (span.start_ns, f"{sender} -> {agent}" if sender else agent)
        self._agents[agent] = min(self._agents.get(agent, turn), turn)

    def _add_tokens(self, span: Span) -> None:
        if span.attributes.get(names.CACHE_HIT) is not True:
            self._input_tokens += _integer(span, names.GEN_AI_USAGE_INPUT_TOKENS) or 0
            self._output_tokens += _integer(span, names.GEN_AI_USAGE_OUTPUT_TOKENS) or 0
        cost = span.attributes.get(names.COST_USD)
        self._cost_usd += cost if isinstance(cost, (int, float)) else 0.0

    def _name(self, outer: list[Span]) -> str:
        first_turn = min(self._agents.values(), default=None)
        # A nested chat that has ended says less of an unfinished conversation than its first turn.
        if outer and not (self._is_unfinished and first_turn and first_turn[0] < outer[0].start_ns):
            return outer[0].subject + (f" +{len(outer) - 1} more" if len(outer) > 1 else "")
        if first_turn is not None:
            return first_turn[1]
        return self._root[0] if self._root is not None else "?"

    @property
    def _is_unfinished(self) -> bool:
        return self._root is None and not self._parent_ids <= self._span_ids

    def _outcome(self, outer: list[Span], failures: Counter[str]) -> Outcome:
        if self._under_way is not None and self._under_way.state != ENDED:
            return self._under_way.state
        if self._is_unfinished:
            return "unfinished"
        if any(chat.failed for chat in outer) or (self._root is not None and self._root[1]):
            return "failed"
        if any(chat.attributes.get(names.CANCELLED) is True for chat in outer):
            return "cancelled"
        return "recovered" if failures else "ok"


def _outer(chats: Iterable[Span]) -> list[Span]:
    """The chats that go on inside no other, in start order."""
    outer_chats: list[Span] = []
    end_by_parent: dict[str | None, int] = {}
    for _, group in groupby(sorted(chats, key=_START), key=_START):
        same_start = list(group)
        for chat in same_start:
            end_by_parent[chat.parent_id] = max(chat.end_ns, end_by_parent.get(chat.parent_id, chat.end_ns))
            if len(end_by_parent) > _MOST_PARENTS:
                del end_by_parent[min(end_by_parent, key=end_by_parent.__getitem__)]
        for chat in same_start:
            # Chats side by side, as a batch runs them, overlap in time too but hang below the same span.
            other_ends = (end for parent_id, end in end_by_parent.items() if parent_id != chat.parent_id)
            if chat.parent_id is None or not any(end >= chat.end_ns for end in other_ends):
                outer_chats.append(chat)
    return outer_chats


def _belongs_to_a_conversation(span: Span) -> bool:
    return span.operation in _OPERATIONS or span.scope.startswith(span_names.SCOPE)


def _integer(span: Span, name: str) -> int | None:
    value = span.attributes.get(name)
    return value if isinstance(value, int) else None
