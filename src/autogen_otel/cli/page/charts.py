"""Charts as SVG: when something failed, and what failing calls have more often than working ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from typing import Final
from xml.etree.ElementTree import Element

from autogen_otel.cli import quantities, wording
from autogen_otel.cli.page.html import Node, element
from autogen_otel.cli.page.spans import in_a_line
from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.distribution import Bar
from autogen_otel.diagnosis.comparison.properties import Comparison
from autogen_otel.diagnosis.comparison.statistics import Table

_WIDTH: Final = 560
_LEFT: Final = 34
_TOP: Final = 8
_HEIGHT: Final = 96
_LABELS: Final = 150
_ROW: Final = 34
_BAR: Final = 11
_FIGURES: Final = 110
_MOST_LETTERS: Final = 22
_DAY: Final = 86_400
_FEW_SECONDS: Final = 600


def when_chart(subject: str, failing: Mapping[int, int], every: Mapping[int, int], seconds: int) -> Element:
    """Conversations over time, and those in which something failed.

    Args:
        subject: what failed, in words.
        failing: failing conversations by the beginning of their interval, in seconds since 1970.
        every: all conversations, likewise.
        seconds: the length of an interval.
    """
    begins = [*failing, *every]
    first, last = min(begins), max(begins) + seconds
    highest = max([1, *every.values(), *failing.values()])
    slot = (_WIDTH - _LEFT) * seconds / (last - first)

    def bars(counts: Mapping[int, int], class_: str) -> Iterable[Element]:
        for begin, count in counts.items():
            height = _HEIGHT * count / highest
            x = _LEFT + (_WIDTH - _LEFT) * (begin - first) / (last - first)
            yield _rect(x + slot * 0.06, _TOP + _HEIGHT - height, slot * 0.88, height, class_)

    base = _TOP + _HEIGHT
    is_coarse = last - first > _FEW_SECONDS
    words = f"conversations per {_length(seconds)}, UTC"
    return _figure(
        (element("b", "When"), f"  {words}", _legend("with it", "all")),
        f"{words}, with {subject}: " + _counts_text(failing, is_coarse),
        base + 18,
        bars(every, "working"),
        bars(failing, "failing"),
        _axis(f"{highest:,}"),
        _text(_LEFT, base + 14, _moment(first, is_coarse), "start"),
        _text(_WIDTH, base + 14, _moment(last, is_coarse), "end"),
    )


def property_chart(discriminator: Discriminator, bars: Sequence[Bar]) -> Element:
    """The shares of failing and of working calls that have a property, beside those of other values."""
    is_number = discriminator.property.comparison in {Comparison.AT_LEAST, Comparison.AT_MOST}
    condition, shares = wording.condition(discriminator), wording.shares(discriminator)
    caption = element("b", in_a_line(condition)), f"  {shares}", _legend("failing", "working")
    words = f"{condition}: {shares}"
    if is_number and len(bars) > 1:
        return _histogram(caption, words, bars, discriminator.table)
    rows = bars or (
        Bar(discriminator.property.text, discriminator.table.failing, discriminator.table.working, True),
    )
    return _rows(caption, words, rows, discriminator.table)


def _rows(caption: Node, words: str, bars: Sequence[Bar], table: Table) -> Element:
    full_width = _WIDTH - _LABELS - _FIGURES
    shapes: list[Node] = []
    for number, bar in enumerate(bars):
        y = _TOP + number * _ROW
        label = bar.value if len(bar.value) <= _MOST_LETTERS else f"{bar.value[:_MOST_LETTERS]}…"
        shapes.append(_text(_LABELS - 8, y + 16, label, "end", "strong" if bar.has_property else None))
        for row, (count, total, class_) in enumerate(
            ((bar.failing, table.all_failing, "failing"), (bar.working, table.all_working, "working"))
        ):
            share = count / total if total else 0.0
            top = y + row * (_BAR + 2)
            shapes.append(_rect(_LABELS, top, full_width, _BAR, "ground"))
            shapes.append(_rect(_LABELS, top, full_width * min(1.0, share), _BAR, class_))
            figures = f"{share:.0%} ({count:,} of {total:,})"
            shapes.append(_text(_WIDTH - _FIGURES + 8, top + 10, figures, "start"))
    return _figure(caption, words, _TOP + len(bars) * _ROW, *shapes)


def _histogram(caption: Node, words: str, bars: Sequence[Bar], table: Table) -> Element:
    shares = [
        (bar, bar.failing / (table.all_failing or 1), bar.working / (table.all_working or 1)) for bar in bars
    ]
    highest = max(max(failing_share, working_share) for _, failing_share, working_share in shares) or 1.0
    slot = (_WIDTH - _LEFT) / len(bars)
    base = _TOP + _HEIGHT
    shapes: list[Node] = []
    for number, (_, failing_share, working_share) in enumerate(shares):
        for offset, share, class_ in ((0.08, failing_share, "failing"), (0.5, working_share, "working")):
            height = _HEIGHT * share / highest
            shapes.append(_rect(_LEFT + slot * (number + offset), base - height, slot * 0.4, height, class_))
    pairs = enumerate(pairwise(bars), start=1)
    edge = next((number for number, (bar, next_bar) in pairs if bar.has_property != next_bar.has_property), 0)
    if edge:
        x = _LEFT + slot * edge
        shapes.append(_line(x, _TOP - 4, x, base, "cut"))
    for number in {0, edge or len(bars) // 2, len(bars) - 1}:
        anchor = "start" if number == 0 else "end" if number == len(bars) - 1 else "middle"
        x = {"start": _LEFT, "end": _WIDTH, "middle": _LEFT + slot * number}[anchor]
        shapes.append(_text(x, base + 14, bars[number].value, anchor, "strong" if number == edge else None))
    return _figure(caption, words, base + 18, *shapes, _axis(f"{highest:.0%}"))


def _axis(highest: str) -> Iterable[Element]:
    """The line that bars stand on, and the labels of its ends."""
    base = _TOP + _HEIGHT
    yield _line(_LEFT, base, _WIDTH, base, "base")
    yield _text(_LEFT - 5, _TOP + 9, highest, "end")
    yield _text(_LEFT - 5, base, "0", "end")


def _figure(caption: Node, words: str, height: float, *shapes: Node) -> Element:
    box = f"0 0 {_WIDTH} {height:g}"
    svg = element("svg", shapes, class_="chart", viewBox=box, role="img", aria_label=in_a_line(words))
    return element("figure", element("figcaption", caption), svg)


def _legend(red: str, grey: str) -> Element:
    keys = ((element("i", class_="failing"), f" {red} "), (element("i", class_="working"), f" {grey}"))
    return element("span", keys, class_="legend")


def _rect(x: float, y: float, width: float, height: float, class_: str) -> Element:
    width, height = round(max(0.0, width), 1), round(max(0.0, height), 1)
    return element("rect", x=round(x, 1), y=round(y, 1), width=width, height=height, class_=class_)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Element:
    return element("line", x1=round(x1, 1), y1=round(y1, 1), x2=round(x2, 1), y2=round(y2, 1), class_=class_)


def _text(x: float, y: float, words: str, anchor: str, class_: str | None = None) -> Element:
    return element("text", words, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=class_)


def _length(seconds: int) -> str:
    for unit, noun in ((_DAY, "day"), (3600, "hour"), (60, "minute")):
        if seconds % unit == 0:
            return noun if seconds == unit else quantities.plural(seconds // unit, noun)
    return "second" if seconds == 1 else f"{seconds} seconds"


def _counts_text(counts: Mapping[int, int], is_coarse: bool) -> str:
    return ", ".join(f"{_moment(begin, is_coarse)}: {count:,}" for begin, count in counts.items())


def _moment(seconds: int, is_coarse: bool) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{moment:%b %d, %H:%M}" if is_coarse else f"{moment:%H:%M:%S}"
