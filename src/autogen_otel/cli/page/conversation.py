"""A conversation as a page: what it was, what failed in it, and its waterfall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities
from autogen_otel.cli.page.failures import failure_cards, failures_of, notes
from autogen_otel.cli.page.html import Node, document, element, hint, summary_list, terms
from autogen_otel.cli.page.spans import Drawing, Texts, in_a_line, pretty_text
from autogen_otel.cli.page.waterfall import row_ids, waterfall
from autogen_otel.cli.span_labels import odd_answers
from autogen_otel.traces.conversations import Outcome, Summary, summarize
from autogen_otel.traces.trace import Trace
from autogen_otel.vocabulary import attributes as names

_LARGEST: Final = 3_000_000
"""Characters that the recorded values of a conversation may have together."""
_LENGTHS: Final = (20_000, 8_000, 3_000, 1_000, 300)
_PROGRAM_ATTRIBUTES: Final = (
    "service.version",
    "deployment.environment.name",
    "host.name",
    names.SESSION_ID,
    names.USER_ID,
)
_TONES: Final[Mapping[Outcome, str]] = {"failed": "bad", "ok": "good"}
"""All other outcomes have the tone of a warning."""


def conversation_page(trace: Trace, source: str) -> str:
    """The page of one conversation, which names the source that it was read from."""
    summary = summarize(trace)
    title = f"{summary.outcome}: {in_a_line(summary.name)}"
    return document(title, source, conversation(trace, "s"))


def conversation(trace: Trace, prefix: str, level: int = 1, largest: int = _LARGEST) -> Element:
    """One conversation, for a page that may have others.

    Args:
        trace: the conversation.
        prefix: the prefix of the ids of its rows.
        level: the level of its heading.
        largest: characters that recorded values may have together.
    """
    summary = summarize(trace)
    texts = Texts(_longest(trace, largest))
    drawing = Drawing(trace, texts, row_ids(trace, prefix))
    failures = failures_of(trace)
    cards = [*failure_cards(drawing, failures), *notes(drawing)]
    section_heading = f"h{level + 1}"
    title = "What failed" if failures else "Nothing failed"
    return element(
        "section",
        element("header", _heading(trace, summary, f"h{level}")),
        element("section", element(section_heading, title), cards, class_="failures")
        if cards or not failures
        else None,
        element("section", element(section_heading, "Waterfall"), waterfall(drawing)),
        hint(_cut_note(texts)) if texts.cut_count else None,
        class_="conversation",
    )


def tone_of(outcome: Outcome) -> str:
    """The tone of an outcome."""
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
        ("cost", quantities.cost(summary.cost_usd) if summary.cost_usd else ""),
        ("ended by", summary.ended_by),
        ("program", summary.service),
    ]
    attributes = {**trace.spans[0].attributes, **trace.spans[0].resource}
    facts += [(key, str(attributes.get(key, ""))) for key in _PROGRAM_ATTRIBUTES]
    facts.append(("trace", trace.trace_id))
    yield summary_list((key, in_a_line(value)) for key, value in facts if value)
    if trace.spans[0].resource:
        pairs = (
            (in_a_line(key), in_a_line(pretty_text(value))) for key, value in trace.spans[0].resource.items()
        )
        yield element("details", element("summary", "Where it ran"), element("dl", terms(pairs)))


def _longest(trace: Trace, largest: int) -> int:
    """How long a value may be so that all values together are not too large."""
    sizes = [
        len(value) if isinstance(value, str) else 0
        for span in trace.spans
        for values in (span.attributes, *(event.attributes for event in span.events))
        for value in values.values()
    ]
    fitting_lengths = (length for length in _LENGTHS if sum(min(size, length) for size in sizes) <= largest)
    return next(fitting_lengths, _LENGTHS[-1])


def _cut_note(texts: Texts) -> str:
    values = "1 value is" if texts.cut_count == 1 else f"{texts.cut_count:,} values are"
    longer = f"longer than {texts.longest:,} characters and cut here"
    return f"{values} {longer}; autogen-otel show --full has them whole."
