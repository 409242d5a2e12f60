"""The vocabulary is what is emitted: every constant by some conversation, and nothing that is no constant."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import autogen
import pytest
from autogen.cache.in_memory_cache import InMemoryCache
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

import autogen_otel
from autogen_otel.hooks import guard
from autogen_otel.testing import ScriptedServer, entry, error, text, tool_call
from autogen_otel.vocabulary import (
    attributes,
    causes,
    costs,
    handoffs,
    metrics,
    responses,
    spans,
    terminations,
)
from tests.support.agents import assistant, chat, pair, user
from tests.support.conversations import CONVERSATIONS, Conversation, play
from tests.support.models import house
from tests.support.telemetry import EVERYTHING, Point, instrumented

_DONE = text("Done. TERMINATE")
_MOST_ATTRIBUTES = 64

# What the hosts of a lineage cannot do, so that nothing of it can be recorded there.
_ASSISTANTS = {value for name, value in vars(attributes).items() if name.startswith("ASSISTANT_")}
NEVER: dict[str, set[str]] = {
    "0.2": set(),
    "0.9": set(),
    # GPTAssistantAgent is gone.
    "0.14": _ASSISTANTS,
}


def constants(module: ModuleType) -> set[str]:
    """The values of a module's text constants."""
    return {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}


@dataclass
class Emitted:
    """What all conversations have left.

    Args:
        spans: every span.
        points: every series of each metric.
        named: for each function of the vocabulary that names spans, what it returned.
    """

    spans: list[ReadableSpan] = field(default_factory=list)
    points: dict[str, list[Point]] = field(default_factory=dict)
    named: dict[str, set[str]] = field(default_factory=dict)

    def labels(self, key: str) -> set[Any]:
        """Every value of a label of any metric."""
        return {
            point.labels[key] for points in self.points.values() for point in points if key in point.labels
        }

    @property
    def keys(self) -> set[str]:
        """Every attribute key, of events too."""
        union: set[str] = set()
        for span in self.spans:
            union.update(
                *(holder or {} for holder in (span.attributes, *(e.attributes for e in span.events)))
            )
        return union

    def values(self, key: str) -> set[Any]:
        """Every value of an attribute."""
        return {span.attributes[key] for span in self.spans if key in (span.attributes or {})}  # type: ignore[index]

    @property
    def failed(self) -> list[ReadableSpan]:
        """The spans that say ERROR."""
        return [span for span in self.spans if span.status.status_code is StatusCode.ERROR]


def _typed(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    return user(), assistant([entry(servers[0], api_type="openai")])


def _cached() -> None:
    with ScriptedServer([_DONE]) as server:
        wrapper, cache = autogen.OpenAIWrapper(config_list=[entry(server)]), InMemoryCache("7")
        for _ in range(2):
            wrapper.create(messages=[{"role": "user", "content": "Hello"}], cache=cache)


def _carried_over() -> None:
    with ScriptedServer([_DONE, _DONE]) as server:
        asker, helper = user(), assistant([entry(server)])
        for clear in (True, False):
            chat(asker, helper, clear_history=clear)


def _returns_an_error(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    def claim() -> str:
        """Look a claim up."""
        return '{"error": "no such claim"}'

    return pair(servers[0], claim)


def _has_a_broken_check(_servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
    def broken(_message: object) -> bool:
        raise LookupError("no idea")

    return user(is_termination_msg=broken), house()


EXTRA = (
    Conversation("cut", [[text("TERMINATE", finish_reason="length")]], _typed),
    Conversation("returned error", [[tool_call("claim", {}), _DONE]], _returns_an_error),
    Conversation("broken check", [], _has_a_broken_check),
    Conversation("named and typed", [[_DONE]], _typed, {"chat_id": 7}),
    Conversation("told to wait", [[error(429, "Slow down", headers={"retry-after": "0"}), _DONE]], _typed),
)


def _recording(function: Callable[..., str], said: set[str]) -> Callable[..., str]:
    def named(*args: Any, **options: Any) -> str:
        name = function(*args, **options)
        said.add(name)
        return name

    return named


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    """All conversations, sync and async, played once beside a journal."""
    everything = Emitted()
    folder = str(tmp_path_factory.mktemp("journal"))
    processor = autogen_otel.JournalProcessor(autogen_otel.Settings(journal_dir=folder))
    errors: list[BaseException] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "on_error", errors.append)
        for name, function in inspect.getmembers(spans, inspect.isfunction):
            patch.setattr(spans, name, _recording(function, everything.named.setdefault(name, set())))
        with instrumented(EVERYTHING) as telemetry:
            for conversation in (*CONVERSATIONS, *EXTRA):
                for shape in ("sync", "async"):
                    play(conversation, shape)
            with autogen_otel.using_attributes(session_id="s-7", user_id="u-1", tags=["beta"]):
                _cached()
            _carried_over()
            everything.spans, everything.points = telemetry.spans, telemetry.points
    processor.shutdown()
    assert errors == []
    return everything


def test_every_attribute_of_the_vocabulary_is_emitted_and_no_other(emitted: Emitted) -> None:
    (never,) = (names for version, names in NEVER.items() if autogen.__version__.startswith(version))
    assert emitted.keys - constants(attributes) == set(), "emitted, but not in the vocabulary"
    assert constants(attributes) - emitted.keys == never, "in the vocabulary, but not emitted"


def test_every_span_is_named_by_the_vocabulary_and_every_name_is_used(emitted: Emitted) -> None:
    assert [name for name, said in emitted.named.items() if not said] == []
    known = {" ".join(name.split()) for said in emitted.named.values() for name in said}
    others = {span.name for span in emitted.spans} - known
    # The convention names a request's span by its method.
    assert others == emitted.values(attributes.HTTP_REQUEST_METHOD)


def test_every_operation_and_event_is_in_the_vocabulary(emitted: Emitted) -> None:
    operations = emitted.values(attributes.GEN_AI_OPERATION_NAME)
    assert operations
    assert operations <= constants(spans)
    assert {event.name for span in emitted.spans for event in span.events} == {spans.EXCEPTION_EVENT}
    scopes = {span.instrumentation_scope.name for span in emitted.spans if span.instrumentation_scope}
    assert scopes == {spans.SCOPE}


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        (attributes.ERROR_ORIGIN, causes.CAUSES),
        (attributes.HANDOFF_REASON, handoffs.REASONS),
        (attributes.CONVERSATION_TERMINATION, terminations.TERMINATIONS),
        (attributes.GEN_AI_TOOL_TYPE, ("function",)),
        (attributes.COST_SOURCE, costs.SOURCES),
        (attributes.RESPONSE_PROBLEM, responses.PROBLEMS),
    ],
)
def test_values_of_a_closed_list_are_in_it(emitted: Emitted, key: str, allowed: tuple[str, ...]) -> None:
    assert emitted.values(key)
    assert emitted.values(key) <= set(allowed)


