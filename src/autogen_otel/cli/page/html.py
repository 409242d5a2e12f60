"""Makes markup of untrusted values: elements whose texts can only be texts, and the document around them."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Container, Iterable, Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import TypeAlias, Union
from xml.etree.ElementTree import Element, tostring

from autogen_otel import distribution
from autogen_otel.cli import quantities
from autogen_otel.plain_text import visible

Node: TypeAlias = Union[str, Element, Iterable["Node"], None]  # noqa: UP007 - a string is no operand of |
"""The content of an element; ``None`` is no content."""


def element(tag: str, /, *children: Node, **attributes: str | float | bool | None) -> Element:
    """An element with its content.

    Args:
        tag: name of the element.
        children: texts, elements, or iterables of them, in order.
        attributes: ``_`` stands for ``-`` and a last one is dropped (``class_``); ``True`` is an attribute
            without a value, ``None`` and ``False`` are none.
    """
    node = Element(tag)
    for name, value in attributes.items():
        if value is not None and value is not False:
            text = "" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
            node.set(name.rstrip("_").replace("_", "-"), clean(text))
    _append(node, children)
    return node


def fact(words: Node, tone: str = "") -> Element:
    """A few words that stand out a little, in the colour of a tone."""
    return element("span", words, class_=f"fact {tone}".strip())


def hint(*words: Node) -> Element:
    """A sentence of ours about the content."""
    return element("p", *words, class_="hint")


def terms(pairs: Iterable[tuple[Node, Node]]) -> Iterator[Element]:
    """Terms and what they mean, for a ``dl``."""
    for term, meaning in pairs:
        yield element("dt", term)
        yield element("dd", meaning)


def summary_list(pairs: Iterable[tuple[Node, Node]]) -> Element:
    """Terms and what they mean, side by side."""
    return element("dl", (element("div", terms([pair])) for pair in pairs), class_="summary")


def table(headings: Iterable[str], rows: Iterable[Iterable[Node]], numbers: Container[str] = ()) -> Element:
    """A table that scrolls if it is too wide; ``numbers`` are the headings of columns of numbers."""
    classes = {text: "number" if text in numbers else None for text in headings}

    def row(tag: str, cells: Iterable[Node]) -> Element:
        columns = zip(cells, classes.values(), strict=True)
        return element("tr", (element(tag, cell, class_=class_) for cell, class_ in columns))

    body = element("tbody", (row("td", cells) for cells in rows))
    return element("div", element("table", element("thead", row("th", classes)), body), class_="scroll")


def clean(text: str) -> str:
    """Make control characters visible: terminal sequences, NUL, bidirectional overrides, lone surrogates."""
    return visible(text.replace("\r\n", "\n"), kept="\n\t")


def document(title: str, source: str, *main: Node) -> str:
    """The whole page, which loads nothing from elsewhere.

    Args:
        title: its title.
        source: where its traces were read from.
        main: its content; ``page.html`` has all else.
    """
    frame, style, script = (
        files(__package__).joinpath(f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js")
    )
    return Template(frame).substitute(
        title=_escape(title),
        main=tostring(element("main", *main), encoding="unicode", method="html"),
        source=_escape(source),
        version=_escape(distribution.version()),
        written=quantities.utc_time(time.time_ns()),
        # These texts are our own code, and the policy allows them by their hashes.
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )


def _escape(text: str) -> str:
    return escape(clean(text), quote=False)


def _append(parent: Element, children: Iterable[Node]) -> None:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Element):
            parent.append(child)
        elif isinstance(child, str):
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + clean(child)
            else:
                parent.text = (parent.text or "") + clean(child)
        else:
            _append(parent, child)


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
