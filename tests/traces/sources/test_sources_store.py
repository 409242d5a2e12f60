from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import SampledSource, SourceError
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.jaeger import Jaeger
from autogen_otel.traces.sources.store import Store, StoreSource
from autogen_otel.traces.sources.tempo import Tempo
from tests.support.diagnosed import incidents, journal
from tests.support.recorded import NS, START, RecordedTrace, spans_of
from tests.support.stores import ScriptedJaeger, ScriptedTempo, serving

DAY = Selection(since=START * NS, until=(START + 86_400) * NS)

Held = Callable[..., ScriptedJaeger | ScriptedTempo]
STORES: dict[str, tuple[Held, Callable[[Client], Store]]] = {
    "Tempo": (ScriptedTempo, Tempo),
    "an older Tempo": (lambda *held: ScriptedTempo(*held, knows_v2=False), Tempo),
    "Jaeger": (ScriptedJaeger, Jaeger),
    "Jaeger with v1": (lambda *held: ScriptedJaeger(*held, has_v1=True, searches_attributes=False), Jaeger),
    "Jaeger in memory": (lambda *held: ScriptedJaeger(*held, has_v1=True, finds_errors=False), Jaeger),
    "Jaeger without attributes": (lambda *held: ScriptedJaeger(*held, searches_attributes=False), Jaeger),
}


class Open:
    """Serves traces and gives the source that reads them."""

    def __init__(self, stack: ExitStack, kind: str) -> None:
        self._stack = stack
        self._scripted, self._store = STORES[kind]
        self.server: ScriptedJaeger | ScriptedTempo

    def __call__(self, *recorded: RecordedTrace, most: int | None = None) -> StoreSource:
        self.server = self._scripted(*recorded)
        store = self._store(Client("A store", self._stack.enter_context(serving(self.server))))
        if most is not None:
            store.most = most
        return StoreSource(store, ("--store", "url"))


@pytest.fixture(
    params=[
        pytest.param(
            kind, marks=[pytest.mark.shared("plain"), *([] if kind == "Tempo" else [pytest.mark.slow])]
        )
        for kind in STORES
    ]
)
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    with ExitStack() as stack:
        yield Open(stack, request.param)


def conversation(number: int, at: float, *, failing: bool = False, service: str = "claims") -> RecordedTrace:
    it = RecordedTrace(number, at=at, service=service)
    everywhere = {"session__id": f"s{number % 3}"}
    with it.span("invoke_workflow a -> b", 0, **everywhere):
        origin = {"autogen.error.origin": "tool_exception"} if failing else {}
        more = {"gen_ai__tool__name": f"t{number % 2}", **everywhere, **origin}
        it.leaf(f"execute_tool t{number % 2}", 0.1, "bad" if failing else None, **more)
    return it


MANY = [conversation(number, number * 7.0, failing=number % 20 == 0) for number in range(1, 201)]


@pytest.mark.parametrize("most", [2, 7, None])
def test_every_span_is_read_however_few_traces_a_search_gives(opened: Open, most: int | None) -> None:
    read = list(opened(*MANY[:40], most=most).spans(DAY))
    assert sorted(read, key=repr) == sorted(spans_of(*MANY[:40]), key=repr)


def test_the_newest_come_first_and_not_many_more(opened: Open) -> None:
    traces = list(dict.fromkeys(span.trace_id for span in opened(*MANY, most=10).spans(DAY, newest=3)))
    newest = [one.trace_id for one in reversed(MANY)]
    assert traces[:3] == newest[:3]
    assert len(traces) <= 10


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(failing=True), {20, 40}),
        (Selection(tool="t1"), set(range(1, 41, 2))),
        (Selection(session="s0"), set(range(3, 41, 3))),
        (Selection(failing=True, session="s2"), {20}),
        (Selection(failing=True, tool="t0", session="s1"), {40}),
        (Selection(cause="tool_exception"), {20, 40}),
        (Selection(cause="backend"), set()),
        (Selection(outcome="recovered"), {20, 40}),
        (Selection(since=(START + 6) * NS, until=(START + 15) * NS), {1, 2}),
    ],
)
def test_what_is_asked_for_is_found_and_nothing_else(
    opened: Open, selection: Selection, numbers: set[int]
) -> None:
    asked = Selection(
        **{
            **{name: getattr(selection, name) for name in Selection.__slots__},
            "since": selection.since or DAY.since,
            "until": selection.until or DAY.until,
        }
    )
    found = {span.trace_id for span in opened(*MANY[:40]).spans(asked)}
    assert found == {MANY[number - 1].trace_id for number in numbers}


def test_a_trace_is_found_by_its_id_however_old_and_by_the_beginning_of_it(opened: Open) -> None:
    source = opened(*MANY[:5])
    trace_id = MANY[2].trace_id
    assert {span.trace_id for span in source.spans(Selection(trace=trace_id))} == {trace_id}
    assert not list(source.spans(Selection(trace="f" * 32)))
    beginning = Selection(trace=trace_id[:8], since=DAY.since, until=DAY.until)
    assert {span.trace_id for span in source.spans(beginning)} == {trace_id}


def test_a_sample_of_few_is_all_of_them(opened: Open) -> None:
    incident = journal(incidents()["three things at once"], 3)
    source = opened(*incident)
    assert isinstance(source, SampledSource)
    sample = source.sample(DAY, failing=1000, working=1000)
    assert {one.weight for one in sample} == {1.0}
    assert sorted(one.spans[0].trace_id for one in sample) == sorted(one.trace_id for one in incident)