def test_the_page_spells_where_a_cost_comes_from_as_spans_do() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "spans.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{attributes.COST_SOURCE}`"))
    assert set(re.findall(r"`([^`]+)`", row.rpartition("Whose estimate")[2])) == set(costs.SOURCES)


def test_the_origins_of_a_conversation_are_those_of_its_failed_spans(emitted: Emitted) -> None:
    origins = {origin for value in emitted.values(attributes.ERRORS_ORIGINS) for origin in value}
    assert origins == emitted.values(attributes.ERROR_ORIGIN)
    assert origins <= set(causes.CAUSES)


TYPES: dict[attributes.Kind, type] = {
    attributes.Kind.INTEGER: int,
    attributes.Kind.NUMBER: float,
    attributes.Kind.BOOLEAN: bool,
}
ELEMENT_TYPES: dict[attributes.Kind, type] = {
    attributes.Kind.NAMES: str,
    attributes.Kind.INTEGERS: int,
    attributes.Kind.PROBLEMS: str,
}


def _is_of_kind(kind: attributes.Kind, value: Any) -> bool:
    """Whether a value has the Python type that its kind is exported as; whatever is no number is text."""
    if kind in ELEMENT_TYPES:
        return type(value) is tuple and {type(one) for one in value} == {ELEMENT_TYPES[kind]}
    return type(value) is TYPES.get(kind, str)


def test_every_attribute_of_every_span_has_the_type_of_its_kind(emitted: Emitted) -> None:
    kinds = attributes.KINDS
    wrong = {
        (span.name, key, str(kinds.get(key)), type(value).__name__)
        for span in emitted.spans
        for key, value in (span.attributes or {}).items()
        if key not in kinds or not _is_of_kind(kinds[key], value)
    }
    assert wrong == set()
    emitted_kinds = {kinds[key] for span in emitted.spans for key in span.attributes or {}}
    assert emitted_kinds == set(attributes.Kind), "a kind without a value is not tested"


def test_a_name_is_one_line(emitted: Emitted) -> None:
    names = {key for key, kind in attributes.KINDS.items() if kind is attributes.Kind.NAME}
    values = {value for key in names for value in emitted.values(key)}
    assert [value for value in values if value.splitlines() not in ([value], [])] == []


def test_every_attribute_of_an_event_is_text_under_an_exceptions_key(emitted: Emitted) -> None:
    keys = {attributes.EXCEPTION_TYPE, attributes.EXCEPTION_MESSAGE, attributes.EXCEPTION_STACKTRACE}
    of_events = [event.attributes or {} for span in emitted.spans for event in span.events]
    assert {key for one in of_events for key in one} == keys
    assert {type(value) for one in of_events for value in one.values()} == {str}


