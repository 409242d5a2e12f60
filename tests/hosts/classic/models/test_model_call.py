"""Model calls and the entries they try, by hand: which answered, what it cost, and why it failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracer

from autogen_otel.hosts.classic.models.entry_call import EntryCall
from autogen_otel.hosts.classic.models.model_call import ModelCall
from autogen_otel.operations.operation import Operation
from autogen_otel.recording import Recorder
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, costs, metrics
from tests.support.calls import begun, known, operation, raised_in


class Wrapper:
    """What an ``OpenAIWrapper`` keeps of its configuration."""

    def __init__(self, *models: str | None, **fields: Any) -> None:
        self._config_list = [{"model": model, **fields} for model in models]
        self._clients: list[Any] = [SimpleNamespace() for _ in models]


def call(wrapper: Wrapper, **arguments: Any) -> ModelCall:
    made = operation(ModelCall, wrapper, **arguments)
    made.begin()
    return made


def entry_call(made: ModelCall, index: int) -> EntryCall:
    entry = operation(EntryCall, made.instance._clients[index], made)
    entry.place.model_call = made
    assert entry.begin() is not None
    return entry


def answer(index: int | None = None, **fields: Any) -> Any:
    return SimpleNamespace(config_id=index, id="r-1", model="m-1", **fields)


TWO = Wrapper("a", "b")


def test_a_call_says_what_it_asks_for() -> None:
    made = operation(ModelCall, Wrapper("m"), agent="helper", temperature=1, messages=[{"content": "Hi"}])
    facts = begun(made)
    assert (made.name, made.agent) == ("chat m", "helper")
    assert facts[names.CONFIG_COUNT] == 1
    assert facts[names.GEN_AI_REQUEST_TEMPERATURE] == 1.0
    assert facts[names.PROMPT_MESSAGES] == 1


@pytest.mark.parametrize("messages", [None, 7, "odd and no list"])
def test_messages_that_are_none_are_not_measured(messages: Any) -> None:
    facts = known(operation(ModelCall, Wrapper(None), messages=messages).begin())
    assert names.GEN_AI_AGENT_NAME not in facts
    assert (names.PROMPT_MESSAGES in facts) is isinstance(messages, str)


@pytest.mark.parametrize(
    ("answering", "index", "passed", "entry", "rejected"),
    [
        ([0], 0, True, 0, None),
        ([0], None, True, 0, None),
        ([0, 1], 1, True, 1, [0]),
        ([0, 1], 1, False, 1, [0, 1]),
        ([0, 1], None, True, 1, [0]),
        ([], 1, True, 1, None),
        ([], None, True, 0, None),
    ],
)
def test_the_entry_that_answered(
    answering: list[int], index: int | None, passed: bool, entry: int, rejected: Any
) -> None:
    made = call(TWO)
    for one in answering:
        entry_call(made, one).returned(answer(one))
    facts = known(made.returned(answer(index, pass_filter=passed)))
    assert facts[names.CACHE_HIT] is (not answering)
    assert facts.get(names.CONFIG_REJECTED) == rejected
    assert facts.get(names.CONFIG_INDEX, 0) == entry
    assert made.name == f"chat {'ab'[entry]}"


@pytest.mark.parametrize(
    ("fields", "cost", "cost_of"),
    [
        ({"price": [1, 1]}, 0.5, (0.5, costs.CONFIG)),
        ({}, 0.5, (0.5, costs.AUTOGEN)),
        ({}, 2, (2.0, costs.AUTOGEN)),
        ({}, 0, (None, None)),
        ({}, True, (None, None)),
        ({}, float("inf"), (None, None)),
        ({}, "much", (None, None)),
    ],
)
def test_what_it_cost_and_who_says_so(
    fields: dict[str, Any], cost: Any, cost_of: tuple[float | None, str | None]
) -> None:
    made = call(Wrapper("a", **fields))
    entry_call(made, 0).returned(answer(0))
    facts = known(made.returned(answer(0, cost=cost)))
    assert (facts.get(names.COST_USD), facts.get(names.COST_SOURCE)) == cost_of


def test_the_list_of_prices_comes_before_the_hosts_table() -> None:
    recorder = Recorder(NoOpTracer(), price=lambda _facts: 0.25)
    made, usage = ModelCall(recorder, None, Wrapper("a"), {}), {"prompt_tokens": 1, "completion_tokens": 1}
    made.begin()
    entry_call(made, 0).returned(answer(0, usage=usage))
    facts = known(made.returned(answer(0, usage=usage, cost=0.5)))
    assert (facts[names.COST_USD], facts[names.COST_SOURCE]) == (0.25, costs.GENAI_PRICES)


def test_a_cached_answer_costs_nothing() -> None:
    facts = known(call(TWO).returned(answer(0, usage={"prompt_tokens": 1}, cost=0.5)))
    assert not {names.COST_USD, names.GEN_AI_USAGE_INPUT_TOKENS} & facts.keys()


@pytest.mark.parametrize(
    ("answering", "error", "cause"),
    [
        ([0], raised_in("autogen.oai.client"), causes.BACKEND),
        ([0], raised_in("openai._models"), causes.BACKEND),
        ([0], raised_in("mine"), causes.CALLBACK),
        ([], raised_in("autogen.oai.client"), causes.UNKNOWN),
        ([0], TimeoutError(), causes.TIMEOUT),
    ],
)
def test_what_autogen_chokes_on_was_no_answer(answering: list[int], error: Exception, cause: str) -> None:
    made = call(TWO)
    for one in answering:
        entry_call(made, one).returned(answer(one))
    made.failed(error)
    assert made.failure is not None
    assert made.failure.cause == cause


def test_a_custom_client_that_was_never_registered_is_a_bad_entry() -> None:
    wrapper = Wrapper("a", "b")
    wrapper._clients[1] = type("PlaceHolderClient", (), {})()
    made = call(wrapper)
    facts = known(made.failed(RuntimeError("not activated")))
    assert made.failure is not None
    assert (made.failure.cause, facts[names.CONFIG_INDEX]) == (causes.CONFIG_ENTRY, 1)


def test_a_client_outside_a_call_or_of_another_wrapper_is_not_ours() -> None:
    assert operation(EntryCall, TWO._clients[0]).begin() is None
    assert operation(EntryCall, TWO._clients[0], operation(Operation)).begin() is None
    assert operation(EntryCall, object(), call(TWO)).begin() is None


def test_an_only_entry_has_no_span_of_its_own() -> None:
    only = entry_call(call(Wrapper("a")), 0)
    assert only.name is None
    assert entry_call(call(TWO), 1).name == "config_entry 1 b"


@pytest.mark.parametrize(
    ("error", "answered", "cause"),
    [
        (ValueError("odd"), False, causes.CLIENT),
        (ValueError("odd"), True, causes.BACKEND),
        (TypeError("create() got an unexpected keyword argument 'x'"), True, causes.CONFIG_ENTRY),
        (TypeError("odd"), False, causes.CLIENT),
        (TimeoutError(), True, causes.TIMEOUT),
    ],
)
def test_why_an_entry_failed(error: BaseException, answered: bool, cause: str) -> None:
    made = call(TWO)
    entry = entry_call(made, 0)
    entry.was_answered = answered
    entry.failed(error)
    assert entry.failure is not None
    assert entry.failure.cause == cause
    assert made.fallback is not None
    assert (made.fallback.error_type, made.fallback.cause) == (type(error), cause)


def test_a_stream_that_the_client_made_do_with_is_a_failure_and_counted() -> None:
    made = call(TWO)
    entry = entry_call(made, 0)
    stream = entry.open_stream()
    stream.add(SimpleNamespace(choices=[]))
    stream.end(OSError("gone"))
    facts = known(entry.returned(answer(0)))
    assert entry.failure is not None
    assert (entry.failure.cause, facts[names.STREAM_CHUNKS]) == (causes.STREAM_INTERRUPTED, 1)
    assert known(made.returned(answer(0)))[names.STREAM_CHUNKS] == 1


@pytest.mark.parametrize(
    ("fails", "error_type", "cause"),
    [(True, ValueError, causes.CLIENT), (False, metrics.REJECTED, None)],
)
def test_a_fallback_is_measured_with_why(fails: bool, error_type: Any, cause: str | None) -> None:
    made = call(TWO)
    first = entry_call(made, 0)
    if fails:
        first.failed(ValueError("odd"))
    else:
        first.returned(answer(0))
    second = entry_call(made, 1)
    second.attempts = 1
    ((metric, count, labels),) = second.measurements(1.0)
    assert (metric, count, labels[metrics.FALLBACK_INDEX]) == (metrics.MODEL_FALLBACKS, 1, 1)
    assert (labels[names.ERROR_TYPE], labels[names.ERROR_ORIGIN]) == (error_type, cause)


def test_a_try_whose_requests_nobody_sees_is_measured_itself() -> None:
    entry = entry_call(call(TWO), 0)
    ((metric, _, labels),) = entry.measurements(1.0)
    assert metric == metrics.MODEL_ATTEMPTS
    assert names.ERROR_TYPE not in labels
    entry.failed(ValueError("odd"))
    ((_, _, labels),) = entry.measurements(1.0)
    assert (labels[names.ERROR_TYPE], labels[names.ERROR_ORIGIN]) == (ValueError, causes.CLIENT)