def test_of_many_all_that_fail_are_read_and_a_fair_sample_of_the_others(opened: Open) -> None:
    sample = opened(*MANY, most=10).sample(DAY, failing=100, working=40)
    failing = [one for one in sample if any(span.failed for span in one.spans)]
    others = [one for one in sample if one not in failing]
    assert (len(failing), {one.weight for one in failing}) == (10, {1.0})
    assert len(others) == 40
    assert len({one.weight for one in others}) == 1
    assert 120 < sum(one.weight for one in others) < 280, "190 do not fail"
    numbers = sorted(int(one.spans[0].trace_id[:8], 16) for one in others)
    assert numbers[0] < 50
    assert numbers[-1] > 150


def test_of_too_many_that_fail_a_sample_is_read_as_well(opened: Open) -> None:
    failing = [conversation(number, number * 7.0, failing=True) for number in range(1, 101)]
    sample = opened(*failing, most=10).sample(DAY, failing=30, working=30)
    assert len(sample) == 30
    assert 60 < sum(one.weight for one in sample) < 150


def test_of_a_store_that_is_dense_everywhere_the_sample_stands_for_all() -> None:
    dense = [conversation(number, number * 56.0, failing=number % 10 == 0) for number in range(1, 1501)]
    with ExitStack() as stack:
        sample = Open(stack, "Tempo")(*dense, most=10).sample(DAY, failing=100, working=200)
    failing = [one.weight for one in sample if any(span.failed for span in one.spans)]
    others = [one.weight for one in sample if not any(span.failed for span in one.spans)]
    assert len({*others}) == len({*failing}) == 1
    assert sum(failing) == pytest.approx(150, rel=0.2)
    assert sum(others) == pytest.approx(1350, rel=0.2)
    assert len(failing) > 50
    assert len(others) > 100


def test_a_burst_is_not_missed(opened: Open) -> None:
    burst = [
        conversation(number, 50_000 + number * 0.01, failing=number % 10 == 0) for number in range(1, 200)
    ]
    sample = opened(*burst, most=10).sample(DAY, failing=100, working=1000)
    assert len(sample) >= 150


def test_other_programs_traces_are_left_out(opened: Open) -> None:
    web = [RecordedTrace(1000 + number, at=number, service="web") for number in range(30)]
    for it in web:
        it.leaf("GET /", 1, gen_ai__operation__name=None)
    read = opened(*web, conversation(1, 3, service="desk"), conversation(2, 4, service="claims")).spans(DAY)
    assert {span.service for span in read} == {"desk", "claims"}


def test_one_program_can_be_asked_for(opened: Open) -> None:
    source = opened(conversation(1, 3, service="desk"), conversation(2, 4, service="claims"))
    asked = Selection(service="desk", since=DAY.since, until=DAY.until)
    assert {span.service for span in source.spans(asked)} == {"desk"}


def test_a_program_that_does_other_things_too_is_searched_for_its_conversations_only() -> None:
    with ExitStack() as stack:
        opened = Open(stack, "Jaeger")
        web = [RecordedTrace(1000 + number, at=number) for number in range(30)]
        for it in web:
            it.leaf("GET /", 1, gen_ai__operation__name=None)
        read = list(opened(*web, MANY[0]).spans(DAY))
        searches = [parameters for path, parameters in opened.server.requests if path == "/api/v3/traces"]
    assert {span.trace_id for span in read} == {MANY[0].trace_id}
    assert {one["query.operation_name"] for one in searches} == {"invoke_workflow a -> b"}


def test_failures_are_searched_for_by_the_store() -> None:
    for kind in ("Tempo", "Jaeger", "Jaeger with v1", "Jaeger in memory"):
        with ExitStack() as stack:
            opened = Open(stack, kind)
            opened(*MANY, most=50).sample(DAY, failing=100, working=10)
            fetched = {
                path for path, _ in opened.server.requests if path.rpartition("/")[2].startswith("000")
            }
        assert len(fetched) < 100, kind


@pytest.mark.parametrize("kind", ["Jaeger", "Jaeger with v1"])
def test_a_jaeger_without_conversations_says_what_it_has(kind: str) -> None:
    web = RecordedTrace(service="web")
    web.leaf("GET /", 1, gen_ai__operation__name=None)
    with ExitStack() as stack:
        with pytest.raises(SourceError, match="holds no conversations; it knows the program web"):
            list(Open(stack, kind)(web).spans(DAY))
        with pytest.raises(SourceError, match="holds no conversations: it has no traces at all"):
            list(Open(stack, kind)().spans(DAY))
        with pytest.raises(SourceError, match="knows no program 'desk'; it knows the program web"):
            list(Open(stack, kind)(web).spans(Selection(service="desk")))


def test_a_jaeger_links_to_the_span_and_a_tempo_has_no_interface() -> None:
    jaeger = StoreSource(Jaeger(Client("Jaeger", "http://eve:secret@jaeger.example/ui/")), ())
    assert jaeger.link("ab", "cd") == "http://jaeger.example/ui/trace/ab?uiFind=cd"
    assert StoreSource(Tempo(Client("Tempo", "http://tempo.example")), ()).link("ab", "cd") is None


def test_quotes_in_what_is_asked_for_stay_text() -> None:
    query = Tempo(Client("Tempo", "http://tempo.example")).query(
        Selection(agent='a" || true || "\\'),
        None,  # type: ignore[arg-type]
    )
    assert query == (
        '{ span.gen_ai.operation.name != nil } && { span.gen_ai.agent.name = "a\\" || true || \\"\\\\" }'
    )