def test_every_span_stays_far_below_the_limit_of_attributes(emitted: Emitted) -> None:
    crowded = {span.name: len(span.attributes or {}) for span in emitted.spans}
    assert {name: count for name, count in crowded.items() if count >= _MOST_ATTRIBUTES} == {}
    assert sum(span.dropped_attributes for span in emitted.spans) == 0


def test_every_failed_span_says_what_failed_why_and_where(emitted: Emitted) -> None:
    wanted = {attributes.EXCEPTION_TYPE, attributes.EXCEPTION_MESSAGE, attributes.EXCEPTION_STACKTRACE}
    assert emitted.failed
    for span in emitted.failed:
        assert {attributes.ERROR_TYPE, attributes.ERROR_ORIGIN} <= set(span.attributes or {}), span.name
        (event,) = span.events
        assert set(event.attributes or {}) == wanted, span.name
        assert (event.attributes or {})[attributes.EXCEPTION_STACKTRACE], span.name
        message = (event.attributes or {})[attributes.EXCEPTION_MESSAGE]
        assert str(message) in (span.status.description or ""), span.name


def test_no_span_that_did_not_fail_speaks_of_an_error(emitted: Emitted) -> None:
    fine = [span for span in emitted.spans if span.status.status_code is StatusCode.UNSET]
    assert len(fine) + len(emitted.failed) == len(emitted.spans)
    for span in fine:
        assert not {attributes.ERROR_TYPE, attributes.ERROR_ORIGIN} & set(span.attributes or {}), span.name
        assert list(span.events) == [], span.name


def test_no_constant_stands_twice_in_the_vocabulary() -> None:
    counted = Counter(
        value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)
    )
    assert [value for value, count in counted.items() if count > 1] == []


def test_every_metric_of_the_vocabulary_is_measured_and_no_other(emitted: Emitted) -> None:
    assert set(emitted.points) == {metric.name for metric in metrics.ALL}


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_the_labels_of_a_metric_are_those_of_the_vocabulary(emitted: Emitted, metric: metrics.Metric) -> None:
    keys = {key for point in emitted.points[metric.name] for key in point.labels}
    assert keys == set(metric.labels)


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        (metrics.TOKEN_TYPE, metrics.TOKEN_TYPES),
        (metrics.ARGUMENT_PROBLEM, metrics.PROBLEMS),
        (metrics.CONVERSATION_OUTCOME, metrics.OUTCOMES),
        (metrics.TOOL_OUTCOME, metrics.TOOL_OUTCOMES),
        (metrics.TELEMETRY_REASON, metrics.DROP_REASONS),
        (attributes.ERROR_ORIGIN, causes.CAUSES),
        (attributes.HANDOFF_REASON, handoffs.REASONS),
        (attributes.CONVERSATION_TERMINATION, terminations.TERMINATIONS),
        (attributes.COST_SOURCE, costs.SOURCES),
        (attributes.RESPONSE_PROBLEM, responses.PROBLEMS),
    ],
)
def test_labels_of_a_closed_list_are_in_it(emitted: Emitted, key: str, allowed: tuple[str, ...]) -> None:
    assert emitted.labels(key)
    assert emitted.labels(key) <= set(allowed)


def test_labels_are_no_ids_and_no_free_text(emitted: Emitted) -> None:
    crowded = {
        key: len(emitted.labels(key))
        for metric in metrics.ALL
        for key in metric.labels
        # Each play of a conversation has a server of its own.
        if key != attributes.SERVER_PORT and len(emitted.labels(key)) > 30
    }
    assert crowded == {}


def test_measurements_that_failed_say_what_and_why_and_others_neither(emitted: Emitted) -> None:
    rejected = metrics.REJECTED
    for points in emitted.points.values():
        for point in points:
            kind, origin = point.labels.get(attributes.ERROR_TYPE), point.labels.get(attributes.ERROR_ORIGIN)
            assert (kind is None) == (origin is None) or kind == rejected


OF_LABELS = {
    metrics.ATTEMPT_RESENT: attributes.Kind.BOOLEAN,
    metrics.FALLBACK_INDEX: attributes.Kind.INTEGER,
}
"""Kinds of those labels that are no attributes, and no names."""


def test_every_label_is_of_the_type_of_its_kind(emitted: Emitted) -> None:
    kinds = {**dict.fromkeys(metrics.LABELS, attributes.Kind.NAME), **attributes.KINDS, **OF_LABELS}
    mistyped = {
        (key, type(value).__name__)
        for points in emitted.points.values()
        for point in points
        for key, value in point.labels.items()
        # An entry beyond the limit of values is "_OTHER".
        if not _is_of_kind(kinds[key], value) and value != metrics.OTHER
    }
    assert mistyped == set()


def test_no_label_stands_for_an_attribute_of_a_span() -> None:
    assert set(metrics.LABELS) & constants(attributes) == set()
    assert {key for metric in metrics.ALL for key in metric.labels} <= constants(attributes) | set(
        metrics.LABELS
    )
