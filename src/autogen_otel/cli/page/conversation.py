"""A conversation as a page: what it was, what failed in it, and its waterfall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities
from autogen_otel.cli.page.failures import failure_cards, failures_of, noted
from autogen_otel.cli.page.html import Node, document, element, hint, summary_list, terms
from autogen_otel.cli.page.spans import Drawing, Texts, in_a_line, pretty
from autogen_otel.cli.page.waterfall import row_ids, waterfall
from autogen_otel.cli.span_labels import odd_answers
from autogen_otel.traces.conversations import Outcome, Summary, summarize
from autogen_otel.traces.trace import Trace
from autogen_otel.vocabulary import attributes as names

_LARGEST: Final = 3_000_000
"""Characters that the recorded values of a conversation may have together."""
_LENGTHS: Final = (20_000, 8_000, 3_000, 1_000, 300)
_OF_THE_PROGRAM: Final = (
    "service.version",
    "deployment.environment.name",
    "host.name",
    names.SESSION_ID,
    names.USER_ID,
)
_TONES: Final[Mapping[Outcome, str]] = {"failed": "bad", "ok": "good"}
"""Of the others it is that of a warning."""


def conversation_page(trace: Trace, source: str) -> str:
    """The page of one conversation, and of what source it was read from."""
    summary = summarize(trace)
    title = f"{summary.outcome}: {in_a_line(summary.name)}"
    return document(title, source, conversation(trace, "s"))


def conversation(trace: Trace, prefix: str, level: int = 1, largest: int = _LARGEST) -> Element:
    """One conversation, for a page that may have others.

    Args:
        trace: the conversation.
        prefix: of the ids of its rows.
        level: of its heading.
        largest: characters that recorded values may have together.
    """
    summary = summarize(trace)
    texts = Texts(_longest(trace, largest))
    drawing = Drawing(trace, texts, row_ids(trace, prefix))
    found = failures_of(trace)
    cards = [*failure_cards(drawing, found), *noted(drawing)]
    below = f"h{level + 1}"
    title = "What failed" if found else "Nothing failed"
    return element(
        "section",
        element("header", _heading(trace, summary, f"h{level}")),
        element("section", element(below, title), cards, class_="failures") if cards or not found else None,
        element("section", element(below, "Waterfall"), waterfall(drawing)),
        hint(_cut(texts)) if texts.cut else None,
        class_="conversation",
    )


def tone_of(outcome: Outcome) -> str:
    """How an outcome looks."""
    return _TONES.get(outcome, "warn")


def _heading(trace: Trace, summary: Summary, tag: str) -> Iterator[Node]:
    outcome = element("span", summary.outcome, class_=f"outcome {tone_of(summary.outcome)}")
    yield element(tag, outcome, " ", in_a_line(summary.name))
    turns = f"{quantities.plural(summary.turns, 'turn')} of {quantities.plural(len(summary.agents), 'agent')}"
    facts: list[tuple[str, str]] = [
        ("when", quantities.utc_time(summary.start_ns)),
        ("took", quantities.duration(summary.duration_ns)),
        ("turns", turns),
        ("agents", ", ".join(summary.agents)),
        ("failures", quantities.causes(summary.failures) or "none"),
        ("answers", odd_answers(summary.answer_problems)),
        ("tokens", f"{summary.input_tokens:,} in, {summary.output_tokens:,} out"),
        ("cost", f"about ${summary.cost_usd:.4f}" if summary.cost_usd else ""),
        ("ended by", summary.ended_by),
        ("program", summary.service),
    ]
    said = {**trace.spans[0].attributes, **trace.spans[0].resource}
    facts += [(key, str(said.get(key, ""))) for key in _OF_THE_PROGRAM]
    facts.append(("trace", trace.trace_id))
    yield summary_list((key, in_a_line(value)) for key, value in facts if value)
    if trace.spans[0].resource:
        pairs = ((in_a_line(key), in_a_line(pretty(value))) for key, value in trace.spans[0].resource.items())
        yield element("details", element("summary", "Where it ran"), element("dl", terms(pairs)))


def _longest(trace: Trace, largest: int) -> int:
    """How long a value may be so that all of them together are not too large."""
    sizes = [
        len(value) if isinstance(value, str) else 0
        for span in trace.spans
        for values in (span.attributes, *(event.attributes for event in span.events))
        for value in values.values()
    ]
    fitting = (length for length in _LENGTHS if sum(min(size, length) for size in sizes) <= largest)
    return next(fitting, _LENGTHS[-1])


def _cut(texts: Texts) -> str:
    what = "1 value is" if texts.cut == 1 else f"{texts.cut:,} values are"
    longer = f"longer than {texts.longest:,} characters and cut here"
    return f"{what} {longer}; autogen-otel show --full has them whole."
