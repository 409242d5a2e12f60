"""A page as a browser would read it: which elements it has, what they say, and what its policy lets run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from tests.support.recorded import RecordedTrace, exception

if TYPE_CHECKING:
    from collections.abc import Mapping

_VOID = frozenset({"meta", "input", "link", "img", "br", "hr", "base", "embed", "source"})
_LOADS = frozenset({"src", "srcset", "action", "formaction", "data", "poster", "background", "ping", "style"})
HOSTILE = {
    "a script": "</script></style></title></textarea><script>attacked = 1</script>",
    "an image": '"><img src=x onerror="attacked = 1"><svg onload=attacked=1>',
    "quotes": "' onfocus='attacked = 1' autofocus x=\" onmouseover=\"attacked = 1",
    "a comment": "<!--><script>attacked = 1</script>--!><![CDATA[<script>attacked = 1</script>]]>",
    "a link": "javascript:attacked=1//<a href='javascript:attacked=1'>https://evil.example/</a>",
    "bidi": "user\u202eresu \u2066now\u2069 \u200f\u061c",
    "NUL": "before\x00after",
    "a surrogate": "before\ud800after",
    "ANSI": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "entities": "&lt;script&gt; &amp; &#0; &#x202e;",
}
"""What agents and tools may say."""


class Page(HTMLParser):
    """A parsed page.

    Args:
        text: its HTML.

    Attributes:
        elements: each with its attributes, in order.
        text: what it says, without style and script.
        code: the texts of its styles and scripts.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self.code: dict[str, list[str]] = {"style": [], "script": []}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.text = "".join(self._words)
        assert self._open == [], "elements are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.code:
            self.code[self._open[-1]].append(data)
        else:
            self._words.append(data)

    def count(self, tag: str) -> int:
        """How many elements of a name there are."""
        return sum(name == tag for name, _ in self.elements)

    def harmful(self) -> list[str]:
        """What could run or load something that is not the page's own; an empty list is what it should be."""
        policy = next(
            a["content"] for _, a in self.elements if a.get("http-equiv") == "Content-Security-Policy"
        )
        rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
        problems = [] if rules.pop("default-src") == ["'none'"] else ["the policy lets something be loaded"]
        for tag, code in self.code.items():
            hashes = [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in code]
            if rules.pop(f"{tag}-src") != [f"'sha256-{source}'" for source in hashes] or len(code) != 1:
                problems.append(f"the policy does not name the {tag}")
        problems += [f"{rule} {sources}" for rule, sources in rules.items() if sources != ["'none'"]]
        for tag, attributes in self.elements:
            problems += [f"{tag} {name}" for name in attributes if name in _LOADS or name.startswith("on")]
            if not attributes.get("href", "#").startswith("#"):
                problems.append(f"{tag} leads to {attributes['href']}")
        return problems


def invisible(text: str) -> set[str]:
    """The characters of a page that nobody sees, which could hide or reorder others."""
    return set(
        re.findall(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ud800-\udfff]", text
        )
    )


def said(words: str) -> RecordedTrace:
    """A conversation in which everything that others choose says the same."""
    it = RecordedTrace(0xABCD, service=words)
    it.resource["service.version"] = it.resource[words] = words
    error = exception(
        words, words, f'Traceback (most recent call last):\n  File "/app/{words}", line 1\n{words}'
    )
    with it.span(f"invoke_workflow {words}", 0.1, error, gen_ai__agent__name=words):
        with it.span(f"invoke_agent {words}", 0.1, gen_ai__agent__name=words, autogen__sender__name=words):
            it.leaf(
                f"execute_tool {words}",
                0.1,
                error,
                gen_ai__tool__name=words,
                gen_ai__tool__call__arguments=json.dumps({words: [words]}),
                gen_ai__tool__call__result=words,
                autogen__tool__arguments__problems=[words],
                autogen__tool__returned_error=words,
                **{words: words, "autogen.error.origin": "tool_exception"},
            )
        with it.span(f"chat {words}", 0.1, gen_ai__request__model=words, autogen__response__problem=words):
            it.post(
                0.1,
                500,
                exception("500", f"500 {words}"),
                server__address=words,
                autogen__http__request_id=words,
            )
        it.leaf(f"{words} {words}", 0.1, words)
    return it


def large(spans: int, *, depth: int = 0, **attributes: Any) -> RecordedTrace:
    """A conversation of many spans, the innermost so deep."""
    it = RecordedTrace(0xFACE)
    more: Mapping[str, Any] = attributes or {
        "gen_ai__request__model": "gpt-4o",
        "autogen__prompt__chars": 4000,
    }

    def nest(left: int) -> None:
        if left:
            with it.span("invoke_agent deeper", 0.001):
                nest(left - 1)
        else:
            for number in range(spans - depth - 1):
                error = exception("ValueError", f"number {number}") if number % 100 == 99 else None
                it.leaf("chat gpt-4o", 0.01, error, **more)

    with it.span("invoke_workflow user -> assistant", 0.1):
        nest(depth)
    return it
